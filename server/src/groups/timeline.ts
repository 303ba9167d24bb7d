// What happened in a group, newest last: bounded, in memory only. An entry is shown once what it tells is durable, and is
// taken back when the turn that would have stored it failed.

import type { ApiResponse } from "@brooklet/protocol";
import type { Happening } from "./effects.ts";
import { allNamed, type Topics } from "./partitions.ts";

export type TimelineEvent = ApiResponse<"describeGroups">["groups"][number]["timeline"][number];

const MAX_ENTRIES = 200;
const MAX_PARTITIONS_PER_ENTRY = 100;

interface Entry {
  readonly version: number;
  event: TimelineEvent;
}

export class Timeline {
  #entries: Entry[] = [];

  /** Adds what happened; repeated refusals of one member in one epoch become one entry. Returns the entry as people read it. */
  add({ event, epoch, version, member, partitions, reason }: Happening, wallMs: number, topics: Topics): TimelineEvent {
    const refs = allNamed(topics, partitions ?? []).map(({ topic, partition }) => ({ topic, partition }));
    const last = this.#entries.at(-1);
    if (
      event === "refusedCommit" &&
      last?.event.event === event &&
      last.event.member === member &&
      last.event.epoch === epoch
    ) {
      const before = last.event.partitions ?? [];
      const fresh = refs.filter(
        (ref) => !before.some(({ topic, partition }) => topic === ref.topic && partition === ref.partition),
      );
      last.event = {
        ...last.event,
        atMs: wallMs,
        partitions: [...before, ...fresh].slice(0, MAX_PARTITIONS_PER_ENTRY),
      };
      return last.event;
    }
    const entry: TimelineEvent = {
      atMs: wallMs,
      event,
      epoch,
      ...(member === undefined ? {} : { member }),
      ...(refs.length === 0 ? {} : { partitions: refs.slice(0, MAX_PARTITIONS_PER_ENTRY) }),
      ...(reason === undefined ? {} : { reason }),
    };
    this.#entries.push({ version, event: entry });
    if (this.#entries.length > MAX_ENTRIES) this.#entries.shift();
    return entry;
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
