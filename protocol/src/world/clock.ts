// Time, as everything else in brooklet sees it. The real clock is in system.ts; tests and the simulation bring their own.
// Invariant: outside this folder nobody reads a clock or starts a timer (lint bans every form of it).

/** Where time comes from. Deadlines use `nowMs`, which never jumps; timestamps that people see use `wallMs`. */
export interface Clock {
  /** Monotonic milliseconds since an arbitrary moment; fractions possible. For deadlines and durations. */
  nowMs(): number;
  /** Wall time in whole milliseconds since 1970. May jump in either direction. */
  wallMs(): number;
  /** A new, empty set of timers for one owner, who closes it when it ends. */
  timers(): Timers;
  /** Runs once after the I/O that is ready now was handled (`setImmediate`); cannot be cancelled. */
  defer(run: () => void): void;
}

/** The timers of one owner. A key names at most one pending timer; a closed owner has none and gets none. */
export interface Timers {
  /** Runs once, `delayMs` from now; replaces a pending timer of the same key. `lateMs` says how late it runs. */
  schedule(key: string, delayMs: number, run: (lateMs: number) => void): void;
  cancel(key: string): void;
  has(key: string): boolean;
  /** Cancels all; later `schedule` calls do nothing. */
  close(): void;
  readonly size: number;
}
