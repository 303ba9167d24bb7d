// The second member's join under load: how long until its first record, and how long a partition that did not move stood
// still meanwhile, beside how long partitions stand still anyway under this load.

import { Admin, Consumer, Producer } from "@brooklet/client";
import { sleep, systemClock } from "@brooklet/protocol/world";
import { Count } from "./count.ts";
import { Program } from "./processes.ts";
import { type Spread, spread } from "./statistics.ts";

const PARTITIONS = 6;
const RECORD_BYTES = 100;
/** Open loop: the producer does not wait for consumers. */
const RECORDS_PER_TICK = 30;
const TICK_MS = 10;
const POLL_MS = 100;
const WARM_UP_MS = 1_500;
/** Compared before and during the join. */
const WINDOW_MS = 1_000;
const STEP_LIMIT_MS = 30_000;
const MAX_RECORDS = 1_000_000;

export interface JoinRow {
  readonly recordsPerSecond: number;
  readonly partitions: number;
  /** From the second consumer's construction. */
  readonly firstRecordMs: Spread;
  /** The longest time between two records of a partition that stayed, while the other joined. */
  readonly longestPauseMs: Spread;
  /** The same partitions in a window of the same length just before. */
  readonly longestPauseBeforeMs: Spread;
}

/** One member that reads until it is told to stop, and notes when which partition gave records. */
class Member {
  readonly arrivals: { partition: number; atMs: number }[] = [];
  readonly consumer: Consumer;
  readonly #count: Count;
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;
  readonly startedMs = systemClock.nowMs();
  firstRecordMs: number | undefined;

  constructor(servers: string, topic: string, count: Count) {
    this.#count = count;
    this.consumer = new Consumer({
      "bootstrap.servers": servers,
      "group.id": `group-of-${topic}`,
      "auto.offset.reset": "earliest",
    });
    this.consumer.subscribe([topic]);
    this.#running = this.#read();
    // Observed in `close`; until then a failure shows as a wait that ends in vain.
    this.#running.catch(() => undefined);
  }

  async #read(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      const records = await this.consumer.poll(POLL_MS);
      const atMs = systemClock.nowMs();
      if (records.length > 0) this.firstRecordMs ??= atMs - this.startedMs;
      for (const partition of new Set(records.map((record) => record.partition)))
        this.arrivals.push({ partition, atMs });
      for (const { partition, value } of records) this.#count.add(partition, value);
    }
  }

  get partitions(): ReadonlySet<number> {
    return new Set(this.consumer.assignment().map(({ partition }) => partition));
  }

  /** The longest time without a record of one of `partitions`, between two moments. */
  longestPauseMs(partitions: ReadonlySet<number>, fromMs: number, toMs: number): number {
    let longest = 0;
    for (const partition of partitions) {
      let beforeMs = fromMs;
      for (const arrival of this.arrivals) {
        if (arrival.partition !== partition || arrival.atMs < fromMs || arrival.atMs > toMs) continue;
        longest = Math.max(longest, arrival.atMs - beforeMs);
        beforeMs = arrival.atMs;
      }
      longest = Math.max(longest, toMs - beforeMs);
    }
    return longest;
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#running;
    await this.consumer.close();
  }
}

/** A steady stream of numbered records. */
class Stream {
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;
  sent = 0;

  constructor(servers: string, topic: string) {
    this.#running = this.#run(servers, topic);
    this.#running.catch(() => undefined);
  }

  async #run(servers: string, topic: string): Promise<void> {
    await using producer = new Producer({ "bootstrap.servers": servers });
    let failure: unknown;
    const startMs = systemClock.nowMs();
    while (!this.#stop.signal.aborted && this.sent < MAX_RECORDS) {
      const due = Math.floor(((systemClock.nowMs() - startMs) / TICK_MS) * RECORDS_PER_TICK);
      for (; this.sent < due && this.sent < MAX_RECORDS; this.sent++)
        producer
          .send({ topic, partition: this.sent % PARTITIONS, value: Count.value(this.sent, RECORD_BYTES) })
          .catch((error: unknown) => {
            failure ??= error;
          });
      if (failure !== undefined) throw failure;
      await sleep(systemClock, TICK_MS);
    }
    await producer.flush();
    if (failure !== undefined) throw failure;
  }

  async stop(): Promise<number> {
    this.#stop.abort();
    await this.#running;
    return this.sent;
  }
}

async function until(what: string, holds: () => boolean): Promise<void> {
  const deadlineMs = systemClock.nowMs() + STEP_LIMIT_MS;
  while (!holds()) {
    if (systemClock.nowMs() > deadlineMs) throw new Error(`waited ${STEP_LIMIT_MS / 1000} s in vain for: ${what}`);
    await sleep(systemClock, 1);
  }
}

async function round(servers: string, topic: string) {
  const count = new Count(MAX_RECORDS);
  const stream = new Stream(servers, topic);
  const first = new Member(servers, topic, count);
  await until("the first member's partitions", () => first.partitions.size === PARTITIONS);
  await sleep(systemClock, WARM_UP_MS + WINDOW_MS);

  const second = new Member(servers, topic, count);
  await until("the second member's first record", () => second.firstRecordMs !== undefined);
  await sleep(systemClock, Math.max(0, second.startedMs + WINDOW_MS - systemClock.nowMs()));
  const endMs = systemClock.nowMs();
  const kept = first.partitions;
  if (kept.size === 0 || kept.size === PARTITIONS) throw new Error(`the first member has ${kept.size} partitions`);
  const duringMs = first.longestPauseMs(kept, second.startedMs, endMs);
  const beforeMs = first.longestPauseMs(kept, second.startedMs - (endMs - second.startedMs), second.startedMs);

  const sent = await stream.stop();
  await until("every record", () => count.distinct >= sent);
  await second.close();
  await first.close();
  count.check("the join", sent);
  return { firstRecordMs: second.firstRecordMs ?? Number.NaN, duringMs, beforeMs };
}

/** One row: the join, repeated in groups and topics of their own. */
export async function join({ rounds }: { rounds: number }, progress: (text: string) => void): Promise<JoinRow[]> {
  await using broker = await Program.start({ kind: "broker", durability: "memory" });
  const servers = broker.address;
  await using admin = new Admin({ "bootstrap.servers": servers });
  const results: Awaited<ReturnType<typeof round>>[] = [];
  // Round 0 warms up.
  for (let number = 0; number <= rounds; number++) {
    const topic = `join-${number}`;
    await admin.createTopics([{ topic, partitions: PARTITIONS }]);
    if (number > 0) progress(`the second member's join: round ${number} of ${rounds}`);
    const result = await round(servers, topic);
    if (number > 0) results.push(result);
  }
  return [
    {
      recordsPerSecond: (1000 / TICK_MS) * RECORDS_PER_TICK,
      partitions: PARTITIONS,
      firstRecordMs: spread(results.map(({ firstRecordMs }) => firstRecordMs)),
      longestPauseMs: spread(results.map(({ duringMs }) => duringMs)),
      longestPauseBeforeMs: spread(results.map(({ beforeMs }) => beforeMs)),
    },
  ];
}
