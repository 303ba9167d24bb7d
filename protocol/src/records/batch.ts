// The record batch, format v2: its 61-byte header, the few fields that change after it was built, and cutting a payload
// into batches. Records inside are in record.ts, the broker's whole check in check.ts, making batches in builder.ts.
// Invariant: bytes stay as they were sent, but for what patchBatch, setLogAppendTime and setProducer write.

import { crc32c } from "#crc32c";
import { type CodecName, codecIds } from "../codecs/codec.ts";
import { ProtocolError } from "../errors.ts";
import { readInt16, readInt32, readInt64, readUint32, writeInt16, writeInt32, writeInt64 } from "../integers.ts";

/** Where each field begins (Kafka: DefaultRecordBatch). */
export const BATCH_LENGTH_AT = 8;
export const LEADER_EPOCH_AT = 12;
export const MAGIC_AT = 16;
export const CRC_AT = 17;
/** The CRC covers everything from here on. */
export const ATTRIBUTES_AT = 21;
export const LAST_OFFSET_DELTA_AT = 23;
export const BASE_TIMESTAMP_AT = 27;
export const MAX_TIMESTAMP_AT = 35;
export const PRODUCER_ID_AT = 43;
export const PRODUCER_EPOCH_AT = 51;
export const BASE_SEQUENCE_AT = 53;
export const RECORD_COUNT_AT = 57;
/** The header of a batch; its records follow. */
export const BATCH_HEADER_BYTES = 61;
/** What `batchLength` does not count: the base offset and itself. */
const LENGTH_PREFIX_BYTES = 12;

export const MAGIC_V2 = 2;
export const COMPRESSION_MASK = 0x07;
export const LOG_APPEND_TIME_BIT = 0x08;
export const TRANSACTIONAL_BIT = 0x10;
export const CONTROL_BIT = 0x20;
export const DELETE_HORIZON_BIT = 0x40;

/** In `producerId`, `producerEpoch` and `baseSequence`: the batch is not idempotent. */
export const NO_PRODUCER = -1;

export type TimestampType = "CreateTime" | "LogAppendTime";

/** Every field of a batch's header, the attributes taken apart. */
export interface BatchHeader {
  readonly baseOffset: number;
  /** Bytes after this field; the batch as a whole has 12 more. */
  readonly batchLength: number;
  readonly partitionLeaderEpoch: number;
  readonly magic: number;
  readonly crc: number;
  readonly compression: CodecName;
  readonly timestampType: TimestampType;
  readonly transactional: boolean;
  readonly control: boolean;
  readonly hasDeleteHorizon: boolean;
  readonly lastOffsetDelta: number;
  readonly baseTimestamp: number;
  readonly maxTimestamp: number;
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly baseSequence: number;
  readonly recordCount: number;
}

/**
 * Reads the header at the start of `bytes`; the records need not be there.
 *
 * Errors: UNSUPPORTED_FOR_MESSAGE_FORMAT unless magic is 2, UNSUPPORTED_COMPRESSION_TYPE for an unknown codec id,
 * CORRUPT_MESSAGE when it is cut off or a 64-bit field is no safe integer. The CRC is not checked.
 */
export function readBatchHeader(bytes: Uint8Array): BatchHeader {
  checkFormat(bytes);
  const attributes = readInt16(bytes, ATTRIBUTES_AT);
  return {
    baseOffset: readInt64(bytes, 0, "baseOffset"),
    batchLength: readInt32(bytes, BATCH_LENGTH_AT),
    partitionLeaderEpoch: readInt32(bytes, LEADER_EPOCH_AT),
    magic: MAGIC_V2,
    crc: readUint32(bytes, CRC_AT),
    compression: codecName(attributes & COMPRESSION_MASK),
    timestampType: attributes & LOG_APPEND_TIME_BIT ? "LogAppendTime" : "CreateTime",
    transactional: (attributes & TRANSACTIONAL_BIT) !== 0,
    control: (attributes & CONTROL_BIT) !== 0,
    hasDeleteHorizon: (attributes & DELETE_HORIZON_BIT) !== 0,
    lastOffsetDelta: readInt32(bytes, LAST_OFFSET_DELTA_AT),
    baseTimestamp: readInt64(bytes, BASE_TIMESTAMP_AT, "baseTimestamp"),
    maxTimestamp: readInt64(bytes, MAX_TIMESTAMP_AT, "maxTimestamp"),
    producerId: readInt64(bytes, PRODUCER_ID_AT, "producerId"),
    producerEpoch: readInt16(bytes, PRODUCER_EPOCH_AT),
    baseSequence: readInt32(bytes, BASE_SEQUENCE_AT),
    recordCount: readInt32(bytes, RECORD_COUNT_AT),
  };
}

/** Records in whole batches that were checked before, one behind the other; only the headers are looked at. */
export function countRecords(batches: Uint8Array): number {
  let count = 0;
  for (let at = 0; at + BATCH_HEADER_BYTES <= batches.length; ) {
    count += readInt32(batches, at + RECORD_COUNT_AT);
    at += LENGTH_PREFIX_BYTES + Math.max(0, readInt32(batches, at + BATCH_LENGTH_AT));
  }
  return count;
}

/** Refuses what is not laid out as a v2 batch, so that its header may be read. */
export function checkFormat(bytes: Uint8Array): void {
  // The older formats are shorter, and have their magic at the same place.
  if (bytes.length <= MAGIC_AT) throw corrupt(`it ends after ${bytes.length} bytes, within its header`);
  const magic = bytes[MAGIC_AT];
  if (magic !== MAGIC_V2) {
    throw new ProtocolError(
      "UNSUPPORTED_FOR_MESSAGE_FORMAT",
      `The record batch has magic ${magic}; only format v2 (magic 2) is taken.`,
    );
  }
  if (bytes.length < BATCH_HEADER_BYTES) throw corrupt(`it ends after ${bytes.length} bytes, within its header`);
}

const codecNames = new Map((Object.keys(codecIds) as CodecName[]).map((name) => [codecIds[name], name]));

function codecName(id: number): CodecName {
  const name = codecNames.get(id);
  if (name === undefined) {
    throw new ProtocolError(
      "UNSUPPORTED_COMPRESSION_TYPE",
      `The record batch has compression type ${id}; there is none.`,
    );
  }
  return name;
}

/**
 * The whole size in bytes of the batch that begins at `at`.
 *
 * Errors: CORRUPT_MESSAGE when its length field is cut off, too small for a header, or leads beyond the end of `bytes`.
 */
export function batchSizeBytes(bytes: Uint8Array, at: number): number {
  const left = bytes.length - at;
  if (left < LENGTH_PREFIX_BYTES) throw corrupt(`it ends after ${left} bytes, before its length`);
  const sizeBytes = readInt32(bytes, at + BATCH_LENGTH_AT) + LENGTH_PREFIX_BYTES;
  // Only a v2 batch must hold a v2 header: an older one is refused by its magic, not as damaged.
  const leastBytes = left > MAGIC_AT && bytes[at + MAGIC_AT] !== MAGIC_V2 ? MAGIC_AT + 1 : BATCH_HEADER_BYTES;
  if (sizeBytes < leastBytes) throw corrupt(`its length field says ${sizeBytes} bytes in all, which hold no header`);
  if (sizeBytes > left) throw corrupt(`its length field says ${sizeBytes} bytes in all, and ${left} are there`);
  return sizeBytes;
}

/** Cuts a run of batches into single ones; views. Errors: CORRUPT_MESSAGE on a length that does not fit. */
export function splitBatches(bytes: Uint8Array): Uint8Array[] {
  const batches: Uint8Array[] = [];
  let at = 0;
  while (at < bytes.length) {
    const end = at + batchSizeBytes(bytes, at);
    batches.push(bytes.subarray(at, end));
    at = end;
  }
  return batches;
}

/** Writes what the broker decides, in place; the CRC does not cover these fields. */
export function patchBatch(
  bytes: Uint8Array,
  fields: { readonly baseOffset: number; readonly leaderEpoch: number },
): void {
  writeInt64(bytes, 0, fields.baseOffset);
  writeInt32(bytes, LEADER_EPOCH_AT, fields.leaderEpoch);
}

/** Gives all records of the batch the broker's time (`message.timestamp.type=LogAppendTime`), in place, with a new CRC. */
export function setLogAppendTime(bytes: Uint8Array, timestampMs: number): void {
  writeInt16(bytes, ATTRIBUTES_AT, readInt16(bytes, ATTRIBUTES_AT) | LOG_APPEND_TIME_BIT);
  writeInt64(bytes, MAX_TIMESTAMP_AT, timestampMs);
  sealBatch(bytes);
}

/** Numbers the batch anew for an idempotent producer, in place, with a new CRC. */
export function setProducer(
  bytes: Uint8Array,
  producer: { readonly producerId: number; readonly producerEpoch: number; readonly baseSequence: number },
): void {
  writeInt64(bytes, PRODUCER_ID_AT, producer.producerId);
  writeInt16(bytes, PRODUCER_EPOCH_AT, producer.producerEpoch);
  writeInt32(bytes, BASE_SEQUENCE_AT, producer.baseSequence);
  sealBatch(bytes);
}

/** The CRC that the bytes of a whole batch should carry. */
export function batchCrc(bytes: Uint8Array): number {
  return crc32c(bytes.subarray(ATTRIBUTES_AT));
}

/** Writes the CRC over a finished batch. */
export function sealBatch(bytes: Uint8Array): void {
  writeInt32(bytes, CRC_AT, batchCrc(bytes));
}

/** CORRUPT_MESSAGE, with what is wrong with "it", the batch. */
export function corrupt(problem: string): ProtocolError {
  return new ProtocolError("CORRUPT_MESSAGE", `The record batch is damaged: ${problem}.`);
}
