// What happened in a group, newest last: bounded, in memory only. An entry is shown once what it tells is durable, and is
// taken back when the turn that would have stored it failed.

import type { ApiResponse } from "@brooklet/protocol";
import type { Happening } from "./effects.ts";
import { allNamed, type Topics } from "./partitions.ts";

export type TimelineEvent = ApiResponse<"describeGroups">["groups"][number]["timeline"][number];

const MAX_ENTRIES = 200;
/** Of them, refused commits: a flood of them must not push out everything else. */
const MAX_REFUSALS = 50;
const MAX_PARTITIONS_PER_ENTRY = 100;

interface Entry {
  readonly version: number;
  readonly event: TimelineEvent;
  /** Of a refused commit: refusals with the same words here are one entry. */
  readonly kind: string | undefined;
}

export class Timeline {
  #entries: Entry[] = [];

  /**
   * Adds what happened; refusals of one member, epoch and code become one entry that counts them. Returns the entry as people
   * read it.
   */
  add(happening: Happening, wallMs: number, topics: Topics): TimelineEvent {
    const { event, epoch, version, member, partitions, reason, code } = happening;
    const refs = allNamed(topics, partitions ?? []).map(({ topic, partition }) => ({ topic, partition }));
    const kind = event === "refusedCommit" ? `${epoch}\n${code}\n${member}` : undefined;
    const before = kind === undefined ? undefined : this.#takeOut(kind);
    const named = [...(before?.event.partitions ?? []), ...refs.filter((ref) => !isAmong(ref, before?.event))];
    const told: TimelineEvent = {
      atMs: wallMs,
      event,
      epoch,
      ...(member === undefined ? {} : { member }),
      ...(named.length === 0 ? {} : { partitions: named.slice(0, MAX_PARTITIONS_PER_ENTRY) }),
      ...(reason === undefined ? {} : { reason }),
      ...(before === undefined ? {} : { count: (before.event.count ?? 1) + 1 }),
    };
    // What was told of already stays so when this turn fails.
    this.#entries.push({ version: before?.version ?? version, event: told, kind });
    if (kind !== undefined) this.#boundRefusals();
    if (this.#entries.length > MAX_ENTRIES) this.#entries.shift();
    return told;
  }

  #takeOut(kind: string): Entry | undefined {
    const index = this.#entries.findLastIndex((entry) => entry.kind === kind);
    return index < 0 ? undefined : this.#entries.splice(index, 1)[0];
  }

  #boundRefusals(): void {
    const refusals = this.#entries.filter(({ kind }) => kind !== undefined);
    if (refusals.length <= MAX_REFUSALS) return;
    this.#entries.splice(this.#entries.indexOf(refusals[0] as Entry), 1);
  }

  upTo(durableVersion: number): TimelineEvent[] {
    return this.#entries.flatMap(({ version, event }) => (version <= durableVersion ? [event] : []));
  }

  /** The group was deleted: what happened up to this version was another one's. */
  forgetThrough(version: number): void {
    this.#entries = this.#entries.filter((entry) => entry.version > version);
  }

  /** What happened after this version did not happen. */
  takeBack(durableVersion: number): void {
    this.#entries = this.#entries.filter(({ version }) => version <= durableVersion);
  }
}

function isAmong(ref: { topic: string; partition: number }, event: TimelineEvent | undefined): boolean {
  return (event?.partitions ?? []).some(({ topic, partition }) => topic === ref.topic && partition === ref.partition);
}
