// What HTTP requests may take of the broker at once. Sockets are bounded by max.connections; this bounds what is in them.

import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { ProtocolError } from "@brooklet/protocol";
import { isNdjson } from "./http-answers.ts";

/** Unanswered requests that one connection may have sent ahead. */
const MAX_PIPELINED_REQUESTS = 16;
/** Bodies of all requests that are being received or handled. */
const MAX_BODY_BYTES_IN_ALL = 256 * 1024 * 1024;
/** Answers of all requests that their clients have not taken. */
const MAX_ANSWER_BYTES_IN_ALL = 256 * 1024 * 1024;

export class HttpLoad {
  /** Requests that are not answered whole. */
  readonly #perSocket = new WeakMap<Duplex, Set<ServerResponse>>();
  readonly #bodyLimitBytes: number;
  #requests = 0;
  #bodyBytes = 0;
  #answerBytes = 0;
  readonly #answers = new WeakMap<ServerResponse, number>();

  constructor(bodyLimitBytes: number) {
    this.#bodyLimitBytes = bodyLimitBytes;
  }

  /** Requests that are being received or handled. */
  get requests(): number {
    return this.#requests;
  }

  /** Counts the request until its response is over, or says why it is not taken. */
  enter(request: IncomingMessage, response: ServerResponse): ProtocolError | undefined {
    const open = this.#perSocket.get(request.socket) ?? new Set();
    const ahead = open.size;
    if (ahead >= MAX_PIPELINED_REQUESTS) {
      return new ProtocolError(
        "THROTTLING_QUOTA_EXCEEDED",
        `${ahead} requests were sent ahead on one HTTP connection; at most ${MAX_PIPELINED_REQUESTS} are taken`,
      );
    }
    const bodyBytes = this.#announcedBytes(request);
    // The first large one is always taken, so that a small bound can never refuse everything for good.
    if (bodyBytes > 0 && this.#bodyBytes > 0 && this.#bodyBytes + bodyBytes > MAX_BODY_BYTES_IN_ALL) {
      return new ProtocolError(
        "THROTTLING_QUOTA_EXCEEDED",
        `the HTTP requests that are being handled have ${this.#bodyBytes} bytes already`,
        { hint: "Try again a little later." },
      );
    }
    this.#perSocket.set(request.socket, open.add(response));
    this.#requests++;
    this.#bodyBytes += bodyBytes;
    response.once("close", () => {
      open.delete(response);
      this.#requests--;
      this.#bodyBytes -= bodyBytes;
      this.#answerBytes -= this.#answers.get(response) ?? 0;
    });
    return undefined;
  }

  /** Whether what is written to this socket now would meet another answer: one that has begun, or that a whole request waits for. */
  isAnswering(socket: Duplex): boolean {
    for (const { headersSent, req } of this.#perSocket.get(socket) ?? []) if (headersSent || req.complete) return true;
    return false;
  }

  /**
   * Counts an answer until it was taken, or says why it is not sent. Only answers that can be taken back ask. The next part of
   * an answer that lasts takes the place of the one before.
   */
  admitAnswer(response: ServerResponse, bytes: number): ProtocolError | undefined {
    this.#answerBytes -= this.#answers.get(response) ?? 0;
    this.#answers.delete(response);
    if (this.#answerBytes > 0 && this.#answerBytes + bytes > MAX_ANSWER_BYTES_IN_ALL) {
      return new ProtocolError(
        "THROTTLING_QUOTA_EXCEEDED",
        `clients of this broker have not read ${this.#answerBytes} bytes of HTTP answers`,
        { hint: "Read answers before asking for more, or try again a little later." },
      );
    }
    // Who has gone takes nothing, and its "close" has come already.
    if (response.closed) return undefined;
    this.#answerBytes += bytes;
    this.#answers.set(response, bytes);
    return undefined;
  }

  /** A body without a length may become as long as any. */
  #announcedBytes(request: IncomingMessage): number {
    // Never held as a whole; OpenStreams bounds how many there are.
    if (isNdjson(request)) return 0;
    const { "content-length": length, "transfer-encoding": encoding } = request.headers;
    if (encoding !== undefined) return this.#bodyLimitBytes;
    return length === undefined ? 0 : Math.min(Number(length) || 0, this.#bodyLimitBytes);
  }
}
