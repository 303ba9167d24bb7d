// One way to commit at work: a group of one consumer, killed once and started again, and the book of both lives.

import { Ledger } from "../shared/ledger.ts";
import type { FromChild, Place } from "../shared/messages.ts";
import { type Stage, sum, TOPIC } from "../shared/stage.ts";
import type { Worker } from "../shared/worker.ts";
import { type Account, accountOf, lives } from "./account.ts";
import type { CommitsTask, WayName } from "./task.ts";

const CONSUMER = new URL("./consumer.ts", import.meta.url);

/** Sizes and times of the experiment. */
export interface Pace {
  readonly reports: number;
  readonly sessionTimeoutMs: number;
  readonly autoCommitIntervalMs: number;
  readonly batchRecords: number;
  readonly workMs: number;
}

export class Runner {
  readonly way: WayName;
  readonly groupId: string;
  readonly ledger = new Ledger();
  /** Of commitAsync: what its callback heard of. */
  readonly failedCommits: { readonly offsets: readonly Place[]; readonly code: string }[] = [];
  readonly #stage: Stage;
  readonly #server: string;
  readonly #pace: Pace;
  readonly #committed = new Map<number, number>();
  #life: string = lives.first;
  #process: Worker<CommitsTask, Place>;

  /** Starts the first life; `server` is the broker, or a network before it. */
  constructor(stage: Stage, way: WayName, server: string, pace: Pace) {
    this.#stage = stage;
    this.way = way;
    this.groupId = `strikes-${way}`;
    this.#server = server;
    this.#pace = pace;
    this.#process = this.#start(pace.workMs);
  }

  #start(workMs: number): Worker<CommitsTask, Place> {
    const { sessionTimeoutMs, autoCommitIntervalMs, batchRecords } = this.#pace;
    const timing = { sessionTimeoutMs, autoCommitIntervalMs, batchRecords, workMs };
    const task = { name: this.way, bootstrapServers: this.#server, topic: TOPIC, groupId: this.groupId, ...timing };
    return this.#stage.start<CommitsTask, Place>(CONSUMER, task, (message) => this.#hear(message));
  }

  #hear(message: FromChild<Place>): void {
    if (message.kind === "processed") this.ledger.processed(this.#life, message.deliveries, message.atMs);
    if (message.kind === "commitFailed") this.failedCommits.push(message);
    if (message.kind === "committed")
      for (const { partition, offset } of message.offsets) this.#committed.set(partition, offset);
  }

  get processed(): number {
    return this.ledger.recordCount;
  }

  /** Whether every commit that failed lies at or before one that the broker has. */
  get failedCommitsAreCovered(): boolean {
    const isCovered = ({ partition, offset }: Place) => (this.#committed.get(partition) ?? 0) >= offset;
    return this.failedCommits.every(({ offsets }) => offsets.every(isCovered));
  }

  /** Records that are processed beyond the last commit; negative: committed and not processed yet. */
  async aheadOfCommit(): Promise<number> {
    const committed = sum(await this.#stage.committed(this.groupId));
    return this.processed - committed;
  }

  async kill(): Promise<void> {
    await this.#process.kill();
  }

  /** The second life: the same group, the same way, and no time spent on the work. */
  startAgain(): void {
    this.#life = lives.second;
    this.#process = this.#start(0);
  }

  /** To the end of the topic, everything committed, and a clean shutdown. */
  async finish(): Promise<void> {
    const done = async () => (await this.#stage.lag(this.groupId)) === 0;
    await this.#stage.until(`${this.way} at the end of the topic`, done, () => `(${this.processed} processed)`);
    await this.#process.close();
  }

  account(ends: ReadonlyMap<number, number>): Account {
    return accountOf(this.ledger, ends);
  }
}
