// What a group asks of the world: the coordinator carries it out, in order, and nothing else touches the world.

import type { ApiResponse, ErrorCode, ProtocolError } from "@brooklet/protocol";
import type { Peer } from "../peer.ts";
import type { DurableGroup } from "./durable-state.ts";
import type { PartitionRef } from "./partitions.ts";
import type { RefusedOffsets } from "./refused-commits.ts";

export type HeartbeatAnswer = ApiResponse<"groupHeartbeat">;

/** Where an answer goes; the group only passes it on. Every one is answered or refused exactly once. */
export interface ReplyTo {
  readonly peer: Peer;
}

export type DeadlineKind = "session" | "rebalance";

export type TimelineEventName =
  | "join"
  | "leave"
  | "eviction"
  | "epoch"
  | "assignment"
  | "revocation"
  | "refusedCommit"
  | "restore";

/** One thing that happened, for the group's timeline. It is shown once the group's state of `version` is durable. */
export interface Happening {
  readonly event: TimelineEventName;
  readonly epoch: number;
  readonly version: number;
  readonly member?: string | undefined;
  readonly partitions?: readonly PartitionRef[];
  readonly reason?: string;
  /** Of a refused commit: repeated refusals of one kind are told as one. */
  readonly code?: ErrorCode;
  readonly refused?: RefusedOffsets;
}

export type Effect =
  | { readonly kind: "answer"; readonly to: ReplyTo; readonly answer: HeartbeatAnswer }
  | { readonly kind: "refuse"; readonly to: ReplyTo; readonly error: ProtocolError }
  | {
      readonly kind: "schedule";
      readonly deadline: DeadlineKind;
      readonly memberId: string;
      readonly delayMs: number;
    }
  | { readonly kind: "cancel"; readonly deadline: DeadlineKind; readonly memberId: string }
  /** Something changed that `seal` must see in the turn that is open. */
  | { readonly kind: "requestTurn" }
  /** Answers that show this version wait until `durable(version)`. */
  | { readonly kind: "persist"; readonly state: DurableGroup; readonly version: number }
  /** Sends `heartbeatNow`. */
  | { readonly kind: "hint"; readonly peer: Peer }
  | { readonly kind: "timeline"; readonly happening: Happening };
