// The deadlines of one member as effects: when they run, stand still and start afresh. deadlines.ts carries them out.
//
// Invariants: while the broker owes a member an answer, none of its deadlines runs (hard place 3); and however often a member
// brings that about, the deadline of one demand to give up partitions runs for REVOCATION_TIMEOUTS timeouts in all.

import type { Effect } from "./effects.ts";
import type { Member } from "./member.ts";

/** Who says something new with every heartbeat starts its rebalance deadline anew; others wait for its partitions. */
const REVOCATION_TIMEOUTS = 2;

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
  if (revokes && member.rebalanceArmedMs === undefined) {
    member.revocationLeftMs ??= REVOCATION_TIMEOUTS * rebalanceTimeoutMs;
    member.rebalanceArmedMs = nowMs;
    const delayMs = Math.min(rebalanceTimeoutMs, member.revocationLeftMs);
    effects.push({ kind: "schedule", deadline: "rebalance", memberId, delayMs });
  }
  if (!revokes && member.rebalanceArmedMs !== undefined) {
    member.rebalanceArmedMs = undefined;
    effects.push({ kind: "cancel", deadline: "rebalance", memberId });
  }
  return effects;
}

/** While an answer is owed, and when the member is gone. */
export function standStill(member: Member, nowMs: number): Effect[] {
  const { rebalanceArmedMs, revocationLeftMs } = member;
  if (rebalanceArmedMs !== undefined && revocationLeftMs !== undefined)
    member.revocationLeftMs = Math.max(0, revocationLeftMs - (nowMs - rebalanceArmedMs));
  member.rebalanceArmedMs = undefined;
  member.sessionDueMs = undefined;
  return [
    { kind: "cancel", deadline: "session", memberId: member.id },
    { kind: "cancel", deadline: "rebalance", memberId: member.id },
  ];
}
