// One client's connection over a Link, whatever carries it: hello, requests, cancels, flow control, the end.
//
// Invariants: a request's handler is called while its frame is being received, so requests start in the order of arrival,
// though answers may overtake; every request that started is answered at most once; and when the session has ended
// (closed, superseded, refused) no frame of it acts any more, not even one that was read already.

import {
  type ApiRequest,
  type ApiResponse,
  decodeFrame,
  encodeFrame,
  FRAME_PREFIX_BYTES,
  MAX_HEADER_BYTES,
  MAX_HEADER_BYTES_BEFORE_HELLO,
  PROTOCOL_VERSIONS,
  ProtocolError,
} from "@brooklet/protocol";
import type { Clock, Link, LinkHandlers, Timers } from "@brooklet/protocol/world";
import type { BrokerParts } from "../api/handler.ts";
import type { Peer } from "../peer.ts";
import type { Newcomer } from "../world.ts";
import { encodeAnswer, encodeRefusal } from "./answers.ts";
import type { Authenticator, Denial } from "./authenticator.ts";
import { type Answer, asProtocolError, type Dispatch, isDispatched, unknownApi, validated } from "./dispatch.ts";
import { Flow, type FlowTotals, PendingRequest } from "./flow.ts";
import type { Instances, Supersedable } from "./instances.ts";
import type { RefusalLog } from "./refusal-log.ts";

const MAX_LATENESS_MS = 100;
/** WebSocket close codes (RFC 6455, 7.4.1): what ended a session. */
const CLOSE = { goingAway: 1001, malformed: 1002, policy: 1008, tooBig: 1009, tryLater: 1013 } as const;
/** A close frame holds 125 bytes, two of them the code. */
const MAX_CLOSE_REASON_BYTES = 123;

/** What a session needs of the broker around it. */
export interface SessionServices {
  readonly broker: BrokerParts;
  readonly clock: Clock;
  readonly instances: Instances;
  readonly dispatch: Dispatch;
  readonly refusals: RefusalLog;
  readonly authenticator: Authenticator;
  readonly totals: FlowTotals;
  /** The broker is on its way down: what still arrives is refused. */
  isStopping(): boolean;
  greeted(session: Session): void;
  ended(session: Session): void;
}

export class Session implements LinkHandlers, Peer, Supersedable {
  readonly #link: Link;
  readonly #services: SessionServices;
  readonly #timers: Timers;
  readonly #flow: Flow;
  readonly #pending = new Map<number, PendingRequest>();
  readonly #maxMessageBytes: number;
  readonly #address: string;
  readonly #hasShownToken: boolean;
  readonly #helloTimeoutMs: number;
  #state: "greeting" | "denied" | "open" | "ended" = "greeting";
  #clientInstanceId = "";
  #client = "";

  constructor(link: Link, { address, authenticated = false }: Newcomer, services: SessionServices) {
    const { settings } = services.broker;
    this.#link = link;
    this.#address = address;
    this.#hasShownToken = authenticated;
    this.#helloTimeoutMs = settings["handshake.timeout.ms"];
    this.#services = services;
    this.#timers = services.clock.timers();
    this.#maxMessageBytes = FRAME_PREFIX_BYTES + MAX_HEADER_BYTES + settings["socket.request.max.bytes"];
    const { clock, totals } = services;
    this.#flow = new Flow(
      link,
      { timers: this.#timers, nowMs: () => clock.nowMs(), totals },
      {
        maxInFlightRequestBytes: settings["max.in.flight.request.bytes"],
        maxReplyBytes: settings["max.reply.bytes"],
        onStalled: (why) => this.end(CLOSE.tryLater, why),
      },
    );
    this.#awaitHello(this.#helloTimeoutMs);
  }

  /** A timer that comes late is set once more: after a pause of this process the hello may lie in the socket (hard place 4). */
  #awaitHello(delayMs: number, isLast = false): void {
    this.#timers.schedule("hello", delayMs, (lateMs) => {
      if (lateMs > MAX_LATENESS_MS && !isLast) {
        this.#awaitHello(lateMs, true);
        return;
      }
      const reason = `no hello within ${this.#helloTimeoutMs / 1000} s`;
      this.#services.refusals.refused("silence", this.#address, reason);
      this.end(CLOSE.policy, reason);
    });
  }

  get description(): string {
    return this.#client === "" ? this.#address : `${this.#client}@${this.#address}`;
  }

  get clientInstanceId(): string | undefined {
    return this.#clientInstanceId || undefined;
  }

  /** How logs show it. */
  toJSON(): string {
    return this.description;
  }

  /** Requests whose answer is still owed. */
  get pendingCount(): number {
    return this.#pending.size;
  }

  /** What the peer has not taken, counted afresh. */
  countUnread(): number {
    return this.#flow.countUnread();
  }

  hintHeartbeat(groupId: string): void {
    if (this.#state === "open" && !this.#flow.outputIsFull)
      this.#flow.send(encodeFrame({ event: "heartbeatNow", groupId }));
  }

  wasHeldBackSince(sinceMs: number): boolean {
    return this.#state === "open" && this.#flow.wasHeldBackSince(sinceMs);
  }

  supersede(by: string): void {
    if (this.#state === "ended") return;
    this.#link.pause();
    this.end(CLOSE.policy, `STALE_CONNECTION: a newer connection of this client has taken over (${by})`);
  }

  /** Ends the session from this side. What the peer sent and is not handled yet is never handled. */
  end(code: number, reason: string): void {
    if (this.#state === "ended") return;
    this.#services.broker.logger.debug({ peer: this.description, code, reason }, "closing a connection");
    this.#finish();
    this.#link.close(code, shortened(reason));
  }

  onClose(): void {
    this.#finish();
  }

  onMessage(message: Uint8Array): void {
    if (this.#state === "ended" || this.#state === "denied") return;
    const greeting = this.#state === "greeting";
    const maxHeaderBytes = greeting ? MAX_HEADER_BYTES_BEFORE_HELLO : MAX_HEADER_BYTES;
    const maxBytes = greeting ? FRAME_PREFIX_BYTES + MAX_HEADER_BYTES_BEFORE_HELLO : this.#maxMessageBytes;
    if (message.byteLength > maxBytes) {
      this.end(CLOSE.tooBig, `a message of ${message.byteLength} bytes; at most ${maxBytes} are taken`);
      return;
    }
    try {
      const { header, payload } = decodeFrame(message, { maxHeaderBytes });
      this.#onFrame(header, payload, message.byteLength);
    } catch (error) {
      const { code, message: text } = asProtocolError(error, "a frame", this.#services.broker.logger);
      this.#services.refusals.refused("garbage", this.description, text);
      this.end(CLOSE.malformed, `${code}: ${text}`);
    }
  }

  #onFrame(header: Record<string, unknown>, payload: Uint8Array, bytes: number): void {
    const { id, api } = header;
    if (header.cancel !== undefined && this.#state === "open") {
      this.#onCancel(header.cancel);
      return;
    }
    if (!isRequestId(id)) {
      this.end(CLOSE.policy, "INVALID_REQUEST: a request needs an id: a whole number that is not negative");
      return;
    }
    if (this.#pending.has(id)) {
      this.end(CLOSE.policy, `INVALID_REQUEST: id ${id} is the id of a request that is not answered yet`);
      return;
    }
    if (this.#state === "greeting") this.#onFirstRequest(id, header);
    else if (typeof api !== "string") this.#refuse(id, new ProtocolError("INVALID_REQUEST", "a request needs an api"));
    else this.#onRequest(id, api, header, payload, bytes);
  }

  #onRequest(id: number, api: string, header: Record<string, unknown>, payload: Uint8Array, bytes: number): void {
    if (api === "hello") {
      this.#refuse(id, new ProtocolError("INVALID_REQUEST", "hello was said on this connection already"));
      return;
    }
    if (!isDispatched(api)) {
      this.#refuse(id, unknownApi(api));
      return;
    }
    if (this.#services.isStopping()) {
      this.#refuse(id, new ProtocolError("BROKER_NOT_AVAILABLE", "the broker is stopping"));
      return;
    }
    if (this.#flow.isFlooded) {
      this.end(CLOSE.policy, `THROTTLING_QUOTA_EXCEEDED: ${this.#pending.size} requests without waiting for answers`);
      return;
    }
    const refusal = this.#flow.admit(api, bytes);
    if (refusal !== undefined) {
      this.#services.refusals.refused("quota", this.description, refusal.message);
      this.#refuse(id, refusal);
      return;
    }
    const pending = new PendingRequest(api, bytes);
    this.#pending.set(id, pending);
    this.#flow.started(pending);
    const context = {
      broker: this.#services.broker,
      principal: this.#services.authenticator.principal,
      peer: this,
      cancellation: pending,
      nowMs: this.#services.clock.nowMs(),
    };
    const { dispatch, broker } = this.#services;
    dispatch(api, header, payload, context)
      .then((answer) => this.#answer(id, pending, answer))
      .catch((error) => this.#answer(id, pending, asProtocolError(error, api, broker.logger)));
  }

  #answer(id: number, pending: PendingRequest, answer: Answer | ProtocolError): void {
    // Not its own any more: the session has ended, and nobody waits.
    if (this.#pending.get(id) !== pending) return;
    const frame =
      answer instanceof ProtocolError
        ? answer
        : (this.#flow.fits(pending.api) ?? encodeAnswer(pending.api, id, answer));
    this.#pending.delete(id);
    this.#flow.finished(pending);
    pending.settle();
    if (frame instanceof ProtocolError) this.#refuse(id, frame);
    else this.#flow.send(frame);
  }

  #refuse(id: number, error: ProtocolError): void {
    this.#flow.send(encodeRefusal(id, error));
  }

  #onCancel(id: unknown): void {
    if (!isRequestId(id)) this.end(CLOSE.policy, "INVALID_REQUEST: cancel needs the id of a request");
    else this.#pending.get(id)?.cancel();
  }

  #onFirstRequest(id: number, header: Record<string, unknown>): void {
    try {
      const request = this.#checkedHello(header);
      const denial = this.#hasShownToken
        ? undefined
        : this.#services.authenticator.checkToken(this.#address, request.token);
      if (denial !== undefined) this.#deny(id, denial);
      else this.#flow.send(encodeFrame({ id, ...this.#hello(request) }));
    } catch (error) {
      const refusal = asProtocolError(error, "hello", this.#services.broker.logger);
      if (refusal.code === "STALE_CONNECTION")
        this.#services.refusals.refused("stale", this.description, refusal.message);
      this.#refuseHello(id, refusal);
    }
  }

  #refuseHello(id: number, refusal: ProtocolError): void {
    this.#refuse(id, refusal);
    this.end(CLOSE.policy, `${refusal.code}: ${refusal.message}`);
  }

  /** Says so, perhaps late; until then nothing that this peer sends is looked at. */
  #deny(id: number, { error, delayMs }: Denial): void {
    if (delayMs === 0) {
      this.#services.refusals.refused("token", this.#address, error.message);
      this.#refuseHello(id, error);
      return;
    }
    this.#state = "denied";
    this.#timers.schedule("denial", delayMs, () => this.#refuseHello(id, error));
  }

  #checkedHello(header: Record<string, unknown>): ApiRequest<"hello"> {
    if (header.api !== "hello")
      throw new ProtocolError("INVALID_REQUEST", "the first request of a connection is hello");
    if (this.#services.isStopping()) throw new ProtocolError("BROKER_NOT_AVAILABLE", "the broker is stopping");
    return validated("hello", header);
  }

  #hello(request: ApiRequest<"hello">): ApiResponse<"hello"> {
    const version = Math.max(...PROTOCOL_VERSIONS.filter((known) => request.versions.includes(known)));
    if (!Number.isFinite(version)) {
      throw new ProtocolError(
        "UNSUPPORTED_VERSION",
        `the client speaks protocol ${request.versions.join(", ")}; the broker speaks ${PROTOCOL_VERSIONS.join(", ")}`,
        { hint: "Use versions of @brooklet/client and of the broker that belong together." },
      );
    }
    this.#client = request.client;
    this.#services.instances.claim(request.clientInstanceId, request.connectionSeq, this);
    this.#clientInstanceId = request.clientInstanceId;
    this.#services.broker.groups.clientConnected(request.clientInstanceId);
    this.#state = "open";
    this.#timers.cancel("hello");
    this.#services.greeted(this);
    const { clusterId, settings } = this.#services.broker;
    return {
      clusterId,
      brokerId: BROKER_ID,
      version,
      features: [...FEATURES],
      limits: {
        maxFramePayloadBytes: settings["socket.request.max.bytes"],
        maxHeaderBytes: MAX_HEADER_BYTES,
        maxBatchBytes: settings["message.max.bytes"],
        maxInFlightRequestBytes: settings["max.in.flight.request.bytes"],
        maxReplyBytes: settings["max.reply.bytes"],
        maxFetchWaitMs: settings["fetch.max.wait.ms"],
        maxDecompressedBatchBytes: settings["max.decompressed.batch.bytes"],
      },
    };
  }

  #finish(): void {
    if (this.#state === "ended") return;
    this.#state = "ended";
    this.#timers.close();
    const wasLast = this.#clientInstanceId !== "" && this.#services.instances.release(this.#clientInstanceId, this);
    // A broker that stops closes the connections itself.
    if (wasLast && !this.#services.isStopping())
      this.#services.broker.groups.clientDisconnected(this.#clientInstanceId);
    const waiting = [...this.#pending.values()];
    this.#pending.clear();
    this.#flow.close();
    for (const pending of waiting) pending.cancel();
    this.#services.ended(this);
  }
}

/** There is one broker in a cluster. */
export const BROKER_ID = 0;
/** What a client may rely on beyond the first version of the protocol. */
export const FEATURES: readonly string[] = ["consumerGroups", "idempotence"];

function isRequestId(id: unknown): id is number {
  return typeof id === "number" && Number.isSafeInteger(id) && id >= 0;
}

/** Cuts a reason to what a close frame holds, between characters. */
function shortened(reason: string): string {
  const bytes = Buffer.from(reason);
  if (bytes.length <= MAX_CLOSE_REASON_BYTES) return reason;
  let end = MAX_CLOSE_REASON_BYTES - 3;
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end--;
  return `${bytes.toString("utf8", 0, end)}…`;
}
