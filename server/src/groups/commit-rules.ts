// Who may commit and read a group's offsets (hard place 6, a named difference from Kafka). Pure judgement over the group as
// memory knows it: a commit that relies on a change that is not durable yet fails with it, because turns stay in order.

import { type ApiRequest, ProtocolError } from "@brooklet/protocol";
import type { Group } from "./group.ts";
import { checkSeq, type Member, spokenName } from "./member.ts";
import { partitionKey } from "./partitions.ts";

/**
 * The member that commits; undefined for a stranger, who may while the group is empty.
 *
 * Errors: UNKNOWN_MEMBER_ID; STALE_MEMBER_EPOCH when a later commit of the member was seen already.
 */
export function admitCommit(
  group: Group,
  { memberId, memberEpoch = -1, seq }: ApiRequest<"offsetCommit">,
  nowMs: number,
): Member | undefined {
  if (memberEpoch < 0) {
    if (group.memberCount === 0) return undefined;
    throw new ProtocolError(
      "UNKNOWN_MEMBER_ID",
      `group ${group.groupId} has ${group.memberCount} members, and a commit without a member is taken only while it has none`,
      { hint: "Stop the group's consumers first, or commit as one of them." },
    );
  }
  const member = group.members.get(memberId ?? "");
  if (member === undefined) throw group.unknownMember(memberId ?? "", nowMs);
  if (seq !== undefined) {
    checkSeq("commit", member.id, member.commitSeq, seq);
    member.commitSeq = seq;
  }
  return member;
}

/** What a member does whose commit came too late. */
export const STALE_COMMIT_HINT =
  "Do not repeat this commit: poll, which takes up the new assignment; whoever owns the partition then reads on from the last commit.";

/** Why the member's commit of this partition is refused; undefined when it is taken. */
export function commitRefusal(
  group: Group,
  member: Member,
  memberEpoch: number,
  { topic, topicId, partition }: { topic: string; topicId: string; partition: number },
): string | undefined {
  const name = spokenName(member);
  const where = `${topic}-${partition}`;
  if (member.departed)
    return `member ${name} has left and only keeps its place as static member ${member.instanceId}: it owns nothing`;
  if (memberEpoch > member.epoch)
    return `the commit of ${where} speaks for epoch ${memberEpoch}; member ${name} is in epoch ${member.epoch}`;
  if (!group.subscribed.has(topic)) return undefined;
  const key = partitionKey(topicId, partition);
  const held = member.assigned.get(key) ?? member.pendingRevocation.get(key);
  if (held === undefined) {
    const owner = group.ownerOf(key);
    const fate = owner === undefined ? "nobody owns it now" : `${owner.memberName} owns it since epoch ${owner.epoch}`;
    return `${where} is not assigned to member ${name}: ${fate}`;
  }
  return memberEpoch < held.epoch
    ? `${where} was assigned to member ${name} in epoch ${held.epoch}; the commit speaks for epoch ${memberEpoch}`
    : undefined;
}

/**
 * Throws unless whoever reads is a stranger or a member that speaks for its epoch. While the broker owes the member an answer,
 * the epoch before counts too: it cannot know the new one yet.
 */
export function checkReader(
  group: Group | undefined,
  { memberId, memberEpoch = -1, groupId }: ApiRequest<"offsetFetch">,
  nowMs: number,
): void {
  if (memberEpoch < 0) return;
  const member = group?.members.get(memberId ?? "");
  if (member === undefined)
    throw (
      group?.unknownMember(memberId ?? "", nowMs) ??
      new ProtocolError("UNKNOWN_MEMBER_ID", `group ${groupId} does not exist, so it has no member ${memberId ?? ""}`)
    );
  if (memberEpoch === member.epoch || (member.owed !== undefined && memberEpoch === member.previousEpoch)) return;
  throw new ProtocolError(
    "STALE_MEMBER_EPOCH",
    `member ${spokenName(member)} asks for offsets in epoch ${memberEpoch}; the group knows it in epoch ${member.epoch}`,
    { hint: "Heartbeat first, which tells the new epoch.", context: { memberEpoch: member.epoch } },
  );
}
