// From a decoded header to an answer, for every door alike: validation, payload beside its items, handler, payload of the
// answer. Doors decide how bytes travel; handlers see valid requests only, and their bugs go no further than the log.
//
// Invariant: the handler is called synchronously, so requests start in the order in which doors dispatch them.

import {
  type ApiName,
  type ApiRequest,
  type ApiResponse,
  type ErrorCode,
  ProtocolError,
  splitPayload,
} from "@brooklet/protocol";
import { type ApiDefinition, apis, checkRequest } from "@brooklet/protocol/apis";
import type { Handler, Principal, RequestContext } from "../api/handler.ts";
import { type DispatchedApi, handlers } from "../api/index.ts";
import type { Meters, ProducedPartition } from "../metrics/meters.ts";
import type { Logger } from "../world.ts";

/** An answer as a door sends it: header fields without `id`, and the payload in the order of the items it belongs to. */
export interface Answer {
  readonly header: object;
  readonly payload: readonly Uint8Array[];
}

/** How doors reach handlers. */
export type Dispatch = (
  api: DispatchedApi,
  fields: Record<string, unknown>,
  payload: Uint8Array,
  context: RequestContext,
) => Promise<Answer>;

/** Whoever comes without a token; Kafka's name for it. */
export const ANONYMOUS: Principal = { name: "User:ANONYMOUS" };

const NO_PAYLOAD: readonly Uint8Array[] = [];

interface WithBatches {
  batches: readonly Uint8Array[];
}

/** Whether requests of this name reach a handler; `hello` belongs to the session. */
export function isDispatched(api: string): api is DispatchedApi {
  return Object.hasOwn(handlers, api);
}

/** An API that nobody knows, refused by name. */
export function unknownApi(api: string): ProtocolError {
  const shown = api.length > 64 ? `${api.slice(0, 64)}…` : api;
  return new ProtocolError("UNSUPPORTED_VERSION", `this broker has no API ${JSON.stringify(shown)}`, {
    hint: `It has: ${Object.keys(apis).join(", ")}.`,
  });
}

/**
 * Validates, handles and answers one request.
 *
 * Errors: rejects with a ProtocolError only; see `asProtocolError`.
 */
export function dispatch(
  api: DispatchedApi,
  fields: Record<string, unknown>,
  payload: Uint8Array,
  context: RequestContext,
): Promise<Answer> {
  const { logger, meters } = context.broker;
  const answered = (response: object) => {
    meters.finished(api, context.nowMs);
    // Sound: `fields` were validated as a produce request, and each item has got its batches.
    if (api === "produce")
      meters.produced(fields.partitions as ProducedPartition[], (response as ApiResponse<"produce">).results);
    // The peer describes itself only to a logger that shows debug lines.
    logger.debug({ api, peer: context.peer }, "answered");
    return answerOf(api, response, meters);
  };
  const refused = (error: unknown) => {
    meters.finished(api, context.nowMs);
    const refusal = asProtocolError(error, api, logger);
    logger.debug({ api, peer: context.peer, code: refusal.code, reason: refusal.message }, "refused");
    return Promise.reject(refusal);
  };
  try {
    const handled = start(api, fields, payload, context);
    return handled instanceof Promise ? handled.then(answered, refused) : Promise.resolve(answered(handled));
  } catch (error) {
    return refused(error);
  }
}

function start(api: DispatchedApi, fields: Record<string, unknown>, payload: Uint8Array, context: RequestContext) {
  // Sound: `fields` fit the schema of this very API from here on.
  const request = validated(api, fields) as Record<string, unknown>;
  const definition: ApiDefinition = apis[api];
  const items = payloadItems(definition.requestPayload, request);
  const parts = splitPayload(payload, items);
  for (const [index, item] of items.entries()) Object.assign(item, { batches: parts[index] });
  const handler = handlers[api] as unknown as Handler<ApiName>;
  return handler(request as unknown as Parameters<Handler<ApiName>>[0], context);
}

/** The request, if it fits its schema; INVALID_REQUEST otherwise. */
export function validated<A extends ApiName>(api: A, fields: Record<string, unknown>): ApiRequest<A> {
  const problem = checkRequest(api, fields);
  if (problem !== undefined) throw new ProtocolError("INVALID_REQUEST", `${api}: ${problem}`);
  return fields as unknown as ApiRequest<A>;
}

function payloadItems(name: string | undefined, request: Record<string, unknown>): { bytes: number }[] {
  return name === undefined ? [] : (request[name] as { bytes: number }[]);
}

function answerOf(api: DispatchedApi, response: object, meters: Meters): Answer {
  const definition: ApiDefinition = apis[api];
  const name = definition.responsePayload;
  if (name === undefined) return { header: response, payload: NO_PAYLOAD };
  const payload: Uint8Array[] = [];
  const items = (response as Record<string, unknown>)[name] as WithBatches[];
  const described = items.map(({ batches, ...fields }) => {
    let bytes = 0;
    for (const batch of batches) {
      payload.push(batch);
      bytes += batch.byteLength;
      meters.fetched(batch);
    }
    return { ...fields, bytes };
  });
  return { header: { ...response, [name]: described }, payload };
}

/** What the peer may see of an error. A bug is logged with its stack and told without. */
export function asProtocolError(error: unknown, api: string, logger: Logger): ProtocolError {
  if (error instanceof ProtocolError) return error;
  logger.error({ err: error, api }, "a request failed unexpectedly; this is a bug in brooklet");
  const code: ErrorCode = "UNKNOWN_SERVER_ERROR";
  return new ProtocolError(code, `the broker failed unexpectedly while handling ${api}; its log says more`);
}
