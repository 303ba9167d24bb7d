// Which connection speaks for which client object (DESIGN.md section 4, hard place 5).
//
// Order holds per socket only, so of two connections of one client instance only the newest may act. Invariant: when
// `claim` returns, every older connection of the instance has stopped: what it already sent and the broker has read is
// dropped unseen, and its number can never be claimed again while the instance is remembered.

import { ProtocolError } from "@brooklet/protocol";
import type { Clock } from "@brooklet/protocol/world";

/** How long an instance without a connection is remembered: longer than a frame of an old connection can linger. */
const REMEMBERED_MS = 5 * 60_000;
/** Instances without a connection that are remembered at most; the oldest are forgotten first. */
const MAX_REMEMBERED = 100_000;

/** A connection, as far as its successor is concerned. */
export interface Supersedable {
  readonly description: string;
  /** Stops reading, drops what was read and not handled, and closes; synchronous. */
  supersede(by: string): void;
}

interface Live {
  connectionSeq: number;
  connection: Supersedable;
}

interface Gone {
  connectionSeq: number;
  forgetAtMs: number;
}

export class Instances {
  readonly #clock: Clock;
  readonly #live = new Map<string, Live>();
  /** In the order in which they are to be forgotten. */
  readonly #gone = new Map<string, Gone>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Remembered instances without a connection. */
  get goneCount(): number {
    return this.#gone.size;
  }

  /**
   * Makes `connection` the one that speaks for the instance, and ends the one that did.
   *
   * Errors: STALE_CONNECTION when `connectionSeq` is not above the highest seen.
   */
  claim(clientInstanceId: string, connectionSeq: number, connection: Supersedable): void {
    this.#forgetOld();
    const live = this.#live.get(clientInstanceId);
    const highest = live?.connectionSeq ?? this.#gone.get(clientInstanceId)?.connectionSeq ?? 0;
    if (connectionSeq <= highest) {
      throw new ProtocolError(
        "STALE_CONNECTION",
        `connection ${connectionSeq} of client instance ${clientInstanceId} comes after its connection ${highest}` +
          `${live === undefined ? "" : `, which is open (${live.connection.description})`}`,
        {
          hint: "Count connectionSeq up with every connection, and use a fresh random clientInstanceId per client object.",
          context: { highestConnectionSeq: highest },
        },
      );
    }
    this.#gone.delete(clientInstanceId);
    this.#live.set(clientInstanceId, { connectionSeq, connection });
    live?.connection.supersede(connection.description);
  }

  /**
   * The connection has ended; its number is remembered for a while.
   *
   * Shape: whether the instance has no connection now; false when a newer one has taken over.
   */
  release(clientInstanceId: string, connection: Supersedable): boolean {
    const live = this.#live.get(clientInstanceId);
    if (live?.connection !== connection) return false;
    this.#live.delete(clientInstanceId);
    this.#gone.set(clientInstanceId, {
      connectionSeq: live.connectionSeq,
      forgetAtMs: this.#clock.nowMs() + REMEMBERED_MS,
    });
    this.#forgetOld();
    return true;
  }

  #forgetOld(): void {
    const nowMs = this.#clock.nowMs();
    for (const [id, { forgetAtMs }] of this.#gone) {
      if (forgetAtMs > nowMs && this.#gone.size <= MAX_REMEMBERED) break;
      this.#gone.delete(id);
    }
  }
}
