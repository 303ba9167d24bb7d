// `brooklet topics list`: what topics there are, with partitions, records and size.

import type { Call } from "../../call.ts";
import { withAdmin } from "../../connect.ts";
import { outcomesOf, succeeded } from "../../outcomes.ts";
import { bytesOf, recordsOf, shownBytes } from "./records.ts";

export async function run(call: Call): Promise<undefined> {
  const topics = await withAdmin(call, async (admin) => {
    const names = await admin.listTopics({ internal: call.options.flag("internal") });
    // One that was deleted meanwhile is none.
    return names.length === 0 ? [] : succeeded(await outcomesOf(names, admin.describeTopics(names)));
  });
  const rows = topics
    .map(({ result }) => ({
      topic: result.topic,
      topicId: result.topicId,
      partitions: result.partitions.length,
      records: recordsOf(result),
      sizeBytes: bytesOf(result),
    }))
    .sort((a, b) => (a.topic < b.topic ? -1 : 1));
  if (call.options.flag("json")) return void (await call.output.json(rows));
  if (rows.length === 0) return void call.output.note("no topics yet: `brooklet topics create NAME`");
  await call.output.table(
    ["TOPIC", "PARTITIONS", "RECORDS", "SIZE"],
    rows.map(({ topic, partitions, records, sizeBytes }) => [topic, partitions, records, shownBytes(sizeBytes)]),
  );
}
