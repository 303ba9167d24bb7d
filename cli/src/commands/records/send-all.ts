// From inputs to the broker: reads, sends within bounds, waits for what is on its way, and says what became of it. What
// `produce` and `cat -P` share.
// Invariants: the first failure stops the reading; whatever happens, the end says how many of how many are stored, which line
// failed first, and from where on nothing was sent. Nothing is awaited without a bound, but the input.

import { type Header, Producer, type ProducerConfig, type ProducerRecord } from "@brooklet/client";
import type { Call } from "../../call.ts";
import { bootstrapServers, clientOptions, timeoutMs, waitFor } from "../../connect.ts";
import { CommandError, describeError, exitCodeOf, exitCodes } from "../../exits.ts";
import { byteSize, wholeNumber } from "../../format.ts";
import { startProgress } from "../../progress.ts";
import type { Input } from "./inputs.ts";
import type { Chunks } from "./lines.ts";
import type { Batch, Draft, RecordReader } from "./record-reader.ts";
import { Sending } from "./sending.ts";

const SILENCE_MS = 1_500;
/** After Ctrl-C the last records get so long to be acknowledged. */
const INTERRUPTED_FLUSH_MS = 3_000;
/** Records time out by themselves, with their reasons, just before the flush would. */
const FLUSH_GRACE_MS = 1_000;
const MAX_LISTED_FILES = 5;

export interface SendJob {
  readonly topic: string;
  readonly inputs: readonly Input[];
  readonly reader: RecordReader;
  /** For all records; "key": by the key, whatever a record says. */
  readonly partition?: number | "key";
  /** For all records, before their own. */
  readonly headers?: readonly Header[];
  /** Beside where the broker is and how long to wait for it. */
  readonly config?: Partial<ProducerConfig<Uint8Array, Uint8Array>>;
  readonly maxRecords?: number;
  /** Without the line that says what was stored, when all was. */
  readonly isQuiet?: boolean;
}

/** Sends all records of the inputs. Errors: CommandError with the first that failed; the interruption's reason. */
export async function sendAll(call: Call, job: SendJob): Promise<void> {
  const limitMs = timeoutMs(call);
  const producer = new Producer<Uint8Array, Uint8Array>({
    "client.id": "brooklet-produce",
    "max.block.ms": limitMs,
    "request.timeout.ms": limitMs,
    "delivery.timeout.ms": limitMs,
    ...job.config,
    ...clientOptions(call),
  });
  const sending = new Sending(producer, call.interrupted);
  const feed = new Feed(call, job, sending);
  try {
    // Fails early, and not only at the first line, when there is no broker or the topic cannot be.
    const partitions = await waitFor(
      call,
      `the broker at ${bootstrapServers(call)}`,
      producer.partitionsFor(job.topic),
    );
    await feed.run(partitions.length);
    await flush(call, producer, sending, limitMs);
  } finally {
    // What is unanswered now has failed, and is told with what is known of it.
    await producer.close({ timeoutMs: 0 });
  }
  feed.report();
}

async function flush(
  { interrupted, output, clock }: Call,
  producer: Producer,
  sending: Sending,
  limitMs: number,
): Promise<void> {
  const timers = clock.timers();
  timers.schedule("silence", SILENCE_MS, () =>
    output.note(
      `brooklet: waiting for ${sending.inFlight} records to be acknowledged (up to ${limitMs / 1000} s); Ctrl-C ends`,
    ),
  );
  try {
    // Records that fail tell it themselves.
    if (!interrupted.aborted)
      await producer.flush({ timeoutMs: limitMs + FLUSH_GRACE_MS, signal: interrupted }).catch(() => undefined);
    if (interrupted.aborted)
      await producer.flush({ timeoutMs: Math.min(limitMs, INTERRUPTED_FLUSH_MS) }).catch(() => undefined);
  } finally {
    timers.close();
  }
}

/** The reading of the inputs, and how far it has come. */
class Feed {
  readonly #call: Call;
  readonly #job: SendJob;
  readonly #sending: Sending;
  /** The input that is being read, and how many pieces of it were. */
  #input = 0;
  #number = 0;
  #records = 0;
  #bytes = 0;
  #hasEnded = false;
  #beganAtMs = 0;

  constructor(call: Call, job: SendJob, sending: Sending) {
    this.#call = call;
    this.#job = job;
    this.#sending = sending;
  }

  /** Sends until the inputs end, something fails, or somebody stops it. */
  async run(partitionCount: number): Promise<void> {
    const { clock, streams } = this.#call;
    const { partition } = this.#job;
    if (typeof partition === "number" && partition >= partitionCount)
      throw this.#noPartition(partition, partitionCount);
    this.#beganAtMs = clock.nowMs();
    const isTyped = streams.stdin.isTTY === true && this.#job.inputs.some(({ name }) => name === undefined);
    using _progress = isTyped ? undefined : startProgress(this.#call, () => this.#progress());
    for (const [index, input] of this.#job.inputs.entries()) {
      this.#input = index;
      this.#number = 0;
      try {
        await this.#read(input, partitionCount);
      } catch (error) {
        // What could not be cut out of the input is the piece after the last one.
        this.#number++;
        this.#sending.refuse(error, index, this.#number);
      }
      if (this.#isDone) return;
    }
    this.#hasEnded = true;
  }

  async #read(input: Input, partitionCount: number): Promise<void> {
    const { reader } = this.#job;
    for await (const batch of reader.batches(this.#chunks(input))) {
      // What an interruption cut off is no line.
      if (this.#isDone) return;
      for (let index = 0; index < batch.count; index++) {
        this.#number++;
        const draft = this.#draft(batch, index, partitionCount);
        if (draft !== undefined) {
          this.#records++;
          this.#sending.send(this.#record(draft), this.#input, this.#number);
        }
        if (this.#sending.isFull) await this.#sending.room();
        if (this.#isDone) return;
      }
    }
  }

  /** The input's bytes, counted; and a word to whoever wonders why nothing happens. */
  async *#chunks({ name, open }: Input): Chunks {
    const { interrupted, clock, output, streams } = this.#call;
    const silence = clock.timers();
    if (name === undefined && streams.stdin.isTTY === true) output.note("brooklet: one record per line; Ctrl-D ends");
    else
      silence.schedule("silence", SILENCE_MS, () =>
        output.note(`brooklet: waiting for input from ${name ?? "stdin"}; Ctrl-C ends`),
      );
    try {
      for await (const chunk of open(interrupted)) {
        silence.cancel("silence");
        this.#bytes += chunk.length;
        yield chunk;
      }
    } finally {
      silence.close();
    }
  }

  #draft(batch: Batch, index: number, partitionCount: number): Draft | undefined {
    try {
      const draft = batch.read(index);
      const partition = draft?.partition;
      if (this.#job.partition === undefined && partition !== undefined && partition >= partitionCount)
        throw this.#noPartition(partition, partitionCount);
      return draft;
    } catch (error) {
      this.#sending.refuse(error, this.#input, this.#number);
      return undefined;
    }
  }

  #noPartition(partition: number, count: number): CommandError {
    const { topic } = this.#job;
    const advice =
      this.#job.partition === undefined
        ? "\n  With -p key the partition goes by the key, whatever the record says."
        : "";
    return new CommandError(
      exitCodes.notFound,
      `${topic} has no partition ${partition}; it has ${count === 1 ? "only 0" : `0 to ${count - 1}`}${advice}`,
    );
  }

  #record({ key, value, headers = [], partition, timestamp }: Draft): ProducerRecord<Uint8Array, Uint8Array> {
    const { topic, partition: forAll = partition, headers: common = [] } = this.#job;
    return {
      topic,
      key,
      value,
      headers: [...common, ...headers],
      ...(forAll === undefined || forAll === "key" ? {} : { partition: forAll }),
      ...(timestamp === undefined ? {} : { timestamp }),
    };
  }

  /** Nothing more is to be sent: enough was, something failed, or somebody stopped it. */
  get #isDone(): boolean {
    return this.#sending.isOver || this.#records >= (this.#job.maxRecords ?? Number.POSITIVE_INFINITY);
  }

  #progress(): string {
    const seconds = (this.#call.clock.nowMs() - this.#beganAtMs) / 1000;
    const rate = Math.round(this.#sending.stored / Math.max(seconds, 0.001));
    const sizes = this.#job.inputs.map(({ bytes }) => bytes);
    const total = sizes.reduce<number | undefined>(
      (sum, bytes) => (sum === undefined || bytes === undefined ? undefined : sum + bytes),
      0,
    );
    const share =
      total === undefined || total === 0 ? "" : ` (${Math.min(100, Math.floor((100 * this.#bytes) / total))} %)`;
    return `${wholeNumber(this.#sending.stored)} stored${share}, ${wholeNumber(rate)}/s, ${byteSize(this.#bytes)} read`;
  }

  /** Says what became of the records. Errors: CommandError, the interruption's reason. */
  report(): void {
    const { output, interrupted } = this.#call;
    const { topic, isQuiet } = this.#job;
    const { stored, failed, unknown, failure, where } = this.#sending;
    const records = (count: number) => `${count} ${count === 1 ? "record" : "records"}`;
    if (failure === undefined && !interrupted.aborted) {
      if (isQuiet !== true) output.note(`brooklet: stored ${records(stored)} in ${topic}${where}`);
      return;
    }
    output.note(`brooklet: stored ${stored} of ${records(stored + failed)} in ${topic}${where}`);
    if (interrupted.aborted) {
      if (unknown > 0) output.note(`brooklet: ${records(unknown)} may be stored all the same: no answer came`);
      if (!this.#hasEnded && this.#number > 0)
        output.note(`brooklet: stopped after ${this.#nameOf(this.#input, this.#number)}`);
      throw interrupted.reason;
    }
    if (failure === undefined) return;
    const { error, origin } = failure;
    throw new CommandError(
      exitCodeOf(error),
      `${this.#nameOf(origin.input, origin.number)}: ${describeError(error)}\n  ${this.#aftermath()}`,
    );
  }

  /** What failed, for certain or not, and from where on nothing was sent. */
  #aftermath(): string {
    const { failed, unknown } = this.#sending;
    const sentences = [
      failed === 1
        ? unknown === 1
          ? "It may be stored all the same: the answer did not come."
          : "It is not stored."
        : `${failed} records failed, this one first; ${unknown === 0 ? "none" : `${unknown}`} of them may be stored all the same.`,
    ];
    if (!this.#hasEnded) sentences.push(`Nothing after ${this.#nameOf(this.#input, this.#number)} was sent.`);
    const unread = this.#hasEnded ? [] : this.#job.inputs.slice(this.#input + 1).map(({ name }) => name ?? "stdin");
    if (unread.length > MAX_LISTED_FILES)
      sentences.push(`${unread.length} files were not begun, from ${unread[0]} on.`);
    else if (unread.length > 0) sentences.push(`Not begun: ${unread.join(", ")}.`);
    return sentences.join(" ");
  }

  /** `line 3 of orders.txt`. */
  #nameOf(index: number, number: number): string {
    const { reader, inputs } = this.#job;
    const name = inputs[index]?.name;
    if (reader.unit === "file") return name ?? "stdin";
    return `${reader.unit} ${number}${name === undefined ? "" : ` of ${name}`}`;
  }
}
