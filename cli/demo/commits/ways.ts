// The ways to commit, as people write them. All four do the same work; only where they commit differs.

import type { Consumer, ConsumerRecord } from "@brooklet/client";
import type { Report } from "../shared/birdstrikes.ts";
import type { WayName } from "./task.ts";

export interface Desk {
  readonly consumer: Consumer<string, Report>;
  /** Puts the reports into a store, one after the other, in the order of the calls; resolves when they are there. */
  store(records: readonly ConsumerRecord<string, Report>[]): Promise<void>;
  readonly closing: AbortSignal;
  /** For commitAsync. */
  onCommit(error: Error | null, offsets: readonly { partition: number; offset: number }[]): void;
}

const POLL_MS = 100;
/** So many batches may be handed to the store and not be there yet. */
const MAX_BATCHES_IN_THE_AIR = 10;

export const ways: Readonly<Record<WayName, (desk: Desk) => Promise<void>>> = {
  /** enable.auto.commit; a batch is finished before the next poll, which is when the consumer commits it. */
  async autoAwaited({ consumer, store, closing }) {
    while (!closing.aborted) {
      const records = await consumer.poll(POLL_MS);
      await store(records);
    }
  },

  /** The trap: enable.auto.commit, and poll again while the work is still under way. The consumer takes it for finished. */
  async autoNotAwaited({ consumer, store, closing }) {
    const underWay: Promise<void>[] = [];
    while (!closing.aborted) {
      const records = await consumer.poll(POLL_MS);
      underWay.push(store(records));
      if (underWay.length > MAX_BATCHES_IN_THE_AIR) await underWay.shift();
    }
    await Promise.all(underWay);
  },

  /** Commits after each batch and does not wait; what fails is not sent again. At a clean end it waits once. */
  async commitAsync({ consumer, store, closing, onCommit }) {
    while (!closing.aborted) {
      const records = await consumer.poll(POLL_MS);
      await store(records);
      if (records.length > 0) consumer.commitAsync(onCommit);
    }
    await consumer.commit();
  },

  /** Commits after each batch and goes on when the broker has it. */
  async commit({ consumer, store, closing }) {
    while (!closing.aborted) {
      const records = await consumer.poll(POLL_MS);
      await store(records);
      if (records.length > 0) await consumer.commit();
    }
  },
};
