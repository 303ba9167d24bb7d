// Records as people write and read them in JSON (DESIGN.md section 3), at the broker's HTTP doors and in the command alike;
// public as @brooklet/protocol/readable, for Node only (base64 by Buffer).
//
// Invariant: a reader gets, per record, the narrowest form that is exact, so what was read can be written back byte for
// byte: a value that is JSON as that JSON, text where the bytes are UTF-8, base64 otherwise, null where there is none.

import { ProtocolError } from "../errors.ts";
import { parseHeader } from "../frames.ts";
import type { RecordData } from "../records/builder.ts";
import type { DecodedRecord, RecordHeader } from "../records/record.ts";
import { cutValues, EACH, isSpliceable, type RawValues } from "./json-text.ts";

export type { RawValues } from "./json-text.ts";

/** Where the values of records stand: one record by itself, a list of them, and in the JSON of a produce request. */
export const recordPaths = {
  record: ["value"],
  list: ["records", EACH, "value"],
  produce: ["partitions", EACH, "records", EACH, "value"],
} as const;

/** Kafka's way to say that there is none. */
const NO_TIMESTAMP = -1;

/** Kafka's partition numbers have 32 bits. */
const MAX_PARTITION = 2_147_483_647;

const encoder = new TextEncoder();
const strictDecoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** A record as it came in JSON, checked; `partition` where the sender chose one, and `Time` where it gave no timestamp. */
export interface ReadableRecord<Time extends number | undefined = number> {
  readonly record: Omit<RecordData, "timestamp"> & { readonly timestamp: number | Time };
  readonly partition: number | undefined;
}

/** JSON with records in it: its fields as any header's, but for the records' values, which are numbers into `values`. */
export interface RecordsJson {
  readonly fields: Record<string, unknown>;
  readonly values: RawValues;
}

/**
 * Parses JSON that has records at one of recordPaths, without touching their values.
 *
 * Errors: INVALID_REQUEST as parseHeader and cutValues.
 */
export function parseRecords(
  json: Uint8Array,
  path: (typeof recordPaths)[keyof typeof recordPaths],
  bounds: { readonly maxValues: number },
): RecordsJson {
  const { rest, values } = cutValues(json, path, bounds);
  return { fields: parseHeader(rest), values };
}

/**
 * Reads one record, as parseRecords gave it.
 *
 * Shape: fields it does not know, `offset` and `topic` among them, are ignored; a timestamp of -1 is none; without one
 * `nowMs` is taken.
 * Errors: INVALID_RECORD, saying which field.
 */
export function readRecord<Time extends number | undefined>(
  json: unknown,
  values: RawValues,
  nowMs: Time,
): ReadableRecord<Time> {
  if (typeof json !== "object" || json === null || Array.isArray(json)) throw invalid("a record is a JSON object");
  const fields = json as Record<string, unknown>;
  const { timestamp, partition } = fields;
  if (timestamp !== undefined && timestamp !== NO_TIMESTAMP && !isCount(timestamp)) {
    throw invalid("timestamp is whole milliseconds since 1970, or -1 for none");
  }
  if (partition !== undefined && !(isCount(partition) && partition <= MAX_PARTITION)) {
    throw invalid(`partition is a whole number from 0 to ${MAX_PARTITION}`);
  }
  return {
    record: {
      key: bytesOf(fields, "key", "key", "keyBase64"),
      value: valueBytesOf(fields, values),
      headers: headersOf(fields.headers),
      timestamp: timestamp ?? nowMs,
    },
    partition,
  };
}

function valueBytesOf(fields: Record<string, unknown>, values: RawValues): Uint8Array | null {
  const { value, valueText, valueBase64 } = fields;
  if ([value, valueText, valueBase64].filter((form) => form !== undefined).length > 1) {
    throw invalid("value, valueText and valueBase64 exclude each other");
  }
  if (value === undefined && valueText === undefined && valueBase64 === undefined) {
    throw invalid("a record needs value (JSON, or null: a tombstone), valueText or valueBase64");
  }
  if (value === null) return null;
  if (value === undefined) {
    if (valueText === null) throw invalid('a tombstone is written "value": null');
    return bytesOf(fields, "value", "valueText", "valueBase64");
  }
  const raw = typeof value === "number" ? values.at(value) : undefined;
  // Every value but null was cut out; a number that is none of them would be another record's.
  if (raw === undefined) throw invalid("value cannot be read");
  return raw;
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
  if (base64 !== undefined) {
    if (typeof base64 !== "string" || !BASE64.test(base64)) throw invalid(`${base64Name} is not base64`);
    return Buffer.from(base64, "base64");
  }
  if (typeof text === "string") {
    // A lone surrogate has no UTF-8: it would come back as another text.
    if (!text.isWellFormed()) throw invalid(`${what} is not well-formed Unicode; use ${base64Name}`);
    return encoder.encode(text);
  }
  if (text !== undefined && text !== null) throw invalid(`${what} is a text, or null; its bytes go as ${base64Name}`);
  return null;
}

/** A record as one line of JSON; `topic` and `partition` where the reader does not know them. */
export function recordJson(
  record: Pick<DecodedRecord, "offset" | "timestamp" | "key" | "value" | "headers">,
  place: { readonly topic?: string; readonly partition?: number } = {},
): string {
  const topic = place.topic === undefined ? "" : `"topic":${JSON.stringify(place.topic)},`;
  const partition = place.partition === undefined ? "" : `"partition":${place.partition},`;
  const headers = record.headers.map(
    ({ key, value }) => `{"key":${JSON.stringify(key)},${shown(value, "value", "value", "valueBase64")}}`,
  );
  return (
    `{${topic}${partition}"offset":${record.offset},"timestamp":${record.timestamp},` +
    `${shown(record.key, "key", "key", "keyBase64")},${shownValue(record.value)},"headers":[${headers.join(",")}]}`
  );
}

function shownValue(value: Uint8Array | null): string {
  return shown(value, "value", "valueText", "valueBase64", "value");
}

function shown(
  bytes: Uint8Array | null,
  nullName: string,
  textName: string,
  base64Name: string,
  jsonName?: string,
): string {
  if (bytes === null) return `"${nullName}":null`;
  let text: string;
  try {
    text = strictDecoder.decode(bytes);
  } catch {
    return `"${base64Name}":"${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64")}"`;
  }
  if (jsonName !== undefined && isSpliceable(bytes)) return `"${jsonName}":${text}`;
  return `"${textName}":${JSON.stringify(text)}`;
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function invalid(problem: string): ProtocolError {
  return new ProtocolError("INVALID_RECORD", problem);
}
