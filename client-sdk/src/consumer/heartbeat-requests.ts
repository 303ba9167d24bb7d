// What a member says in a heartbeat: who it is always, everything else only when it changed. Pure.

import type { AssignedPartition, HeartbeatRequest, LeaveMode, MemberSettings } from "./membership-states.ts";

export const JOIN_EPOCH = 0;
const LEAVE_EPOCH = -1;
/** A static member goes and keeps its place until its session ends (KIP-345, KIP-848). */
const STATIC_LEAVE_EPOCH = -2;
/** What the request's schema takes. */
const MAX_REASON_LENGTH = 512;

export interface HeartbeatState {
  readonly epoch: number;
  readonly seq: number;
  /** Say everything: at a join and after any error. */
  readonly full: boolean;
  readonly topics: readonly string[];
  readonly pattern: string | undefined;
  readonly subscriptionChanged: boolean;
  /** A pattern was named before; dropping it has to be said. */
  readonly hadPattern: boolean;
  readonly owned: readonly AssignedPartition[];
  readonly ownedChanged: boolean;
  /** Why it joins again. */
  readonly reason: string | undefined;
}

export function heartbeatRequest(settings: MemberSettings, state: HeartbeatState): HeartbeatRequest {
  const { groupId, memberId, instanceId, clientId, assignor, sessionTimeoutMs, maxPollIntervalMs } = settings;
  const { epoch, seq, full, topics, pattern, owned } = state;
  const saysSubscription = full || state.subscriptionChanged;
  return {
    groupId,
    memberId,
    memberEpoch: epoch,
    seq,
    ...(instanceId === undefined ? {} : { instanceId }),
    ...(saysSubscription ? { subscription: [...topics] } : {}),
    ...(saysSubscription && (pattern !== undefined || state.hadPattern) ? { pattern: pattern ?? "" } : {}),
    ...(full || state.ownedChanged ? { owned: owned.map((one) => ({ ...one })) } : {}),
    ...(full ? { clientId, sessionTimeoutMs, rebalanceTimeoutMs: maxPollIntervalMs } : {}),
    ...(full && assignor !== undefined ? { assignor } : {}),
    ...(epoch === JOIN_EPOCH && state.reason !== undefined ? { reason: cut(state.reason) } : {}),
  };
}

/** A dynamic member leaves for good; a static one keeps its place, unless it is told to leave. */
export function leaveRequest(settings: MemberSettings, seq: number, reason: string, mode: LeaveMode): HeartbeatRequest {
  const { groupId, memberId, instanceId } = settings;
  const keepsPlace = instanceId !== undefined && mode !== "leave";
  return {
    groupId,
    memberId,
    memberEpoch: keepsPlace ? STATIC_LEAVE_EPOCH : LEAVE_EPOCH,
    seq,
    ...(instanceId === undefined ? {} : { instanceId }),
    reason: cut(reason),
  };
}

function cut(reason: string): string {
  return reason.length > MAX_REASON_LENGTH ? reason.slice(0, MAX_REASON_LENGTH) : reason;
}
