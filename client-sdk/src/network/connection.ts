// One connection: the link, its hello, and frames taken apart. It knows nothing of requests, reconnecting or other servers.
// Invariant: `onEnd` comes exactly once, and after it (or after `detach`) nothing else.

import {
  type ApiResponse,
  decodeFrame,
  encodeFrame,
  FRAME_PREFIX_BYTES,
  type Frame,
  MAX_ANSWER_HEADER_BYTES,
  MAX_HEADER_BYTES_BEFORE_HELLO,
  PROTOCOL_VERSIONS,
  type WireError,
} from "@brooklet/protocol";
import type { Link, Transport } from "@brooklet/protocol/world";
import type { Secret } from "../secret.ts";
import { answerProblem, isWireError } from "./answers.ts";
import type { BrokerLimits } from "./client.ts";

/** Kafka's fetch.max.bytes (50 MiB) and a batch beyond it must pass; what is larger is an attack. */
const MAX_ANSWER_PAYLOAD_BYTES = 64 * 1024 * 1024;
export const MAX_MESSAGE_BYTES = FRAME_PREFIX_BYTES + MAX_ANSWER_HEADER_BYTES + MAX_ANSWER_PAYLOAD_BYTES;
/** RFC 6455 close codes. */
const CLOSE_NORMAL = 1000;
const CLOSE_PROTOCOL_ERROR = 1002;
/** The hello is the first request of its connection; requests have ids from 1. */
const HELLO_ID = 0;

export interface Hello {
  readonly clusterId: string;
  readonly limits: BrokerLimits;
}

/** Why a connection ended. `refused`: the broker's own answer to hello; `code` is the close frame's. */
export interface End {
  readonly code: number;
  readonly reason: string;
  readonly refused?: WireError;
}

export interface ConnectionEvents {
  onHello(hello: Hello): void;
  /** Any frame after the hello, its header an object. */
  onFrame(frame: Frame): void;
  onEnd(end: End): void;
}

export interface ConnectionOptions {
  readonly transport: Transport;
  readonly address: string;
  readonly clientId: string;
  readonly clientInstanceId: string;
  readonly connectionSeq: number;
  readonly connectTimeoutMs: number;
  readonly token?: Secret | undefined;
}

export class Connection {
  readonly address: string;
  readonly #events: ConnectionEvents;
  readonly #link: Link;
  readonly #token: Secret | undefined;
  #greeted = false;
  #ended = false;

  constructor(options: ConnectionOptions, events: ConnectionEvents) {
    this.address = options.address;
    this.#events = events;
    this.#token = options.token;
    const hello = {
      id: HELLO_ID,
      api: "hello",
      client: options.clientId,
      versions: PROTOCOL_VERSIONS,
      clientInstanceId: options.clientInstanceId,
      connectionSeq: options.connectionSeq,
    };
    const token = () => (options.token === undefined ? {} : { token: options.token.reveal() });
    this.#link = options.transport.connect(
      options.address,
      {
        onOpen: () => this.#link.send(encodeFrame({ ...hello, ...token() })),
        onMessage: (message) => this.#receive(message),
        onClose: (code, reason) => this.#end({ code, reason }),
      },
      { maxMessageBytes: MAX_MESSAGE_BYTES, connectTimeoutMs: options.connectTimeoutMs },
    );
  }

  send(frame: Uint8Array): void {
    this.#link.send(frame);
  }

  /** Ends it at once, and tells. */
  terminate(reason: string): void {
    // Told first: the link may say at once, in its own words, that it is closed.
    this.#end({ code: CLOSE_NORMAL, reason });
    this.#link.terminate();
  }

  /** Ends it in an orderly way; `onEnd` comes when the other side has agreed. */
  close(): void {
    this.#link.close(CLOSE_NORMAL, "the client was closed");
  }

  #receive(message: Uint8Array): void {
    if (this.#ended) return;
    let frame: Frame;
    try {
      const maxHeaderBytes = this.#greeted ? MAX_ANSWER_HEADER_BYTES : MAX_HEADER_BYTES_BEFORE_HELLO;
      frame = decodeFrame(message, { maxHeaderBytes });
    } catch (error) {
      this.#violated(`the broker sent no frame: ${error instanceof Error ? error.message : String(error)}`);
      return;
    }
    if (this.#greeted) this.#events.onFrame(this.#withoutToken(frame));
    else this.#greet(frame);
  }

  #greet({ header, payload }: Frame): void {
    if (header.id !== HELLO_ID) {
      this.#violated("the broker sent something before it answered hello");
      return;
    }
    if (isWireError(header.error)) {
      this.#end({ code: CLOSE_NORMAL, reason: header.error.message, refused: header.error });
      this.#link.terminate();
      return;
    }
    const limits = readLimits(header.limits);
    const problem = limits === undefined ? "limits are missing" : answerProblem("hello", header, payload.length);
    if (problem !== undefined || limits === undefined) {
      this.#violated(`the answer to hello is malformed: ${problem}`);
      return;
    }
    const { clusterId, version } = header as ApiResponse<"hello">;
    if (!PROTOCOL_VERSIONS.includes(version)) {
      this.#violated(`the broker chose version ${version} of the protocol, which was not offered`);
      return;
    }
    this.#greeted = true;
    this.#events.onHello({ clusterId, limits });
  }

  #violated(problem: string): void {
    this.#end({ code: CLOSE_PROTOCOL_ERROR, reason: problem });
    // No close handshake with a peer that does not keep to the protocol: it could leave that open as well.
    this.#link.terminate();
  }

  #end({ code, reason, refused }: End): void {
    if (this.#ended) return;
    this.#ended = true;
    const safe = { code, reason: printable(this.#redact(reason)) };
    this.#events.onEnd(refused === undefined ? safe : { ...safe, refused: this.#redactError(refused) });
  }

  /** The other side knows the token: what it says of why it ends must not carry it into an error or a log line. */
  #redact(text: string): string {
    const token = this.#token?.reveal();
    return token === undefined ? text : text.replaceAll(token, String(this.#token));
  }

  #redactError(error: WireError): WireError {
    const token = this.#token?.reveal();
    if (token === undefined) return error;
    // As JSON, because a context may hold it anywhere.
    const json = JSON.stringify(error);
    const hidden = json.replaceAll(JSON.stringify(token).slice(1, -1), String(this.#token));
    return hidden === json ? error : (JSON.parse(hidden) as WireError);
  }

  /** The same for the errors of an answer: its own, and those of its items. */
  #withoutToken(frame: Frame): Frame {
    if (this.#token === undefined) return frame;
    for (const place of [frame.header, ...Object.values(frame.header).flat()]) {
      if (typeof place !== "object" || place === null || !("error" in place)) continue;
      if (isWireError(place.error)) place.error = this.#redactError(place.error);
    }
    return frame;
  }
}

/** Of a close reason, which is anybody's text, so much gets into messages and log lines. */
const MAX_REASON_LENGTH = 200;

/** Without control characters: a reason must not write lines or colours of its own into a log. */
function printable(reason: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return reason.slice(0, MAX_REASON_LENGTH).replaceAll(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e]/g, "?");
}

function readLimits(value: unknown): BrokerLimits | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const limits = value as BrokerLimits;
  const all = [
    limits.maxFramePayloadBytes,
    limits.maxHeaderBytes,
    limits.maxBatchBytes,
    limits.maxInFlightRequestBytes,
    limits.maxReplyBytes,
    limits.maxFetchWaitMs,
    limits.maxDecompressedBatchBytes ?? 0,
  ];
  return all.every((limit) => Number.isSafeInteger(limit) && limit >= 0) ? limits : undefined;
}
