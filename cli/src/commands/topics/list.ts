// `brooklet topics list`: what topics there are, with partitions and records.

import type { Call } from "../../call.ts";
import { withAdmin } from "../../connect.ts";
import { table } from "../../io.ts";

export async function run(call: Call): Promise<undefined> {
  const topics = await withAdmin(call, async (admin) => {
    const names = await admin.listTopics({ internal: call.options.flag("internal") });
    return names.length === 0 ? [] : await admin.describeTopics(names);
  });
  const rows = topics
    .map(({ topic, topicId, partitions }) => ({
      topic,
      topicId,
      partitions: partitions.length,
      records: partitions.reduce((sum, { logStartOffset, highWatermark }) => sum + highWatermark - logStartOffset, 0),
    }))
    .sort((a, b) => (a.topic < b.topic ? -1 : 1));
  if (call.options.flag("json")) return void (await call.output.json(rows));
  if (rows.length === 0) return void call.output.note("no topics yet: `brooklet topics create NAME`");
  await call.output.line(
    table(
      ["TOPIC", "PARTITIONS", "RECORDS"],
      rows.map(({ topic, partitions, records }) => [topic, partitions, records]),
    ),
  );
}
