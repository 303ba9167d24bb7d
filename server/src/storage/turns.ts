// The commit queue: everything that must become durable is staged here, and one turn of the event loop's worth of it is
// written as one transaction. Turns are numbered and pipelined; hard place 1 of DESIGN.md section 4 lives here.

import type { ProtocolError } from "@brooklet/protocol";
import type { TurnPart } from "./storage.ts";

/** What a part of the broker stages: its changes, and what to do when their fate is known. */
export interface Staged extends TurnPart {
  /** Called once, synchronously, in staging order, when the part is durable: raise ends, release answers. */
  durable(): void;
  /** Called once, after every participant was restored. STORAGE_FULL: certainly not stored; KAFKA_STORAGE_ERROR: unknown. */
  failed(error: ProtocolError): void;
}

/** A part of the broker whose memory runs ahead of the durable state. */
export interface TurnParticipant {
  /** Just before a turn is sealed: stage what is computed once per turn (targets, producer states, offset records). */
  seal?(): void;
  /** Forget everything staged: go back to what is durable. Called synchronously before any `failed`. */
  restore?(): void;
}

/** The commit queue, as log/ and groups/ see it. */
export interface TurnQueue {
  /** Adds to the open turn. */
  stage(staged: Staged): void;
  /** Asks for a turn although nothing is staged yet, because `seal` will have something. */
  requestTurn(): void;
  /** Participants are sealed and restored in the order of registration. */
  register(participant: TurnParticipant): void;
  /** While the disk is full, produce is refused at the door. */
  readonly storageFull: boolean;
}
