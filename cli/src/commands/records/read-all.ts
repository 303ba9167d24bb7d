// From the broker to stdout: partitions read from a place to an end, or as they come; alone or as a member of a group. What
// `consume` and `cat -C` share.
// Invariant: with a group, an offset is committed only after the record before it was written to stdout, so a command that is
// killed, or whose reader goes away, prints a record twice rather than never. Memory is bounded however slow the reader is.

import { fstatSync } from "node:fs";
import { CommitFailedError, Consumer, type ConsumerConfig, type TopicPartition } from "@brooklet/client";
import type { Call } from "../../call.ts";
import { clientOptions, timeoutMs, waitFor, withAdmin } from "../../connect.ts";
import { CommandError, exitCodes } from "../../exits.ts";
import { byteSize, partitionNames, wholeNumber } from "../../format.ts";
import type { LogPlace, Place } from "../../places.ts";
import { type Progress, startProgress } from "../../progress.ts";
import { ByteSink } from "./byte-sink.ts";
import { Ends, nameOf } from "./ends.ts";
import type { BytesRecord, RecordWriter } from "./format.ts";
import { locate } from "./locate.ts";
import { Silence } from "./silence.ts";

const POLL_MS = 500;
const COMMIT_INTERVAL_MS = 1_000;
/** After Ctrl-C the last commit gets so long. */
const INTERRUPTED_COMMIT_MS = 3_000;
const MAX_POLL_RECORDS = 2_000;
/** So much gathers before it is written, or what one poll returned. */
const WRITE_BYTES = 256 * 1024;
const MAX_NAMED = 6;

/** A partition and the next offset there. */
type Run = TopicPartition & { offset: number };

export interface ReadJob {
  readonly topics: readonly string[];
  /** Of every topic; default: all. Not with a group. */
  readonly partitions?: readonly number[];
  readonly group?: string;
  /** With a group: stored, or where to begin while nothing is stored: start or end. */
  readonly from: Place;
  /** Where reading ends; default: nowhere. */
  readonly until?: LogPlace;
  readonly maxRecords?: number;
  readonly write: RecordWriter;
  /** Beside where the broker is and how long to wait for it. */
  readonly config?: Partial<ConsumerConfig<Uint8Array, Uint8Array>>;
  /** Without the words on what is read and waited for. */
  readonly isQuiet?: boolean;
  /** A partition was read to its `until`. */
  readonly onEnd?: (partition: TopicPartition, offset: number) => void;
}

/** Reads and writes until the end, the count or somebody's Ctrl-C. Errors: the SDK's; CommandError; what stopped it. */
export async function readAll(call: Call, job: ReadJob): Promise<void> {
  // A wrong option is said before anybody is asked.
  const reading = new Reading(call, job);
  try {
    const partitions = await partitionsOf(call, job);
    if (job.group === undefined) await reading.assign(partitions);
    else await reading.join(job.group);
    await reading.run();
  } finally {
    await reading.close();
  }
}

/** Errors: not found, by the broker or here. */
async function partitionsOf(call: Call, { topics, partitions }: ReadJob): Promise<TopicPartition[]> {
  const described = await withAdmin(call, (admin) => admin.describeTopics([...topics]));
  return described.flatMap(({ topic, partitions: existing }) => {
    const missing = partitions?.find((partition) => partition >= existing.length);
    if (missing !== undefined)
      throw new CommandError(exitCodes.notFound, `${topic} has no partition ${missing}; it has ${existing.length}`);
    const wanted = partitions ?? existing.map(({ partition }) => partition);
    return wanted.map((partition) => ({ topic, partition }));
  });
}

class Reading {
  readonly #call: Call;
  readonly #job: ReadJob;
  readonly #consumer: Consumer;
  readonly #timeoutMs: number;
  readonly #ends: Ends | undefined;
  readonly #sink = new ByteSink();
  /** Aborted when reading has to stop. */
  readonly #stop = new AbortController();
  readonly #signal: AbortSignal;
  /** Left to print. */
  #left: number;
  #printed = 0;
  #bytes = 0;
  /** What is in the sink, by the next offset of its partition; grows while it is. */
  readonly #gathered = new Set<Run>();
  /** The next offset of each partition with something written that is not committed. */
  readonly #written = new Map<string, Run>();
  #committedAtMs: number;
  /** The last commit did not get through, and that was said. */
  #isCommitLate = false;

  constructor(call: Call, job: ReadJob) {
    const { group, from, config, until, maxRecords, onEnd } = job;
    this.#call = call;
    this.#job = job;
    this.#timeoutMs = timeoutMs(call);
    this.#left = maxRecords ?? Number.POSITIVE_INFINITY;
    this.#committedAtMs = call.clock.nowMs();
    this.#signal = AbortSignal.any([call.interrupted, call.output.broken, this.#stop.signal]);
    this.#consumer = new Consumer({
      // Several members of a group can be told apart by it.
      "client.id": `consume-${process.pid}`,
      "auto.offset.reset": from.kind === "end" ? "latest" : "earliest",
      "default.api.timeout.ms": this.#timeoutMs,
      "request.timeout.ms": this.#timeoutMs,
      "allow.auto.create.topics": false,
      "max.poll.records": MAX_POLL_RECORDS,
      ...config,
      ...clientOptions(call),
      ...(group === undefined ? {} : { "group.id": group, "enable.auto.commit": false }),
    });
    this.#ends =
      until === undefined ? undefined : new Ends(this.#consumer, until, this.#timeoutMs, onEnd ?? (() => undefined));
  }

  /** Reads these partitions alone, from the place. */
  async assign(partitions: TopicPartition[]): Promise<void> {
    const { from } = this.#job;
    this.#consumer.assign(partitions);
    if (from.kind === "stored") return;
    const located = await waitFor(
      this.#call,
      "the offsets to begin at",
      locate(this.#consumer, partitions, from, this.#timeoutMs),
    );
    for (const { note, ...place } of located) {
      this.#consumer.seek(place, place.offset);
      // A time to come, and a start that is empty, are no surprise.
      if (from.kind === "offset" && note !== undefined) this.#note(`${nameOf(place)}: ${note}`);
    }
  }

  /** Reads as a member of the group. */
  async join(group: string): Promise<void> {
    // Still owned when the callback runs: what was written is committed before somebody else reads on.
    this.#consumer.subscribe([...this.#job.topics], {
      onPartitionsRevoked: () => this.#commit(),
      // Somebody else's already: whoever has them now prints again what was not committed.
      onPartitionsLost: (lost) => {
        for (const partition of lost) this.#written.delete(nameOf(partition));
        this.#note(`${group}: lost ${namesOf(lost)}; joining again`);
      },
    });
    const ready = this.#consumer.ready({ signal: this.#call.interrupted });
    const owned = await waitFor(this.#call, `partitions of group ${group}`, ready);
    if (this.#job.isQuiet !== true) this.#note(`${group}: reading ${namesOf(owned) || "nothing yet"}`);
  }

  async run(): Promise<void> {
    let lost: unknown;
    // Only on a terminal: a log file of somebody who follows a topic for days needs no line every few seconds.
    const isShown = this.#call.output.stderr.movesCursor && this.#job.isQuiet !== true;
    using _progress = isShown && isFile(this.#call.streams.stdout) ? this.#showProgress() : undefined;
    using silence = new Silence({
      call: this.#call,
      consumer: this.#consumer,
      timeoutMs: this.#timeoutMs,
      topics: this.#job.topics,
      what: () => `records of ${namesOf(this.#consumer.assignment()) || this.#job.topics.join(", ")}`,
      isQuiet: this.#job.isQuiet === true,
      // Who reads to an end does not wait for a broker that may never come back.
      ...(this.#ends === undefined
        ? {}
        : {
            onLost: (error) => {
              lost = error;
              this.#stop.abort();
            },
          }),
    });
    try {
      await this.#poll(silence);
    } catch (error) {
      throw lost ?? error;
    }
  }

  /** What goes into a file nobody sees. */
  #showProgress(): Progress {
    const { clock } = this.#call;
    const beganAtMs = clock.nowMs();
    return startProgress(this.#call, () => {
      const rate = (this.#printed * 1_000) / Math.max(1, clock.nowMs() - beganAtMs);
      return `${wholeNumber(this.#printed)} records, ${wholeNumber(Math.round(rate))}/s, ${byteSize(this.#bytes)}`;
    });
  }

  async #poll(silence: Silence): Promise<void> {
    if (await this.#ends?.areReached()) return;
    for (;;) {
      const records = await this.#consumer.poll(POLL_MS, { signal: this.#signal });
      if (records.length > 0) {
        silence.broken();
        await this.#ends?.learn();
        await this.#print(records);
      }
      if (this.#call.clock.nowMs() - this.#committedAtMs >= COMMIT_INTERVAL_MS) await this.#commit();
      // What was counted off is not read to an end.
      if (this.#left === 0 || (await this.#ends?.areReached())) return;
    }
  }

  async #print(records: readonly BytesRecord[]): Promise<void> {
    const { write } = this.#job;
    // Records come partition by partition; what is the partition's is found once for many.
    let run: Run | undefined;
    let end = Number.POSITIVE_INFINITY;
    for (const record of records) {
      if (this.#left === 0) break;
      if (run?.partition !== record.partition || run.topic !== record.topic) {
        run = { topic: record.topic, partition: record.partition, offset: record.offset };
        end = this.#ends?.of(run) ?? Number.POSITIVE_INFINITY;
      }
      if (record.offset >= end) continue;
      write(record, this.#sink);
      this.#left--;
      this.#printed++;
      run.offset = record.offset + 1;
      this.#gathered.add(run);
      if (this.#sink.size >= WRITE_BYTES) await this.#flush();
    }
    await this.#flush();
    this.#gathered.clear();
  }

  /** Writes what gathered; what cannot be written before somebody stops it does not count as written. */
  async #flush(): Promise<void> {
    this.#bytes += this.#sink.size;
    if (this.#sink.size > 0) await this.#unlessStopped(this.#call.output.write(this.#sink.take()));
    for (const run of this.#gathered) this.#written.set(nameOf(run), { ...run });
  }

  async #unlessStopped(work: Promise<void>): Promise<void> {
    const { promise, reject } = Promise.withResolvers<never>();
    const onStop = () => reject(this.#signal.reason);
    if (this.#signal.aborted) onStop();
    this.#signal.addEventListener("abort", onStop, { once: true });
    try {
      await Promise.race([work, promise]);
    } finally {
      this.#signal.removeEventListener("abort", onStop);
    }
  }

  /** Never rejects: what is not committed is printed again by whoever reads next; that it is not is said, once in a row. */
  async #commit(): Promise<void> {
    this.#committedAtMs = this.#call.clock.nowMs();
    if (this.#job.group === undefined || this.#written.size === 0) return;
    const owned = new Set(this.#consumer.assignment().map(nameOf));
    const offsets = [...this.#written].filter(([name]) => owned.has(name)).map(([, run]) => ({ ...run }));
    const limitMs = this.#call.interrupted.aborted ? INTERRUPTED_COMMIT_MS : this.#timeoutMs;
    try {
      if (offsets.length > 0) await this.#consumer.commit(offsets, { timeoutMs: Math.min(limitMs, this.#timeoutMs) });
      this.#written.clear();
      this.#isCommitLate = false;
    } catch (error) {
      // What was refused is refused the next time too; what did not get through is sent again with what follows: said once.
      const isRefused = CommitFailedError.is(error);
      if (isRefused) this.#written.clear();
      if (isRefused || !this.#isCommitLate)
        this.#note(`the last offsets were not committed: ${error instanceof Error ? error.message : error}`);
      this.#isCommitLate = !isRefused;
    }
  }

  /** Commits what was written and leaves. */
  async close(): Promise<void> {
    await this.#commit();
    const limitMs = this.#call.interrupted.aborted ? INTERRUPTED_COMMIT_MS : this.#timeoutMs;
    await this.#consumer.close({ timeoutMs: Math.min(limitMs, this.#timeoutMs) });
  }

  #note(text: string): void {
    this.#call.output.note(`brooklet: ${text}`);
  }
}

function isFile(stdout: object): boolean {
  return "fd" in stdout && typeof stdout.fd === "number" && fstatSync(stdout.fd).isFile();
}

/** All of a few, the number of many. */
function namesOf(partitions: readonly TopicPartition[]): string {
  return partitions.length <= MAX_NAMED
    ? partitionNames(partitions)
    : `${partitionNames(partitions.slice(0, MAX_NAMED))} and ${partitions.length - MAX_NAMED} more`;
}
