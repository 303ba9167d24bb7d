// The real world: the machine's clocks, timers and chance. Works in Node and in browsers.

import type { Clock, Timers } from "./clock.ts";
import type { Random } from "./random.ts";

// Longer delays overflow the 32-bit timer of Node and browsers and would fire at once.
const MAX_DELAY_MS = 2_147_483_647;

class SystemTimers implements Timers {
  readonly #pending = new Map<string, ReturnType<typeof setTimeout>>();
  #closed = false;

  schedule(key: string, delayMs: number, run: (lateMs: number) => void): void {
    this.cancel(key);
    if (this.#closed) return;
    const dueMs = performance.now() + delayMs;
    this.#arm(key, dueMs, run);
  }

  #arm(key: string, dueMs: number, run: (lateMs: number) => void): void {
    const delayMs = Math.min(Math.max(0, Math.ceil(dueMs - performance.now())), MAX_DELAY_MS);
    const timer = setTimeout(() => {
      const lateMs = performance.now() - dueMs;
      if (lateMs < -1) {
        this.#arm(key, dueMs, run);
        return;
      }
      this.#pending.delete(key);
      run(Math.max(0, lateMs));
    }, delayMs);
    this.#pending.set(key, timer);
  }

  cancel(key: string): void {
    const timer = this.#pending.get(key);
    if (timer === undefined) return;
    clearTimeout(timer);
    this.#pending.delete(key);
  }

  has(key: string): boolean {
    return this.#pending.has(key);
  }

  close(): void {
    this.#closed = true;
    for (const timer of this.#pending.values()) clearTimeout(timer);
    this.#pending.clear();
  }

  get size(): number {
    return this.#pending.size;
  }
}

/** The machine's clock. */
export const systemClock: Clock = {
  nowMs: () => performance.now(),
  wallMs: () => Date.now(),
  timers: () => new SystemTimers(),
  // Browsers have no setImmediate; a macrotask is what matters.
  defer: (run) => void (typeof setImmediate === "function" ? setImmediate(run) : setTimeout(run, 0)),
};

/** The machine's chance. */
export const systemRandom: Random = {
  next: () => Math.random(),
  uuid: () => {
    for (;;) {
      const bytes = crypto.getRandomValues(new Uint8Array(16));
      const text = btoa(String.fromCharCode(...bytes))
        .replaceAll("+", "-")
        .replaceAll("/", "_")
        .slice(0, 22);
      // Kafka's Uuid.randomUuid does the same: a leading dash would read as an option in commands.
      if (!text.startsWith("-")) return text;
    }
  },
};
