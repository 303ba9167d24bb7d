// Where reading ends (`-e`, `--until`): a place in each partition, looked up when the partition is first seen.
// Invariant: an end is asked for once, so that producers who go on writing cannot keep a reader from its end.

import type { Consumer, TopicPartition } from "@brooklet/client";
import type { LogPlace } from "../../places.ts";
import { locate } from "./locate.ts";

interface End {
  readonly offset: number;
  isReached: boolean;
}

export class Ends {
  readonly #consumer: Consumer;
  readonly #place: LogPlace;
  readonly #timeoutMs: number;
  readonly #onReached: (partition: TopicPartition, offset: number) => void;
  /** By name; bounded by the partitions of the topics read. */
  readonly #ends = new Map<string, End>();

  constructor(
    consumer: Consumer,
    place: LogPlace,
    timeoutMs: number,
    onReached: (partition: TopicPartition, offset: number) => void,
  ) {
    this.#consumer = consumer;
    this.#place = place;
    this.#timeoutMs = timeoutMs;
    this.#onReached = onReached;
  }

  /** The first offset that is no longer wanted. */
  of(partition: TopicPartition): number {
    return this.#ends.get(nameOf(partition))?.offset ?? Number.POSITIVE_INFINITY;
  }

  /** Looks up the ends of partitions that were not seen before; call it before their records are used. */
  async learn(): Promise<void> {
    const unknown = this.#consumer.assignment().filter((partition) => !this.#ends.has(nameOf(partition)));
    if (unknown.length === 0) return;
    for (const { offset, ...partition } of await locate(this.#consumer, unknown, this.#place, this.#timeoutMs))
      this.#ends.set(nameOf(partition), { offset, isReached: false });
  }

  /**
   * Whether every assigned partition has been read to its end; those that have are not read on. A member of a group that
   * was given none so far has read nothing, and waits.
   */
  async areReached(): Promise<boolean> {
    await this.learn();
    let all = true;
    for (const partition of this.#consumer.assignment()) {
      const end = this.#ends.get(nameOf(partition));
      if (end === undefined || end.isReached) continue;
      if ((await this.#consumer.position(partition, { timeoutMs: this.#timeoutMs })) < end.offset) {
        all = false;
        continue;
      }
      end.isReached = true;
      this.#consumer.pause([partition]);
      this.#onReached(partition, end.offset);
    }
    return all && this.#ends.size > 0;
  }
}

/** Kafka's way to write a partition. */
export function nameOf({ topic, partition }: TopicPartition): string {
  return `${topic}-${partition}`;
}
