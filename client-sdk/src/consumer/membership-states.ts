// What a member of a group can be, what can happen to it, and what it wants done: the tables and types of membership.ts.
// The states are Kafka's (org.apache.kafka.clients.consumer.internals.MemberState); docs and tests follow `memberTransitions`.

import type { ApiRequest, ApiResponse } from "@brooklet/protocol";
import type { BrookletError } from "../errors.ts";

/** A partition of one topic, not of its name: a topic deleted and created again is another. */
export interface AssignedPartition {
  readonly topic: string;
  readonly topicId: string;
  readonly partition: number;
}

/** What a member is in each state; the reference page shows it beside the moves. */
export const memberStates = {
  UNSUBSCRIBED: "Not in a group, and not on the way there.",
  JOINING: "Has asked to join; knows no assignment yet.",
  RECONCILING: "Has an assignment that differs from what it owns; the caller's next poll carries it out.",
  ACKNOWLEDGING: "Carried it out; the heartbeat that says so is not sent yet.",
  STABLE: "Owns what it was assigned.",
  FENCED: "The group put it out; partitions are lost, then it joins again.",
  PREPARE_LEAVING: "Commits and callbacks before a leave; still a member.",
  LEAVING: "The leave is sent, not answered.",
  STALE: "Left by itself because nobody polled; joins again with the next poll.",
  FATAL: "A refusal that no repetition cures.",
} as const;

export type MemberState = keyof typeof memberStates;

/** The legal moves; any other is a bug. */
export const memberTransitions = {
  UNSUBSCRIBED: ["JOINING"],
  JOINING: ["RECONCILING", "FENCED", "PREPARE_LEAVING", "STALE", "FATAL"],
  RECONCILING: ["ACKNOWLEDGING", "FENCED", "PREPARE_LEAVING", "STALE", "FATAL"],
  ACKNOWLEDGING: ["STABLE", "RECONCILING", "FENCED", "PREPARE_LEAVING", "STALE", "FATAL"],
  STABLE: ["RECONCILING", "FENCED", "PREPARE_LEAVING", "STALE", "FATAL"],
  FENCED: ["JOINING", "PREPARE_LEAVING"],
  PREPARE_LEAVING: ["LEAVING", "UNSUBSCRIBED"],
  LEAVING: ["UNSUBSCRIBED"],
  STALE: ["JOINING", "PREPARE_LEAVING"],
  FATAL: ["PREPARE_LEAVING"],
} as const satisfies Record<MemberState, readonly MemberState[]>;

export interface MemberSettings {
  readonly groupId: string;
  /** Made by the client, kept for its life. */
  readonly memberId: string;
  readonly clientId: string;
  /** `group.instance.id` of a static member. */
  readonly instanceId?: string | undefined;
  readonly assignor: string | undefined;
  readonly sessionTimeoutMs: number;
  readonly heartbeatIntervalMs: number;
  /** Also the rebalance timeout. */
  readonly maxPollIntervalMs: number;
  readonly retryBackoffMs: number;
  readonly retryBackoffMaxMs: number;
}

export type HeartbeatRequest = ApiRequest<"groupHeartbeat">;
export type HeartbeatAnswer = ApiResponse<"groupHeartbeat">;

/** As a consumer's close says it: a static member keeps its place by default, a dynamic one does not. */
export type LeaveMode = "default" | "leave" | "remain";

export type MemberEvent =
  /** `pattern`: RE2, matched by the broker. */
  | { readonly type: "subscribe"; readonly topics: readonly string[]; readonly pattern?: string }
  /** The application polls; also every round of a poll that waits. */
  | { readonly type: "poll" }
  | { readonly type: "pollTimer" }
  | { readonly type: "heartbeatTimer"; readonly lateMs: number }
  /** The broker wishes a heartbeat now. */
  | { readonly type: "hint" }
  | { readonly type: "answer"; readonly seq: number; readonly answer: HeartbeatAnswer }
  /** `jitter` is a random number in [0, 1); `connectionSeq` names the connection, and rises with each. */
  | {
      readonly type: "failure";
      readonly seq: number;
      readonly error: BrookletError;
      readonly jitter: number;
      readonly connectionSeq: number;
    }
  /** The caller carried the assignment out as far as `owned`. */
  | { readonly type: "reconciled"; readonly owned: readonly AssignedPartition[] }
  /** The caller has dropped the lost partitions. */
  | { readonly type: "lossHandled" }
  | { readonly type: "prepareLeave" }
  | { readonly type: "leave"; readonly reason: string; readonly mode?: LeaveMode }
  /** Ends a leave that nobody waits for any more; without a leave sent, the broker's session timeout ends the membership. */
  | { readonly type: "forgetLeave" };

export type MemberTimer = "heartbeat" | "poll";

export type MemberEffect =
  | { readonly type: "send"; readonly request: HeartbeatRequest }
  /** Replaces the pending one. */
  | { readonly type: "schedule"; readonly timer: MemberTimer; readonly delayMs: number }
  | { readonly type: "cancel"; readonly timer: MemberTimer }
  /** The owned partitions are lost; `lossHandled` is awaited. */
  | { readonly type: "lose"; readonly reason: string }
  /** Tell the application once. */
  | { readonly type: "raise"; readonly error: BrookletError }
  /** The state changed: whoever waits should look again. */
  | { readonly type: "changed" };
