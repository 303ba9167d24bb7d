// __consumer_offsets as groups/ writes it: one batch per turn and partition, inside the turn that holds the commits
// themselves. Readers see an ordinary topic. Its records' keys and values are groups/' business.
// Invariant: batch and commits are one part of one turn; the topic is created in the turn of its first batch.

import { CONSUMER_OFFSETS_TOPIC, encodeBatch, invariant, patchBatch } from "@brooklet/protocol";
import type { Clock, Random } from "@brooklet/protocol/world";
import type { Change } from "../storage/storage.ts";
import type { Catalog, StagedTopicChange } from "./catalog.ts";
import type { OffsetsTopicWriter } from "./log.ts";
import type { BatchPublisher } from "./publish.ts";
import type { SlabAllocator } from "./slabs.ts";

export interface OffsetsTopicParts {
  readonly catalog: Catalog;
  readonly slabs: SlabAllocator;
  readonly publisher: BatchPublisher;
  readonly clock: Clock;
  readonly random: Random;
  readonly bootEpoch: number;
  /** Partitions of a new one: offsets.topic.num.partitions. */
  readonly newPartitionCount: number;
}

export class OffsetsTopic implements OffsetsTopicWriter {
  readonly #parts: OffsetsTopicParts;

  constructor(parts: OffsetsTopicParts) {
    this.#parts = parts;
  }

  get partitionCount(): number {
    return this.#parts.catalog.newest(CONSUMER_OFFSETS_TOPIC)?.partitionCount ?? this.#parts.newPartitionCount;
  }

  prepare(
    partitionNumber: number,
    records: readonly { key: Uint8Array; value: Uint8Array | null }[],
  ): { changes: readonly Change[]; durable(): void } {
    const { catalog, slabs, publisher, clock, bootEpoch } = this.#parts;
    const timestamp = clock.wallMs();
    const existing = catalog.newest(CONSUMER_OFFSETS_TOPIC);
    const created = existing === undefined ? this.#create(timestamp) : undefined;
    const topic = existing ?? created?.state;
    const partition = topic?.partitions[partitionNumber];
    invariant(partition !== undefined, `${CONSUMER_OFFSETS_TOPIC} has a partition ${partitionNumber}`);
    const copy = slabs.copy(encodeBatch(records.map(({ key, value }) => ({ key, value, headers: [], timestamp }))));
    const baseOffset = partition.assign(records.length);
    const lastOffset = baseOffset + records.length - 1;
    patchBatch(copy.bytes, { baseOffset, leaderEpoch: bootEpoch });
    return {
      changes: [
        ...(created?.changes ?? []),
        {
          kind: "appendBatch",
          batch: {
            partitionId: partition.partitionId,
            baseOffset,
            lastOffset,
            maxTimestampMs: timestamp,
            bytes: copy.bytes,
          },
        },
      ],
      durable: () => {
        created?.durable();
        publisher.publish(partition, { baseOffset, lastOffset, ...copy });
      },
    };
  }

  #create(createdAtMs: number): StagedTopicChange {
    return this.#parts.catalog.stageCreation({
      topicId: this.#parts.random.uuid(),
      topic: CONSUMER_OFFSETS_TOPIC,
      partitions: this.#parts.newPartitionCount,
      configs: { "cleanup.policy": "compact" },
      createdAtMs,
      internal: true,
    });
  }
}
