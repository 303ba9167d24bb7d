// How a public call of the consumer waits: until something changes, something is done, its time is up, its signal aborts, or
// wakeup() or close() ends it. Nothing here knows what is waited for.
//
// Invariant: every wait has a deadline; a wakeup ends exactly one call, the running one or the next.

import type { Clock, Timers } from "@brooklet/protocol/world";
import { BrookletError, ClosedError, WakeupError } from "../errors.ts";
import { abortError } from "../network/retry.ts";

/** Work that keeps the call's own deadline knows why it is late: so much longer it is waited for, to say so. */
const LATE_WORK_GRACE_MS = 100;

/** Makes the error that ends a wait, by whether what was asked for certainly did not happen. */
type MakeError = (definite: boolean) => Error;

interface Waiter {
  readonly exempt: boolean;
  fail(make: MakeError): void;
  changed(): void;
}

export class Calls {
  readonly clock: Clock;
  readonly #timers: Timers;
  readonly #waiters = new Set<Waiter>();
  #wakeupPending = false;
  #ended = false;
  #closed = false;
  #version = 0;
  #lastKey = 0;
  #lastTurnMs: number;

  constructor(clock: Clock) {
    this.clock = clock;
    this.#timers = clock.timers();
    this.#lastTurnMs = clock.nowMs();
  }

  /** Rises with every `changed()`: nothing that happened between a look and a wait is missed. */
  get version(): number {
    return this.#version;
  }

  get ended(): boolean {
    return this.#ended;
  }

  begin(timeoutMs: number, signal?: AbortSignal, exempt = false): Call {
    return new Call(this, this.clock.nowMs() + timeoutMs, signal, exempt);
  }

  /** Whoever waits for a change looks again. */
  changed(): void {
    this.#version += 1;
    for (const waiter of [...this.#waiters]) waiter.changed();
  }

  wakeup(): void {
    for (const waiter of this.#waiters) {
      if (waiter.exempt) continue;
      waiter.fail(wokenUp);
      return;
    }
    this.#wakeupPending = true;
  }

  /** Ends every wait but the exempt ones, now and later. */
  end(): void {
    this.#ended = true;
    for (const waiter of [...this.#waiters]) if (!waiter.exempt) waiter.fail(closed);
  }

  /** Leaves no timer; what a callback of the application still waits for ends too. */
  close(): void {
    this.#ended = true;
    this.#closed = true;
    for (const waiter of [...this.#waiters]) waiter.fail(closed);
    this.#timers.close();
  }

  get closed(): boolean {
    return this.#closed;
  }

  get wakeupPending(): boolean {
    return this.#wakeupPending;
  }

  takeWakeup(): boolean {
    const pending = this.#wakeupPending;
    this.#wakeupPending = false;
    return pending;
  }

  /** Lets sockets and timers run when this consumer has kept the event loop for `maxMs`; `poll` in a loop must not starve them. */
  async giveTurn(maxMs: number): Promise<void> {
    if (!this.needsTurn(maxMs)) return;
    await new Promise<void>((resolve) => this.clock.defer(resolve));
    this.turned();
  }

  needsTurn(maxMs: number): boolean {
    return this.clock.nowMs() - this.#lastTurnMs >= maxMs;
  }

  turned(): void {
    this.#lastTurnMs = this.clock.nowMs();
  }

  /** For Call. */
  wait(
    call: Call,
    untilMs: number,
    on: { changed?: () => void; late: () => void; fail: (make: MakeError) => void },
  ): () => void {
    const key = `wait-${++this.#lastKey}`;
    const { signal } = call;
    const onAbort = () => {
      if (signal !== undefined) waiter.fail((definite) => abortError("the call", signal, definite));
    };
    const done = () => {
      this.#waiters.delete(waiter);
      this.#timers.cancel(key);
      signal?.removeEventListener("abort", onAbort);
    };
    const waiter: Waiter = {
      exempt: call.exempt,
      fail: (make) => {
        done();
        on.fail(make);
      },
      changed: () => {
        if (on.changed === undefined) return;
        done();
        on.changed();
      },
    };
    this.#waiters.add(waiter);
    signal?.addEventListener("abort", onAbort, { once: true });
    this.#timers.schedule(key, Math.max(0, untilMs - this.clock.nowMs()), () => {
      done();
      this.turned();
      on.late();
    });
    return done;
  }
}

/** One public call that may wait. */
export class Call {
  readonly #calls: Calls;
  readonly deadlineMs: number;
  readonly signal: AbortSignal | undefined;
  /** Neither wakeup() nor close() ends it: close itself. */
  readonly exempt: boolean;

  constructor(calls: Calls, deadlineMs: number, signal: AbortSignal | undefined, exempt: boolean) {
    this.#calls = calls;
    this.deadlineMs = deadlineMs;
    this.signal = signal;
    this.exempt = exempt;
  }

  get remainingMs(): number {
    return Math.max(0, this.deadlineMs - this.#calls.clock.nowMs());
  }

  get expired(): boolean {
    return this.#calls.clock.nowMs() >= this.deadlineMs;
  }

  /** Throws when the call has to end at once. */
  check(): void {
    if (this.signal?.aborted) throw abortError("the call", this.signal, true);
    if (this.#calls.closed) throw closed();
    if (this.exempt) return;
    if (this.#calls.ended) throw closed();
    if (this.#calls.takeWakeup()) throw wokenUp();
  }

  /** Until something changed since `version`, at most `maxMs`, and not beyond the call's time. */
  change(version: number, maxMs = Number.POSITIVE_INFINITY): Promise<void> {
    if (this.#calls.version !== version) return Promise.resolve();
    const untilMs = Math.min(this.deadlineMs, this.#calls.clock.nowMs() + maxMs);
    return new Promise((resolve, reject) => {
      // It only looks: nothing that it waits for is its own.
      const fail = (make: MakeError) => reject(make(true));
      this.#calls.wait(this, untilMs, { changed: resolve, late: resolve, fail });
    });
  }

  /**
   * The promise's outcome, or the error of `late` when the call's time is up and the promise does not say so itself.
   *
   * Who ends the wait calls `abandon`: the work knows whether something of it was sent, and says so by how it ends then.
   */
  async until<T>(promise: Promise<T>, late: () => Error, abandon: () => void = () => {}): Promise<T> {
    this.check();
    return await new Promise<T>((resolve, reject) => {
      let ended: MakeError | undefined;
      const fail = (make: MakeError) => {
        ended = make;
        abandon();
        // It says nothing: in doubt it may have happened.
        this.#calls.clock.defer(() => reject(make(false)));
      };
      const on = { late: () => reject(late()), fail };
      const done = this.#calls.wait(this, this.deadlineMs + LATE_WORK_GRACE_MS, on);
      promise.then(
        (value) => {
          done();
          resolve(value);
        },
        (error: unknown) => {
          done();
          reject(ended === undefined ? error : ended(BrookletError.is(error) && error.definite));
        },
      );
    });
  }
}

function wokenUp(definite = true): WakeupError {
  return new WakeupError("wakeup() ended this call", { code: "WAKEUP", definite });
}

export function closed(definite = true): ClosedError {
  return new ClosedError(
    definite ? "the consumer has already been closed" : "the consumer was closed during the call",
    {
      code: "CLOSED",
      definite,
      hint: "make a new Consumer to go on",
    },
  );
}
