// Collects records into batches, one queue per partition, within `buffer.memory`. What is sent when is the sender's business.
// Invariant: `usedBytes` is what the undecided batches have reserved, and never above `buffer.memory`.

import { partitionForKey, type RecordData } from "@brooklet/protocol";
import type { Random } from "@brooklet/protocol/world";
import { ProducerBatch, type Waiter } from "./batch.ts";
import { PartitionQueue, type PartitionQueueOptions, type ProducerIdentity } from "./partition-queue.ts";

/**
 * Records without a key stay with one partition for so many bytes, then move on (KIP-794; Kafka's batch.size). Smaller than
 * our batch.size, so that a handful of records already spreads as it does with Kafka.
 */
const STICKY_BYTES = 16_384;

/**
 * Partitions with nothing on its way whose numbering is kept. The one longest idle is forgotten beyond that, and its next
 * records go under a higher epoch: under the old one the broker could take them for what it has already.
 */
export const MAX_IDLE_PARTITIONS = 10_000;

export type BatchQueue = PartitionQueue<ProducerBatch>;

/** A record that may go into a batch now. */
export interface Entry {
  readonly topic: string;
  readonly partition: number | undefined;
  readonly record: RecordData;
  /** An upper bound of its encoded size. */
  readonly bytes: number;
  readonly waiter: Waiter;
}

export interface AccumulatorOptions {
  readonly bufferMemoryBytes: number;
  readonly ignoreKeys: boolean;
  readonly queue: PartitionQueueOptions;
  readonly random: Random;
  /** Default: MAX_IDLE_PARTITIONS. */
  readonly maxIdlePartitions?: number;
}

interface Place {
  readonly topic: string;
  readonly partition: number;
}

interface Topic {
  readonly queues: Map<number, BatchQueue>;
  stickyPartition: number;
  stickyBytes: number;
}

export class Accumulator {
  readonly #options: AccumulatorOptions;
  readonly #topics = new Map<string, Topic>();
  readonly #active = new Set<BatchQueue>();
  /** All others, the one longest idle first. */
  readonly #idle = new Map<BatchQueue, Place>();
  /** By producer id: above every epoch that a forgotten partition has used of it. */
  readonly #leastEpochs = new Map<number, number>();
  #usedBytes = 0;

  constructor(options: AccumulatorOptions) {
    this.#options = options;
  }

  /** Queues that hold something undecided, the one that waits longest first. */
  get active(): ReadonlySet<BatchQueue> {
    return this.#active;
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  hasRoomFor(bytes: number): boolean {
    return this.#usedBytes + bytes <= this.#options.bufferMemoryBytes;
  }

  /** Puts the record into a batch of its partition; the caller has seen to the room. Returns a batch that was begun for it. */
  append(entry: Entry, partitionCount: number, maxBatchBytes: number, nowMs: number): ProducerBatch | undefined {
    const topic = this.#topicOf(entry.topic);
    const partition = entry.partition ?? this.#choose(topic, entry, partitionCount);
    const queue = this.#queueOf(topic, entry.topic, partition);
    this.#usedBytes += entry.bytes;
    this.#active.add(queue);
    this.#idle.delete(queue);
    if (queue.newest?.tryAppend(entry.record, entry.waiter, entry.bytes)) return undefined;
    const times = { createdAtMs: nowMs, deadlineMs: nowMs + this.#options.queue.deliveryTimeoutMs };
    const batch = new ProducerBatch({ topic: entry.topic, partition }, times, maxBatchBytes);
    batch.tryAppend(entry.record, entry.waiter, entry.bytes);
    queue.push(batch);
    return batch;
  }

  /** Tells everybody who waits for decided batches, and gives their memory back. */
  settle(queue: BatchQueue, decided: readonly ProducerBatch[]): void {
    for (const batch of decided) {
      this.#usedBytes -= batch.reservedBytes;
      batch.settle();
    }
    const newest = decided.at(-1);
    if (!queue.isEmpty || newest === undefined) return;
    this.#active.delete(queue);
    this.#idle.set(queue, { topic: newest.topic, partition: newest.partition });
    const { maxIdlePartitions = MAX_IDLE_PARTITIONS } = this.#options;
    const [oldest] = this.#idle.entries();
    if (this.#idle.size > maxIdlePartitions && oldest !== undefined) this.#forget(...oldest);
  }

  /** The epoch that a partition without a numbering has to begin with. `current` is the identity of all that begin from now on. */
  leastEpoch(current: ProducerIdentity): number {
    // Nobody begins with an earlier producer id any more.
    for (const id of this.#leastEpochs.keys()) if (id !== current.producerId) this.#leastEpochs.delete(id);
    return this.#leastEpochs.get(current.producerId) ?? 0;
  }

  #forget(queue: BatchQueue, { topic, partition }: Place): void {
    this.#idle.delete(queue);
    const known = this.#topics.get(topic);
    known?.queues.delete(partition);
    if (known?.queues.size === 0) this.#topics.delete(topic);
    const { identity } = queue;
    if (identity === undefined) return;
    const { producerId, producerEpoch } = identity;
    this.#leastEpochs.set(producerId, Math.max(this.#leastEpochs.get(producerId) ?? 0, producerEpoch + 1));
  }

  /** Partitions whose numbering is kept. */
  get partitionCount(): number {
    return this.#active.size + this.#idle.size;
  }

  /** Lets the other partitions go first next time. */
  moveToEnd(queue: BatchQueue): void {
    if (this.#active.delete(queue)) this.#active.add(queue);
  }

  #topicOf(name: string): Topic {
    const known = this.#topics.get(name);
    if (known !== undefined) return known;
    const topic: Topic = { queues: new Map(), stickyPartition: -1, stickyBytes: 0 };
    this.#topics.set(name, topic);
    return topic;
  }

  #queueOf(topic: Topic, name: string, partition: number): BatchQueue {
    const known = topic.queues.get(partition);
    if (known !== undefined) return known;
    const queue = new PartitionQueue<ProducerBatch>(`${name}-${partition}`, this.#options.queue);
    topic.queues.set(partition, queue);
    return queue;
  }

  /** Kafka's default: by the key's hash, or sticky without a key. */
  #choose(topic: Topic, { record, bytes }: Entry, partitionCount: number): number {
    if (record.key !== null && !this.#options.ignoreKeys) return partitionForKey(record.key, partitionCount);
    const isOver = topic.stickyBytes >= STICKY_BYTES || topic.stickyPartition >= partitionCount;
    if (topic.stickyPartition < 0 || isOver) {
      topic.stickyPartition = this.#another(topic.stickyPartition, partitionCount);
      topic.stickyBytes = 0;
    }
    topic.stickyBytes += bytes;
    return topic.stickyPartition;
  }

  #another(current: number, partitionCount: number): number {
    const { random } = this.#options;
    if (current < 0 || current >= partitionCount || partitionCount === 1) {
      return Math.floor(random.next() * partitionCount);
    }
    // Any but the current one, each as likely.
    const step = 1 + Math.floor(random.next() * (partitionCount - 1));
    return (current + step) % partitionCount;
  }
}
