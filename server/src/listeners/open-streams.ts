// Answers that last: event streams and streamed bodies. Who they are, how many readers there may be, and how all of them
// end when the broker stops.
//
// Invariant: a stream is forgotten when its response closes, whatever closed it.

import type { ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { ProtocolError } from "@brooklet/protocol";
import type { Settings } from "../settings.ts";

/** A topic as streams know it. */
export interface StreamTopic {
  readonly topic: string;
  readonly topicId: string;
  readonly partitionCount: number;
}

/** What lasts, as the door sees it. */
export interface OpenStream {
  /** Ends it soon, with this as the reason. */
  stop(why: ProtocolError): void;
  /** The topic has more partitions now. */
  extended?(topic: StreamTopic): void;
}

export class OpenStreams {
  readonly #maxReaders: number;
  readonly #maxWriters: number;
  readonly #open = new Map<ServerResponse, OpenStream>();
  readonly #bodies = new WeakSet<Duplex>();
  #readers = 0;
  #writers = 0;
  #stopped = false;

  constructor(settings: Pick<Settings, "max.stream.readers" | "max.stream.writers">) {
    this.#maxReaders = settings["max.stream.readers"];
    this.#maxWriters = settings["max.stream.writers"];
  }

  /** Event streams that are open. */
  get readers(): number {
    return this.#readers;
  }

  /** Counts a reader until its response closes. Errors: THROTTLING_QUOTA_EXCEEDED above max.stream.readers. */
  enterReader(response: ServerResponse): void {
    if (this.#readers >= this.#maxReaders) {
      throw new ProtocolError(
        "THROTTLING_QUOTA_EXCEEDED",
        `${this.#readers} event streams are open, which is the most allowed`,
        { hint: "Close streams that nobody reads, or raise max.stream.readers." },
      );
    }
    if (response.closed) return;
    this.#readers++;
    response.once("close", () => this.#readers--);
  }

  /** The stream has begun; it ends with its response. */
  opened(response: ServerResponse, stream: OpenStream): void {
    if (this.#stopped) {
      stream.stop(stopping());
      return;
    }
    if (response.closed) return;
    this.#open.set(response, stream);
    response.once("close", () => this.#open.delete(response));
  }

  /**
   * The request of this response brings a body that may take as long as it likes: counts it until the response closes.
   * Errors: THROTTLING_QUOTA_EXCEEDED above max.stream.writers.
   */
  enterWriter(response: ServerResponse): void {
    if (this.#writers >= this.#maxWriters) {
      throw new ProtocolError(
        "THROTTLING_QUOTA_EXCEEDED",
        `${this.#writers} streams of records are being received, which is the most allowed`,
        { hint: "End streams that bring nothing, use the SDK, or raise max.stream.writers." },
      );
    }
    if (response.closed || response.socket === null) return;
    this.#writers++;
    response.once("close", () => this.#writers--);
    this.#bodies.add(response.socket);
  }

  /** Whether a body on this socket is not to be timed. */
  lasts(socket: Duplex): boolean {
    return this.#bodies.has(socket);
  }

  extended(topic: StreamTopic): void {
    for (const stream of this.#open.values()) stream.extended?.(topic);
  }

  /** The broker stops: everybody is told. */
  stop(): void {
    this.#stopped = true;
    for (const stream of this.#open.values()) stream.stop(stopping());
  }
}

function stopping(): ProtocolError {
  return new ProtocolError("BROKER_NOT_AVAILABLE", "the broker is stopping");
}
