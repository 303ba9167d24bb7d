// Records as people write and read them in JSON (DESIGN.md section 3), to and from record batches.
//
// A reader gets the narrowest form that is exact: text where the bytes are UTF-8, base64 otherwise, null where there is
// none; so what was read can be written back byte for byte.

import {
  BatchBuilder,
  type DecodedRecord,
  decodeBatch,
  ProtocolError,
  type RecordData,
  type RecordHeader,
} from "@brooklet/protocol";

const encoder = new TextEncoder();
const strictDecoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** Of one request; what is larger belongs to the SDK. */
const MAX_RECORDS = 100_000;

/** Throws when a request has more records than JSON is for: reading them would hold up everybody else. */
export function checkRecordCount(count: number): void {
  if (count <= MAX_RECORDS) return;
  throw new ProtocolError("INVALID_REQUEST", `at most ${MAX_RECORDS} records go in one request`);
}

/** A record as it came in JSON, checked; `partition` where the sender chose one. */
export interface ReadableRecord {
  readonly record: RecordData;
  readonly partition: number | undefined;
}

/**
 * Reads one record of a request.
 *
 * Errors: INVALID_RECORD, saying which field.
 */
export function readRecord(json: unknown, nowMs: number): ReadableRecord {
  if (typeof json !== "object" || json === null || Array.isArray(json)) throw invalid("a record is a JSON object");
  const fields = json as Record<string, unknown>;
  const { timestamp, partition } = fields;
  if (timestamp !== undefined && !isCount(timestamp)) throw invalid("timestamp is whole milliseconds since 1970");
  if (partition !== undefined && !isCount(partition)) throw invalid("partition is a whole number that is not negative");
  return {
    record: {
      key: bytesOf(fields, "key", "key", "keyBase64"),
      value: valueBytesOf(fields),
      headers: headersOf(fields.headers),
      timestamp: timestamp ?? nowMs,
    },
    partition,
  };
}

function valueBytesOf(fields: Record<string, unknown>): Uint8Array | null {
  if (fields.value !== undefined && fields.value !== null) {
    throw invalid("value must be null (a tombstone) here; send the value as text in valueText, or in valueBase64");
  }
  if (fields.value === null && (fields.valueText !== undefined || fields.valueBase64 !== undefined)) {
    throw invalid("value, valueText and valueBase64 exclude each other");
  }
  return bytesOf(fields, "value", "valueText", "valueBase64");
}

function headersOf(headers: unknown): RecordHeader[] {
  if (headers === undefined) return [];
  if (!Array.isArray(headers)) throw invalid("headers is a list of {key, value} objects");
  return headers.map((header: unknown) => {
    if (typeof header !== "object" || header === null) throw invalid("a header is a {key, value} object");
    const fields = header as Record<string, unknown>;
    if (typeof fields.key !== "string" || !fields.key.isWellFormed()) throw invalid("a header's key is a text");
    return { key: fields.key, value: bytesOf(fields, "a header's value", "value", "valueBase64") };
  });
}

/** The bytes of a field that comes as text, as base64, as null or not at all. */
function bytesOf(
  fields: Record<string, unknown>,
  what: string,
  textName: string,
  base64Name: string,
): Uint8Array | null {
  const { [textName]: text, [base64Name]: base64 } = fields;
  if (text !== undefined && base64 !== undefined) throw invalid(`${textName} and ${base64Name} exclude each other`);
  if (typeof base64 === "string") {
    if (!BASE64.test(base64)) throw invalid(`${base64Name} is not base64`);
    return Buffer.from(base64, "base64");
  }
  if (typeof text === "string") {
    // A lone surrogate has no UTF-8: it would come back as another text.
    if (!text.isWellFormed()) throw invalid(`${what} is not well-formed Unicode; use ${base64Name}`);
    return encoder.encode(text);
  }
  if ((text ?? base64 ?? null) !== null) throw invalid(`${what} is a text, or null; its bytes go as ${base64Name}`);
  return null;
}

/** A record as JSON shows it. */
export function showRecord(record: DecodedRecord): object {
  return {
    offset: record.offset,
    timestamp: record.timestamp,
    ...shown(record.key, "key", "key", "keyBase64"),
    ...shown(record.value, "value", "valueText", "valueBase64"),
    headers: record.headers.map(({ key, value }) => ({ key, ...shown(value, "value", "value", "valueBase64") })),
  };
}

function shown(bytes: Uint8Array | null, nullName: string, textName: string, base64Name: string): object {
  if (bytes === null) return { [nullName]: null };
  try {
    return { [textName]: strictDecoder.decode(bytes) };
  } catch {
    return { [base64Name]: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64") };
  }
}

/** The records of batches from `fromOffset` on, at most `maxRecords`. */
export function recordsFrom(
  batches: readonly Uint8Array[],
  fromOffset: number,
  maxRecords = Number.POSITIVE_INFINITY,
): DecodedRecord[] {
  const records: DecodedRecord[] = [];
  for (const batch of batches) {
    // Storage has checked the checksum of what came from the disk, and the broker of what came by a request.
    for (const record of decodeBatch(batch, { checkCrc: false })) {
      if (record.offset < fromOffset) continue;
      if (records.length >= maxRecords) return records;
      records.push(record);
    }
  }
  return records;
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

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function invalid(problem: string): ProtocolError {
  return new ProtocolError("INVALID_RECORD", problem);
}
