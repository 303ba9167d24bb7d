// A clock that a test owns. Time moves only in `advance` and `runUntil`; between two events all promises settle first.

import type { Clock, Timers } from "@brooklet/protocol/world";

/** Time moves with every real delay, however late it is: adding less than this to a large number changes nothing. */
const MIN_DELAY_MS = 0.001;

interface Entry {
  dueMs: number;
  order: number;
  run: () => void;
  cancelled: boolean;
}

/** Lets every promise that can settle without time or I/O settle. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

export class SimulatedClock implements Clock {
  #nowMs: number;
  readonly #wallAtZeroMs: number;
  #order = 0;
  readonly #entries: Entry[] = [];
  readonly #deferred: (() => void)[] = [];
  readonly #live = new Set<SimulatedTimers>();

  constructor({ nowMs = 0, wallAtZeroMs = 1_750_000_000_000 }: { nowMs?: number; wallAtZeroMs?: number } = {}) {
    this.#nowMs = nowMs;
    this.#wallAtZeroMs = wallAtZeroMs;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  wallMs(): number {
    return Math.floor(this.#wallAtZeroMs + this.#nowMs);
  }

  timers(): Timers {
    return new SimulatedTimers(this, this.#live);
  }

  defer(run: () => void): void {
    this.#deferred.push(run);
  }

  /** Pending timers of all owners: 0 after everything was closed. */
  get liveTimers(): number {
    let count = 0;
    for (const timers of this.#live) count += timers.size;
    return count;
  }

  /** Runs everything that is due within the next `durationMs`, in order, and stands at its end. */
  async advance(durationMs: number): Promise<void> {
    const endMs = this.#nowMs + durationMs;
    for (;;) {
      await this.#settleAll();
      const next = this.#nextEntry();
      if (next === undefined || next.dueMs > endMs) break;
      this.#runEntry(next);
    }
    this.#nowMs = endMs;
  }

  /** Moves time until the condition holds; throws when it does not within `maxMs` of simulated time. */
  async runUntil(condition: () => boolean, maxMs = 600_000, what = "the condition"): Promise<void> {
    const endMs = this.#nowMs + maxMs;
    for (;;) {
      await this.#settleAll();
      if (condition()) return;
      const next = this.#nextEntry();
      if (next === undefined) throw new Error(`${what} does not hold and no timer is left at ${this.#nowMs} ms`);
      if (next.dueMs > endMs) throw new Error(`${what} does not hold after ${maxMs} ms of simulated time`);
      this.#runEntry(next);
    }
  }

  /** Time passes without anything running: a blocked event loop, SIGSTOP. Timers that became due run late afterwards. */
  skip(durationMs: number): void {
    this.#nowMs += durationMs;
  }

  async #settleAll(): Promise<void> {
    await settle();
    while (this.#deferred.length > 0) {
      for (const run of this.#deferred.splice(0)) run();
      await settle();
    }
  }

  #nextEntry(): Entry | undefined {
    while (this.#entries[0]?.cancelled) this.#entries.shift();
    return this.#entries[0];
  }

  #runEntry(entry: Entry): void {
    this.#entries.shift();
    this.#nowMs = Math.max(this.#nowMs, entry.dueMs);
    entry.run();
  }

  /** For SimulatedTimers. */
  add(delayMs: number, run: () => void): Entry {
    const dueMs = this.#nowMs + (delayMs > 0 ? Math.max(delayMs, MIN_DELAY_MS) : 0);
    const entry: Entry = { dueMs, order: this.#order++, run, cancelled: false };
    let low = 0;
    let high = this.#entries.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const other = this.#entries[middle] as Entry;
      if (other.dueMs < entry.dueMs || (other.dueMs === entry.dueMs && other.order < entry.order)) low = middle + 1;
      else high = middle;
    }
    this.#entries.splice(low, 0, entry);
    return entry;
  }
}

class SimulatedTimers implements Timers {
  readonly #clock: SimulatedClock;
  readonly #live: Set<SimulatedTimers>;
  readonly #pending = new Map<string, Entry>();
  #closed = false;

  constructor(clock: SimulatedClock, live: Set<SimulatedTimers>) {
    this.#clock = clock;
    this.#live = live;
  }

  schedule(key: string, delayMs: number, run: (lateMs: number) => void): void {
    this.cancel(key);
    if (this.#closed) return;
    const entry = this.#clock.add(delayMs, () => {
      this.#forget(key);
      run(this.#clock.nowMs() - entry.dueMs);
    });
    this.#pending.set(key, entry);
    this.#live.add(this);
  }

  cancel(key: string): void {
    const entry = this.#pending.get(key);
    if (entry === undefined) return;
    entry.cancelled = true;
    this.#forget(key);
  }

  #forget(key: string): void {
    this.#pending.delete(key);
    if (this.#pending.size === 0) this.#live.delete(this);
  }

  has(key: string): boolean {
    return this.#pending.has(key);
  }

  close(): void {
    this.#closed = true;
    for (const entry of this.#pending.values()) entry.cancelled = true;
    this.#pending.clear();
    this.#live.delete(this);
  }

  get size(): number {
    return this.#pending.size;
  }
}
