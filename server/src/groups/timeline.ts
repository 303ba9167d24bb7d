// What happened in a group, newest last: bounded, in memory only. An entry is shown once what it tells is durable, and is
// taken back when the turn that would have stored it failed. Refused commits stand beside it one by one.
//
// Invariant: all groups' timelines together hold about MAX_BYTES_IN_ALL at most; what happened longest ago in the group where
// nothing has happened for the longest time goes first.

import type { ApiResponse } from "@brooklet/protocol";
import type { Happening } from "./effects.ts";
import { allNamed, type Topics } from "./partitions.ts";
import { type RefusedCommit, RefusedCommits } from "./refused-commits.ts";

export type TimelineEvent = ApiResponse<"describeGroups">["groups"][number]["timeline"][number];

const MAX_ENTRIES = 200;
/** Of them, refused commits: a flood of them must not push out everything else. */
const MAX_REFUSALS = 50;
const MAX_PARTITIONS_PER_ENTRY = 100;
/** Of all groups of a broker, by ENTRY_BYTES, PARTITION_BYTES and the length of texts. */
const MAX_BYTES_IN_ALL = 64 * 1024 * 1024;
const ENTRY_BYTES = 200;
const PARTITION_BYTES = 60;

interface Entry {
  readonly version: number;
  readonly event: TimelineEvent;
  /** Of a refused commit: refusals with the same words here are one entry. */
  readonly kind: string | undefined;
}

/** What the timelines of all groups hold. */
export class TimelineTotals {
  readonly #maxBytes: number;
  /** Those with entries; where nothing has happened for the longest time first. Of a removed group, until its turn comes. */
  readonly #timelines = new Set<Timeline>();
  #bytes = 0;

  constructor(maxBytes = MAX_BYTES_IN_ALL) {
    this.#maxBytes = maxBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** The timeline holds so much more, or less. */
  changed(timeline: Timeline, byBytes: number): void {
    this.#bytes += byBytes;
    this.#timelines.delete(timeline);
    if (timeline.bytes > 0) this.#timelines.add(timeline);
    for (const oldest of this.#timelines) {
      while (this.#bytes > this.#maxBytes && oldest.bytes > 0) this.#bytes -= oldest.dropOldest();
      if (oldest.bytes > 0) return;
      this.#timelines.delete(oldest);
    }
  }
}

export class Timeline {
  readonly #totals: TimelineTotals;
  readonly #refused = new RefusedCommits();
  #entries: Entry[] = [];
  #bytes = 0;

  constructor(totals: TimelineTotals) {
    this.#totals = totals;
  }

  /** About what it holds. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Adds what happened; refusals of one member, epoch and code become one entry that counts them. Returns the entry as people
   * read it.
   */
  add(happening: Happening, wallMs: number, topics: Topics): TimelineEvent {
    const { event, epoch, version, member, partitions, reason, code, refused } = happening;
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
    if (refused !== undefined && code !== undefined)
      this.#refused.add(refused, { atMs: wallMs, version, member, code, reason: reason ?? "" });
    this.#count();
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

  refusedCommits(durableVersion: number): RefusedCommit[] {
    return this.#refused.upTo(durableVersion);
  }

  /** The group was deleted: what happened up to this version was another one's. */
  forgetThrough(version: number): void {
    this.#entries = this.#entries.filter((entry) => entry.version > version);
    this.#refused.keep((refused) => refused > version);
    this.#count();
  }

  /** What happened after this version did not happen. */
  takeBack(durableVersion: number): void {
    this.#entries = this.#entries.filter(({ version }) => version <= durableVersion);
    this.#refused.keep((version) => version <= durableVersion);
    this.#count();
  }

  /** There is no room for all. Returns what it held. */
  dropOldest(): number {
    const before = this.#bytes;
    const refusedMs = this.#refused.oldestMs ?? Number.POSITIVE_INFINITY;
    if (refusedMs < (this.#entries[0]?.event.atMs ?? Number.POSITIVE_INFINITY)) this.#refused.dropOldest();
    else this.#entries.shift();
    this.#bytes = this.#held();
    return before - this.#bytes;
  }

  #count(): void {
    const before = this.#bytes;
    this.#bytes = this.#held();
    this.#totals.changed(this, this.#bytes - before);
  }

  #held(): number {
    return this.#entries.reduce((sum, entry) => sum + bytesOf(entry), this.#refused.bytes);
  }
}

function bytesOf({ event: { partitions = [], reason = "", member = "" } }: Entry): number {
  return ENTRY_BYTES + PARTITION_BYTES * partitions.length + reason.length + member.length;
}

function isAmong(ref: { topic: string; partition: number }, event: TimelineEvent | undefined): boolean {
  return (event?.partitions ?? []).some(({ topic, partition }) => topic === ref.topic && partition === ref.partition);
}
