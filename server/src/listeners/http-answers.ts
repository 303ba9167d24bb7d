// How answers leave by HTTP: few headers, always the same, set in one place.

import { type IncomingMessage, type ServerResponse, STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import { FRAME_CONTENT_TYPE, ProtocolError } from "@brooklet/protocol";
import { encodeRefusal } from "./answers.ts";
import { methodsOf } from "./http-routes.ts";

export const JSON_CONTENT_TYPE = "application/json";
export const NDJSON_CONTENT_TYPE = "application/x-ndjson";

/** Exactly these; anything else is 415, however similar (a parser's idea of "similar" has been a way around checks). */
function exactly(contentType: string): ReadonlySet<string | undefined> {
  return new Set([contentType, `${contentType}; charset=utf-8`, `${contentType};charset=utf-8`]);
}
const jsonContentTypes = exactly(JSON_CONTENT_TYPE);
const ndjsonContentTypes = exactly(NDJSON_CONTENT_TYPE);

export function isJson({ headers }: IncomingMessage): boolean {
  return jsonContentTypes.has(headers["content-type"]?.toLowerCase());
}

export function isNdjson({ headers }: IncomingMessage): boolean {
  return ndjsonContentTypes.has(headers["content-type"]?.toLowerCase());
}

/** 415, in Kafka's shape. */
export function respondUnsupportedType(response: ServerResponse): void {
  const error = new ProtocolError(
    "INVALID_REQUEST",
    `a body is ${JSON_CONTENT_TYPE} or ${FRAME_CONTENT_TYPE} (records also ${NDJSON_CONTENT_TYPE}); nothing else is read`,
  );
  respondError(response, error, 415);
}

/** Whether the body is packed: nothing is unpacked here, so that no small request becomes a large one. */
export function isEncoded({ headers }: IncomingMessage): boolean {
  const encoding = headers["content-encoding"];
  return encoding !== undefined && encoding.toLowerCase() !== "identity";
}

/** What to answer to such a one, with 415. */
export function encodedBody(): ProtocolError {
  return new ProtocolError("INVALID_REQUEST", "a body with a Content-Encoding is not unpacked", {
    hint: "Send the body as it is; records are compressed in their batches, by compression.type.",
  });
}

/** 417: of what a client may expect, only 100-continue is known. */
export function refuseExpectation(_request: IncomingMessage, response: ServerResponse): void {
  refuseRequest(response, new ProtocolError("INVALID_REQUEST", "of Expect only 100-continue is known"), 417);
}

/** Writes a whole answer. Straight to Node's response: nothing of Fastify's reply is needed on the hot path. */
export function respond(response: ServerResponse, httpStatus: number, contentType: string, body: Uint8Array): void {
  if (begin(response, httpStatus, contentType, body.byteLength)) response.end(body);
}

/** Up to here a body as latin1 text, which Node sends in one piece with the headers, costs less than a second piece. */
const MAX_TEXT_BYTES = 8 * 1024;

/** Writes a frame whose head is latin1 text (encodeHead); a large payload is not copied. */
export function respondFrame(response: ServerResponse, head: string, payload: readonly Uint8Array[]): void {
  let bytes = head.length;
  for (const part of payload) bytes += part.byteLength;
  if (!begin(response, 200, FRAME_CONTENT_TYPE, bytes)) return;
  if (bytes <= MAX_TEXT_BYTES) {
    let text = head;
    for (const part of payload) text += asLatin1(part);
    response.end(text, "latin1");
    return;
  }
  const last = payload.length - 1;
  response.write(head, "latin1");
  for (let index = 0; index < last; index++) response.write(payload[index]);
  response.end(payload[last]);
}

function asLatin1(part: Uint8Array): string {
  return Buffer.from(part.buffer, part.byteOffset, part.byteLength).toString("latin1");
}

/** False when there was an answer already: a bug must not answer twice, because that would throw where nobody catches. */
function begin(response: ServerResponse, httpStatus: number, contentType: string, bytes: number): boolean {
  if (response.headersSent) {
    response.destroy();
    return false;
  }
  response.writeHead(httpStatus, {
    "content-type": contentType,
    "content-length": bytes,
    "cache-control": "no-store",
    "cross-origin-resource-policy": "same-origin",
    "x-content-type-options": "nosniff",
  });
  return true;
}

/** A body that is an object, or JSON text already. */
export function respondJson(response: ServerResponse, httpStatus: number, body: object | string): void {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  respond(response, httpStatus, JSON_CONTENT_TYPE, Buffer.from(text));
}

/** An error as JSON; its status is the table's unless HTTP has a better one. */
export function respondError(response: ServerResponse, error: ProtocolError, httpStatus = error.row.httpStatus): void {
  if (!response.headersSent) for (const [name, value] of headersOf(error)) response.setHeader(name, value);
  respondJson(response, httpStatus, { error: error.toWire() });
}

/** An error in the form the client speaks. */
export function respondErrorFrame(response: ServerResponse, error: ProtocolError, id: number | undefined): void {
  respond(response, error.row.httpStatus, FRAME_CONTENT_TYPE, encodeRefusal(id, error));
}

/** Refuses before the body was read; the connection ends with it. */
export function refuseRequest(response: ServerResponse, error: ProtocolError, httpStatus?: number): void {
  response.shouldKeepAlive = false;
  respondError(response, error, httpStatus);
}

/** Refuses where there is no response object, only the socket: upgrades, and what is no request. */
export function refuseSocket(socket: Duplex, error: ProtocolError, httpStatus: number): void {
  const body = JSON.stringify({ error: error.toWire() });
  const lines = [
    `HTTP/1.1 ${httpStatus} ${STATUS_CODES[httpStatus] ?? error.code}`,
    "connection: close",
    `content-type: ${JSON_CONTENT_TYPE}`,
    `content-length: ${Buffer.byteLength(body)}`,
    "cross-origin-resource-policy: same-origin",
    "x-content-type-options: nosniff",
    ...headersOf(error).map(([name, value]) => `${name}: ${value}`),
  ];
  socket.end(`${lines.join("\r\n")}\r\n\r\n${body}`, () => socket.destroy());
}

/** What HTTP says in a header of its own. */
function headersOf({ code, context }: ProtocolError): [name: string, value: string][] {
  if (code === "SASL_AUTHENTICATION_FAILED") return [["www-authenticate", 'Bearer realm="brooklet"']];
  const retryAfterMs: unknown = context?.retryAfterMs;
  return typeof retryAfterMs === "number" ? [["retry-after", String(Math.ceil(retryAfterMs / 1000))]] : [];
}

/** No route has this path and method. What stands behind "?" is not repeated. */
export function unknownRoute(request: IncomingMessage): ProtocolError {
  return new ProtocolError("INVALID_REQUEST", `this broker has no ${shownRoute(request)}`, {
    hint: "APIs are POST /v1/{api}; see GET /v1/topics, /v1/groups, /healthz and /openapi.json.",
  });
}

/** 404, or 405 where the path knows other methods. */
export function refuseRoute(request: IncomingMessage, response: ServerResponse): void {
  const methods = methodsOf(request.url ?? "");
  if (methods.length === 0) {
    respondError(response, unknownRoute(request), 404);
    return;
  }
  if (!response.headersSent) response.setHeader("allow", methods.join(", "));
  const wanted = new ProtocolError("INVALID_REQUEST", `this broker has no ${shownRoute(request)}`, {
    hint: `The path takes ${methods.join(" and ")}.`,
  });
  respondError(response, wanted, 405);
}

/** False where the path knows other methods only: `/v1/topics` is no API. */
export function takesMethod({ method = "", url = "" }: IncomingMessage): boolean {
  const methods = methodsOf(url);
  return methods.length === 0 || methods.includes(method);
}

/** Method and path, without the query. */
export function shownRoute({ method, url }: IncomingMessage): string {
  return `${method} ${url?.split("?", 1)[0]?.slice(0, 200) ?? ""}`;
}
