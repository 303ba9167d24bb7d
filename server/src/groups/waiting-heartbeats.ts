// Heartbeats of all groups that have no answer yet. Invariant: each is settled exactly once.

import type { ProtocolError } from "@brooklet/protocol";
import { type Deferred, deferred } from "@brooklet/protocol/world";
import type { HeartbeatAnswer, ReplyTo } from "./effects.ts";

export class WaitingHeartbeats {
  readonly #waiting = new Map<ReplyTo, Deferred<HeartbeatAnswer>>();
  /** Those whose turn failed, until its verdict comes. */
  #doomed: ReplyTo[] = [];

  add(to: ReplyTo): Promise<HeartbeatAnswer> {
    const waiting = deferred<HeartbeatAnswer>();
    this.#waiting.set(to, waiting);
    return waiting.promise;
  }

  /** It was refused before it began to wait. */
  drop(to: ReplyTo): void {
    this.#waiting.delete(to);
  }

  answer(to: ReplyTo, answer: HeartbeatAnswer): void {
    this.#take(to)?.resolve(answer);
  }

  refuse(to: ReplyTo, error: ProtocolError): void {
    this.#take(to)?.reject(error);
  }

  refuseAll(error: ProtocolError): void {
    for (const to of [...this.#waiting.keys()]) this.refuse(to, error);
  }

  /** They are refused with the verdict of the turn that failed. */
  doom(heartbeats: readonly ReplyTo[]): void {
    this.#doomed.push(...heartbeats);
  }

  refuseDoomed(error: ProtocolError): void {
    for (const to of this.#doomed.splice(0)) this.refuse(to, error);
  }

  #take(to: ReplyTo): Deferred<HeartbeatAnswer> | undefined {
    const waiting = this.#waiting.get(to);
    this.#waiting.delete(to);
    return waiting;
  }
}
