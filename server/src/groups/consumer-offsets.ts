// The records of __consumer_offsets, in Kafka's own bytes (OffsetCommitKey v1, OffsetCommitValue v4): what Kafka's tools read.
// One batch per turn and partition, in the same transaction as the rows they mirror; the rows stay the source of truth.

import type { OffsetsTopicWriter } from "../log/log.ts";
import type { StoredOffset } from "../storage/storage.ts";
import type { TurnQueue } from "../storage/turns.ts";

const KEY_VERSION = 1;
const VALUE_VERSION = 4;
const TOPIC_ID_TAG = 0;
const TOPIC_ID_BYTES = 16;
const MAX_BATCH_BYTES = 512 * 1024;

export interface OffsetRecord {
  readonly key: Uint8Array;
  /** null: the offset is gone. */
  readonly value: Uint8Array | null;
}

/** Which partition of __consumer_offsets holds a group: Kafka's `Utils.abs(groupId.hashCode()) % n`. */
export function offsetsPartition(groupId: string, partitionCount: number): number {
  let hash = 0;
  for (let index = 0; index < groupId.length; index++) hash = (Math.imul(hash, 31) + groupId.charCodeAt(index)) | 0;
  return (hash === -2_147_483_648 ? 0 : Math.abs(hash)) % partitionCount;
}

/** int16 version, then group and topic as int16 length and UTF-8, then int32 partition. */
export function encodeOffsetKey({
  groupId,
  topic,
  partition,
}: Pick<StoredOffset, "groupId" | "topic" | "partition">): Uint8Array {
  const group = Buffer.from(groupId, "utf8");
  const name = Buffer.from(topic, "utf8");
  const bytes = Buffer.alloc(10 + group.length + name.length);
  let at = bytes.writeInt16BE(KEY_VERSION, 0);
  for (const text of [group, name]) {
    at = bytes.writeInt16BE(text.length, at);
    at += text.copy(bytes, at);
  }
  bytes.writeInt32BE(partition, at);
  return bytes;
}

/** int16 version, int64 offset, int32 leader epoch, compact string, int64 timestamp, tagged fields (0: topic id). */
export function encodeOffsetValue(
  offset: Pick<StoredOffset, "offset" | "leaderEpoch" | "metadata" | "committedAtMs" | "topicId">,
): Uint8Array {
  const metadata = Buffer.from(offset.metadata, "utf8");
  const head = Buffer.alloc(14);
  head.writeInt16BE(VALUE_VERSION, 0);
  head.writeBigInt64BE(BigInt(offset.offset), 2);
  head.writeInt32BE(offset.leaderEpoch, 10);
  const committedAt = Buffer.alloc(8);
  committedAt.writeBigInt64BE(BigInt(offset.committedAtMs), 0);
  const topicId = Buffer.from(offset.topicId, "base64url");
  const tags =
    topicId.length === TOPIC_ID_BYTES
      ? [uvarint(1), uvarint(TOPIC_ID_TAG), uvarint(TOPIC_ID_BYTES), topicId]
      : [uvarint(0)];
  return Buffer.concat([head, uvarint(metadata.length + 1), metadata, committedAt, ...tags]);
}

function uvarint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 0x7f; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80);
  bytes.push(rest);
  return Buffer.from(bytes);
}

/** One batch, or several where one would become too large to hand out. */
function batchesOf(records: readonly OffsetRecord[]): OffsetRecord[][] {
  const batches: OffsetRecord[][] = [];
  let sizeBytes = MAX_BATCH_BYTES;
  for (const record of records) {
    const recordBytes = record.key.length + (record.value?.length ?? 0);
    if (sizeBytes + recordBytes > MAX_BATCH_BYTES) {
      batches.push([]);
      sizeBytes = 0;
    }
    batches.at(-1)?.push(record);
    sizeBytes += recordBytes;
  }
  return batches;
}

/** Collects the records of the open turn. */
export class OffsetsTopicBatches {
  readonly #writer: OffsetsTopicWriter;
  readonly #turns: TurnQueue;
  #records = new Map<number, OffsetRecord[]>();

  constructor(writer: OffsetsTopicWriter, turns: TurnQueue) {
    this.#writer = writer;
    this.#turns = turns;
  }

  add(groupId: string, record: OffsetRecord): void {
    const partition = offsetsPartition(groupId, this.#writer.partitionCount);
    const records = this.#records.get(partition);
    if (records === undefined) this.#records.set(partition, [record]);
    else records.push(record);
  }

  /** Stages the batches with the commits they mirror. */
  seal(): void {
    for (const [partition, records] of this.#records)
      for (const batch of batchesOf(records)) {
        const { changes, durable } = this.#writer.prepare(partition, batch);
        this.#turns.stage({ changes, essential: true, durable, failed: () => {} });
      }
    this.#records.clear();
  }

  /** The commits they mirror failed. */
  restore(): void {
    this.#records.clear();
  }
}
