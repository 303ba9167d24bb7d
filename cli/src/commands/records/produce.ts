// `brooklet produce`: one record per line of stdin. Lines are bytes; nothing is decoded that need not be.
// Invariants: at most MAX_IN_FLIGHT records wait for the broker; the first failure stops the reading, and the end says how
// many records are stored.

import { Producer, type ProducerRecord } from "@brooklet/client";
import { deferred } from "@brooklet/protocol/world";
import type { Call } from "../../call.ts";
import { bootstrapServers, clientOptions, timeoutMs, waitFor } from "../../connect.ts";
import { CommandError, describeError, exitCodeOf, UsageError } from "../../exits.ts";
import { linesOf } from "./lines.ts";
import { recordOfLine } from "./readable.ts";

const MAX_IN_FLIGHT_RECORDS = 10_000;
const MAX_IN_FLIGHT_BYTES = 8 * 1024 * 1024;

/** What was stored so far, and what failed first. */
class Sending {
  readonly #producer: Producer;
  readonly #offsets = new Map<number, { first: number; last: number }>();
  #records = 0;
  #bytes = 0;
  #room = deferred();
  stored = 0;
  failure: { line: number; error: unknown } | undefined;

  constructor(producer: Producer) {
    this.#producer = producer;
  }

  /** Hands the record to the producer; resolves when there is room for the next. */
  async send(record: ProducerRecord<Uint8Array, Uint8Array>, line: number): Promise<void> {
    const bytes = (record.key?.length ?? 0) + (record.value?.length ?? 0);
    this.#records++;
    this.#bytes += bytes;
    this.#producer.send(record).then(
      ({ partition, offset }) => {
        this.stored++;
        const range = this.#offsets.get(partition);
        this.#offsets.set(partition, {
          first: Math.min(range?.first ?? offset, offset),
          last: Math.max(range?.last ?? offset, offset),
        });
        this.#settled(bytes);
      },
      (error: unknown) => {
        this.failure ??= { line, error };
        this.#settled(bytes);
      },
    );
    while (this.#full && this.failure === undefined) {
      this.#room = deferred();
      await this.#room.promise;
    }
  }

  get #full(): boolean {
    return this.#records >= MAX_IN_FLIGHT_RECORDS || this.#bytes >= MAX_IN_FLIGHT_BYTES;
  }

  #settled(bytes: number): void {
    this.#records--;
    this.#bytes -= bytes;
    this.#room.resolve();
  }

  get summary(): string {
    const ranges = [...this.#offsets]
      .sort(([a], [b]) => a - b)
      .map(([partition, { first, last }]) => `${partition}: ${first === last ? first : `${first}-${last}`}`);
    return `${this.stored} ${this.stored === 1 ? "record" : "records"}${ranges.length === 0 ? "" : ` (partition: offsets ${ranges.join(", ")})`}`;
  }
}

/** How a line becomes a record. */
function readerOf(call: Call, topic: string): (line: Uint8Array) => ProducerRecord<Uint8Array, Uint8Array> {
  const delimiter = call.options.text("keyDelimiter");
  const partition = call.options.integer("partition");
  const to = { topic, ...(partition === undefined ? {} : { partition }) };
  if (call.options.flag("json")) {
    if (delimiter !== undefined) throw new UsageError("--json and --key-delimiter exclude each other");
    return (line) => ({ ...recordOfLine(line, topic), ...to });
  }
  if (delimiter === undefined) return (line) => ({ ...to, value: line });
  if (delimiter === "") throw new UsageError("--key-delimiter must not be empty");
  const mark = Buffer.from(delimiter);
  return (line) => {
    const at = Buffer.from(line.buffer, line.byteOffset, line.length).indexOf(mark);
    return at < 0
      ? { ...to, value: line }
      : { ...to, key: line.subarray(0, at), value: line.subarray(at + mark.length) };
  };
}

export async function run(call: Call): Promise<undefined> {
  const { output, streams, interrupted } = call;
  const topic = call.args[0] ?? "";
  const read = readerOf(call, topic);
  const limitMs = timeoutMs(call);
  const servers = bootstrapServers(call);
  const producer = new Producer({
    ...clientOptions(call),
    "client.id": "brooklet-produce",
    "max.block.ms": limitMs,
    "request.timeout.ms": limitMs,
    "delivery.timeout.ms": limitMs,
  });
  const sending = new Sending(producer);
  const stopReading = () => streams.stdin.destroy();
  interrupted.addEventListener("abort", stopReading, { once: true });
  if (streams.stdin.isTTY === true) output.note("brooklet: one record per line; Ctrl-D ends");
  let line = 0;
  try {
    // Fails early, and not only at the first line, when there is no broker or the topic cannot be.
    await waitFor(call, `the broker at ${servers}`, producer.partitionsFor(topic));
    try {
      for await (const bytes of linesOf(streams.stdin)) {
        line++;
        await sending.send(read(bytes), line);
        if (sending.failure !== undefined || interrupted.aborted) break;
      }
    } catch (error) {
      // A destroyed stdin is how an interruption ends the reading; what was read is still sent.
      if (!interrupted.aborted) sending.failure ??= { line, error };
    }
    await waitFor(call, "the last records to be stored", producer.flush({ timeoutMs: limitMs })).catch(
      (error: unknown) => {
        if (!interrupted.aborted) sending.failure ??= { line, error };
      },
    );
  } finally {
    interrupted.removeEventListener("abort", stopReading);
    await producer.close({ timeoutMs: limitMs });
  }
  output.note(`brooklet: stored ${sending.summary} in ${topic}`);
  if (sending.failure !== undefined) {
    const { error } = sending.failure;
    throw new CommandError(exitCodeOf(error), `line ${sending.failure.line}: ${describeError(error)}`);
  }
  interrupted.throwIfAborted();
}
