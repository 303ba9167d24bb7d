// Whether the bytes of a row are the batch that was written: its CRC-32C, and the fields in front of what that covers.
// SQLite has no checksums of its own for pages of the database file.

import { checkCrc, ProtocolError, readBatchHeader } from "@brooklet/protocol";

/** What `batchLength` in a header does not count: the base offset and itself. */
const LENGTH_PREFIX_BYTES = 12;

export interface BatchRow {
  readonly partition_id: number;
  readonly base_offset: number;
  readonly last_offset: number;
  readonly max_timestamp_ms: number;
  readonly leader_epoch: number;
  readonly bytes: Uint8Array;
}

/** What is wrong with a stored batch; undefined if nothing is. */
export function damageOf(row: BatchRow): string | undefined {
  try {
    const header = readBatchHeader(row.bytes);
    checkCrc(row.bytes);
    const fits =
      header.baseOffset === row.base_offset &&
      header.batchLength === row.bytes.length - LENGTH_PREFIX_BYTES &&
      header.partitionLeaderEpoch === row.leader_epoch &&
      header.baseOffset + header.lastOffsetDelta === row.last_offset;
    return fits ? undefined : "its header does not fit its row";
  } catch (error) {
    if (error instanceof ProtocolError) return error.message;
    throw error;
  }
}
