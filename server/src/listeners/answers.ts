// Answers as bytes: frames for sockets and for `application/vnd.brooklet`, with the bound that a header must keep.

import {
  type ApiName,
  encodeFrame,
  FRAME_PREFIX_BYTES,
  MAX_ANSWER_HEADER_BYTES,
  ProtocolError,
} from "@brooklet/protocol";
import type { Answer } from "./dispatch.ts";

/** Their answers can be taken back: nothing happened, and asking again is harmless. */
const readOnly: ReadonlySet<string> = new Set<ApiName>([
  "fetch",
  "metadata",
  "listOffsets",
  "offsetFetch",
  "listGroups",
  "describeGroups",
  "status",
]);

export function isReadOnly(api: string): boolean {
  return readOnly.has(api);
}

/** An answer as a frame; POLICY_VIOLATION instead of one whose header no peer would take. */
export function encodeAnswer(api: string, id: number, answer: Answer): Uint8Array | ProtocolError {
  const frame = encodeFrame({ id, ...answer.header }, answer.payload);
  if (frame.byteLength <= MAX_ANSWER_HEADER_BYTES || !readOnly.has(api)) return frame;
  let headerBytes = frame.byteLength - FRAME_PREFIX_BYTES;
  for (const part of answer.payload) headerBytes -= part.byteLength;
  return headerBytes <= MAX_ANSWER_HEADER_BYTES ? frame : headerTooLong(api, headerBytes);
}

/**
 * The same without its payload, as latin1 text: Node's HTTP sends a text together with the headers in one piece, and the
 * payload after it without a copy.
 */
export function encodeHead(api: string, id: number | undefined, header: object): string | ProtocolError {
  const json = JSON.stringify(id === undefined ? header : { id, ...header });
  const bytes = Buffer.byteLength(json);
  if (bytes > MAX_ANSWER_HEADER_BYTES && readOnly.has(api)) return headerTooLong(api, bytes);
  const prefix = String.fromCharCode(bytes >>> 24, (bytes >>> 16) & 0xff, (bytes >>> 8) & 0xff, bytes & 0xff);
  return prefix + (bytes === json.length ? json : Buffer.from(json).toString("latin1"));
}

function headerTooLong(api: string, headerBytes: number): ProtocolError {
  return new ProtocolError(
    "POLICY_VIOLATION",
    `the answer to ${api} would have a header of ${headerBytes} bytes; a frame takes ${MAX_ANSWER_HEADER_BYTES}`,
    { hint: "Ask for fewer topics, partitions or groups at a time." },
  );
}

/** A refusal as a frame. */
export function encodeRefusal(id: number | undefined, error: ProtocolError): Uint8Array {
  return encodeFrame(id === undefined ? { error: error.toWire() } : { id, error: error.toWire() });
}
