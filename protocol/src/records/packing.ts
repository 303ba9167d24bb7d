// Compressing the records of a batch, and unpacking them: the header stays, but for its codec, its length and its CRC.
// Invariant: what unpacking gives is a batch that everybody can read, of the same offsets, producer and times.

import { codecs } from "#codecs";
import { type CodecName, DEFAULT_MAX_UNPACKED_BYTES } from "../codecs/codec.ts";
import { ProtocolError } from "../errors.ts";
import { readInt16, writeInt16, writeInt32 } from "../integers.ts";
import {
  ATTRIBUTES_AT,
  BATCH_HEADER_BYTES,
  BATCH_LENGTH_AT,
  batchSizeBytes,
  COMPRESSION_MASK,
  readBatchHeader,
  sealBatch,
} from "./batch.ts";

/** Whether the records of the batch that begins at `at` are compressed; false for bytes that are too short to say. */
export function isCompressed(bytes: Uint8Array, at = 0): boolean {
  return ((bytes[at + ATTRIBUTES_AT + 1] ?? 0) & COMPRESSION_MASK) !== 0;
}

/** Whether one batch of a run is compressed; false for what cannot be cut into batches. */
export function hasCompressed(batches: Uint8Array): boolean {
  try {
    let found = false;
    for (let at = 0; at < batches.length; at += batchSizeBytes(batches, at)) found ||= isCompressed(batches, at);
    return found;
  } catch (error) {
    if (error instanceof ProtocolError) return false;
    throw error;
  }
}

/**
 * The batch with its records compressed.
 *
 * Shape: a batch of its own; or `batch` itself, uncompressed, when that is not larger.
 * Units: `level` is the codec's own scale; absent: its default.
 * Errors: UNSUPPORTED_COMPRESSION_TYPE.
 */
export async function compressBatch(batch: Uint8Array, codec: CodecName, level?: number): Promise<Uint8Array> {
  if (codec === "none") return batch;
  const packed = await codecs[codec].compress(batch.subarray(BATCH_HEADER_BYTES), level);
  if (BATCH_HEADER_BYTES + packed.length >= batch.length) return batch;
  return withRecords(batch, packed, codecs[codec].id);
}

/**
 * An uncompressed copy of a batch; the batch itself when it is uncompressed already.
 *
 * Errors: MESSAGE_TOO_LARGE when its records have more than `maxBytes`; CORRUPT_MESSAGE; UNSUPPORTED_COMPRESSION_TYPE;
 * UNSUPPORTED_FOR_MESSAGE_FORMAT. The CRC of what came is not checked.
 */
export async function unpackBatch(batch: Uint8Array, maxBytes = DEFAULT_MAX_UNPACKED_BYTES): Promise<Uint8Array> {
  const { compression } = readBatchHeader(batch);
  if (compression === "none") return batch;
  return withRecords(batch, await codecs[compression].decompress(batch.subarray(BATCH_HEADER_BYTES), maxBytes), 0);
}

/** The same at once, for threads that may be held up. Not in browsers. */
export function unpackBatchSync(batch: Uint8Array, maxBytes = DEFAULT_MAX_UNPACKED_BYTES): Uint8Array {
  const { compression } = readBatchHeader(batch);
  if (compression === "none") return batch;
  return withRecords(batch, codecs[compression].decompressSync(batch.subarray(BATCH_HEADER_BYTES), maxBytes), 0);
}

function withRecords(batch: Uint8Array, records: Uint8Array, codecId: number): Uint8Array {
  const made = new Uint8Array(BATCH_HEADER_BYTES + records.length);
  made.set(batch.subarray(0, BATCH_HEADER_BYTES));
  made.set(records, BATCH_HEADER_BYTES);
  writeInt32(made, BATCH_LENGTH_AT, made.length - BATCH_LENGTH_AT - 4);
  writeInt16(made, ATTRIBUTES_AT, (readInt16(batch, ATTRIBUTES_AT) & ~COMPRESSION_MASK) | codecId);
  sealBatch(made);
  return made;
}
