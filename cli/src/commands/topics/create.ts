// `brooklet topics create`: one or more topics, each created or refused by itself.

import type { Call } from "../../call.ts";
import { withAdmin } from "../../connect.ts";
import type { ExitCode } from "../../exits.ts";
import { errorFields, outcomesOf, reportRefusals, succeeded } from "../../outcomes.ts";
import { assignments } from "../broker/settings.ts";

export async function run(call: Call): Promise<ExitCode | undefined> {
  const partitions = call.options.integer("partitions");
  const configs = Object.fromEntries(assignments("--config", call.options.list("config")));
  const outcomes = await withAdmin(call, (admin) =>
    outcomesOf(
      call.args,
      admin.createTopics(
        call.args.map((topic) => ({
          topic,
          ...(partitions === undefined ? {} : { partitions }),
          ...(Object.keys(configs).length === 0 ? {} : { configs }),
        })),
      ),
    ),
  );
  if (call.options.flag("json"))
    await call.output.json(
      outcomes.map(({ item: topic, result, error }) =>
        error === undefined ? result : { topic, error: errorFields(error) },
      ),
    );
  else for (const { result } of succeeded(outcomes)) call.output.note(`created ${result.topic} (id ${result.topicId})`);
  return reportRefusals(call, outcomes, (topic) => topic);
}
