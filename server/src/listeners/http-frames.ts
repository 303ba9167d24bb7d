// Frames by HTTP: `POST /v1/{api}` with `application/vnd.brooklet`, the hot poll path. They pass guard, token and load like
// every request, and then go around Fastify, whose routing and body parsing are a good part of what a poll costs
// (docs/adr/0004-frames-beside-fastify.md). The handlers are plain functions without a promise or a closure more than
// they need.

import type { IncomingMessage, ServerResponse } from "node:http";
import { decodeFrame, FRAME_CONTENT_TYPE, MAX_HEADER_BYTES, ProtocolError } from "@brooklet/protocol";
import { encodeHead } from "./answers.ts";
import { asProtocolError, isDispatched, unknownApi } from "./dispatch.ts";
import { refuseRequest, respondErrorFrame, respondFrame } from "./http-answers.ts";
import { answerTo, checkNamedApi, checkPayloadSize, type HttpServices, idOf } from "./http-exchange.ts";

const PREFIX = "/v1/";

/** The API that this request's frame is for, or undefined if it is no such request. */
export function apiOfFrame({ method, url, headers }: IncomingMessage): string | undefined {
  if (method !== "POST" || headers["content-type"] !== FRAME_CONTENT_TYPE || url === undefined) return undefined;
  if (!url.startsWith(PREFIX)) return undefined;
  const query = url.indexOf("?");
  const api = query < 0 ? url.slice(PREFIX.length) : url.slice(PREFIX.length, query);
  return api === "" || api.includes("/") ? undefined : api;
}

/** Receives the frame, at most `maxBodyBytes` of it, and answers it. */
export function receiveFrame(
  api: string,
  request: IncomingMessage,
  response: ServerResponse,
  services: HttpServices,
  maxBodyBytes: number,
): void {
  if (Number(request.headers["content-length"] ?? 0) > maxBodyBytes) {
    refuseRequest(response, bodyTooLarge(maxBodyBytes));
    return;
  }
  let first: Buffer | undefined;
  let more: Buffer[] | undefined;
  let bytes = 0;
  request.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
    // One that said no length may send more than it may; what is over the bound is not kept.
    if (bytes > maxBodyBytes) {
      if (!response.headersSent) refuseRequest(response, bodyTooLarge(maxBodyBytes));
    } else if (first === undefined) first = chunk;
    else {
      more ??= [first];
      more.push(chunk);
    }
  });
  request.on("end", () => {
    if (bytes <= maxBodyBytes)
      handleFrame(api, more === undefined ? (first ?? NOTHING) : Buffer.concat(more), response, services);
  });
}

const NOTHING = Buffer.alloc(0);

/** A body above its bound. */
export function bodyTooLarge(maxBodyBytes: number): ProtocolError {
  return new ProtocolError("RECORD_LIST_TOO_LARGE", `the request has more than ${maxBodyBytes} bytes`);
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
