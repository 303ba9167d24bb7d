// `POST /v1/{api}` as JSON: every API by HTTP, with records in readable form. Frames are in http-frames.ts; both faces go
// through the same dispatch.

import type { ServerResponse } from "node:http";
import {
  type ApiRequest,
  type ApiResponse,
  MAX_HEADER_BYTES,
  ProtocolError,
  parseHeader,
  type RecordData,
} from "@brooklet/protocol";
import { parseRecords, type RawValues, readRecord, recordPaths } from "@brooklet/protocol/readable";
import type { FastifyInstance } from "fastify";
import { Breath } from "./breath.ts";
import { type Answer, asProtocolError, isDispatched, unknownApi } from "./dispatch.ts";
import { isJson, refuseRoute, respondError, respondJson, respondUnsupportedType, takesMethod } from "./http-answers.ts";
import { answerTo, checkNamedApi, checkPayloadSize, type HttpServices, idOf } from "./http-exchange.ts";
import { batchesOf, checkRecordCount, MAX_RECORDS, showRecords } from "./readable-records.ts";

export function addApiRoute(fastify: FastifyInstance, services: HttpServices): void {
  fastify.post<{ Params: { api: string }; Body: Buffer }>("/v1/:api", (request, reply) => {
    const response = reply.raw;
    const { api } = request.params;
    if (!isDispatched(api) && !takesMethod(request.raw)) refuseRoute(request.raw, response);
    else if (isJson(request.raw)) void handleJson(api, request.body, response, services);
    else respondUnsupportedType(response);
  });
}

async function handleJson(
  api: string,
  body: Uint8Array,
  response: ServerResponse,
  services: HttpServices,
): Promise<void> {
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
    const payload = values === undefined ? NO_PAYLOAD : await takeRecords(header, values, services);
    checkPayloadSize(payload, services);
    const answer = await answerTo(api, header, payload, response, services);
    const shown =
      api === "fetch"
        ? await showFetch(id, header as ApiRequest<"fetch">, answer, services)
        : id === undefined
          ? answer.header
          : { id, ...answer.header };
    respondJson(response, 200, shown);
  } catch (error) {
    respondError(response, asProtocolError(error, api, services.broker.logger));
  }
}

const NO_PAYLOAD = new Uint8Array(0);

/** Puts batches in the place of `partitions[].records`, as a frame would have brought them. */
async function takeRecords(
  header: Record<string, unknown>,
  values: RawValues,
  { broker, clock }: HttpServices,
): Promise<Uint8Array> {
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
  const breath = new Breath(clock);
  for (const item of items as { records: unknown[]; bytes: number }[]) {
    const data: RecordData[] = [];
    for (const record of item.records) {
      data.push(readRecord(record, values, nowMs).record);
      const pause = breath.take();
      if (pause !== undefined) await pause;
    }
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
  services: HttpServices,
): Promise<string> {
  const { broker } = services;
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
    const { texts, chars, leftOffset } = await showRecords(batches, offset, bounds, services);
    charsLeft -= chars;
    count += texts.length;
    const fields = JSON.stringify(leftOffset === undefined ? result : { ...result, nextOffset: leftOffset });
    shown.push(`${fields.slice(0, -1)},"records":[${texts.join(",")}]}`);
  }
  return `{${id === undefined ? "" : `"id":${id},`}"results":[${shown.join(",")}]}`;
}
