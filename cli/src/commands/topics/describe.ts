// `brooklet topics describe`: each partition's first and next offset.

import type { Call } from "../../call.ts";
import { withAdmin } from "../../connect.ts";
import { table } from "../../io.ts";

export async function run(call: Call): Promise<undefined> {
  const topics = await withAdmin(call, (admin) => admin.describeTopics([...call.args]));
  if (call.options.flag("json")) return void (await call.output.json(topics));
  for (const { topic, topicId, partitions } of topics) {
    await call.output.line(`${topic} (id ${topicId}), ${partitions.length} partitions`);
    await call.output.line(
      table(
        ["PARTITION", "LOG START", "HIGH WATERMARK", "RECORDS"],
        partitions.map(({ partition, logStartOffset, highWatermark }) => [
          partition,
          logStartOffset,
          highWatermark,
          highWatermark - logStartOffset,
        ]),
      ),
    );
  }
}
