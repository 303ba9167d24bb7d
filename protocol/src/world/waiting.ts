// Waiting on the world's clock: the few shapes of it that are needed everywhere.

import type { Clock } from "./clock.ts";

/** Resolves after `delayMs`, or rejects with the signal's reason. */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason);
      return;
    }
    const timers = clock.timers();
    const onAbort = () => {
      timers.close();
      reject(signal?.reason);
    };
    signal?.addEventListener("abort", onAbort, { once: true });
    timers.schedule("sleep", delayMs, () => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    });
  });
}

/** A promise with its handles outside. */
export interface Deferred<T> {
  readonly promise: Promise<T>;
  resolve(value: T): void;
  reject(error: unknown): void;
}

/** `Promise.withResolvers`, typed for passing around. */
export function deferred<T = void>(): Deferred<T> {
  return Promise.withResolvers<T>();
}
