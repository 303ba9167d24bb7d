// `brooklet groups describe`: members with what they own, committed offsets with lag, and the timeline with its reasons.

import type { TopicPartition } from "@brooklet/client";
import type { Call } from "../../call.ts";
import { withAdmin } from "../../connect.ts";
import { partitionNames, timeOfDay } from "../../format.ts";
import { table } from "../../io.ts";

/** How much of the timeline people see; `--json` has all that the broker keeps. */
const MAX_TIMELINE_LINES = 30;

function sortKey({ topic, partition }: TopicPartition): string {
  return `${topic}\0${String(partition).padStart(10, "0")}`;
}

export async function run(call: Call): Promise<undefined> {
  const groups = await withAdmin(call, async (admin) => {
    const described = await admin.describeGroups([...call.args]);
    return await Promise.all(
      described.map(async (group) => ({ ...group, offsets: await admin.listGroupOffsets(group.groupId) })),
    );
  });
  if (call.options.flag("json")) return void (await call.output.json(groups));
  for (const group of groups) {
    await call.output.line(`${group.groupId}: ${group.state}, epoch ${group.epoch}, assignor ${group.assignor}`);
    if (group.members.length > 0)
      await call.output.line(
        table(
          ["  MEMBER", "CLIENT", "EPOCH", "PARTITIONS"],
          group.members.map(({ memberId, clientId, epoch, assignment }) => [
            `  ${memberId}`,
            clientId,
            epoch,
            partitionNames(assignment),
          ]),
        ),
      );
    if (group.offsets.length > 0)
      await call.output.line(
        table(
          ["  TOPIC", "PARTITION", "COMMITTED", "LAG"],
          [...group.offsets]
            .sort((a, b) => (sortKey(a) < sortKey(b) ? -1 : 1))
            .map(({ topic, partition, offset, lag }) => [`  ${topic}`, partition, offset, lag]),
        ),
      );
    if (group.timeline.length > 0)
      await call.output.line(
        table(
          ["  TIME", "EPOCH", "EVENT", "WHAT"],
          group.timeline
            .slice(-MAX_TIMELINE_LINES)
            .map(({ atMs, epoch, event, member, partitions, reason }) => [
              `  ${timeOfDay(atMs)}`,
              epoch,
              event,
              [member, partitions === undefined ? undefined : partitionNames(partitions), reason]
                .filter((part) => part !== undefined && part !== "")
                .join("; "),
            ]),
        ),
      );
  }
}
