// Deadlines of members, with the rule for a broker that was paused (hard place 4). Node runs timers before it reads sockets, so
// after SIGSTOP, a long collection or a blocked loop a deadline would remove members whose heartbeat already lies in the socket.
//
// Invariant: a deadline that fires late runs only after a second firing and at least one full pass of I/O.

import type { Clock, Timers } from "@brooklet/protocol/world";

/** A timer this late says that the broker stood still. */
const LATE_MS = 100;

export class Deadlines {
  readonly #clock: Clock;
  readonly #timers: Timers;
  /** Second firings whose I/O pass is under way. */
  readonly #deferred = new Map<string, symbol>();
  #open = false;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#timers = clock.timers();
  }

  /** From now on deadlines run; before, nobody could have met one. */
  start(): void {
    this.#open = true;
  }

  schedule(key: string, delayMs: number, run: () => void): void {
    this.#deferred.delete(key);
    if (!this.#open) return;
    this.#timers.schedule(key, delayMs, (lateMs) => {
      if (lateMs <= LATE_MS) run();
      else this.#timers.schedule(key, lateMs, () => this.#afterInput(key, run));
    });
  }

  cancel(key: string): void {
    this.#timers.cancel(key);
    this.#deferred.delete(key);
  }

  close(): void {
    this.#open = false;
    this.#timers.close();
    this.#deferred.clear();
  }

  #afterInput(key: string, run: () => void): void {
    const turn = Symbol(key);
    this.#deferred.set(key, turn);
    this.#clock.defer(() => {
      if (this.#deferred.get(key) !== turn) return;
      this.#deferred.delete(key);
      run();
    });
  }
}
