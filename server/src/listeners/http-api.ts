// `POST /v1/{api}`: every API by HTTP, as a frame (the hot poll path) or as JSON with records in readable form.
//
// Both faces go through the same dispatch. The handlers here are plain functions that answer later, without a promise or
// a closure more than they need.

import type { IncomingMessage, ServerResponse } from "node:http";
import {
  type ApiRequest,
  type ApiResponse,
  decodeFrame,
  FRAME_CONTENT_TYPE,
  MAX_HEADER_BYTES,
  ProtocolError,
  parseHeader,
} from "@brooklet/protocol";
import type { FastifyInstance } from "fastify";
import { encodeHead } from "./answers.ts";
import { type Answer, asProtocolError, isDispatched, unknownApi } from "./dispatch.ts";
import { JSON_CONTENT_TYPE, respondError, respondErrorFrame, respondFrame, respondJson } from "./http-answers.ts";
import { answerTo, checkPayloadSize, type HttpServices } from "./http-exchange.ts";
import { batchesOf, checkRecordCount, readRecord, recordsFrom, showRecord } from "./readable-records.ts";

/** Exactly these; anything else is 415, however similar (a parser's idea of "similar" has been a way around checks). */
const jsonContentTypes: ReadonlySet<string | undefined> = new Set([
  JSON_CONTENT_TYPE,
  `${JSON_CONTENT_TYPE}; charset=utf-8`,
  `${JSON_CONTENT_TYPE};charset=utf-8`,
]);

export function isJson(request: IncomingMessage): boolean {
  return jsonContentTypes.has(request.headers["content-type"]?.toLowerCase());
}

/** 415, in Kafka's shape. */
export function respondUnsupportedType(response: ServerResponse): void {
  const error = new ProtocolError(
    "INVALID_REQUEST",
    `a body is ${JSON_CONTENT_TYPE} or ${FRAME_CONTENT_TYPE}; nothing else is read`,
  );
  respondError(response, error, 415);
}

export function addApiRoute(fastify: FastifyInstance, services: HttpServices): void {
  fastify.post<{ Params: { api: string }; Body: Buffer }>("/v1/:api", (request, reply) => {
    const response = reply.raw;
    const { api } = request.params;
    if (request.headers["content-type"] === FRAME_CONTENT_TYPE) handleFrame(api, request.body, response, services);
    else if (isJson(request.raw)) handleJson(api, request.body, response, services);
    else respondUnsupportedType(response);
  });
}

function handleFrame(api: string, body: Uint8Array, response: ServerResponse, services: HttpServices): void {
  let id: number | undefined;
  const refuse = (error: unknown) =>
    respondErrorFrame(response, asProtocolError(error, api, services.broker.logger), id);
  try {
    const { header, payload } = decodeFrame(body, { maxHeaderBytes: MAX_HEADER_BYTES });
    id = idOf(header);
    if (!isDispatched(api)) throw unknownApi(api);
    checkNamedApi(header, api);
    checkPayloadSize(payload, services);
    answerTo(api, header, payload, response, services)
      .then((answer) => {
        const head = encodeHead(api, id, answer.header);
        if (head instanceof ProtocolError) refuse(head);
        else respondFrame(response, head, answer.payload);
      })
      .catch(refuse);
  } catch (error) {
    refuse(error);
  }
}

function handleJson(api: string, body: Uint8Array, response: ServerResponse, services: HttpServices): void {
  const refuse = (error: unknown) => respondError(response, asProtocolError(error, api, services.broker.logger));
  try {
    if (!isDispatched(api)) throw unknownApi(api);
    // Only records make a body longer than a frame's header may be.
    if (api !== "produce" && body.byteLength > MAX_HEADER_BYTES) {
      throw new ProtocolError("INVALID_REQUEST", `a request to ${api} has at most ${MAX_HEADER_BYTES} bytes`);
    }
    const header = parseHeader(body);
    const id = idOf(header);
    checkNamedApi(header, api);
    const payload = api === "produce" ? takeRecords(header, services) : NO_PAYLOAD;
    checkPayloadSize(payload, services);
    answerTo(api, header, payload, response, services)
      .then((answer) => {
        const shown = api === "fetch" ? showFetch(header as ApiRequest<"fetch">, answer) : answer.header;
        respondJson(response, 200, id === undefined ? shown : { id, ...shown });
      })
      .catch(refuse);
  } catch (error) {
    refuse(error);
  }
}

const NO_PAYLOAD = new Uint8Array(0);

function idOf(header: Record<string, unknown>): number | undefined {
  const { id } = header;
  if (id === undefined || (typeof id === "number" && Number.isSafeInteger(id) && id >= 0)) return id;
  throw new ProtocolError("INVALID_REQUEST", "an id is a whole number that is not negative");
}

function checkNamedApi(header: Record<string, unknown>, api: string): void {
  if (header.api === undefined || header.api === api) return;
  throw new ProtocolError("INVALID_REQUEST", `the header names another api than the path /v1/${api}`);
}

/** Puts batches in the place of `partitions[].records`, as a frame would have brought them. */
function takeRecords(header: Record<string, unknown>, { broker, clock }: HttpServices): Uint8Array {
  const items: unknown = header.partitions;
  if (!Array.isArray(items)) return NO_PAYLOAD;
  const nowMs = clock.wallMs();
  const payload: Uint8Array[] = [];
  let count = 0;
  for (const item of items as (Record<string, unknown> | null)[]) {
    const records: unknown = item?.records;
    if (item === null || typeof item !== "object" || !Array.isArray(records)) {
      throw new ProtocolError("INVALID_REQUEST", "each of partitions needs records, a list");
    }
    count += records.length;
    checkRecordCount(count);
    const data = records.map((record: unknown) => readRecord(record, nowMs).record);
    let bytes = 0;
    for (const batch of batchesOf(data, broker.settings["message.max.bytes"])) {
      payload.push(batch.bytes);
      bytes += batch.bytes.byteLength;
    }
    item.bytes = bytes;
  }
  return Buffer.concat(payload);
}

/** A fetch answer with records instead of bytes; in the first batch, those before the asked offset are left out. */
function showFetch(request: ApiRequest<"fetch">, answer: Answer): object {
  const { results } = answer.header as ApiResponse<"fetch">;
  let next = 0;
  return {
    results: results.map(({ bytes, ...result }, index) => {
      const batches: Uint8Array[] = [];
      for (let left = bytes; left > 0; next++) {
        const batch = answer.payload[next] as Uint8Array;
        batches.push(batch);
        left -= batch.byteLength;
      }
      const records = recordsFrom(batches, request.partitions[index]?.offset ?? 0);
      return { ...result, records: records.map(showRecord) };
    }),
  };
}
