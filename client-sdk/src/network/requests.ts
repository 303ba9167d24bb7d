// The requests of one client: those that wait for a connection or for room, and those that wait for an answer.
// Flow control is here: what is sent and unanswered stays within the broker's grant; heartbeats and commits pass by.
// Invariant: a request is settled exactly once, and `definite` is true only if its frame never reached a socket.

import { type ApiName, encodeFrame } from "@brooklet/protocol";
import { type BrookletError, IllegalStateError, RecordTooLargeError } from "../errors.ts";
import type { Answer, BrokerLimits } from "./client.ts";

/** Requests that wait to be sent; a caller beyond that is refused at once. */
export const MAX_QUEUED_REQUESTS = 10_000;
/** Requests that a connection owes an answer, given up ones included; a server that answers nothing gets no more. */
export const MAX_UNANSWERED_REQUESTS = 10_000;
/** Whatever the broker grants: what it never answers stays in our memory too. */
export const MAX_UNANSWERED_BYTES = 256 * 1024 * 1024;
/** They keep a member in its group and its progress safe: never held back. */
const EXEMPT_APIS: ReadonlySet<ApiName> = new Set(["groupHeartbeat", "offsetCommit"]);

export interface PendingRequest {
  readonly id: number;
  readonly api: ApiName;
  readonly header: object;
  readonly payload: readonly Uint8Array[];
  readonly resolve: (answer: Answer<ApiName>) => void;
  readonly reject: (error: BrookletError) => void;
  /** Stops its timer and its signal. */
  readonly release: () => void;
  /** Encoded when it is first tried; kept while it waits for room. */
  frame: Uint8Array | undefined;
  frameBytes: number;
  sentAtMs: number;
}

export class Requests {
  readonly #waiting = new Set<PendingRequest>();
  readonly #sent = new Map<number, PendingRequest>();
  /** Sent, given up by the caller, not answered: they take room until the broker has answered or the connection ends. */
  readonly #abandoned = new Map<number, Pick<PendingRequest, "api" | "frameBytes">>();
  #inFlightBytes = 0;

  get isFull(): boolean {
    return this.#waiting.size >= MAX_QUEUED_REQUESTS;
  }

  get isEmpty(): boolean {
    return this.#waiting.size === 0 && this.#sent.size === 0;
  }

  get inFlightBytes(): number {
    return this.#inFlightBytes;
  }

  add(request: PendingRequest): void {
    this.#waiting.add(request);
  }

  isSent(request: PendingRequest): boolean {
    return this.#sent.has(request.id);
  }

  /** Sends what may be sent, in order; what is exempt passes what waits for room. */
  flush(limits: BrokerLimits, nowMs: number, send: (frame: Uint8Array) => void): void {
    let isBlocked = false;
    const grantBytes = Math.min(limits.maxInFlightRequestBytes, MAX_UNANSWERED_BYTES);
    for (const request of this.#waiting) {
      if (this.#sent.size + this.#abandoned.size >= MAX_UNANSWERED_REQUESTS) return;
      const isExempt = EXEMPT_APIS.has(request.api);
      if (isBlocked && !isExempt) continue;
      const refusal = encode(request) ?? tooLargeFor(request, limits);
      if (refusal !== undefined) {
        this.#waiting.delete(request);
        settle(request, refusal);
      } else if (isExempt || this.#inFlightBytes + request.frameBytes <= grantBytes) {
        this.#waiting.delete(request);
        const { frame = new Uint8Array() } = request;
        request.frame = undefined;
        request.sentAtMs = nowMs;
        this.#sent.set(request.id, request);
        this.#account(request, 1);
        send(frame);
      } else {
        isBlocked = true;
      }
    }
  }

  /** The request that an answer belongs to; `nobody`: it was never sent, or is answered already. */
  takeAnswered(id: number): PendingRequest | "given up" | "nobody" {
    const request = this.#sent.get(id);
    const abandoned = this.#abandoned.get(id);
    this.#sent.delete(id);
    this.#abandoned.delete(id);
    if (request !== undefined) this.#account(request, -1);
    if (abandoned !== undefined) this.#account(abandoned, -1);
    return request ?? (abandoned === undefined ? "nobody" : "given up");
  }

  /** The caller no longer waits. Returns whether its frame was sent. */
  abandon(request: PendingRequest): boolean {
    if (this.#waiting.delete(request)) return false;
    if (!this.#sent.delete(request.id)) return false;
    // A cancelled fetch is gone at the broker, whether it answers or not; anything else goes on there.
    if (request.api === "fetch") this.#account(request, -1);
    else this.#abandoned.set(request.id, { api: request.api, frameBytes: request.frameBytes });
    return true;
  }

  /** The connection has ended: takes what was sent over it, in order. */
  takeSent(): PendingRequest[] {
    const sent = [...this.#sent.values()];
    this.#sent.clear();
    this.#abandoned.clear();
    this.#inFlightBytes = 0;
    return sent;
  }

  takeWaiting(): PendingRequest[] {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    return waiting;
  }

  #account(request: Pick<PendingRequest, "api" | "frameBytes">, sign: 1 | -1): void {
    if (!EXEMPT_APIS.has(request.api)) this.#inFlightBytes += sign * request.frameBytes;
  }
}

/** Rejects a request and stops its timer. */
export function settle(request: PendingRequest, error: BrookletError): void {
  request.release();
  request.reject(error);
}

/** Encodes a request once; what JSON cannot print (a BigInt, a circle) is the caller's mistake, and must not hold up others. */
function encode(request: PendingRequest): IllegalStateError | undefined {
  const { id, api, header, payload } = request;
  try {
    request.frame ??= encodeFrame({ id, api, ...header }, payload);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    return new IllegalStateError(`${api}: the request cannot be written as JSON: ${why}`, { cause });
  }
  request.frameBytes = request.frame.length;
  return undefined;
}

/** A frame that the broker would refuse, or never have room for, is not sent. */
function tooLargeFor(request: PendingRequest, limits: BrokerLimits): RecordTooLargeError | undefined {
  const payloadBytes = request.payload.reduce((sum, part) => sum + part.length, 0);
  const headerBytes = request.frameBytes - payloadBytes;
  const tooLarge = (what: string, bytes: number, limit: number, name: string) =>
    new RecordTooLargeError(
      `${request.api}: ${what} has ${bytes} bytes; the broker takes at most ${limit} (${name}). Nothing was sent.`,
      { code: "RECORD_LIST_TOO_LARGE", hint: hintFor(request.api), context: { bytes, limit } },
    );
  if (payloadBytes > limits.maxFramePayloadBytes) {
    return tooLarge("the payload", payloadBytes, limits.maxFramePayloadBytes, "socket.request.max.bytes");
  }
  if (headerBytes > limits.maxHeaderBytes) {
    return tooLarge("the header", headerBytes, limits.maxHeaderBytes, "the header limit of a frame");
  }
  if (request.frameBytes > limits.maxInFlightRequestBytes && !EXEMPT_APIS.has(request.api)) {
    return tooLarge("the frame", request.frameBytes, limits.maxInFlightRequestBytes, "its grant per connection");
  }
  return undefined;
}

function hintFor(api: ApiName): string {
  // The SDK cuts all that can be cut; a member says in one heartbeat what it reads.
  return api === "groupHeartbeat"
    ? "one member cannot name so many topics and partitions: subscribe({ pattern }) names no topics, and more members share the partitions"
    : "send less at once";
}
