// The deadlines of one member as effects: when they run, stand still and start afresh. deadlines.ts carries them out.
// Invariant: while the broker owes a member an answer, none of its deadlines runs (hard place 3).

import type { Effect } from "./effects.ts";
import type { Member } from "./member.ts";

/** The member's session ends `delayMs` from now unless something is heard of it. */
export function scheduleSession(member: Member, delayMs: number, nowMs: number): Effect {
  member.sessionDueMs = nowMs + delayMs;
  return { kind: "schedule", deadline: "session", memberId: member.id, delayMs };
}

/** The session begins anew; the rebalance deadline only if it does not run yet. */
export function armDeadlines(member: Member, nowMs: number): Effect[] {
  const { id: memberId, sessionTimeoutMs, rebalanceTimeoutMs } = member;
  const effects: Effect[] = [scheduleSession(member, sessionTimeoutMs, nowMs)];
  const revokes = member.state === "UNREVOKED_PARTITIONS" && !member.departed;
  if (revokes && !member.rebalanceArmed)
    effects.push({ kind: "schedule", deadline: "rebalance", memberId, delayMs: rebalanceTimeoutMs });
  if (!revokes && member.rebalanceArmed) effects.push({ kind: "cancel", deadline: "rebalance", memberId });
  member.rebalanceArmed = revokes;
  return effects;
}

/** While an answer is owed, and when the member is gone. */
export function standStill(member: Member): Effect[] {
  member.rebalanceArmed = false;
  member.sessionDueMs = undefined;
  return [
    { kind: "cancel", deadline: "session", memberId: member.id },
    { kind: "cancel", deadline: "rebalance", memberId: member.id },
  ];
}
