// Where a demo plays: a broker on disk in a temporary folder, an admin, a topic, and child processes that end with it.
// Invariant: however the demo ends, the children end, the broker closes, the folder goes.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Admin } from "@brooklet/client";
import { sleep, systemClock } from "@brooklet/protocol/world";
import { startBroker } from "@brooklet/server";
import type { Delivery, FromChild, Place } from "./messages.ts";
import type { Screen } from "./screen.ts";
import { Worker } from "./worker.ts";

export const TOPIC = "bird-strikes";

const TICK_MS = 20;
const STEP_LIMIT_MS = 60_000;

export interface StageOptions {
  readonly screen: Screen;
  /** Aborted by whoever wants the demo to end, and by the first thing that goes wrong. */
  readonly stop: AbortController;
  readonly partitions: number;
  /** Broker settings, by Kafka's names. */
  readonly settings?: Readonly<Record<string, number>>;
}

export class Stage {
  readonly screen: Screen;
  readonly stop: AbortController;
  readonly url: string;
  readonly port: number;
  readonly admin: Admin;
  readonly partitions: number;
  readonly #folder: string;
  readonly #workers = new Set<{ destroy(): Promise<void> }>();

  private constructor(
    options: StageOptions,
    folder: string,
    broker: { readonly url: string; readonly port: number },
    admin: Admin,
  ) {
    this.#folder = folder;
    this.screen = options.screen;
    this.stop = options.stop;
    this.partitions = options.partitions;
    this.url = broker.url;
    this.port = broker.port;
    this.admin = admin;
  }

  /** Builds the stage, plays, and puts everything away. */
  static async with<T>(options: StageOptions, play: (stage: Stage) => Promise<T>): Promise<T> {
    const { stop, partitions, settings = {} } = options;
    const folder = await mkdtemp(join(tmpdir(), "brooklet-demo-"));
    try {
      await using broker = await startBroker({ data: join(folder, "data"), durability: "disk", settings });
      await using admin = new Admin({ "bootstrap.servers": `127.0.0.1:${broker.port}` });
      await admin.createTopics([{ topic: TOPIC, partitions }]);
      const stage = new Stage(options, folder, broker, admin);
      try {
        return await play(stage);
      } finally {
        stop.abort(new Error("the demo is over"));
        await Promise.all([...stage.#workers].map((worker) => worker.destroy()));
      }
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  /** For bootstrap.servers. */
  get server(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** Starts a child process; it ends with the stage at the latest. */
  start<Task extends { readonly name: string }, D extends Place = Delivery>(
    program: URL,
    task: Task,
    onMessage: (message: FromChild<D>) => void,
  ): Worker<Task, D> {
    this.stop.signal.throwIfAborted();
    const worker = new Worker<Task, D>(program, join(this.#folder, "compiled"), task, onMessage, (error) =>
      this.stop.abort(error),
    );
    this.#workers.add(worker);
    return worker;
  }

  /** Waits until `holds`; when that never comes, says what it waited for, and `state`. */
  async until(what: string, holds: () => boolean | Promise<boolean>, state: () => string = () => ""): Promise<void> {
    const deadlineMs = systemClock.nowMs() + STEP_LIMIT_MS;
    for (;;) {
      this.stop.signal.throwIfAborted();
      if (await holds()) return;
      if (systemClock.nowMs() > deadlineMs)
        throw new Error(`waited ${STEP_LIMIT_MS / 1000} s in vain for: ${what} ${state()}`);
      await sleep(systemClock, TICK_MS, this.stop.signal);
    }
  }

  /** The next offset of every partition: how much is stored. */
  async ends(): Promise<ReadonlyMap<number, number>> {
    const [topic] = await this.admin.describeTopics([TOPIC]);
    return new Map(topic?.partitions.map(({ partition, highWatermark }) => [partition, highWatermark]));
  }

  /** What the group has committed, by partition; 0 where nothing is. */
  async committed(groupId: string): Promise<ReadonlyMap<number, number>> {
    const offsets = await this.admin.listGroupOffsets(groupId);
    return new Map(offsets.map(({ partition, offset }) => [partition, Math.max(0, offset)]));
  }

  /** Records that are stored and that the group has not committed. */
  async lag(groupId: string): Promise<number> {
    const [ends, committed] = [await this.ends(), await this.committed(groupId)];
    return sum(ends) - sum(committed);
  }
}

export function sum(offsets: ReadonlyMap<number, number>): number {
  return offsets.values().reduce((total, offset) => total + offset, 0);
}
