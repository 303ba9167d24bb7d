// A consumer process of the simulated world: polls, works, commits, and writes down what it owned and read.

import {
  BrookletError,
  Consumer,
  type ConsumerConfig,
  type ConsumerRecord,
  string,
  type TopicPartition,
} from "@brooklet/client";
import { sleep } from "@brooklet/protocol/world";
import type { Ownership } from "./history.ts";
import { ADDRESS } from "./network.ts";
import { SimulatedProcess } from "./process.ts";
import type { Simulation } from "./simulation.ts";

type Topics = string[] | RegExp | { pattern: string };

export interface SimulatedConsumerOptions {
  topics: Topics;
  config?: Partial<ConsumerConfig<string, string>>;
  /** Work per poll that brought records. */
  workMs?: number;
  /** Commit what was read after each batch. Default true; auto commit is off unless `config` says otherwise. */
  commit?: boolean;
  /** Commits each batch only after the next poll, when a partition may have gone. */
  commitsLate?: boolean;
  /** Reads by `for await`, and a record counts as delivered when its work is done: with auto commit. */
  iterates?: boolean;
  /** Codes of errors that this story expects from poll or commit. */
  expected?: string[];
  /** Sees every record that a poll or the iteration brings, of transient topics too. */
  onRecord?: (record: ConsumerRecord<string, string>) => void;
}

const POLL_MS = 500;

export class SimulatedConsumer {
  readonly name: string;
  readonly group: string;
  readonly process: SimulatedProcess;
  readonly consumer: Consumer<string, string>;
  readonly unexpectedErrors: string[] = [];
  readonly errors: BrookletError[] = [];
  workMs: number;
  readonly #simulation: Simulation;
  readonly #options: SimulatedConsumerOptions;
  readonly #owned = new Map<string, Ownership>();
  /** Between two polls, where an application would do it. */
  #beforePoll: (() => void) | undefined;
  #uncommitted: readonly ConsumerRecord<string, string>[] = [];
  #stopping = false;
  /** A fatal error came: its application has ended. */
  #failed = false;
  readonly #loop: Promise<void>;

  constructor(simulation: Simulation, name: string, group: string, options: SimulatedConsumerOptions) {
    this.name = name;
    this.group = group;
    this.workMs = options.workMs ?? 0;
    this.#simulation = simulation;
    this.#options = options;
    this.process = new SimulatedProcess(name, simulation.clock);
    this.process.onDeath(() => this.#end([...this.#owned.values()], "killed"));
    this.consumer = new Consumer<string, string>(
      {
        "bootstrap.servers": ADDRESS,
        "group.id": group,
        "client.id": name,
        "key.deserializer": string,
        "value.deserializer": string,
        "auto.offset.reset": "earliest",
        "enable.auto.commit": false,
        "session.timeout.ms": 10_000,
        "heartbeat.interval.ms": 3_000,
        ...options.config,
      },
      { world: simulation.worldOf(this.process) },
    );
    this.#subscribe(options.topics);
    this.#loop = this.#run();
  }

  get memberId(): string {
    return this.consumer.groupMetadata().memberId;
  }

  get running(): boolean {
    return this.process.alive && !this.#stopping && !this.#failed;
  }

  owned(): string[] {
    return [...this.#owned.keys()].sort();
  }

  kill(): void {
    this.process.kill();
  }

  /** Before its next poll it subscribes to these instead. */
  resubscribe(topics: Topics): void {
    this.#beforePoll = () => this.#subscribe(topics);
  }

  /** Before its next poll it goes back this far, in one partition that it owns. */
  seekBack(records: number): void {
    this.#beforePoll = () => {
      const [ownership] = this.#owned.values();
      if (ownership === undefined) return;
      const last = this.#simulation.history.delivered.findLast((record) => record.ownership === ownership);
      if (last === undefined) return;
      const soughtOffset = Math.max(0, last.offset - records);
      this.consumer.seek(ownership, soughtOffset);
      this.#end([ownership], "sought");
      this.#begin([ownership], { soughtOffset });
    };
  }

  /** Leaves the loop after the running poll, then closes. */
  async close(options: { membership?: "default" | "leave" | "remain" } = {}): Promise<void> {
    this.#stopping = true;
    this.consumer.wakeup();
    await this.#loop;
    await this.consumer.close(options);
  }

  /** The longest time between two deliveries of a partition while it was owned, within a window. */
  longestPauseMs(topic: string, partition: number, fromMs: number, toMs: number): number {
    const times = this.#simulation.history.delivered
      .filter((record) => record.consumer === this.name && record.topic === topic && record.partition === partition)
      .map(({ atMs }) => atMs)
      .filter((atMs) => atMs >= fromMs && atMs <= toMs);
    return [...times, toMs].reduce(
      ({ longest, before }, atMs) => ({ longest: Math.max(longest, atMs - before), before: atMs }),
      { longest: 0, before: fromMs },
    ).longest;
  }

  async #run(): Promise<void> {
    while (!this.#stopping && !this.#failed) {
      try {
        if (this.#options.iterates === true) await this.#iterate();
        else await this.#poll();
      } catch (error) {
        this.#note(error);
      }
    }
    // As an application does whose consumer cannot go on.
    if (this.#failed) await this.consumer.close();
  }

  async #poll(): Promise<void> {
    this.#runBeforePoll();
    const records = await this.consumer.poll(POLL_MS);
    for (const record of records) this.#delivered(record);
    if (records.length > 0 && this.workMs > 0) await sleep(this.process.clock, this.workMs);
    if (this.#options.commit === false) return;
    const due = this.#options.commitsLate === true ? this.#uncommitted : records;
    this.#uncommitted = records;
    if (due.length > 0) await this.#commit(due);
  }

  async #iterate(): Promise<void> {
    for await (const record of this.consumer) {
      if (this.workMs > 0) await sleep(this.process.clock, this.workMs);
      // The work was not finished.
      if (this.#stopping) break;
      this.#delivered(record);
      this.#runBeforePoll();
    }
  }

  #runBeforePoll(): void {
    const run = this.#beforePoll;
    this.#beforePoll = undefined;
    run?.();
  }

  #delivered(record: ConsumerRecord<string, string>): void {
    this.#options.onRecord?.(record);
    const { topic, partition, offset, value } = record;
    if (this.#simulation.isTransient(topic)) return;
    const ownership = this.#owned.get(`${topic}-${partition}`);
    if (ownership === undefined) {
      this.unexpectedErrors.push(`${this.name} read ${topic}-${partition}@${offset}, which it does not own`);
      return;
    }
    this.#simulation.history.delivered.push({
      consumer: this.name,
      group: this.group,
      topic,
      partition,
      offset,
      value: value ?? "null",
      atMs: this.#simulation.clock.nowMs(),
      ownership,
    });
  }

  #subscribe(topics: Topics): void {
    this.consumer.subscribe(topics, {
      onPartitionsAssigned: (partitions) => this.#begin(partitions),
      onPartitionsRevoked: (partitions) => this.#end(this.#ownershipsOf(partitions), "revoked"),
      onPartitionsLost: (partitions) => this.#end(this.#ownershipsOf(partitions), "lost"),
    });
  }

  async #commit(records: readonly { topic: string; partition: number; offset: number }[]): Promise<void> {
    const next = new Map<string, { topic: string; partition: number; offset: number }>();
    for (const { topic, partition, offset } of records)
      next.set(`${topic}-${partition}`, { topic, partition, offset: offset + 1 });
    const sentAtMs = this.#simulation.clock.nowMs();
    const note = (offsets: readonly { topic: string; partition: number; offset: number; error?: unknown }[]) => {
      for (const { topic, partition, offset, error } of offsets)
        this.#simulation.history.commits.push({
          consumer: this.name,
          group: this.group,
          topic,
          partition,
          offset,
          sentAtMs,
          doneAtMs: this.#simulation.clock.nowMs(),
          accepted: error === undefined,
        });
    };
    try {
      note(await this.consumer.commit([...next.values()]));
    } catch (error) {
      if (BrookletError.is(error) && error.code !== "CLOSED") {
        const results = (error as { results?: Parameters<typeof note>[0] }).results;
        if (results !== undefined) note(results);
      }
      this.#note(error);
    }
  }

  #note(error: unknown): void {
    if (BrookletError.is(error)) {
      this.errors.push(error);
      this.#failed ||= error.fatal;
      if (error.code === "WAKEUP" || this.#options.expected?.includes(error.code)) return;
    }
    if (this.unexpectedErrors.length > 100) this.#stopping = true;
    this.unexpectedErrors.push(
      `${this.name}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
    );
  }

  #begin(partitions: readonly TopicPartition[], seek: { soughtOffset?: number } = {}): void {
    for (const { topic, partition } of partitions) {
      const ownership: Ownership = {
        consumer: this.name,
        group: this.group,
        topic,
        partition,
        fromMs: this.#simulation.clock.nowMs(),
        untilMs: Number.POSITIVE_INFINITY,
        end: "owned",
        ...seek,
      };
      this.#owned.set(`${topic}-${partition}`, ownership);
      this.#simulation.history.ownerships.push(ownership);
    }
  }

  #ownershipsOf(partitions: readonly TopicPartition[]): Ownership[] {
    return partitions.flatMap(({ topic, partition }) => this.#owned.get(`${topic}-${partition}`) ?? []);
  }

  #end(ownerships: readonly Ownership[], end: Ownership["end"]): void {
    for (const ownership of ownerships) {
      ownership.end = end;
      ownership.untilMs = this.#simulation.clock.nowMs();
      this.#owned.delete(`${ownership.topic}-${ownership.partition}`);
    }
  }
}
