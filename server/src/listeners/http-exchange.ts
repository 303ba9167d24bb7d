// One HTTP request, as handlers see it: a peer that takes no hints, and a wait that ends when the client goes away.

import type { ServerResponse } from "node:http";
import {
  type ApiRequest,
  type ApiResponse,
  type ErrorCode,
  isErrorCode,
  ProtocolError,
  type WireError,
} from "@brooklet/protocol";
import type { Clock } from "@brooklet/protocol/world";
import type { BrokerParts, RequestContext } from "../api/handler.ts";
import type { DispatchedApi } from "../api/index.ts";
import type { Peer } from "../peer.ts";
import type { Authenticator } from "./authenticator.ts";
import type { Answer, Dispatch } from "./dispatch.ts";
import { PendingRequest } from "./flow.ts";
import type { HttpLoad } from "./http-load.ts";
import type { OpenStreams } from "./open-streams.ts";

/** What the HTTP routes need of the broker around them. */
export interface HttpServices {
  readonly broker: BrokerParts;
  readonly clock: Clock;
  readonly dispatch: Dispatch;
  readonly load: HttpLoad;
  readonly authenticator: Authenticator;
  readonly streams: OpenStreams;
  /** The text of /metrics. */
  readonly metrics: () => Promise<string>;
}

export class HttpExchange extends PendingRequest implements Peer {
  readonly clientInstanceId = undefined;
  readonly #response: ServerResponse;
  #listens: boolean;

  /** `ownsEnd`: whoever made it cancels it; otherwise the end of the response does. */
  constructor(api: string, response: ServerResponse, { ownsEnd = false } = {}) {
    super(api, 0);
    this.#response = response;
    this.#listens = ownsEnd;
  }

  get description(): string {
    const { socket } = this.#response;
    return `${socket?.remoteAddress ?? "unknown"}:${socket?.remotePort ?? 0} (HTTP)`;
  }

  /** How logs show it. */
  toJSON(): string {
    return this.description;
  }

  hintHeartbeat(): void {}

  wasHeldBackSince(): boolean {
    return false;
  }

  /** The response closes when it was sent or its client is gone; most requests never wait, and listen to nothing. */
  override onCancel(run: () => void): () => void {
    if (!this.#listens) {
      this.#listens = true;
      this.#response.once("close", () => this.cancel());
    }
    return super.onCancel(run);
  }
}

function contextOf(exchange: HttpExchange, services: HttpServices): RequestContext {
  return {
    broker: services.broker,
    principal: services.authenticator.principal,
    peer: exchange,
    cancellation: exchange,
    nowMs: services.clock.nowMs(),
  };
}

/** Dispatches a request; its payload in the answer counts as unread until the client has taken it. */
export async function answerTo(
  api: DispatchedApi,
  fields: Record<string, unknown>,
  payload: Uint8Array,
  response: ServerResponse,
  services: HttpServices,
  exchange = new HttpExchange(api, response),
): Promise<Answer> {
  const answer = await services.dispatch(api, fields, payload, contextOf(exchange, services));
  if (answer.payload.length === 0) return answer;
  let bytes = 0;
  for (const part of answer.payload) bytes += part.byteLength;
  const refusal = services.load.admitAnswer(response, bytes);
  if (refusal !== undefined) throw refusal;
  return answer;
}

/** Calls an API from a route that is not itself one. */
export type Call = <A extends DispatchedApi>(
  api: A,
  request: ApiRequest<A>,
  payload?: Uint8Array,
) => Promise<{ header: ApiResponse<A>; payload: readonly Uint8Array[] }>;

const NO_PAYLOAD = new Uint8Array(0);

export function callFor(response: ServerResponse, services: HttpServices): Call {
  return async (api, request, payload = NO_PAYLOAD) => {
    checkPayloadSize(payload, services);
    const answer = await answerTo(api, { ...request }, payload, response, services);
    // Sound: dispatch answers an API with that API's response.
    return answer as { header: ApiResponse<typeof api>; payload: readonly Uint8Array[] };
  };
}

/** A fetch of an answer that lasts: the response does not end it, and many may follow each other. */
export function fetchFor(response: ServerResponse, services: HttpServices, request: ApiRequest<"fetch">): StreamFetch {
  const exchange = new HttpExchange("fetch", response, { ownsEnd: true });
  const answer = answerTo("fetch", { ...request }, NO_PAYLOAD, response, services, exchange);
  // Sound: dispatch answers an API with that API's response.
  return { answer: answer as StreamFetch["answer"], cancel: () => exchange.cancel() };
}

/** A fetch under way; `cancel` completes it with what it has. */
export interface StreamFetch {
  readonly answer: Promise<{ header: ApiResponse<"fetch">; payload: readonly Uint8Array[] }>;
  cancel(): void;
}

/** Throws RECORD_LIST_TOO_LARGE above socket.request.max.bytes. */
export function checkPayloadSize(payload: Uint8Array, { broker }: HttpServices): void {
  const maxBytes = broker.settings["socket.request.max.bytes"];
  if (payload.byteLength <= maxBytes) return;
  throw new ProtocolError(
    "RECORD_LIST_TOO_LARGE",
    `the request carries ${payload.byteLength} record bytes; socket.request.max.bytes is ${maxBytes}`,
    { hint: "Send fewer records at a time." },
  );
}

/** The error of an item, to be thrown as the error of the whole. */
export function fromWire(error: WireError): ProtocolError {
  const code: ErrorCode = isErrorCode(error.code) ? error.code : "UNKNOWN_SERVER_ERROR";
  return new ProtocolError(code, error.message, {
    ...(error.hint === undefined ? {} : { hint: error.hint }),
    ...(error.context === undefined ? {} : { context: error.context }),
  });
}

/** The request's id, which HTTP does not need. */
export function idOf(header: Record<string, unknown>): number | undefined {
  const { id } = header;
  if (id === undefined || (typeof id === "number" && Number.isSafeInteger(id) && id >= 0)) return id;
  throw new ProtocolError("INVALID_REQUEST", "an id is a whole number that is not negative");
}

/** The path names the API; a header that names one too must name the same. */
export function checkNamedApi(header: Record<string, unknown>, api: string): void {
  if (header.api === undefined || header.api === api) return;
  throw new ProtocolError("INVALID_REQUEST", `the header names another api than the path /v1/${api}`);
}
