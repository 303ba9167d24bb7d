// `brooklet topics add-partitions`: to a new total; there is no way back, and keys move.

import type { Call } from "../../call.ts";
import { withAdmin } from "../../connect.ts";
import { type ExitCode, UsageError } from "../../exits.ts";
import { errorFields, type Outcome, outcomesOf, reportRefusals, succeeded } from "../../outcomes.ts";

const KEYS_MOVE =
  "keys move: from now on records of a key may go to another partition than those before them, so the order of a key holds only within each time; partitions cannot be taken away again";

export async function run(call: Call): Promise<ExitCode | undefined> {
  const partitions = call.options.integer("partitions");
  if (partitions === undefined) throw new UsageError("how many partitions in all? --partitions (-p) says it");
  const dryRun = call.options.flag("dryRun");
  const topics = [...new Set(call.args)];
  const outcomes = await withAdmin(call, async (admin) => {
    const before = await outcomesOf(topics, admin.describeTopics(topics));
    const there = succeeded(before).map(({ item }) => item);
    const changes = there.map((topic) => ({ topic, partitions }));
    const extended = await outcomesOf(there, admin.createPartitions(changes, { validateOnly: dryRun }));
    const refused = new Map(extended.map((outcome) => [outcome.item, outcome.error]));
    return before.map((outcome): Outcome<string, { old: number; new: number }> => {
      const error = outcome.error ?? refused.get(outcome.item);
      if (error !== undefined) return { item: outcome.item, error };
      return { item: outcome.item, result: { old: outcome.result?.partitions.length ?? 0, new: partitions } };
    });
  });
  const done = succeeded(outcomes);
  if (call.options.flag("json"))
    await call.output.json(
      outcomes.map(({ item: topic, result, error }) =>
        error === undefined ? { topic, dryRun, partitions: result } : { topic, error: errorFields(error) },
      ),
    );
  else if (done.length > 0)
    await call.output.table(
      ["TOPIC", "OLD PARTITIONS", "NEW PARTITIONS"],
      done.map(({ item, result }) => [item, result.old, result.new]),
    );
  if (done.length > 0) {
    call.output.note(`brooklet: ${KEYS_MOVE}`);
    if (dryRun) call.output.note("brooklet: a dry run: nothing was changed");
  }
  return reportRefusals(call, outcomes, (topic) => topic);
}
