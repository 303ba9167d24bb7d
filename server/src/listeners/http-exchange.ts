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

/** What the HTTP routes need of the broker around them. */
export interface HttpServices {
  readonly broker: BrokerParts;
  readonly clock: Clock;
  readonly dispatch: Dispatch;
  readonly load: HttpLoad;
  readonly authenticator: Authenticator;
}

export class HttpExchange extends PendingRequest implements Peer {
  readonly #response: ServerResponse;
  #listens = false;

  constructor(api: string, response: ServerResponse) {
    super(api, 0);
    this.#response = response;
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

function contextOf(api: string, response: ServerResponse, services: HttpServices): RequestContext {
  const exchange = new HttpExchange(api, response);
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
): Promise<Answer> {
  const answer = await services.dispatch(api, fields, payload, contextOf(api, response, services));
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
