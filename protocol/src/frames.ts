// Frames: how one request, answer or event travels, over WebSocket and HTTP alike:
// `u32 big-endian header length | header: one JSON object in UTF-8 | payload: raw record batches`.
// What a header means is not known here (apis/), nor which bytes of the payload are good (records/).
// Invariant: whatever the bytes are, decoding returns a frame or throws ProtocolError INVALID_REQUEST, and it
// measures before it allocates, parses or recurses.

import { parse } from "secure-json-parse";
import { ProtocolError } from "./errors.ts";
import { readUint32, writeInt32 } from "./integers.ts";
import { FRAME_PREFIX_BYTES, MAX_JSON_DEPTH, MAX_JSON_KEYS } from "./limits.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });

/** UTF-8 bytes of one UTF-16 unit, at most. */
const MAX_BYTES_PER_UNIT = 3;
/** Where short headers are encoded before the size of their frame is known: an allocation costs as much as the encoding. */
const scratch = new Uint8Array(16_384);

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const COLON = 0x3a;

/** Keys seen so far of the object that is open at each depth. */
const keysAtDepth = new Uint32Array(MAX_JSON_DEPTH + 1);

/** A frame as it came; `payload` is a view into its bytes. */
export interface Frame {
  header: Record<string, unknown>;
  payload: Uint8Array;
}

/** Lays out one frame in fresh memory. `header` must be an object that JSON can print. */
export function encodeFrame(header: object, payload: readonly Uint8Array[] = []): Uint8Array {
  const text = JSON.stringify(header);
  const json =
    text.length * MAX_BYTES_PER_UNIT <= scratch.length
      ? scratch.subarray(0, encoder.encodeInto(text, scratch).written)
      : encoder.encode(text);
  const headerEnd = FRAME_PREFIX_BYTES + json.length;
  let size = headerEnd;
  for (const part of payload) size += part.length;
  const frame = new Uint8Array(size);
  writeInt32(frame, 0, json.length);
  frame.set(json, FRAME_PREFIX_BYTES);
  let at = headerEnd;
  for (const part of payload) {
    frame.set(part, at);
    at += part.length;
  }
  return frame;
}

/**
 * Takes a frame apart.
 *
 * Shape: the header is a fresh object without `__proto__` or `constructor` keys at any depth; the payload is a view.
 * Units: `maxHeaderBytes` counts the header's JSON alone.
 * Errors: INVALID_REQUEST for anything that is no frame.
 */
export function decodeFrame(bytes: Uint8Array, bounds: { readonly maxHeaderBytes: number }): Frame {
  if (bytes.length < FRAME_PREFIX_BYTES) {
    throw malformed(`it has ${bytes.length} bytes, and the length of its header alone takes ${FRAME_PREFIX_BYTES}`);
  }
  const headerBytes = readUint32(bytes, 0);
  if (headerBytes > bounds.maxHeaderBytes) {
    throw malformed(`its header has ${headerBytes} bytes; at most ${bounds.maxHeaderBytes} are taken`);
  }
  const headerEnd = FRAME_PREFIX_BYTES + headerBytes;
  if (headerEnd > bytes.length) {
    throw malformed(
      `it announces a header of ${headerBytes} bytes and ends after ${bytes.length - FRAME_PREFIX_BYTES}`,
    );
  }
  return {
    header: parseHeader(bytes.subarray(FRAME_PREFIX_BYTES, headerEnd)),
    payload: bytes.subarray(headerEnd),
  };
}

/** Parses the JSON of a header that came without a frame around it (HTTP's `application/json`), by the same rules. */
export function parseHeader(json: Uint8Array): Record<string, unknown> {
  checkShape(json);
  let text: string;
  try {
    text = decoder.decode(json);
  } catch (cause) {
    throw unreadable("it is not UTF-8", cause);
  }
  let header: unknown;
  try {
    header = parse(text, { protoAction: "error", constructorAction: "error" });
  } catch (cause) {
    throw unreadable(cause instanceof Error ? cause.message : String(cause), cause);
  }
  if (!isPlainObject(header)) throw unreadable("it is not a JSON object");
  // The library refuses `constructor` only where it holds a `prototype`; no header of ours has such a key at all.
  if ((text.includes("constructor") || text.includes("\\u")) && hasKey(header, "constructor")) {
    throw unreadable('it has a key "constructor"');
  }
  return header;
}

/**
 * Cuts the payload of a frame by the `bytes` of the items it belongs to, in order; views, no copies.
 *
 * Errors: INVALID_REQUEST when the sum is not the payload's length, or one of them is no byte count.
 */
export function splitPayload(payload: Uint8Array, items: readonly { readonly bytes: number }[]): Uint8Array[] {
  const parts: Uint8Array[] = [];
  let at = 0;
  for (const { bytes } of items) {
    if (!Number.isSafeInteger(bytes) || bytes < 0 || bytes > payload.length - at) {
      throw malformed(`item ${parts.length} announces ${bytes} bytes of payload, and ${payload.length - at} are left`);
    }
    parts.push(payload.subarray(at, at + bytes));
    at += bytes;
  }
  if (at !== payload.length) {
    throw malformed(`its payload has ${payload.length} bytes; its header accounts for ${at}`);
  }
  return parts;
}

/**
 * JSON.parse recurses, and builds whatever it is given: nesting, and the keys of each object, are counted first, over the raw
 * bytes, strings left out.
 */
function checkShape(json: Uint8Array): void {
  let depth = 0;
  let inString = false;
  for (let at = 0; at < json.length; at++) {
    const byte = json[at];
    if (inString) {
      if (byte === BACKSLASH) at++;
      else if (byte === QUOTE) inString = false;
    } else if (byte === QUOTE) {
      inString = true;
    } else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
      depth++;
      if (depth > MAX_JSON_DEPTH) throw unreadable(`it is nested more than ${MAX_JSON_DEPTH} deep`);
      keysAtDepth[depth] = 0;
    } else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
      depth--;
    } else if (byte === COLON && depth > 0) {
      const keys = (keysAtDepth[depth] as number) + 1;
      if (keys > MAX_JSON_KEYS) throw unreadable(`an object in it has more than ${MAX_JSON_KEYS} keys`);
      keysAtDepth[depth] = keys;
    }
  }
}

/** Whether any object in `value` has `key` of its own. Depth is bounded by checkShape. */
function hasKey(value: object, key: string): boolean {
  if (Object.hasOwn(value, key)) return true;
  return Object.values(value).some((inner) => typeof inner === "object" && inner !== null && hasKey(inner, key));
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function malformed(problem: string, cause?: unknown): ProtocolError {
  return new ProtocolError(
    "INVALID_REQUEST",
    `The frame cannot be read: ${problem}.`,
    cause === undefined ? {} : { cause },
  );
}

/** The header alone, which may have come without a frame. */
function unreadable(problem: string, cause?: unknown): ProtocolError {
  return new ProtocolError(
    "INVALID_REQUEST",
    `The JSON of the header cannot be read: ${problem}.`,
    cause === undefined ? {} : { cause },
  );
}
