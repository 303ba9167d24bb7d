// `POST /v1/topics/{topic}/records` with `application/x-ndjson`: one record per line, for as long as the client likes, and
// one line of result per record, in order, each when its record is durable.
//
// Invariants: one part is being stored while the next one fills, and the body is not read beyond that, nor while the
// client leaves results unread (a connection on which nothing moves for a minute and a half is cut, as any other); a line that is no record has its own error, certain, and the next one goes on; what has a
// result of success is durable, whatever becomes of the connection.

import type { IncomingMessage, ServerResponse } from "node:http";
import { ProtocolError } from "@brooklet/protocol";
import { parseRecords, type ReadableRecord, readRecord, recordPaths } from "@brooklet/protocol/readable";
import { Breath } from "./breath.ts";
import { asProtocolError } from "./dispatch.ts";
import { NDJSON_CONTENT_TYPE, refuseRequest } from "./http-answers.ts";
import { type Call, callFor, type HttpServices } from "./http-exchange.ts";
import { asRecord, type Destination, type ReadableProducer, type RecordResult } from "./http-produce.ts";

const NEWLINE = 0x0a;
/** A part of a stream: what is stored at once. Less where socket.request.max.bytes is small. */
const MAX_PART_BYTES = 1024 * 1024;
const MAX_PART_RECORDS = 10_000;
const PARTS_PER_REQUEST = 8;
/** A line may be as long as a record of message.max.bytes whose every character is escaped, and its other fields. */
const ESCAPED_BYTES_PER_BYTE = 2;
const MAX_FIELDS_BYTES = 64 * 1024;

/** Stores the lines of the request and answers each. */
export function serveNdjson(
  topic: string,
  request: IncomingMessage,
  response: ServerResponse,
  { producer, services }: { producer: ReadableProducer; services: HttpServices },
): void {
  const call = callFor(response, services);
  const visible = (error: unknown) => asProtocolError(error, "POST records", services.broker.logger);
  const begin = async () => {
    services.streams.enterWriter(response);
    const destination = await producer.destination(topic, call);
    if (response.closed) return;
    // The next request on this connection would be timed as this one is not.
    response.shouldKeepAlive = false;
    response.writeHead(200, {
      "content-type": NDJSON_CONTENT_TYPE,
      "cache-control": "no-store",
      "cross-origin-resource-policy": "same-origin",
      "x-content-type-options": "nosniff",
    });
    response.flushHeaders();
    const store = (records: readonly (ReadableRecord | ProtocolError)[]) =>
      storeOrRefuse({ producer, destination, call, visible }, records);
    await new NdjsonBody(request, response, services, store).run();
  };
  begin().catch((error: unknown) => {
    // The client went away in the middle: its results went with it.
    if (response.headersSent || request.destroyed) response.destroy();
    else refuseRequest(response, visible(error));
  });
}

interface Storing {
  readonly producer: ReadableProducer;
  readonly destination: Destination;
  readonly call: Call;
  visible(error: unknown): ProtocolError;
}

/** What refuses a whole part is the result of each record in it. */
async function storeOrRefuse(
  { producer, destination, call, visible }: Storing,
  records: readonly (ReadableRecord | ProtocolError)[],
): Promise<RecordResult[]> {
  try {
    return await producer.store(destination, records, call);
  } catch (error) {
    const refusal = visible(error);
    return records.map((record) => ({ error: (record instanceof ProtocolError ? record : refusal).toWire() }));
  }
}

/** One body of lines, and the results that answer them. */
export class NdjsonBody {
  readonly #chunks: AsyncIterator<Buffer>;
  readonly #response: ServerResponse;
  readonly #services: HttpServices;
  readonly #store: (records: readonly (ReadableRecord | ProtocolError)[]) => Promise<RecordResult[]>;
  readonly #lines: Lines;
  readonly #maxPartBytes: number;
  readonly #breath: Breath;
  #part: (ReadableRecord | ProtocolError)[] = [];
  #partBytes = 0;
  #storing: Promise<void> | undefined;
  #stopped = false;
  #wake: (() => void) | undefined;

  constructor(
    request: IncomingMessage,
    response: ServerResponse,
    services: HttpServices,
    store: (records: readonly (ReadableRecord | ProtocolError)[]) => Promise<RecordResult[]>,
  ) {
    const { settings } = services.broker;
    const requestMaxBytes = settings["socket.request.max.bytes"];
    this.#chunks = request[Symbol.asyncIterator]();
    this.#response = response;
    this.#services = services;
    this.#store = store;
    this.#breath = new Breath(services.clock);
    this.#lines = new Lines(ESCAPED_BYTES_PER_BYTE * settings["message.max.bytes"] + MAX_FIELDS_BYTES);
    this.#maxPartBytes = Math.min(MAX_PART_BYTES, Math.floor(requestMaxBytes / PARTS_PER_REQUEST));
  }

  async run(): Promise<void> {
    this.#services.streams.opened(this.#response, { stop: () => this.#stop() });
    for (let chunk = await this.#next(); chunk !== undefined; chunk = await this.#next()) {
      for (const line of this.#lines.push(chunk)) {
        this.#take(line);
        if (this.#isFull) await this.#room();
        const pause = this.#breath.take(line instanceof ProtocolError ? 0 : line.byteLength);
        if (pause !== undefined) await pause;
      }
      this.#begin();
    }
    const last = this.#stopped ? undefined : this.#lines.end();
    if (last !== undefined) this.#take(last);
    while (this.#part.length > 0 || this.#storing !== undefined) {
      this.#begin();
      await this.#storing;
    }
    this.#response.end();
  }

  /** The broker stops: what was taken gets its results, the rest of the body is left. */
  #stop(): void {
    this.#stopped = true;
    this.#wake?.();
  }

  /** The next piece of the body; undefined at its end, or when the broker stops. */
  #next(): Promise<Buffer | undefined> {
    return new Promise((resolve, reject) => {
      this.#wake = () => resolve(undefined);
      if (this.#stopped) resolve(undefined);
      else this.#chunks.next().then(({ done, value }) => resolve(done ? undefined : value), reject);
    });
  }

  get #isFull(): boolean {
    return this.#partBytes >= this.#maxPartBytes || this.#part.length >= MAX_PART_RECORDS;
  }

  async #room(): Promise<void> {
    while (this.#isFull) {
      this.#begin();
      await this.#storing;
    }
  }

  #take(line: Uint8Array | ProtocolError): void {
    if (line instanceof ProtocolError) this.#part.push(line);
    else if (isBlank(line)) return;
    else {
      this.#part.push(asRecord(() => this.#read(line)));
      this.#partBytes += line.byteLength;
    }
  }

  #read(line: Uint8Array): ReadableRecord {
    try {
      const { fields, values } = parseRecords(line, recordPaths.record, { maxValues: MAX_PART_RECORDS });
      return readRecord(fields, values, this.#services.clock.wallMs());
    } catch (error) {
      if (!(error instanceof ProtocolError) || error.code !== "INVALID_REQUEST") throw error;
      throw new ProtocolError("INVALID_RECORD", error.message, { cause: error });
    }
  }

  /** Stores what has come, unless something is being stored. */
  #begin(): void {
    if (this.#storing !== undefined || this.#part.length === 0) return;
    const part = this.#part;
    this.#part = [];
    this.#partBytes = 0;
    this.#storing = this.#answer(part).finally(() => {
      this.#storing = undefined;
      this.#begin();
    });
    // Awaited where the next part is full; until then nobody else may have to catch it.
    this.#storing.catch(() => {});
  }

  async #answer(part: readonly (ReadableRecord | ProtocolError)[]): Promise<void> {
    const results = await this.#store(part);
    const response = this.#response;
    if (response.closed) return;
    if (response.write(`${results.map((result) => JSON.stringify(result)).join("\n")}\n`)) return;
    await new Promise<void>((resolve) => {
      const done = () => {
        response.off("drain", done);
        response.off("close", done);
        resolve();
      };
      response.once("drain", done);
      response.once("close", done);
    });
  }
}

/** The lines of a body, as bytes, without their newlines. At most one line of `maxBytes` is held. */
export class Lines {
  readonly #maxBytes: number;
  #pieces: Uint8Array[] = [];
  #bytes = 0;
  #tooLong = false;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** The lines that end in `chunk`; an error in the place of each that is too long. */
  *push(chunk: Uint8Array): Generator<Uint8Array | ProtocolError> {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      this.#add(chunk.subarray(start, end));
      start = end + 1;
      yield this.#whole();
    }
    this.#add(chunk.subarray(start));
  }

  /** What follows the last newline, if anything does. */
  end(): Uint8Array | ProtocolError | undefined {
    return this.#bytes === 0 && !this.#tooLong ? undefined : this.#whole();
  }

  #add(piece: Uint8Array): void {
    if (piece.length === 0 || this.#tooLong) return;
    this.#tooLong = this.#bytes + piece.length > this.#maxBytes;
    if (this.#tooLong) this.#pieces = [];
    else this.#pieces.push(piece);
    this.#bytes += piece.length;
  }

  #whole(): Uint8Array | ProtocolError {
    const [only = new Uint8Array(0)] = this.#pieces;
    const line = this.#tooLong
      ? new ProtocolError(
          "MESSAGE_TOO_LARGE",
          `the line has more than ${this.#maxBytes} bytes, more than a record of message.max.bytes takes; it was passed over`,
        )
      : this.#pieces.length > 1
        ? Buffer.concat(this.#pieces)
        : only;
    this.#pieces = [];
    this.#bytes = 0;
    this.#tooLong = false;
    return line;
  }
}

/** White space only: no record, and no result. */
function isBlank(line: Uint8Array): boolean {
  return line.every((byte) => byte === 0x20 || byte === 0x09 || byte === 0x0d);
}
