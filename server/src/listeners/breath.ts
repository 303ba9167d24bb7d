// Long work on records in JSON, in pieces: between two pieces everybody else has a turn of the event loop. A body of 100,000
// records takes seconds to judge when each is refused, and heartbeats must not wait for it.

import type { Clock } from "@brooklet/protocol/world";

/** Records, each of at most 1 KiB, between two breaths: a few milliseconds. */
const RECORDS_AT_ONCE = 128;
const BYTES_OF_ONE = 1024;

export class Breath {
  readonly #clock: Pick<Clock, "defer">;
  #spent = 0;

  constructor(clock: Pick<Clock, "defer">) {
    this.#clock = clock;
  }

  /** After a record of so many bytes: something to wait for, or undefined to go on at once. */
  take(bytes = 0): Promise<void> | undefined {
    this.#spent += 1 + bytes / BYTES_OF_ONE;
    if (this.#spent < RECORDS_AT_ONCE) return undefined;
    this.#spent = 0;
    return new Promise((resolve) => this.#clock.defer(resolve));
  }
}
