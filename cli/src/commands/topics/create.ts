// `brooklet topics create`: one or more topics, each created or refused by itself.

import type { Call } from "../../call.ts";
import { withAdmin } from "../../connect.ts";
import { assignments } from "../broker/settings.ts";

export async function run(call: Call): Promise<undefined> {
  const partitions = call.options.integer("partitions");
  const configs = Object.fromEntries(assignments("--config", call.options.list("config")));
  const created = await withAdmin(call, (admin) =>
    admin.createTopics(
      call.args.map((topic) => ({
        topic,
        ...(partitions === undefined ? {} : { partitions }),
        ...(Object.keys(configs).length === 0 ? {} : { configs }),
      })),
    ),
  );
  if (call.options.flag("json")) return void (await call.output.json(created));
  for (const { topic, topicId } of created) call.output.note(`created ${topic} (id ${topicId})`);
}
