// How late the event loop is: a timer that measures itself. It runs only where somebody scrapes.

import type { Clock, Timers } from "@brooklet/protocol/world";

const SAMPLE_INTERVAL_MS = 250;
/** 15 seconds. */
const SAMPLES = 60;

export class LoopLag {
  readonly #timers: Timers;
  readonly #samples = new Float64Array(SAMPLES);
  #next = 0;

  constructor(clock: Clock) {
    this.#timers = clock.timers();
  }

  /** Begins with the first call. */
  get seconds(): number {
    if (this.#timers.size === 0) this.#sample();
    return Math.max(...this.#samples) / 1000;
  }

  close(): void {
    this.#timers.close();
  }

  #sample(): void {
    this.#timers.schedule("sample", SAMPLE_INTERVAL_MS, (lateMs) => {
      this.#samples[this.#next] = lateMs;
      this.#next = (this.#next + 1) % SAMPLES;
      this.#sample();
    });
  }
}
