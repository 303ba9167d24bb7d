// Records inside a batch, as a consumer reads them. Hot path: one pass, views instead of copies.
// Compaction leaves gaps in the offsets and may leave a batch empty, so counts are trusted less here than in check.ts.

import { ProtocolError } from "../errors.ts";
import { BATCH_HEADER_BYTES, batchSizeBytes, corrupt, readBatchHeader } from "./batch.ts";
import { checkCrc } from "./check.ts";
import { Cursor } from "./varint.ts";

export interface RecordHeader {
  key: string;
  value: Uint8Array | null;
}

export interface DecodedRecord {
  offset: number;
  /** Milliseconds since 1970, or -1: none. */
  timestamp: number;
  key: Uint8Array | null;
  value: Uint8Array | null;
  headers: RecordHeader[];
}

const utf8 = new TextDecoder();

/**
 * The records of one batch, in order; none for a control batch.
 *
 * Shape: keys and values are views into `bytes`. Header names that are not UTF-8 come with replacement characters, as in Kafka.
 * Errors: CORRUPT_MESSAGE for damage, UNSUPPORTED_FOR_MESSAGE_FORMAT; UNSUPPORTED_COMPRESSION_TYPE for a compressed batch,
 * which must be unpacked before.
 */
export function decodeBatch(bytes: Uint8Array, options: { readonly checkCrc?: boolean } = {}): DecodedRecord[] {
  if (batchSizeBytes(bytes, 0) !== bytes.length) throw corrupt(`${bytes.length} bytes are not one batch`);
  const header = readBatchHeader(bytes);
  if (options.checkCrc !== false) checkCrc(bytes);
  const records: DecodedRecord[] = [];
  if (header.control) return records;
  if (header.compression !== "none")
    throw new ProtocolError(
      "UNSUPPORTED_COMPRESSION_TYPE",
      `The records of the batch are compressed (${header.compression}): they are read after unpackBatch.`,
    );

  const { baseOffset, baseTimestamp, lastOffsetDelta, recordCount } = header;
  const appendTime = header.timestampType === "LogAppendTime" ? header.maxTimestamp : undefined;
  const cursor = new Cursor(bytes, BATCH_HEADER_BYTES, bytes.length);
  if (!Number.isSafeInteger(baseOffset + lastOffsetDelta)) throw corrupt("its last offset is beyond 2^53 - 1");
  let previousDelta = -1;
  for (let index = 0; index < recordCount; index++) {
    const end = cursor.enterRecord();
    const timestamp = baseTimestamp + cursor.readVarlong();
    if (!Number.isSafeInteger(timestamp)) throw corrupt(`its record ${index} has a timestamp outside ±(2^53 - 1)`);
    const offsetDelta = cursor.readVarint();
    if (offsetDelta <= previousDelta || offsetDelta > lastOffsetDelta) {
      throw corrupt(`its record ${index} has offset delta ${offsetDelta} after ${previousDelta}`);
    }
    previousDelta = offsetDelta;
    const key = cursor.readNullableBytes();
    const value = cursor.readNullableBytes();
    const headers = readHeaders(cursor);
    cursor.leaveRecord(end);
    records.push({ offset: baseOffset + offsetDelta, timestamp: appendTime ?? timestamp, key, value, headers });
  }
  if (recordCount < 0 || cursor.at !== bytes.length) {
    throw corrupt(`${bytes.length - cursor.at} bytes follow its ${recordCount} records`);
  }
  return records;
}

function readHeaders(cursor: Cursor): RecordHeader[] {
  const headers: RecordHeader[] = [];
  for (let left = cursor.readHeaderCount(); left > 0; left--) {
    const key = utf8.decode(cursor.readBytes(cursor.readLength()));
    headers.push({ key, value: cursor.readNullableBytes() });
  }
  return headers;
}
