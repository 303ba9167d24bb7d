// What happens when a batch has become durable, whoever wrote it: it is visible and remembered, cached, and those who wait for
// it look.

import { readBatchHeader } from "@brooklet/protocol";
import type { Clock } from "@brooklet/protocol/world";
import type { DelayedFetches } from "./delayed-fetch.ts";
import type { LogIndexJournal } from "./log-index-journal.ts";
import type { Partition } from "./partition.ts";
import type { CachedBatch, TailCache } from "./tail-cache.ts";

export interface PublisherParts {
  readonly cache: TailCache;
  readonly delayed: DelayedFetches;
  readonly journal: LogIndexJournal;
  readonly clock: Clock;
}

export class BatchPublisher {
  readonly #parts: PublisherParts;

  constructor(parts: PublisherParts) {
    this.#parts = parts;
  }

  /** In the order of offsets, synchronously with the turn's verdict. */
  publish(partition: Partition, batch: CachedBatch): void {
    const { cache, delayed, journal, clock } = this.#parts;
    const { baseOffset, lastOffset, bytes } = batch;
    partition.commit(baseOffset, lastOffset);
    if (!partition.deleted) {
      const { maxTimestamp, partitionLeaderEpoch } = readBatchHeader(bytes);
      const facts = {
        baseOffset,
        lastOffset,
        sizeBytes: bytes.length,
        maxTimestampMs: maxTimestamp,
        leaderEpoch: partitionLeaderEpoch,
      };
      if (partition.remember(facts, clock.wallMs())) journal.note(partition);
      cache.add(partition.tail, batch);
    }
    delayed.moved(partition, bytes.length);
  }
}
