// `for await (const record of consumer)`: each step counts as a poll, and asking for the next record finishes the current one
// (hard place 11: auto commit and close() exclude the current record, an explicit commit() includes it).

import type { ConsumerRecord } from "../consumed.ts";
import type { Calls } from "./calls.ts";
import type { Poller } from "./poller.ts";
import type { Positions } from "./positions.ts";

export class RecordIterator<K, V> implements AsyncIterableIterator<ConsumerRecord<K, V>> {
  readonly #poller: Poller<K, V>;
  readonly #calls: Calls;
  readonly #positions: Positions;
  #ended = false;

  constructor(poller: Poller<K, V>, calls: Calls, positions: Positions) {
    this.#poller = poller;
    this.#calls = calls;
    this.#positions = positions;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Waits for the next record, however long that takes; wakeup() and close() end it. Errors: as poll(). */
  next(): Promise<IteratorResult<ConsumerRecord<K, V>, undefined>> {
    if (this.#ended) return Promise.resolve({ done: true, value: undefined });
    const record = this.#poller.next();
    return record === undefined ? this.#wait() : Promise.resolve({ done: false, value: record });
  }

  /** `break`: the current record stays unfinished, so nothing is lost if the body did not get to its end. */
  return(): Promise<IteratorResult<ConsumerRecord<K, V>, undefined>> {
    this.#ended = true;
    return Promise.resolve({ done: true, value: undefined });
  }

  async #wait(): Promise<IteratorResult<ConsumerRecord<K, V>, undefined>> {
    return await this.#poller.exclusively("next", async () => {
      // Whoever asks for the next record has finished the one in hand, also when a wakeup ends this call at once.
      this.#positions.finishRecord();
      const call = this.#calls.begin(Number.POSITIVE_INFINITY);
      for (;;) {
        const { records, last, lastOffset } = await this.#poller.poll(call, 1, false);
        const [record] = records;
        if (record === undefined || last === undefined || lastOffset === undefined) continue;
        this.#positions.beginRecord(last, lastOffset);
        return { done: false, value: record };
      }
    });
  }
}
