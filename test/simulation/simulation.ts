// A whole brooklet on a simulated clock: the real broker and the real SDK, with real SQL, in one process, repeatable by its seed.
// Simulated are only time, chance, the network between the processes, and how long the storage takes.
//
// `finish` ends every run: faults stop, the groups must settle and read everything, everything closes, and all checkers look.

// First: brooklet takes hold of the codecs when it is loaded.
import "./inline-codecs.ts";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Admin, Consumer, string } from "@brooklet/client";
import type { Timers } from "@brooklet/protocol/world";
import { type Broker, startBroker } from "@brooklet/server";
import type { Durability } from "../../server/src/world.ts";
import { SimulatedClock } from "../support/simulated-clock.ts";
import { simulatedRandom } from "../support/simulated-random.ts";
import { checkers, unseen } from "./checkers.ts";
import { SimulatedDisk } from "./disk.ts";
import { History, type Removal } from "./history.ts";
import { ADDRESS, SimulatedNetwork } from "./network.ts";
import { SimulatedProcess } from "./process.ts";
import { SimulatedConsumer, type SimulatedConsumerOptions } from "./simulated-consumer.ts";
import { SimulatedProducer, type SimulatedProducerOptions } from "./simulated-producer.ts";
import { WireTap } from "./wire-tap.ts";

/** The file survives simulated crashes and needs to survive nothing else. */
const MEMORY_FOLDER = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();

export interface SimulationOptions {
  seed: number;
  /** Partitions by topic. */
  topics: Record<string, number>;
  /** Topics that come and go during the run: what is sent to them and read from them is not judged. */
  transientTopics?: string[];
  settings?: Record<string, string | number | boolean>;
  /** Default: disk, where a crash takes nothing that was acknowledged. */
  durability?: Durability;
}

type GroupDescription = Awaited<ReturnType<Admin["describeGroups"]>>[number];

export class Simulation {
  readonly clock = new SimulatedClock();
  readonly history = new History();
  readonly network: SimulatedNetwork;
  readonly disk: SimulatedDisk;
  /** How long each check of a compressed batch takes at the broker. */
  unpackDelayMs: () => number = () => 0;
  readonly random;
  readonly seed: number;
  brokerProcess: SimulatedProcess;
  #broker: Broker | undefined;
  #unpacking: Timers | undefined;
  readonly #options: SimulationOptions;
  readonly #folder = mkdtempSync(join(MEMORY_FOLDER, "brooklet-simulation-"));
  readonly #consumers: SimulatedConsumer[] = [];
  readonly #producers: SimulatedProducer[] = [];
  readonly #operator: SimulatedProcess;
  readonly #admin: Admin;

  private constructor(options: SimulationOptions) {
    this.#options = options;
    this.seed = options.seed;
    this.random = simulatedRandom(options.seed);
    const tap = new WireTap(this.history, this.clock);
    this.network = new SimulatedNetwork(this.clock, this.random, (...seen) => tap.see(...seen));
    this.brokerProcess = new SimulatedProcess("broker", this.clock);
    this.disk = new SimulatedDisk(join(this.#folder, "brooklet.db"), options.durability);
    this.#operator = new SimulatedProcess("operator", this.clock);
    this.#admin = new Admin({ "bootstrap.servers": ADDRESS }, { world: this.worldOf(this.#operator) });
  }

  static async start(options: SimulationOptions): Promise<Simulation> {
    const simulation = new Simulation(options);
    await simulation.startBroker();
    const topics = Object.entries(options.topics).map(([topic, partitions]) => ({ topic, partitions }));
    await simulation.during(simulation.#admin.createTopics(topics));
    return simulation;
  }

  worldOf(process: SimulatedProcess) {
    return { clock: process.clock, random: this.random, transport: this.network.transportOf(process) };
  }

  /** Moves time until the promise settles. */
  async during<T>(promise: Promise<T>, maxMs = 300_000): Promise<T> {
    let settled = false;
    const mark = () => {
      settled = true;
    };
    promise.then(mark, mark);
    await this.clock.runUntil(() => settled, maxMs, `seed ${this.seed}: the awaited call`);
    return promise;
  }

  /** As `during`, for what may be refused. */
  async attempt(promise: Promise<unknown>): Promise<void> {
    await this.during(promise.catch(() => {}));
  }

  advance(durationMs: number): Promise<void> {
    return this.clock.advance(durationMs);
  }

  // ---- the broker

  async startBroker(): Promise<void> {
    let unpacked = 0;
    const process =
      this.brokerProcess.alive && this.#broker === undefined
        ? this.brokerProcess
        : new SimulatedProcess("broker", this.clock);
    this.brokerProcess = process;
    const unpacking = process.clock.timers();
    this.#unpacking = unpacking;
    this.#broker = await this.during(
      startBroker({
        settings: { "group.min.session.timeout.ms": 1000, ...this.#options.settings },
        logger: this.#brokerLogger(),
        world: {
          clock: process.clock,
          random: this.random,
          listen: this.network.listenAs(process, ADDRESS),
          openStorage: () => this.disk.open(process, this.random),
          delayUnpacking: (run: () => void) => {
            const delayMs = this.unpackDelayMs();
            if (delayMs <= 0) process.clock.defer(run);
            else unpacking.schedule(`${unpacked++}`, delayMs, run);
          },
        },
      }),
    );
  }

  /** Removals from groups go into the history: timelines end with their broker, the log of a run does not. */
  #brokerLogger() {
    const bug = (fields: object, message: string) => {
      if (message.startsWith("bug") || message.includes("unexpected"))
        this.history.brokerBugs.push(`${message} ${JSON.stringify(fields)}`);
    };
    return {
      debug: () => {},
      info: (fields: object) => {
        const { groupId, event, member, atMs } = fields as Partial<Removal & { event: string }>;
        if (event !== "leave" && event !== "eviction") return;
        if (groupId !== undefined && member !== undefined && atMs !== undefined)
          this.history.removals.push({ groupId, member, atMs });
      },
      warn: bug,
      error: bug,
    };
  }

  /** An orderly stop, as by SIGTERM. */
  async stopBroker(): Promise<void> {
    const broker = this.#broker;
    if (broker === undefined) return;
    this.#broker = undefined;
    await this.during(broker.close());
    this.#unpacking?.close();
    const { liveTimers } = this.brokerProcess;
    if (liveTimers > 0) this.history.brokerBugs.push(`${liveTimers} timers of the broker are alive after its close`);
    this.brokerProcess.kill();
  }

  /** SIGKILL: what was not durable is gone. */
  killBroker(): void {
    this.#broker = undefined;
    this.brokerProcess.kill();
    this.disk.crash();
  }

  /** The power goes: below durability `disk` also what was written, but not synced, is gone. */
  losePower(synced: Uint8Array): void {
    this.#broker = undefined;
    this.brokerProcess.kill();
    this.disk.powerLoss(synced);
  }

  // ---- its clients

  consumer(group: string, options: SimulatedConsumerOptions): SimulatedConsumer {
    const consumer = new SimulatedConsumer(this, `c${this.#consumers.length + 1}`, group, options);
    this.#consumers.push(consumer);
    return consumer;
  }

  producer(options: SimulatedProducerOptions): SimulatedProducer {
    const producer = new SimulatedProducer(this, `p${this.#producers.length + 1}`, options);
    this.#producers.push(producer);
    return producer;
  }

  get admin(): Admin {
    return this.#admin;
  }

  isTransient(topic: string): boolean {
    return this.#options.transientTopics?.includes(topic) ?? false;
  }

  /** A topic was created anew with other partitions: what was sent to the old one and read from it is not judged. */
  replaceTopic(topic: string, partitions: number): void {
    this.#options.topics[topic] = partitions;
    this.history.forget(topic);
  }

  /** The topic exists from now on: what is sent to it and read from it is judged. */
  watchTopic(topic: string, partitions: number): void {
    this.#options.topics[topic] = partitions;
  }

  /** The topic has so many partitions from now on. */
  async addPartitions(topic: string, partitions: number): Promise<void> {
    await this.during(this.#admin.createPartitions([{ topic, partitions }]));
    this.#options.topics[topic] = partitions;
  }

  /** Asks for the records before the offset to be deleted; whether or not it is answered, they may be gone. */
  async deleteRecords(topic: string, partition: number, offset: number): Promise<number | undefined> {
    this.history.deletions.push({ topic, partition, offset, askedAtMs: this.clock.nowMs() });
    const asked = this.#admin.deleteRecords([{ topic, partition, offset }]);
    await this.attempt(asked);
    return await asked.then(([result]) => result?.logStartOffset).catch(() => undefined);
  }

  async group(groupId: string): Promise<GroupDescription> {
    const [group] = await this.during(this.#admin.describeGroups([groupId]));
    if (group === undefined) throw new Error(`no group ${groupId}`);
    return group;
  }

  /** Moves time until the group has this many members, is Stable, and every live consumer has reached its assignment. */
  async untilStable(groupId: string, memberCount: number, maxMs = 120_000): Promise<GroupDescription> {
    const deadlineMs = this.clock.nowMs() + maxMs;
    for (;;) {
      const group = await this.group(groupId).catch(() => undefined);
      if (group?.state === "Stable" && group.members.length === memberCount) {
        const assigned = group.members.reduce((count, member) => count + member.assignment.length, 0);
        const held = this.#consumers
          .filter((consumer) => consumer.group === groupId && consumer.running)
          .reduce((count, consumer) => count + consumer.owned().length, 0);
        if (assigned > 0 && held === assigned) return group;
      }
      if (this.clock.nowMs() > deadlineMs)
        throw new Error(
          `seed ${this.seed}: ${groupId} did not settle with ${memberCount} members within ${maxMs} ms: ${JSON.stringify(group, null, 1)}`,
        );
      await this.advance(50);
    }
  }

  /** Moves time until the group's readers have seen all of these. */
  async untilRead(groupId: string, values: readonly string[], maxMs = 120_000): Promise<void> {
    const missing = new Set(values);
    let looked = 0;
    const { delivered } = this.history;
    const allSeen = () => {
      for (; looked < delivered.length; looked++) {
        const record = delivered[looked];
        if (record?.group === groupId) missing.delete(record.value);
      }
      return missing.size === 0;
    };
    await this.clock.runUntil(allSeen, maxMs, `seed ${this.seed}: ${groupId} reading everything`);
  }

  // ---- the end

  /** Ends the run and throws what any checker found. `readers`: groups that read their topics from the start. */
  async finish({ readers = [] }: { readers?: { group: string; topics: string[] }[] } = {}): Promise<void> {
    try {
      this.disk.heal();
      this.brokerProcess.unblock();
      this.network.healAll();
      if (this.#broker === undefined) await this.startBroker();
      for (const producer of this.#producers) await this.during(producer.stop());
      await this.#readLogs();
      for (const { group, topics } of readers) {
        const values = [...this.history.log]
          .filter(([name]) => topics.some((topic) => name.startsWith(`${topic}-`)))
          .flatMap(([, log]) => log.map(({ value }) => value));
        await this.untilRead(group, values);
      }
      for (const consumer of this.#consumers) if (consumer.running) await this.during(consumer.close());
      await this.during(this.#admin.close());
      await this.stopBroker();
      await this.clock.runUntil(() => this.network.quiet, 60_000, "the network coming to rest");
      this.#check(readers);
    } finally {
      this.disk.close();
      rmSync(this.#folder, { recursive: true, force: true });
    }
  }

  async #readLogs(): Promise<void> {
    const process = new SimulatedProcess("reader", this.clock);
    const reader = new Consumer(
      { "bootstrap.servers": ADDRESS, "value.deserializer": string, "auto.offset.reset": "earliest" },
      { world: this.worldOf(process) },
    );
    const partitions = Object.entries(this.#options.topics).flatMap(([topic, count]) =>
      Array.from({ length: count }, (_, partition) => ({ topic, partition })),
    );
    reader.assign(partitions);
    const starts = await this.during(reader.beginningOffsets(partitions));
    const ends = await this.during(reader.endOffsets(partitions));
    let missing = 0;
    for (const [index, { topic, partition }] of partitions.entries()) {
      const bounds = { start: starts[index]?.offset ?? 0, end: ends[index]?.offset ?? 0 };
      this.history.log.set(`${topic}-${partition}`, []);
      this.history.bounds.set(`${topic}-${partition}`, bounds);
      missing += bounds.end - bounds.start;
    }
    while (missing > 0) {
      const records = await this.during(reader.poll(5000));
      if (records.length === 0) throw new Error(`seed ${this.seed}: ${missing} records of the logs cannot be read`);
      for (const { topic, partition, offset, value } of records) {
        this.history.log.get(`${topic}-${partition}`)?.push({ offset, value: value ?? "null" });
        missing -= 1;
      }
    }
    await this.during(reader.close());
  }

  #check(readers: { group: string; topics: string[] }[]): void {
    const problems = [
      ...checkers.flatMap((check) => check(this.history)),
      ...readers.flatMap(({ group, topics }) => unseen(group, topics)(this.history)),
      ...this.#consumers.flatMap((consumer) => consumer.unexpectedErrors),
      ...this.history.brokerBugs,
    ];
    // What a blocked or killed process left is not looked at: its timers died with it.
    if (this.clock.liveTimers > 0)
      problems.push(`${this.clock.liveTimers} timers are alive after everything was closed`);
    if (problems.length > 0)
      throw new Error(`seed ${this.seed}: ${problems.length} problems\n${problems.slice(0, 20).join("\n")}`);
  }
}
