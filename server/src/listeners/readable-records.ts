// Between record batches and records in JSON: what came in readable form becomes batches, what leaves is unpacked, shown and
// bounded. The form itself is @brooklet/protocol/readable.

import { BatchBuilder, type DecodedRecord, decodeBatch, ProtocolError, type RecordData } from "@brooklet/protocol";
import { recordJson } from "@brooklet/protocol/readable";
import type { Clock } from "@brooklet/protocol/world";
import type { BrokerParts } from "../api/handler.ts";
import { Breath } from "./breath.ts";

/** Records of one request; what is larger belongs to the SDK, or into a stream. */
export const MAX_RECORDS = 100_000;

/** Throws when a request has more records than JSON is for: reading them would hold up everybody else. */
export function checkRecordCount(count: number): void {
  if (count <= MAX_RECORDS) return;
  throw new ProtocolError("INVALID_REQUEST", `at most ${MAX_RECORDS} records go in one request`);
}

/** The records of one unpacked batch from `fromOffset` on; none of a control batch. */
export function recordsIn(batch: Uint8Array, fromOffset: number): DecodedRecord[] {
  // Storage has checked the checksum of what came from the disk, and the broker of what came by a request.
  const records = decodeBatch(batch, { checkCrc: false });
  const first = records.findIndex(({ offset }) => offset >= fromOffset);
  return first === 0 ? records : first < 0 ? [] : records.slice(first);
}

/** Records as JSON, and how far they go. */
export interface ShownRecords {
  readonly texts: readonly string[];
  readonly chars: number;
  /** The first record that was left out, or undefined if all are there. */
  readonly leftOffset: number | undefined;
}

/**
 * Shows the records of batches from `fromOffset` on.
 *
 * Units: at most `maxRecords`, and `maxChars` of JSON, but one record in any case (as KIP-74 has it for bytes).
 */
export async function showRecords(
  batches: readonly Uint8Array[],
  fromOffset: number,
  bounds: { readonly maxRecords: number; readonly maxChars: number },
  { broker, clock }: { readonly broker: Pick<BrokerParts, "log">; readonly clock: Clock },
  place: { readonly partition?: number } = {},
): Promise<ShownRecords> {
  const breath = new Breath(clock);
  const texts: string[] = [];
  let chars = 0;
  for (const batch of batches) {
    for (const record of recordsIn(await broker.log.unpack(batch), fromOffset)) {
      if (texts.length >= bounds.maxRecords) return { texts, chars, leftOffset: record.offset };
      const text = recordJson(record, place);
      if (chars > 0 && chars + text.length > bounds.maxChars) return { texts, chars, leftOffset: record.offset };
      texts.push(text);
      chars += text.length;
      const pause = breath.take(text.length);
      if (pause !== undefined) await pause;
    }
  }
  return { texts, chars, leftOffset: undefined };
}

/** Fills batches up to `maxBytes` each; says which records, by index, each one holds. */
export function batchesOf(
  records: readonly RecordData[],
  maxBytes: number,
): { readonly bytes: Uint8Array; readonly first: number; readonly count: number }[] {
  const batches: { bytes: Uint8Array; first: number; count: number }[] = [];
  let builder = new BatchBuilder({ maxBytes });
  let first = 0;
  for (const [index, record] of records.entries()) {
    if (builder.tryAppend(record)) continue;
    batches.push({ bytes: builder.build(), first, count: builder.count });
    builder = new BatchBuilder({ maxBytes });
    first = index;
    builder.tryAppend(record);
  }
  if (builder.count > 0) batches.push({ bytes: builder.build(), first, count: builder.count });
  return batches;
}
