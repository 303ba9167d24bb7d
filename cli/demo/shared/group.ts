// A group of consumers on a stage, each in a process of its own, and the book of what they do.

import { Ledger } from "./ledger.ts";
import type { Delivery, FromChild } from "./messages.ts";
import { type Stage, TOPIC } from "./stage.ts";
import type { MemberTask } from "./task.ts";
import type { Worker } from "./worker.ts";

const MEMBER = new URL("./member.ts", import.meta.url);

export type Member = Worker<MemberTask>;
type Timing = Pick<MemberTask, "sessionTimeoutMs" | "commitIntervalMs"> & Partial<MemberTask>;

/** A partition has a new owner. */
export interface Handover {
  readonly partition: number;
  readonly from: string;
  readonly to: string;
  readonly atMs: number;
}

export interface GroupListeners {
  /** Records that were processed for the first time. */
  onFresh?(deliveries: readonly Delivery[]): void;
  /** The member's commit was refused for good. */
  onCommitFailed(member: string, text: string): void;
}

export class Group {
  readonly groupId: string;
  readonly ledger = new Ledger();
  readonly members = new Map<string, Member>();
  /** Changes of owner, in the order in which the new owners told of them. */
  readonly handovers: Handover[] = [];
  readonly #stage: Stage;
  readonly #timing: Timing;
  readonly #owners = new Map<number, string>();
  readonly #listeners: GroupListeners;

  constructor(stage: Stage, groupId: string, timing: Timing, listeners: GroupListeners) {
    this.#stage = stage;
    this.groupId = groupId;
    this.#timing = timing;
    this.#listeners = listeners;
  }

  /** Starts a member; it joins by itself. */
  start(name: string, more: Partial<MemberTask> = {}): Member {
    const task: MemberTask = {
      ...this.#timing,
      ...more,
      name,
      bootstrapServers: this.#stage.server,
      topic: TOPIC,
      groupId: this.groupId,
    };
    const member = this.#stage.start<MemberTask>(MEMBER, task, (message) => this.#hear(name, message));
    this.members.set(name, member);
    return member;
  }

  #hear(name: string, message: FromChild): void {
    const { onFresh, onCommitFailed } = this.#listeners;
    if (message.kind === "processed") {
      const fresh = this.ledger.processed(name, message.deliveries, message.atMs);
      onFresh?.(fresh);
    }
    if (message.kind === "committed") this.ledger.committed(message.offsets);
    if (message.kind === "assigned")
      for (const partition of message.partitions) {
        const from = this.#owners.get(partition);
        this.#owners.set(partition, name);
        if (from !== undefined && from !== name) this.handovers.push({ partition, from, to: name, atMs: message.atMs });
      }
    if (message.kind === "commitFailed") onCommitFailed(name, message.text);
  }

  member(name: string): Member {
    const member = this.members.get(name);
    if (member === undefined) throw new Error(`${name} is not there`);
    return member;
  }

  /** SIGKILL. */
  async kill(name: string): Promise<void> {
    await this.member(name).kill();
    this.members.delete(name);
  }

  /** A clean shutdown. */
  async close(name: string): Promise<void> {
    await this.member(name).close();
    this.members.delete(name);
  }

  /** Every partition has exactly one of the living, and each of them has at least one. */
  get isShared(): boolean {
    const owned = [...this.members.values()].map(({ partitions }) => partitions);
    const all = owned.flatMap((partitions) => [...partitions]);
    const { partitions } = this.#stage;
    return all.length === partitions && new Set(all).size === partitions && owned.every(({ size }) => size > 0);
  }

  /** Who was given the partition last; "" for nobody yet. */
  ownerOf(partition: number): string {
    return this.#owners.get(partition) ?? "";
  }

  /** `A: 0 1 2 | B: 3 4 5` */
  get shares(): string {
    return [...this.members.values()]
      .map(({ name, partitions }) => `${name}: ${[...partitions].sort((a, b) => a - b).join(" ")}`)
      .join(" | ");
  }

  async until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
    await this.#stage.until(what, holds, () => `(${this.ledger.recordCount} records so far; ${this.shares})`);
  }

  async untilShared(what: string): Promise<void> {
    await this.until(what, () => this.isShared);
  }

  /** Waits until so many more records are processed. */
  async more(count: number): Promise<void> {
    const target = this.ledger.recordCount + count;
    await this.until(`${count} more records`, () => this.ledger.recordCount >= target);
  }
}
