// Records without end: a producer that always has a number of sends under way, round robin over the partitions, with the
// number of each send as its value; and the book of what was acknowledged where. With `pauseMs` each of them waits before its
// next send, so that whoever checks the books in the same process keeps up on any machine.

import type { Producer, TopicPartition } from "@brooklet/client";
import { sleep, systemClock } from "@brooklet/protocol/world";

/** How a record is named in books: partition and offset. */
export function placeOf({ partition, offset }: { partition: number; offset: number }): string {
  return `${partition}:${offset}`;
}

export class Feed implements AsyncDisposable {
  /** Place to value. */
  readonly acknowledged = new Map<string, string>();
  readonly failed: { readonly value: string; readonly error: unknown }[] = [];
  sent = 0;
  readonly #workers: Promise<unknown>;
  #isStopped = false;

  constructor(
    producer: Producer<string, string>,
    {
      topic,
      partitions,
      inFlight,
      pauseMs = 0,
    }: { topic: string; partitions: number; inFlight: number; pauseMs?: number },
  ) {
    this.#workers = Promise.all(
      Array.from({ length: inFlight }, async () => {
        while (!this.#isStopped) {
          const value = `${this.sent++}`;
          await this.#send(producer, { topic, partition: Number(value) % partitions }, value);
          if (pauseMs > 0) await sleep(systemClock, pauseMs);
        }
      }),
    );
  }

  async #send(producer: Producer<string, string>, to: TopicPartition, value: string): Promise<void> {
    try {
      this.acknowledged.set(placeOf(await producer.send({ ...to, value })), value);
    } catch (error) {
      this.failed.push({ value, error });
    }
  }

  /** Sends nothing new; resolves when everything sent is decided. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#workers;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}
