// Records as lines of JSON, the readable form of DESIGN.md section 3 as far as it stands: text where the bytes are UTF-8,
// base64 otherwise, so that `consume --json | produce --json` copies byte for byte.

import type { ConsumerRecord, Header, ProducerRecord } from "@brooklet/client";
import { UsageError } from "./exits.ts";

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Text, if the bytes are exactly that text in UTF-8. */
function textOf(bytes: Uint8Array): string | undefined {
  try {
    return utf8.decode(bytes);
  } catch {
    return undefined;
  }
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64");
}

/** `{ [text]: … }` or `{ [binary]: … }`, whichever is exact. */
function narrowest(text: string, binary: string, bytes: Uint8Array | null): Record<string, string | null> {
  if (bytes === null) return { [text]: null };
  const decoded = textOf(bytes);
  return decoded === undefined ? { [binary]: base64(bytes) } : { [text]: decoded };
}

/** One record as one line, without the newline. */
export function recordLine(record: ConsumerRecord<Uint8Array, Uint8Array>): string {
  return JSON.stringify({
    topic: record.topic,
    partition: record.partition,
    offset: record.offset,
    timestamp: record.timestamp,
    ...narrowest("key", "keyBase64", record.key),
    ...(record.headers.length === 0
      ? {}
      : { headers: record.headers.map(({ key, value }) => ({ key, ...narrowest("value", "valueBase64", value) })) }),
    ...(record.value === null ? { value: null } : narrowest("valueText", "valueBase64", record.value)),
  });
}

function bytesOf(fields: Record<string, unknown>, text: string, binary: string): Uint8Array | null | undefined {
  const plain = fields[text];
  if (plain === null) return null;
  if (typeof plain === "string") return Buffer.from(plain);
  const encoded = fields[binary];
  if (typeof encoded === "string") return Buffer.from(encoded, "base64");
  if (plain === undefined && encoded === undefined) return undefined;
  throw new UsageError(`${plain === undefined ? binary : text} must be text${plain === undefined ? "" : " or null"}`);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function headersOf(value: unknown): Header[] {
  if (value === undefined) return [];
  if (!Array.isArray(value)) throw new UsageError("headers must be an array of {key, value | valueBase64}");
  return value.map((header: unknown) => {
    if (!isObject(header) || typeof header.key !== "string") throw new UsageError("a header needs a key of text");
    return { key: header.key, value: bytesOf(header, "value", "valueBase64") ?? null };
  });
}

function integerOf(fields: Record<string, unknown>, name: string): number | undefined {
  const value = fields[name];
  if (value === undefined) return undefined;
  if (!Number.isSafeInteger(value)) throw new UsageError(`${name} must be a whole number`);
  return Number(value);
}

/** The record that a line says, for `topic`; the line's own topic and offset are where it came from, and ignored. */
export function recordOfLine(line: Uint8Array, topic: string): ProducerRecord<Uint8Array, Uint8Array> {
  let fields: unknown;
  try {
    fields = JSON.parse(Buffer.from(line).toString());
  } catch (error) {
    throw new UsageError(`this is no JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (!isObject(fields)) throw new UsageError("a record is a JSON object");
  if (fields.value !== undefined && fields.value !== null)
    throw new UsageError('"value" takes only null (a tombstone) so far: give "valueText" or "valueBase64"');
  const value = fields.value === null ? null : bytesOf(fields, "valueText", "valueBase64");
  if (value === undefined) throw new UsageError('a record needs "valueText", "valueBase64" or "value": null');
  const partition = integerOf(fields, "partition");
  const timestamp = integerOf(fields, "timestamp");
  return {
    topic,
    key: bytesOf(fields, "key", "keyBase64") ?? null,
    value,
    headers: headersOf(fields.headers),
    ...(partition === undefined ? {} : { partition }),
    ...(timestamp === undefined ? {} : { timestamp }),
  };
}
