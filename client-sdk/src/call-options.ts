// What every call that waits takes, and how it is checked: consumer, producer and admin share it.

import { IllegalStateError } from "./errors.ts";

/** For calls that wait. */
export interface CallOptions {
  /** Ends the wait; a request that was sent may still happen (`definite: false`). */
  signal?: AbortSignal;
  /** Bounds the whole call, in milliseconds. */
  timeoutMs?: number;
}

/** With NaN no deadline would ever be over, and what is no signal would never abort. Throws IllegalStateError. */
export function checkCallOptions(call: string, options: CallOptions): void {
  if (typeof options !== "object" || options === null) {
    throw new IllegalStateError(`${call}: the options are an object such as { signal, timeoutMs }`);
  }
  const { signal, timeoutMs = 0 } = options;
  if (!(typeof timeoutMs === "number" && timeoutMs >= 0)) {
    throw new IllegalStateError(`${call}: a timeout is a number of milliseconds of at least 0; it is ${timeoutMs}`);
  }
  if (signal !== undefined && typeof signal?.addEventListener !== "function") {
    throw new IllegalStateError(`${call}: signal must be an AbortSignal`);
  }
}
