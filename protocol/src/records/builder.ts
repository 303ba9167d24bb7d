// Makes record batches: the producer's hot path. Records are written once, in one pass, into a growing buffer; the header
// follows when the batch is closed. Invariant: what build() returns passes checkBatch, unless the options make it a
// batch that only a broker writes.

import { invariant } from "../errors.ts";
import { writeInt16, writeInt32, writeInt64 } from "../integers.ts";
import {
  ATTRIBUTES_AT,
  BASE_SEQUENCE_AT,
  BASE_TIMESTAMP_AT,
  BATCH_HEADER_BYTES,
  BATCH_LENGTH_AT,
  CONTROL_BIT,
  LAST_OFFSET_DELTA_AT,
  LOG_APPEND_TIME_BIT,
  MAGIC_AT,
  MAGIC_V2,
  MAX_TIMESTAMP_AT,
  NO_PRODUCER,
  PRODUCER_EPOCH_AT,
  PRODUCER_ID_AT,
  patchBatch,
  RECORD_COUNT_AT,
  sealBatch,
  type TimestampType,
  TRANSACTIONAL_BIT,
} from "./batch.ts";
import { varintSizeBytes, varlongSizeBytes, writeVarint, writeVarlong } from "./varint.ts";

/** A record as it goes into a batch. */
export interface RecordData {
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: readonly { readonly key: string; readonly value: Uint8Array | null }[];
  /** Milliseconds since 1970, or -1: none. A safe integer. */
  readonly timestamp: number;
}

/** All absent: a plain batch of a producer without idempotence, its offset still to be assigned. */
export interface BatchOptions {
  readonly producerId?: number;
  readonly producerEpoch?: number;
  readonly baseSequence?: number;
  readonly transactional?: boolean;
  readonly control?: boolean;
  /** With LogAppendTime the newest record's timestamp is everybody's. */
  readonly timestampType?: TimestampType;
  readonly baseOffset?: number;
  readonly leaderEpoch?: number;
}

const FIRST_BUFFER_BYTES = 1024;
/** Kafka's DefaultRecord.MAX_RECORD_OVERHEAD: length, attributes, timestamp, offset, and the lengths of key and value. */
const MAX_RECORD_OVERHEAD_BYTES = 21;
const MAX_VARINT_BYTES = 5;
/** Below this, a loop copies faster than the call of set(). */
const LOOP_COPY_BELOW_BYTES = 24;

const encoder = new TextEncoder();

/** Collects records until a batch is full, then gives the batch. */
export class BatchBuilder {
  readonly #maxBytes: number;
  #buffer = new Uint8Array(FIRST_BUFFER_BYTES);
  #at = BATCH_HEADER_BYTES;
  #count = 0;
  #baseTimestamp = 0;
  #maxTimestamp = 0;
  #built = false;

  /** `maxBytes` bounds the encoded batch, its header included. */
  constructor(options: { readonly maxBytes: number }) {
    this.#maxBytes = options.maxBytes;
  }

  /** Records so far. */
  get count(): number {
    return this.#count;
  }

  /** What build() would return now, in bytes. */
  get sizeBytes(): number {
    return this.#at;
  }

  /** Adds a record; false, and nothing added, when it does not fit. The first one always fits. */
  tryAppend(record: RecordData): boolean {
    invariant(!this.#built, "a built batch takes no more records");
    const { key, value, headers, timestamp } = record;
    const timestampDelta = this.#count === 0 ? 0 : timestamp - this.#baseTimestamp;
    let bodyBytes = 1 + varlongSizeBytes(timestampDelta) + varintSizeBytes(this.#count) + sizeOf(key) + sizeOf(value);
    bodyBytes += varintSizeBytes(headers.length);
    for (const header of headers) {
      const keyBytes = utf8SizeBytes(header.key);
      bodyBytes += varintSizeBytes(keyBytes) + keyBytes + sizeOf(header.value);
    }
    const end = this.#at + varintSizeBytes(bodyBytes) + bodyBytes;
    if (this.#count > 0 && end > this.#maxBytes) return false;

    if (end > this.#buffer.length) this.#grow(end);
    const buffer = this.#buffer;
    let at = writeVarint(buffer, this.#at, bodyBytes);
    buffer[at++] = 0;
    at = writeVarlong(buffer, at, timestampDelta);
    at = writeVarint(buffer, at, this.#count);
    at = writeNullable(buffer, at, key);
    at = writeNullable(buffer, at, value);
    at = writeVarint(buffer, at, headers.length);
    for (const header of headers) {
      at = writeText(buffer, at, header.key);
      at = writeNullable(buffer, at, header.value);
    }

    if (this.#count === 0) {
      this.#baseTimestamp = timestamp;
      this.#maxTimestamp = timestamp;
    } else if (timestamp > this.#maxTimestamp) {
      this.#maxTimestamp = timestamp;
    }
    this.#count++;
    this.#at = at;
    return true;
  }

  /** Closes the batch and gives its bytes, which are the builder's own memory: it can be called once. */
  build(options: BatchOptions = {}): Uint8Array {
    invariant(!this.#built, "a batch is built once");
    invariant(this.#count > 0, "a batch has at least one record");
    this.#built = true;
    const batch = this.#buffer.subarray(0, this.#at);
    patchBatch(batch, { baseOffset: options.baseOffset ?? 0, leaderEpoch: options.leaderEpoch ?? -1 });
    writeInt32(batch, BATCH_LENGTH_AT, this.#at - BATCH_LENGTH_AT - 4);
    batch[MAGIC_AT] = MAGIC_V2;
    const attributes =
      (options.timestampType === "LogAppendTime" ? LOG_APPEND_TIME_BIT : 0) |
      (options.transactional === true ? TRANSACTIONAL_BIT : 0) |
      (options.control === true ? CONTROL_BIT : 0);
    writeInt16(batch, ATTRIBUTES_AT, attributes);
    writeInt32(batch, LAST_OFFSET_DELTA_AT, this.#count - 1);
    writeInt64(batch, BASE_TIMESTAMP_AT, this.#baseTimestamp);
    writeInt64(batch, MAX_TIMESTAMP_AT, this.#maxTimestamp);
    writeInt64(batch, PRODUCER_ID_AT, options.producerId ?? NO_PRODUCER);
    writeInt16(batch, PRODUCER_EPOCH_AT, options.producerEpoch ?? NO_PRODUCER);
    writeInt32(batch, BASE_SEQUENCE_AT, options.baseSequence ?? NO_PRODUCER);
    writeInt32(batch, RECORD_COUNT_AT, this.#count);
    sealBatch(batch);
    return batch;
  }

  #grow(leastBytes: number): void {
    const doubled = Math.min(this.#buffer.length * 2, this.#maxBytes);
    const grown = new Uint8Array(Math.max(leastBytes, doubled));
    grown.set(this.#buffer);
    this.#buffer = grown;
  }
}

/** One batch of all `records`, whatever its size; there must be one. */
export function encodeBatch(records: readonly RecordData[], options: BatchOptions = {}): Uint8Array {
  const builder = new BatchBuilder({ maxBytes: Number.POSITIVE_INFINITY });
  for (const record of records) builder.tryAppend(record);
  return builder.build(options);
}

/** An upper bound of what the record takes in a batch, without looking at its neighbours (Kafka's recordSizeUpperBound). */
export function estimateRecordBytes(record: Omit<RecordData, "timestamp">): number {
  let bytes = MAX_RECORD_OVERHEAD_BYTES + (record.key?.length ?? 0) + (record.value?.length ?? 0) + MAX_VARINT_BYTES;
  for (const header of record.headers) {
    bytes += 2 * MAX_VARINT_BYTES + utf8SizeBytes(header.key) + (header.value?.length ?? 0);
  }
  return bytes;
}

function sizeOf(field: Uint8Array | null): number {
  return field === null ? 1 : varintSizeBytes(field.length) + field.length;
}

function writeNullable(buffer: Uint8Array, at: number, field: Uint8Array | null): number {
  if (field === null) return writeVarint(buffer, at, -1);
  const length = field.length;
  const start = writeVarint(buffer, at, length);
  if (length < LOOP_COPY_BELOW_BYTES) {
    for (let index = 0; index < length; index++) buffer[start + index] = field[index] as number;
  } else {
    buffer.set(field, start);
  }
  return start + length;
}

function writeText(buffer: Uint8Array, at: number, text: string): number {
  const sizeBytes = utf8SizeBytes(text);
  const start = writeVarint(buffer, at, sizeBytes);
  if (sizeBytes === text.length) {
    for (let index = 0; index < sizeBytes; index++) buffer[start + index] = text.charCodeAt(index);
  } else {
    encoder.encodeInto(text, buffer.subarray(start));
  }
  return start + sizeBytes;
}

/** As TextEncoder counts: a lone surrogate becomes U+FFFD, three bytes. */
function utf8SizeBytes(text: string): number {
  let bytes = text.length;
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    if (unit < 0x80) continue;
    bytes += unit < 0x800 ? 1 : 2;
    // A pair takes four bytes: the high half was counted as three, the low half as one unit of its own.
    if (unit >= 0xd800 && unit < 0xdc00) {
      const next = text.charCodeAt(index + 1);
      if (next >= 0xdc00 && next < 0xe000) index++;
    }
  }
  return bytes;
}
