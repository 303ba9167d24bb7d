// `brooklet topics alter`: changes configurations of topics while they are in use, and shows old and new values.

import type { ConfigEntry } from "@brooklet/client";
import type { Call } from "../../call.ts";
import { withAdmin } from "../../connect.ts";
import type { ExitCode } from "../../exits.ts";
import { errorFields, type Outcome, outcomesOf, reportRefusals, succeeded } from "../../outcomes.ts";
import { type ConfigMove, movesOf, shownValue, wantedConfigs } from "./config-changes.ts";

export async function run(call: Call): Promise<ExitCode | undefined> {
  const wanted = wantedConfigs(call.options.list("set"), call.options.list("unset"));
  const dryRun = call.options.flag("dryRun");
  const topics = [...new Set(call.args)];
  const outcomes = await withAdmin(call, async (admin) => {
    const before = await outcomesOf(topics, admin.describeConfigs(topics));
    const there = succeeded(before).map(({ item }) => item);
    const changes = there.map((topic) => ({ topic, configs: Object.fromEntries(wanted) }));
    const altered = await outcomesOf(there, admin.alterConfigs(changes, { validateOnly: dryRun }));
    const done = succeeded(altered).map(({ item }) => item);
    const after = dryRun ? [] : succeeded(await outcomesOf(done, admin.describeConfigs(done)));
    const old = new Map(succeeded(before).map(({ item, result }) => [item, result.configs]));
    const now = new Map<string, ConfigEntry[]>(after.map(({ item, result }) => [item, result.configs]));
    const refused = new Map(altered.map((outcome) => [outcome.item, outcome.error]));
    return before.map(({ item, error = refused.get(item) }): Outcome<string, ConfigMove[]> => {
      if (error !== undefined) return { item, error };
      return { item, result: movesOf(wanted, old.get(item) ?? [], dryRun ? undefined : now.get(item)) };
    });
  });
  if (call.options.flag("json"))
    await call.output.json(
      outcomes.map(({ item: topic, result, error }) =>
        error === undefined ? { topic, dryRun, changes: result } : { topic, error: errorFields(error) },
      ),
    );
  else {
    const rows = succeeded(outcomes).flatMap(({ item, result }) =>
      result.map((move) => [item, move.name, shownValue(move.old), shownValue(move.new)]),
    );
    if (rows.length > 0) await call.output.table(["TOPIC", "CONFIG", "OLD", "NEW"], rows);
    if (dryRun && rows.length > 0) call.output.note("brooklet: a dry run: nothing was changed");
  }
  return reportRefusals(call, outcomes, (topic) => topic);
}
