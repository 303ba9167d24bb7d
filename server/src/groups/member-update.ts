// What a heartbeat says anew of its member. What is the same moves nothing. What is absent is unchanged, but in a join (epoch 0),
// which says all that is asked for: no pattern means none, also for who takes over a static member's place.

import { type HeartbeatRequest, type Member, spokenName } from "./member.ts";
import { abridged } from "./partitions.ts";
import { shown } from "./patterns.ts";
import type { Roster } from "./roster.ts";

/** Takes it over; a changed subscription, and a vote that changes the group's assignor, move the group's epoch. */
export function update(roster: Roster, member: Member, request: HeartbeatRequest): void {
  const { clientId, assignor, sessionTimeoutMs, rebalanceTimeoutMs } = member;
  member.clientId = request.clientId ?? clientId;
  member.assignor = request.assignor ?? (request.memberEpoch === 0 ? undefined : assignor);
  member.sessionTimeoutMs = request.sessionTimeoutMs ?? sessionTimeoutMs;
  member.rebalanceTimeoutMs = request.rebalanceTimeoutMs ?? rebalanceTimeoutMs;
  if (
    member.clientId !== clientId ||
    member.assignor !== assignor ||
    member.sessionTimeoutMs !== sessionTimeoutMs ||
    member.rebalanceTimeoutMs !== rebalanceTimeoutMs
  )
    roster.touch(member);
  const isNew = member.epoch === 0;
  if (!isNew && member.assignor !== assignor && roster.electedAssignor() !== roster.assignor)
    roster.wantTarget(
      `${spokenName(member)} asks for ${member.assignor === undefined ? "no assignor" : `the assignor ${member.assignor}`}`,
    );
  subscribe(roster, member, request, isNew);
}

function subscribe(roster: Roster, member: Member, request: HeartbeatRequest, isNew: boolean): void {
  if (!isNew && request.subscription === undefined && request.pattern === undefined) return;
  const before = request.memberEpoch === 0 ? { subscription: [], pattern: undefined } : member;
  const subscription = [...new Set(request.subscription ?? before.subscription)].sort();
  const pattern = (request.pattern ?? before.pattern ?? "") || undefined;
  const isSame = pattern === member.pattern && subscription.join() === member.subscription.join();
  if (!isNew && isSame) return;
  roster.subscribe(member, subscription, pattern);
  const names = [abridged(subscription), ...(pattern === undefined ? [] : [`pattern ${shown(pattern)}`])];
  const what = isNew ? "joined" : `subscribed to ${names.filter((name) => name !== "").join(" and ") || "nothing"}`;
  roster.wantTarget(`${spokenName(member)} ${what}`);
}
