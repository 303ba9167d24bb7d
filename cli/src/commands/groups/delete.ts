// `brooklet groups delete`: groups without members, each deleted or refused by itself, after a question.

import type { Call } from "../../call.ts";
import { checkCanConfirm, confirm } from "../../confirm.ts";
import { withAdmin } from "../../connect.ts";
import type { ExitCode } from "../../exits.ts";
import { counted } from "../../format.ts";
import { errorFields, type Outcome, outcomesOf, reportRefusals, succeeded } from "../../outcomes.ts";
import { membersRefusal } from "./members.ts";

export async function run(call: Call): Promise<ExitCode | undefined> {
  checkCanConfirm(call);
  const groupIds = [...new Set(call.args)];
  const described = await withAdmin(call, (admin) => outcomesOf(groupIds, admin.describeGroups(groupIds)));
  const found = described.map((outcome): (typeof described)[number] => {
    const refusal = membersRefusal(outcome.result);
    return refusal === undefined ? outcome : { item: outcome.item, error: refusal };
  });
  const empty = succeeded(found);
  let deleted: readonly Outcome<string>[] = [];
  if (empty.length > 0) {
    const named = empty.map(({ item, result }) => `  ${item}: ${counted(result.offsets.length, "committed offset")}`);
    await confirm(call, ["These groups will be deleted, with what they have committed:", ...named].join("\n"));
    const names = empty.map(({ item }) => item);
    deleted = await withAdmin(call, (admin) => outcomesOf(names, admin.deleteGroups(names)));
  }
  const byId = new Map(deleted.map((outcome) => [outcome.item, outcome]));
  const outcomes = found.map((outcome): Outcome<string> => byId.get(outcome.item) ?? outcome);
  if (call.options.flag("json"))
    await call.output.json(
      outcomes.map(({ item: groupId, error }) => ({
        groupId,
        deleted: error === undefined,
        ...(error === undefined ? {} : { error: errorFields(error) }),
      })),
    );
  else for (const { item } of succeeded(outcomes)) call.output.note(`deleted ${item}`);
  return reportRefusals(call, outcomes, (groupId) => groupId);
}
