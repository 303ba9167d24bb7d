// What became of a promise, without waiting for it: time is simulated, so nothing may block.

import type { SimulatedClock } from "./simulated-clock.ts";

export interface Watched<T> {
  value?: T;
  error?: unknown;
  settled: boolean;
}

export function watch<T>(promise: Promise<T>): Watched<T> {
  const seen: Watched<T> = { settled: false };
  promise.then(
    (value) => Object.assign(seen, { value, settled: true }),
    (error) => Object.assign(seen, { error, settled: true }),
  );
  return seen;
}

/** Moves the time until the promise is settled. */
export async function outcomeOf<T>(clock: SimulatedClock, promise: Promise<T>): Promise<Watched<T>> {
  const seen = watch(promise);
  await clock.runUntil(() => seen.settled);
  return seen;
}
