// One reader of `GET /v1/topics/{t}/stream`: server-sent events, one per record, each with the positions at which it goes on.
//
// The broker reads no further than the reader does: the next fetch begins when what was written has left, so a slow
// reader holds one fetch answer and no more, and one that does not read at all is cut. What is visible is what a fetch
// shows; parked fetches are the log's own.
//
// Invariants: per partition every record once and in order, whatever ends the connection in between; no timer and no
// parked fetch outlives the response.

import { type ApiRequest, ProtocolError } from "@brooklet/protocol";
import { recordJson } from "@brooklet/protocol/readable";
import type { Clock, Timers } from "@brooklet/protocol/world";
import type { BrokerParts } from "../api/handler.ts";
import { Breath } from "./breath.ts";
import { fromWire, type StreamFetch } from "./http-exchange.ts";
import type { OpenStream, StreamTopic } from "./open-streams.ts";
import { recordsIn } from "./readable-records.ts";
import { formatPositions, MAX_STREAM_PARTITIONS } from "./stream-positions.ts";

/** A comment keeps proxies and the server's own silence timeout from cutting a quiet stream. */
const KEEP_ALIVE_MS = 15_000;
/** How long a browser waits before it comes back. */
const RETRY_MS = 1_000;
/** A reader that takes nothing for so long is cut. */
const STALL_MS = 30_000;
/** How long the last event may take to leave. */
const LINGER_MS = 1_000;
/** Record bytes of one fetch; the first batch is whole in any case. */
const FETCH_BYTES = 256 * 1024;

/** Where events go: a response, or a test's stream. */
export interface EventSink {
  readonly writableNeedDrain: boolean;
  readonly closed: boolean;
  write(text: string): boolean;
  end(text: string): void;
  destroy(): void;
  once(event: "drain" | "close", run: () => void): unknown;
  off(event: "drain" | "close", run: () => void): unknown;
}

export interface EventStreamOptions {
  readonly topic: Pick<StreamTopic, "topic" | "topicId">;
  /** The next offset of every partition that is read. */
  readonly offsets: Map<number, number>;
  /** Partitions that are added to the topic are read too. */
  readonly wholeTopic: boolean;
  readonly isolation: "read_uncommitted" | "read_committed";
  readonly sink: EventSink;
  readonly clock: Clock;
  readonly broker: Pick<BrokerParts, "log">;
  fetch(request: ApiRequest<"fetch">): StreamFetch;
  /** Counts the bytes that wait for this reader. Throws when all readers together have too many. */
  hold(bytes: number): void;
  /** What the reader may see of whatever was thrown. */
  asProtocolError(error: unknown): ProtocolError;
}

export class EventStream implements OpenStream {
  readonly #options: EventStreamOptions;
  readonly #timers: Timers;
  readonly #breath: Breath;
  #fetching: StreamFetch | undefined;
  #over = false;
  #wroteMs: number;
  #shownId = "";

  constructor(options: EventStreamOptions) {
    this.#options = options;
    this.#timers = options.clock.timers();
    this.#breath = new Breath(options.clock);
    this.#wroteMs = options.clock.nowMs();
    options.sink.once("close", () => {
      this.#over = true;
      this.#timers.close();
      this.#fetching?.cancel();
    });
  }

  /** Writes events until the reader goes, or until there is a reason to end. Never rejects. */
  async run(): Promise<void> {
    if (this.#over) return;
    try {
      // An id without data is remembered and not shown: who is cut before the first record goes on here.
      this.#write(`retry: ${RETRY_MS}\n${this.#id()}\n`);
      while (!this.#over) {
        await this.#drained();
        if (!this.#over) await this.#step();
      }
    } catch (error) {
      this.stop(this.#options.asProtocolError(error));
    }
  }

  /** The last event says why. */
  stop(why: ProtocolError): void {
    if (this.#over) return;
    this.#over = true;
    this.#fetching?.cancel();
    const { sink } = this.#options;
    // Who has closed meanwhile leaves no timer to set.
    if (sink.closed) return;
    this.#timers.schedule("linger", LINGER_MS, () => sink.destroy());
    sink.end(`event: end\ndata: ${JSON.stringify({ error: why.toWire() })}\n\n`);
  }

  extended({ topicId, partitionCount }: StreamTopic): void {
    const { topic, offsets, wholeTopic } = this.#options;
    if (this.#over || !wholeTopic || topicId !== topic.topicId) return;
    if (partitionCount > MAX_STREAM_PARTITIONS) {
      this.stop(tooManyPartitions(topic.topic, partitionCount));
      return;
    }
    for (let partition = offsets.size; partition < partitionCount; partition++) offsets.set(partition, 0);
    this.#fetching?.cancel();
  }

  async #step(): Promise<void> {
    const { topic, offsets, isolation } = this.#options;
    const asked = [...offsets];
    this.#options.hold(0);
    this.#fetching = this.#options.fetch({
      maxWaitMs: KEEP_ALIVE_MS,
      minBytes: 1,
      maxBytes: FETCH_BYTES,
      isolation,
      partitions: asked.map(([partition, offset]) => ({ ...named(topic), partition, offset })),
    });
    const { header, payload } = await this.#fetching.answer;
    this.#fetching = undefined;
    let next = 0;
    for (const result of header.results) {
      // What came before a refusal is shown first.
      const batches: Uint8Array[] = [];
      for (let left = result.bytes; left > 0; next++) {
        const batch = payload[next] as Uint8Array;
        batches.push(batch);
        left -= batch.byteLength;
      }
      for (const batch of batches) await this.#show(result.partition, batch);
      if (this.#over) return;
      if (result.error === undefined) offsets.set(result.partition, result.nextOffset);
    }
    const refused = header.results.find(({ error }) => error !== undefined);
    if (refused?.error !== undefined) throw fromWire(refused.error);
    this.#quiet();
  }

  async #show(partition: number, batch: Uint8Array): Promise<void> {
    const { offsets, broker } = this.#options;
    const unpacked = await broker.log.unpack(batch);
    this.#options.hold(unpacked.byteLength);
    for (const record of recordsIn(unpacked, offsets.get(partition) ?? 0)) {
      if (this.#over) return;
      offsets.set(partition, record.offset + 1);
      const text = `${this.#id()}data: ${recordJson(record, { partition })}\n\n`;
      if (!this.#write(text)) await this.#drained();
      // A hundred readers of one batch are woken together.
      const pause = this.#breath.take(text.length);
      if (pause !== undefined) await pause;
    }
  }

  /** Nothing may have been written for a while, and positions may have moved past what is not shown. */
  #quiet(): void {
    const shownId = this.#shownId;
    const id = this.#id();
    if (this.#shownId !== shownId) this.#write(`${id}\n`);
    else if (this.#options.clock.nowMs() - this.#wroteMs >= KEEP_ALIVE_MS) this.#write(": keep-alive\n\n");
  }

  #id(): string {
    const { offsets, topic } = this.#options;
    this.#shownId = formatPositions(offsets, topic.topicId);
    return `id: ${this.#shownId}\n`;
  }

  #write(text: string): boolean {
    this.#wroteMs = this.#options.clock.nowMs();
    return this.#options.sink.write(text);
  }

  /** Resolves when what was written has left, or the reader has; rejects when it does not read. */
  #drained(): Promise<void> {
    const { sink } = this.#options;
    if (this.#over || !sink.writableNeedDrain) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const done = () => {
        sink.off("drain", done);
        sink.off("close", done);
        this.#timers.cancel("stall");
        resolve();
      };
      sink.once("drain", done);
      sink.once("close", done);
      this.#timers.schedule("stall", STALL_MS, () => {
        sink.off("drain", done);
        sink.off("close", done);
        reject(
          new ProtocolError(
            "THROTTLING_QUOTA_EXCEEDED",
            `the reader took nothing for ${STALL_MS / 1000} s, so the stream was cut`,
            { hint: "Come back with the last event's id: nothing is lost." },
          ),
        );
      });
    });
  }
}

/** POLICY_VIOLATION: a stream of so many partitions would carry more positions than records. */
export function tooManyPartitions(topic: string, count: number): ProtocolError {
  return new ProtocolError(
    "POLICY_VIOLATION",
    `topic ${topic} has ${count} partitions; one stream reads at most ${MAX_STREAM_PARTITIONS}`,
    { hint: "Read one of them with partition=." },
  );
}

function named({ topic, topicId }: Pick<StreamTopic, "topic" | "topicId">): { topic: string; topicId: string } {
  return { topic, topicId };
}
