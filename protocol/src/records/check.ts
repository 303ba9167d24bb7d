// The broker's whole check of a produced batch, before any of it is stored. What passes here can be decoded by everybody;
// what fails is refused with the reason, and nothing of it is kept.
// Invariant: no allocation per record, no read outside the batch, no more unpacked than allowed, whatever the bytes are.

import { codecs } from "#codecs";
import { DEFAULT_MAX_UNPACKED_BYTES } from "../codecs/codec.ts";
import { ProtocolError } from "../errors.ts";
import { readInt16, readUint32 } from "../integers.ts";
import {
  ATTRIBUTES_AT,
  BATCH_HEADER_BYTES,
  type BatchHeader,
  batchCrc,
  batchSizeBytes,
  CRC_AT,
  checkFormat,
  corrupt,
  NO_PRODUCER,
  readBatchHeader,
} from "./batch.ts";
import { Cursor } from "./varint.ts";

/** Attribute bits that have a meaning. */
const KNOWN_ATTRIBUTES = 0x7f;

/** What a checked batch says of itself, and of its records. */
export interface CheckedBatchHeader extends BatchHeader {
  /** The oldest timestamp among the records; -1 when none has one. */
  readonly minTimestamp: number;
}

/**
 * Checks one batch as a producer sent it, whole.
 *
 * Shape: `bytes` is exactly one batch. Base offset and leader epoch are the broker's to write and may hold anything safe.
 * The records of a compressed one are unpacked in the calling thread, at most `maxUnpackedBytes` of them.
 * Errors: CORRUPT_MESSAGE for damage (length, CRC, counts, offsets, fields beyond their record, a wrong maxTimestamp);
 * UNSUPPORTED_FOR_MESSAGE_FORMAT unless magic is 2; UNSUPPORTED_COMPRESSION_TYPE; MESSAGE_TOO_LARGE for records that unpack to
 * more than `maxUnpackedBytes` (Kafka has no such bound); INVALID_RECORD for what only a broker may
 * write (control batches, delete horizons) and for producer fields that contradict each other; INVALID_TIMESTAMP for
 * LogAppendTime (the broker's to set) and for negative timestamps other than -1, none.
 * Source: Kafka, LogValidator and DefaultRecordBatch.
 * Differs: a wrong count is CORRUPT_MESSAGE, where Kafka says INVALID_RECORD; maxTimestamp must be right, Kafka corrects it;
 * unknown attribute bits are refused, Kafka ignores them.
 */
export function checkBatch(bytes: Uint8Array, maxUnpackedBytes = DEFAULT_MAX_UNPACKED_BYTES): CheckedBatchHeader {
  const sizeBytes = batchSizeBytes(bytes, 0);
  if (sizeBytes !== bytes.length) {
    throw corrupt(`its length field says ${sizeBytes} bytes in all, and ${bytes.length} came`);
  }
  checkCrc(bytes);
  const unknown = readInt16(bytes, ATTRIBUTES_AT) & ~KNOWN_ATTRIBUTES;
  if (unknown !== 0) throw corrupt(`its attributes have unknown bits (0x${(unknown & 0xffff).toString(16)})`);
  const header = readBatchHeader(bytes);
  checkRights(header);
  if (header.compression === "none") {
    return { ...header, minTimestamp: checkRecords(bytes, BATCH_HEADER_BYTES, header) };
  }
  const packed = bytes.subarray(BATCH_HEADER_BYTES);
  const unpacked = codecs[header.compression].decompressSync(packed, maxUnpackedBytes);
  return { ...header, minTimestamp: checkRecords(unpacked, 0, header) };
}

/** Errors: CORRUPT_MESSAGE when the CRC does not fit the bytes; UNSUPPORTED_FOR_MESSAGE_FORMAT unless they are a v2 batch. */
export function checkCrc(bytes: Uint8Array): void {
  checkFormat(bytes);
  const stated = readUint32(bytes, CRC_AT);
  const computed = batchCrc(bytes);
  if (stated !== computed) {
    throw corrupt(`its CRC-32C is ${hex(computed)} where its header says ${hex(stated)}`);
  }
}

function hex(crc: number): string {
  return crc.toString(16).padStart(8, "0");
}

/** What a producer may not claim. */
function checkRights(header: BatchHeader): void {
  if (header.control) throw invalid("is a control batch; only the broker writes those");
  if (header.hasDeleteHorizon) throw invalid("has a delete horizon; only the broker's compaction sets one");
  if (header.timestampType === "LogAppendTime") {
    throw new ProtocolError(
      "INVALID_TIMESTAMP",
      "The record batch is of timestamp type LogAppendTime; producers send CreateTime.",
    );
  }
  const { producerId, producerEpoch, baseSequence } = header;
  if (producerId < NO_PRODUCER) throw invalid(`has producer id ${producerId}`);
  if (producerId === NO_PRODUCER) {
    if (header.transactional) throw invalid("is transactional and has no producer id");
  } else if (producerEpoch < 0 || baseSequence < 0) {
    throw invalid(`has producer id ${producerId} with epoch ${producerEpoch} and sequence ${baseSequence}`);
  }
}

function invalid(problem: string): ProtocolError {
  return new ProtocolError("INVALID_RECORD", `The record batch ${problem}.`);
}

/** Walks every record from `at` to the exact end of `bytes`. Returns the oldest timestamp, as `minTimestamp` says. */
function checkRecords(bytes: Uint8Array, at: number, header: BatchHeader): number {
  const { recordCount, lastOffsetDelta, baseTimestamp } = header;
  if (recordCount < 1) throw corrupt(`it says it has ${recordCount} records`);
  if (recordCount - 1 !== lastOffsetDelta) {
    throw corrupt(`it says it has ${recordCount} records and a lastOffsetDelta of ${lastOffsetDelta}`);
  }
  const cursor = new Cursor(bytes, at, bytes.length);
  let maxTimestamp = Number.NEGATIVE_INFINITY;
  let minTimestamp = Number.POSITIVE_INFINITY;
  for (let index = 0; index < recordCount; index++) {
    const end = cursor.enterRecord();
    const timestamp = baseTimestamp + cursor.readVarlong();
    if (timestamp < -1) {
      throw new ProtocolError("INVALID_TIMESTAMP", `Record ${index} of the batch has timestamp ${timestamp}.`);
    }
    if (timestamp > maxTimestamp) maxTimestamp = timestamp;
    if (timestamp < minTimestamp && timestamp >= 0) minTimestamp = timestamp;
    const offsetDelta = cursor.readVarint();
    if (offsetDelta !== index) throw corrupt(`its record ${index} has offset delta ${offsetDelta}`);
    cursor.skip(cursor.readNullableLength());
    cursor.skip(cursor.readNullableLength());
    for (let headers = cursor.readHeaderCount(); headers > 0; headers--) {
      cursor.skip(cursor.readLength());
      cursor.skip(cursor.readNullableLength());
    }
    cursor.leaveRecord(end);
  }
  if (cursor.at !== bytes.length) {
    throw corrupt(`${bytes.length - cursor.at} bytes follow its ${recordCount} records`);
  }
  if (maxTimestamp !== header.maxTimestamp) {
    throw corrupt(`its maxTimestamp is ${header.maxTimestamp}, and its newest record is of ${maxTimestamp}`);
  }
  return minTimestamp === Number.POSITIVE_INFINITY ? -1 : minTimestamp;
}
