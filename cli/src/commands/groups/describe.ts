// `brooklet groups describe`: members with what they own, committed offsets with lag, and the timeline with its reasons; with
// `--commits` the latest commits instead: what was recorded, and what was refused and why.

import type { GroupDescription } from "@brooklet/client";
import type { Call } from "../../call.ts";
import { withAdmin } from "../../connect.ts";
import type { ExitCode } from "../../exits.ts";
import { counted, partitionNames, timeOfDay } from "../../format.ts";
import { errorFields, outcomesOf, reportRefusals, succeeded } from "../../outcomes.ts";
import { showCommits } from "./commits.ts";
import { behind, lagOf } from "./lag.ts";
import { sharesOf } from "./shares.ts";
import { eventText, namingOf } from "./timeline.ts";

/** How much of the timeline people see; `--json` has all that the broker keeps. */
const MAX_TIMELINE_LINES = 30;

export async function run(call: Call): Promise<ExitCode | undefined> {
  const groupIds = [...new Set(call.args)];
  const outcomes = await withAdmin(call, (admin) => outcomesOf(groupIds, admin.describeGroups(groupIds)));
  if (call.options.flag("json"))
    await call.output.json(
      outcomes.map(({ item: groupId, result, error }) =>
        error === undefined ? { ...result, ...lagOf(result) } : { groupId, error: errorFields(error) },
      ),
    );
  else
    for (const [index, { result }] of succeeded(outcomes).entries()) {
      if (index > 0) await call.output.line("");
      await call.output.line(titleOf(result), "bold");
      if (call.options.flag("commits")) await showCommits(call, result);
      else await show(call, result);
    }
  return reportRefusals(call, outcomes, (groupId) => groupId);
}

/** `billing: Stable, epoch 4, 3 members, lag 12`. */
export function titleOf(group: GroupDescription): string {
  const { groupId, state, epoch, members, assignor } = group;
  const shared = assignor === "" ? "" : `, assignor ${assignor}`;
  return `${groupId}: ${state}, epoch ${epoch}${shared}, ${counted(members.length, "member")}, lag ${lagOf(group).lag}`;
}

async function showShares(call: Call, group: GroupDescription): Promise<void> {
  const shares = sharesOf(group);
  if (shares.length === 0) return;
  await call.output.table(
    ["  PARTITION", "COMMITTED", "END", "LAG", "BEHIND", "OWNER"],
    shares.map(({ topic, partition, committed, owner }) => [
      `  ${topic}-${partition}`,
      committed?.offset ?? "none",
      committed?.highWatermark ?? "",
      committed?.lag ?? "",
      committed === undefined ? "" : behind(committed.lagSeconds),
      owner ?? "",
    ]),
  );
}

async function show(call: Call, group: GroupDescription): Promise<void> {
  const { members, timeline } = group;
  if (members.length > 0)
    await call.output.table(
      ["  MEMBER", "CLIENT", "EPOCH", "PARTITIONS"],
      members.map(({ memberId, clientId, epoch, assignment }) => [
        `  ${memberId}`,
        clientId,
        epoch,
        partitionNames(assignment),
      ]),
    );
  await showShares(call, group);
  if (timeline.length === 0) return;
  const shown = timeline.slice(-MAX_TIMELINE_LINES);
  const naming = namingOf(group);
  await call.output.table(
    ["  TIME", "EVENT"],
    shown.map((event) => [`  ${timeOfDay(event.atMs)}`, eventText(event, naming)]),
  );
  if (shown.length < timeline.length)
    call.output.note(`brooklet: the last ${shown.length} of ${timeline.length} events; --json has all`);
}
