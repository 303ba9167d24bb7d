// Reads a log from where it stopped the last time, and holds it against what its producers were told. Every sending is one
// number of its producer, and a producer's numbers of one partition go up by a fixed step: so a lost record, a doubled one and
// a swapped pair all show as a wrong number.
//
// Invariant: what was read once is there for good; the reader fails (auto.offset.reset=none) when the log's end went back.

import { Consumer, string } from "@brooklet/client";
import { type Feed, placeOf } from "../support/feed.ts";

export interface NamedFeed {
  readonly name: string;
  readonly feed: Feed;
}

/** Values are `<producer>:<number>`; this gives both. */
function partsOf(value: string): { readonly producer: string; readonly number: number } {
  const at = value.indexOf(":");
  return { producer: value.slice(0, at), number: Number(value.slice(at + 1)) };
}

export class LogReader implements AsyncDisposable {
  readonly #consumer: Consumer<string, string>;
  readonly #topic: string;
  readonly #partitions: readonly number[];
  readonly #next = new Map<number, number>();
  readonly #lastNumber = new Map<string, number>();
  /** Read, and not yet known to be acknowledged. */
  readonly #unacknowledged = new Map<string, string>();
  #read = 0;

  constructor(server: string, topic: string, partitions: number) {
    this.#topic = topic;
    this.#partitions = Array.from({ length: partitions }, (_, partition) => partition);
    this.#consumer = new Consumer<string, string>({
      "bootstrap.servers": server,
      "key.deserializer": string,
      "value.deserializer": string,
      "auto.offset.reset": "none",
      "enable.auto.commit": false,
      "max.poll.records": 10_000,
      "reconnect.backoff.max.ms": 100,
      "retry.backoff.max.ms": 100,
    });
    const all = this.#partitions.map((partition) => ({ topic, partition }));
    this.#consumer.assign(all);
    for (const partition of all) this.#consumer.seek(partition, 0);
    for (const { partition } of all) this.#next.set(partition, 0);
  }

  /** Records read so far. */
  get read(): number {
    return this.#read;
  }

  /** The next offset of each partition that was read and found right. */
  positionOf(partition: number): number {
    return this.#next.get(partition) ?? 0;
  }

  /** Reads up to the ends of now and compares with everything that was acknowledged before. */
  async verify(feeds: readonly NamedFeed[]): Promise<void> {
    const acknowledged = feeds.map(({ name, feed }) => ({ name, feed, places: [...feed.acknowledged] }));
    const ends = await this.#consumer.endOffsets(
      this.#partitions.map((partition) => ({ topic: this.#topic, partition })),
    );
    for (const { partition, offset } of ends) {
      if (offset < this.positionOf(partition))
        throw new Error(
          `partition ${partition} ends at ${offset}, but had been read up to ${this.positionOf(partition)}`,
        );
    }
    while (ends.some(({ partition, offset }) => this.positionOf(partition) < offset)) {
      for (const { partition, offset, value } of await this.#consumer.poll(500))
        this.#take(partition, offset, value ?? "");
    }
    for (const { name, feed, places } of acknowledged) {
      for (const [place, number] of places) {
        const found = this.#unacknowledged.get(place);
        if (found !== `${name}:${number}`)
          throw new Error(`${name}:${number} was acknowledged at ${place}; there stands ${found ?? "nothing"}`);
        this.#unacknowledged.delete(place);
        feed.acknowledged.delete(place);
      }
    }
  }

  /** Once nothing is on its way any more: each record that was read had been acknowledged. */
  get unacknowledged(): ReadonlyMap<string, string> {
    return this.#unacknowledged;
  }

  #take(partition: number, offset: number, value: string): void {
    const next = this.positionOf(partition);
    if (offset !== next) throw new Error(`partition ${partition}: offset ${offset} came where ${next} was due`);
    this.#next.set(partition, offset + 1);
    this.#read++;
    const { producer, number } = partsOf(value);
    const key = `${producer}/${partition}`;
    const due = (this.#lastNumber.get(key) ?? partition - this.#partitions.length) + this.#partitions.length;
    if (number !== due)
      throw new Error(`partition ${partition}@${offset}: ${value} stands where ${producer}:${due} was due`);
    this.#lastNumber.set(key, number);
    this.#unacknowledged.set(placeOf({ partition, offset }), value);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#consumer.close();
  }
}
