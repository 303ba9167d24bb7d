// `POST /v1/{api}`: every API by HTTP, as a frame (the hot poll path) or as JSON with records in readable form.
//
// Both faces go through the same dispatch. The handlers here are plain functions that answer later, without a promise or
// a closure more than they need.

import type { ServerResponse } from "node:http";
import {
  type ApiRequest,
  type ApiResponse,
  decodeFrame,
  FRAME_CONTENT_TYPE,
  MAX_HEADER_BYTES,
  ProtocolError,
  parseHeader,
} from "@brooklet/protocol";
import { parseRecords, type RawValues, readRecord, recordPaths } from "@brooklet/protocol/readable";
import type { FastifyInstance } from "fastify";
import { encodeHead } from "./answers.ts";
import { type Answer, asProtocolError, isDispatched, unknownApi } from "./dispatch.ts";
import {
  isJson,
  respondError,
  respondErrorFrame,
  respondFrame,
  respondJson,
  respondUnsupportedType,
} from "./http-answers.ts";
import { answerTo, checkPayloadSize, type HttpServices } from "./http-exchange.ts";
import { batchesOf, checkRecordCount, MAX_RECORDS, showRecords } from "./readable-records.ts";

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
    const { fields: header, values } =
      api === "produce"
        ? parseRecords(body, recordPaths.produce, { maxValues: MAX_RECORDS })
        : { fields: parseHeader(body), values: undefined };
    const id = idOf(header);
    checkNamedApi(header, api);
    const payload = values === undefined ? NO_PAYLOAD : takeRecords(header, values, services);
    checkPayloadSize(payload, services);
    answerTo(api, header, payload, response, services)
      .then((answer) =>
        api === "fetch"
          ? showFetch(id, header as ApiRequest<"fetch">, answer, services)
          : id === undefined
            ? answer.header
            : { id, ...answer.header },
      )
      .then((shown) => respondJson(response, 200, shown))
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
function takeRecords(header: Record<string, unknown>, values: RawValues, { broker, clock }: HttpServices): Uint8Array {
  const items: unknown = header.partitions;
  if (!Array.isArray(items)) return NO_PAYLOAD;
  let count = 0;
  for (const item of items as ({ records?: unknown } | null)[]) {
    const records = item?.records;
    if (!Array.isArray(records)) throw new ProtocolError("INVALID_REQUEST", "each of partitions needs records, a list");
    count += records.length;
  }
  checkRecordCount(count);
  const nowMs = clock.wallMs();
  const payload: Uint8Array[] = [];
  for (const item of items as { records: unknown[]; bytes: number }[]) {
    const data = item.records.map((record) => readRecord(record, values, nowMs).record);
    item.bytes = 0;
    for (const batch of batchesOf(data, broker.settings["message.max.bytes"])) {
      payload.push(batch.bytes);
      item.bytes += batch.bytes.byteLength;
    }
  }
  return Buffer.concat(payload);
}

/**
 * A fetch answer with records instead of bytes; in the first batch, those before the asked offset are left out. As JSON text:
 * records' values are in it as they were stored.
 */
async function showFetch(
  id: number | undefined,
  request: ApiRequest<"fetch">,
  answer: Answer,
  { broker }: HttpServices,
): Promise<string> {
  const { results } = answer.header as ApiResponse<"fetch">;
  const shown: string[] = [];
  let charsLeft = broker.settings["max.reply.bytes"];
  let count = 0;
  let next = 0;
  for (const [index, { bytes, ...result }] of results.entries()) {
    const batches: Uint8Array[] = [];
    for (let left = bytes; left > 0; next++) {
      const batch = answer.payload[next] as Uint8Array;
      batches.push(batch);
      left -= batch.byteLength;
    }
    const offset = request.partitions[index]?.offset ?? 0;
    // One record is shown in any case, in the whole answer: as for bytes, a large one must not stand in the way for ever.
    const bounds = { maxRecords: count === 0 || charsLeft > 0 ? MAX_RECORDS : 0, maxChars: charsLeft };
    const { texts, chars, leftOffset } = await showRecords(batches, offset, bounds, broker);
    charsLeft -= chars;
    count += texts.length;
    const fields = JSON.stringify(leftOffset === undefined ? result : { ...result, nextOffset: leftOffset });
    shown.push(`${fields.slice(0, -1)},"records":[${texts.join(",")}]}`);
  }
  return `{${id === undefined ? "" : `"id":${id},`}"results":[${shown.join(",")}]}`;
}
