// Refusals at the door, for whoever runs the broker: one line per class and a while, however many there are.

import type { Clock } from "@brooklet/protocol/world";
import type { Logger } from "../world.ts";

/** Why something is refused before it is a request of a client; the label `reason` of brooklet_rejected_total. */
export const refusalClasses = [
  /** The request target is no path. */
  "target",
  "host",
  "origin",
  /** No token, or a wrong one. */
  "token",
  /** Too many wrong tokens of one address. */
  "guessing",
  /** More HTTP requests, bodies or answers than are taken at once. */
  "overload",
  /** More unanswered requests or request bytes of a WebSocket than it was granted, or answers it does not read. */
  "quota",
  "connections",
  /** No hello in time. */
  "silence",
  /** An old connection of a client that has a newer one. */
  "stale",
  /** No frame, no HTTP, too large, or too slow. */
  "garbage",
  /** Pings, or fragments. */
  "flood",
] as const;
export type RefusalClass = (typeof refusalClasses)[number];

const LINE_INTERVAL_MS = 10_000;

export class RefusalLog {
  readonly #logger: Logger;
  readonly #clock: Clock;
  /** Bounded by the classes. */
  readonly #classes = new Map<RefusalClass, { nextLineMs: number; untold: number; total: number }>();

  constructor(logger: Logger, clock: Clock) {
    this.#logger = logger;
    this.#clock = clock;
  }

  /** How often each since the broker started. */
  *totals(): Generator<readonly [refusal: RefusalClass, total: number], void, undefined> {
    for (const refusal of refusalClasses) yield [refusal, this.#classes.get(refusal)?.total ?? 0];
  }

  refused(refusal: RefusalClass, peer: string, reason: string): void {
    const nowMs = this.#clock.nowMs();
    const known = this.#classes.get(refusal);
    if (known !== undefined && nowMs < known.nextLineMs) {
      known.untold++;
      known.total++;
      this.#logger.debug({ refusal, peer, reason }, "refused");
      return;
    }
    const since = known === undefined || known.untold === 0 ? {} : { alsoRefused: known.untold };
    this.#classes.set(refusal, { nextLineMs: nowMs + LINE_INTERVAL_MS, untold: 0, total: (known?.total ?? 0) + 1 });
    this.#logger.info({ refusal, peer, reason, ...since }, "refused");
  }
}
