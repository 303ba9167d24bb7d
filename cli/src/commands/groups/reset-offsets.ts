// `brooklet groups reset-offsets`: moves a group's committed offsets, after it has shown old, new and the lag that it makes.
// Invariant: what is committed is what was shown; the broker refuses it while the group has members, and so does this command.

import { type Admin, BrookletError, type GroupDescription } from "@brooklet/client";
import { type Call, parseInteger } from "../../call.ts";
import { checkCanConfirm, confirm } from "../../confirm.ts";
import { withAdmin } from "../../connect.ts";
import { CommandError, type ExitCode, exitCodes, UsageError } from "../../exits.ts";
import { counted } from "../../format.ts";
import { errorFields, type Outcome, outcomesOf, reportRefusals, succeeded } from "../../outcomes.ts";
import { logPlaceOf, merged, type NamedPartitions, parsePartitions } from "../../places.ts";
import { foundAt, partitionsOf } from "../ranges.ts";
import { membersRefusal } from "./members.ts";
import { moving, type Reset, type ResetTo, resetOf } from "./reset-plan.ts";

type Committed = ReadonlyMap<string, number>;

interface Plan {
  readonly resets: readonly Reset[];
  /** Why it cannot be done now: members. */
  readonly refusal: BrookletError | undefined;
  readonly isNew: boolean;
}

export async function run(call: Call): Promise<ExitCode | undefined> {
  const groupId = call.args[0] ?? "";
  const to = whereTo(call);
  const named = merged(call.options.list("topic").map(parsePartitions));
  if (named.length > 0 === call.options.flag("allTopics"))
    throw new UsageError("which topics? Either -t (orders, orders:0,2), or --all-topics that the group has committed");
  const dryRun = call.options.flag("dryRun");
  if (!dryRun) checkCanConfirm(call);
  const plan = await withAdmin(call, (admin) => planOf(admin, groupId, named, to));
  const { resets, refusal, isNew } = plan;
  const isJson = call.options.flag("json");
  if (!isJson) await show(call, resets);
  if (isNew) call.output.note(`brooklet: there is no group ${groupId} yet: its first committed offsets make it`);
  const wanted = moving(resets);
  let outcomes: readonly Outcome<Reset>[] = [];
  if (refusal === undefined && !dryRun && wanted.length > 0) {
    await confirm(call, `${counted(wanted.length, "committed offset")} of group ${groupId} will be moved.`);
    outcomes = await withAdmin(call, (admin) => committed(admin, groupId, wanted));
    const moved = succeeded(outcomes).length;
    if (moved > 0) call.output.note(`moved ${counted(moved, "committed offset")} of ${groupId}`);
  } else if (refusal === undefined && wanted.length === 0) call.output.note("brooklet: nothing moves");
  else if (dryRun) call.output.note("brooklet: a dry run: nothing was changed");
  if (isJson) await call.output.json({ groupId, dryRun, offsets: resets.map((reset) => fieldsOf(reset, outcomes)) });
  if (refusal !== undefined) throw refusal;
  return reportRefusals(call, outcomes, ({ topic, partition }) => `${topic}-${partition}`);
}

function whereTo(call: Call): ResetTo {
  const place = call.options.text("to");
  const shift = call.options.text("shift");
  const groupId = call.options.text("fromGroup");
  if ([place, shift, groupId].filter((option) => option !== undefined).length !== 1)
    throw new UsageError("where to? One of --to <place>, --shift <n> and --from-group <group>");
  if (place !== undefined) return { kind: "place", place: logPlaceOf("--to", place, call.clock.wallMs()) };
  if (shift !== undefined)
    return { kind: "shift", by: parseInteger("--shift", shift.replace(/^\+/, ""), -Number.MAX_SAFE_INTEGER) };
  return { kind: "group", groupId: groupId ?? "" };
}

async function planOf(admin: Admin, groupId: string, named: readonly NamedPartitions[], to: ResetTo): Promise<Plan> {
  const group = await groupOf(admin, groupId);
  const other = to.kind === "group" ? await groupOf(admin, to.groupId) : undefined;
  if (to.kind === "group" && other === undefined) throw noGroup(to.groupId);
  if (group === undefined && named.length === 0 && other === undefined) throw noGroup(groupId);
  const committed = committedOf(group);
  const others = committedOf(other);
  const all = other ?? group;
  const wanted = named.length > 0 ? named : merged((all?.offsets ?? []).map(onePartition));
  if (wanted.length === 0)
    throw new CommandError(
      exitCodes.notFound,
      `group ${all?.groupId ?? groupId} has committed nothing: name topics with -t`,
    );
  const described = await admin.describeTopics(wanted.map(({ topic }) => topic));
  const ranges = described.flatMap((topic, index) => partitionsOf(topic, wanted[index]?.partitions));
  const found = await foundAt(admin, ranges, to.kind === "place" ? to.place : undefined);
  const resets = ranges.map((range, index) => {
    const name = keyOf(range);
    const position = { range, committed: committed.get(name), others: others.get(name), found: found[index] ?? -1 };
    return resetOf(range, position, to);
  });
  return { resets, refusal: membersRefusal(group), isNew: group === undefined };
}

async function groupOf(admin: Admin, groupId: string): Promise<GroupDescription | undefined> {
  try {
    return (await admin.describeGroups([groupId]))[0];
  } catch (error) {
    if (BrookletError.is(error) && error.code === "GROUP_ID_NOT_FOUND") return undefined;
    throw error;
  }
}

function noGroup(groupId: string): CommandError {
  return new CommandError(exitCodes.notFound, `there is no group ${groupId}`);
}

function onePartition({ topic, partition }: { topic: string; partition: number }): NamedPartitions {
  return { topic, partitions: [partition] };
}

function keyOf({ topic, partition }: { topic: string; partition: number }): string {
  return `${topic}-${partition}`;
}

function committedOf(group: GroupDescription | undefined): Committed {
  return new Map((group?.offsets ?? []).map((offset) => [keyOf(offset), offset.offset]));
}

/** Members may have come since the plan: the broker says so. */
async function committed(admin: Admin, groupId: string, wanted: readonly (Reset & { readonly newOffset: number })[]) {
  const offsets = wanted.map(({ topic, partition, newOffset }) => ({ topic, partition, offset: newOffset }));
  try {
    return await outcomesOf<Reset, unknown>(wanted, admin.alterGroupOffsets(groupId, offsets));
  } catch (error) {
    if (BrookletError.is(error) && error.code === "UNKNOWN_MEMBER_ID")
      throw new CommandError(exitCodes.conflict, `nothing was moved: ${error.message}. Stop its consumers first.`);
    throw error;
  }
}

async function show(call: Call, resets: readonly Reset[]): Promise<void> {
  await call.output.table(
    ["PARTITION", "OLD", "NEW", "LAG", "NOTE"],
    resets.map(({ topic, partition, oldOffset = "none", newOffset = "stays", lag = "", note = "" }) => [
      `${topic}-${partition}`,
      oldOffset,
      newOffset,
      lag,
      note,
    ]),
  );
}

function fieldsOf(reset: Reset, outcomes: readonly Outcome<Reset>[]) {
  const { topic, partition, oldOffset = null, newOffset = null, lag = null, note } = reset;
  const error = outcomes.find(({ item }) => item.topic === topic && item.partition === partition)?.error;
  return {
    topic,
    partition,
    oldOffset,
    newOffset,
    lag,
    ...(note === undefined ? {} : { note }),
    ...(error === undefined ? {} : { error: errorFields(error) }),
  };
}
