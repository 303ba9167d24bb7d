// Refusals at the door, for whoever runs the broker: one line per class and a while, however many there are.

import type { Clock } from "@brooklet/protocol/world";
import type { Logger } from "../world.ts";

/** What is refused before it is a request of a client. */
export type RefusalClass = "target" | "host" | "origin" | "overload" | "connections" | "silence" | "stale" | "garbage";

const LINE_INTERVAL_MS = 10_000;

export class RefusalLog {
  readonly #logger: Logger;
  readonly #clock: Clock;
  /** Bounded by the classes. */
  readonly #classes = new Map<RefusalClass, { nextLineMs: number; untold: number }>();

  constructor(logger: Logger, clock: Clock) {
    this.#logger = logger;
    this.#clock = clock;
  }

  refused(refusal: RefusalClass, peer: string, reason: string): void {
    const nowMs = this.#clock.nowMs();
    const known = this.#classes.get(refusal);
    if (known !== undefined && nowMs < known.nextLineMs) {
      known.untold++;
      this.#logger.debug({ refusal, peer, reason }, "refused");
      return;
    }
    const since = known === undefined || known.untold === 0 ? {} : { alsoRefused: known.untold };
    this.#classes.set(refusal, { nextLineMs: nowMs + LINE_INTERVAL_MS, untold: 0 });
    this.#logger.info({ refusal, peer, reason, ...since }, "refused");
  }
}
