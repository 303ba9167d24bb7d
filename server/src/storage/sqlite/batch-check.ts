// Whether the bytes of a row are the batch that was written: its CRC-32C, and the fields in front of what that covers.
// SQLite has no checksums of its own for pages of the database file.

import { crc32c } from "@brooklet/protocol";

// Record batch v2: base offset (8), batch length (4), leader epoch (4), magic (1), CRC-32C (4), and what the CRC covers.
const BATCH_LENGTH_AT = 8;
const LEADER_EPOCH_AT = 12;
const MAGIC_AT = 16;
const CRC_AT = 17;
const CRC_COVERS_FROM = 21;
const LAST_OFFSET_DELTA_AT = 23;
const LENGTH_COUNTS_FROM = 12;
const MAGIC = 2;
/** Kafka's RECORD_BATCH_OVERHEAD. */
const HEADER_BYTES = 61;

export interface BatchRow {
  readonly partition_id: number;
  readonly base_offset: number;
  readonly last_offset: number;
  readonly max_timestamp_ms: number;
  readonly leader_epoch: number;
  readonly bytes: Uint8Array;
}

export function leaderEpochOf(batch: Uint8Array): number {
  return viewOf(batch).getInt32(LEADER_EPOCH_AT);
}

/** What is wrong with a stored batch; undefined if nothing is. */
export function damageOf(row: BatchRow): string | undefined {
  const { bytes } = row;
  if (bytes.length < HEADER_BYTES) return `it has ${bytes.length} bytes`;
  const view = viewOf(bytes);
  if (view.getUint32(CRC_AT) !== crc32c(bytes.subarray(CRC_COVERS_FROM))) return "its CRC-32C does not fit its bytes";
  if (
    view.getBigInt64(0) !== BigInt(row.base_offset) ||
    view.getInt32(BATCH_LENGTH_AT) !== bytes.length - LENGTH_COUNTS_FROM ||
    view.getInt32(LEADER_EPOCH_AT) !== row.leader_epoch ||
    view.getInt8(MAGIC_AT) !== MAGIC ||
    row.base_offset + view.getInt32(LAST_OFFSET_DELTA_AT) !== row.last_offset
  ) {
    return "its header does not fit its row";
  }
  return undefined;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
