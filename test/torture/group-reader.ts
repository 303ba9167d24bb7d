// A member of a group that reads, commits and keeps the group's book: what each commit was told, and where each partition is taken
// up again after a rebalance.
//
// Invariants: within an assignment the log comes without a gap and without a double; a partition is taken up neither before what
// was acknowledged as committed (that record was done with) nor behind what was ever to be committed (that would leave records out).

import { type Admin, BrookletError, Consumer, type ConsumerConfig, string } from "@brooklet/client";
import { placeOf } from "../support/feed.ts";

/** What all members of a group know together. */
export class GroupBook {
  readonly groupId: string;
  /** By partition: acknowledged by the broker, or seen in it. */
  readonly committed = new Map<number, number>();
  /** By partition: the most that any member asked to commit. */
  readonly asked = new Map<number, number>();
  /** Commits that failed, by code. */
  readonly refusals = new Map<string, number>();
  deliveries = 0;

  constructor(groupId: string) {
    this.groupId = groupId;
  }

  /** Asks the broker what is committed: nothing of what was acknowledged has gone, also over a kill. */
  async verify(admin: Admin): Promise<void> {
    const before = new Map(this.committed);
    const found = new Map(
      (await admin.listGroupOffsets(this.groupId)).map(({ partition, offset }) => [partition, offset] as const),
    );
    for (const [partition, offset] of before)
      if ((found.get(partition) ?? 0) < offset)
        throw new Error(`${this.groupId}: ${partition} was committed at ${offset}, now ${found.get(partition)}`);
    // Meanwhile the members may have gone further.
    for (const [partition, offset] of found)
      if (offset > (this.committed.get(partition) ?? 0)) this.stands(partition, offset);
  }

  /** The broker says that this is committed; it never says less than before. */
  stands(partition: number, offset: number): void {
    const before = this.committed.get(partition) ?? 0;
    if (offset < before)
      throw new Error(`${this.groupId}: partition ${partition} is committed at ${offset}, and was at ${before}`);
    const asked = this.asked.get(partition) ?? 0;
    if (offset > asked)
      throw new Error(
        `${this.groupId}: partition ${partition} is committed at ${offset}; nobody asked for more than ${asked}`,
      );
    this.committed.set(partition, offset);
  }
}

export class GroupReader {
  readonly #consumer: Consumer<string, string>;
  readonly #book: GroupBook;
  readonly #next = new Map<number, number | "unknown">();
  readonly #loop: Promise<void>;
  #isStopped = false;

  constructor(config: ConsumerConfig<string, string>, topic: string, book: GroupBook) {
    this.#book = book;
    this.#consumer = new Consumer<string, string>({
      ...config,
      "key.deserializer": string,
      "value.deserializer": string,
      "group.id": book.groupId,
      "auto.offset.reset": "earliest",
      "enable.auto.commit": false,
    });
    this.#consumer.subscribe([topic], {
      onPartitionsAssigned: (partitions) => {
        for (const { partition } of partitions) this.#next.set(partition, "unknown");
      },
      onPartitionsRevoked: (partitions) => {
        for (const { partition } of partitions) this.#next.delete(partition);
      },
      onPartitionsLost: (partitions) => {
        for (const { partition } of partitions) this.#next.delete(partition);
      },
    });
    this.#loop = this.#run();
    this.#loop.catch(() => {});
  }

  /** Ends it, and rejects with what it found wrong. */
  async close(options?: { membership: "leave" }): Promise<void> {
    this.#isStopped = true;
    try {
      await this.#loop;
    } finally {
      await this.#consumer.close(options);
    }
  }

  async #run(): Promise<void> {
    for (let polls = 1; !this.#isStopped; polls++) {
      for (const { partition, offset } of await this.#consumer.poll(50)) this.#take(partition, offset);
      if (polls % 3 === 0) await this.#commit();
    }
  }

  #take(partition: number, offset: number): void {
    const book = this.#book;
    const due = this.#next.get(partition);
    if (due === undefined)
      throw new Error(`${book.groupId}: a record of partition ${partition}, which is not assigned`);
    if (due === "unknown") {
      const [least, most] = [book.committed.get(partition) ?? 0, book.asked.get(partition) ?? 0];
      if (offset < least || offset > most)
        throw new Error(
          `${book.groupId}: ${partition} is taken up at ${offset}, committed is ${least}, asked for ${most}`,
        );
    } else if (offset !== due)
      throw new Error(`${book.groupId}: ${placeOf({ partition, offset })} came where ${due} was due`);
    this.#next.set(partition, offset + 1);
    book.deliveries++;
  }

  async #commit(): Promise<void> {
    const book = this.#book;
    for (const [partition, next] of this.#next)
      if (next !== "unknown") book.asked.set(partition, Math.max(next, book.asked.get(partition) ?? 0));
    try {
      for (const { partition, offset } of await this.#consumer.commit()) book.stands(partition, offset);
    } catch (error) {
      if (!BrookletError.is(error)) throw error;
      const { code } = error as BrookletError;
      book.refusals.set(code, (book.refusals.get(code) ?? 0) + 1);
    }
  }
}
