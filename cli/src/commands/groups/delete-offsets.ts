// `brooklet groups delete-offsets`: forgets what a group has committed of topics that it does not subscribe to.

import type { TopicPartition } from "@brooklet/client";
import type { Call } from "../../call.ts";
import { checkCanConfirm, confirm } from "../../confirm.ts";
import { withAdmin } from "../../connect.ts";
import { CommandError, type ExitCode, exitCodes, UsageError } from "../../exits.ts";
import { counted, partitionNames } from "../../format.ts";
import { errorFields, outcomesOf, reportRefusals, succeeded } from "../../outcomes.ts";
import { merged, type NamedPartitions, parsePartitions } from "../../places.ts";

export async function run(call: Call): Promise<ExitCode | undefined> {
  const groupId = call.args[0] ?? "";
  const named = merged(call.options.list("topic").map(parsePartitions));
  if (named.length === 0) throw new UsageError("of which topics? -t names them (orders, orders:0,2)");
  checkCanConfirm(call);
  const [group] = await withAdmin(call, (admin) => admin.describeGroups([groupId]));
  const wanted = wantedOf(groupId, group?.offsets ?? [], named);
  await confirm(
    call,
    `Group ${groupId} will forget what it has committed of ${named.map(({ topic }) => topic).join(", ")}: ${counted(wanted.length, "partition")}.`,
  );
  const outcomes = await withAdmin(call, (admin) => outcomesOf(wanted, admin.deleteGroupOffsets(groupId, wanted)));
  if (call.options.flag("json"))
    await call.output.json(
      outcomes.map(({ item, error }) => ({
        ...item,
        deleted: error === undefined,
        ...(error === undefined ? {} : { error: errorFields(error) }),
      })),
    );
  else {
    const done = succeeded(outcomes).map(({ item }) => item);
    if (done.length > 0) call.output.note(`${groupId} forgot what it had committed of ${partitionNames(done)}`);
  }
  return reportRefusals(call, outcomes, ({ topic, partition }) => `${topic}-${partition}`);
}

/** What is committed of what was named; a name of which nothing is committed is an error. */
function wantedOf(
  groupId: string,
  committed: readonly TopicPartition[],
  named: readonly NamedPartitions[],
): TopicPartition[] {
  return named.flatMap(({ topic, partitions }) => {
    const ofTopic = committed.filter((at) => at.topic === topic).map(({ partition }) => partition);
    const missing = partitions?.find((partition) => !ofTopic.includes(partition));
    if (ofTopic.length === 0 || missing !== undefined)
      throw new CommandError(
        exitCodes.notFound,
        `group ${groupId} has committed nothing of ${missing === undefined ? topic : `${topic}-${missing}`}; nothing was changed`,
      );
    return (partitions ?? ofTopic).map((partition) => ({ topic, partition }));
  });
}
