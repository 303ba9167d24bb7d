// The commits that a group refused lately, each with its member, partition, offset and reason: bounded, in memory only, a part
// of the group's timeline, where they are told in short.
//
// Invariant: at most MAX_COMMITS entries; equal ones (member, partition, error) are one with a count, and tell the latest.

import type { ApiResponse, ErrorCode } from "@brooklet/protocol";

export type RefusedCommit = ApiResponse<"describeGroups">["groups"][number]["refusedCommits"][number];

/** What a refused request wanted to commit. `memberEpoch` is the epoch it spoke for, -1 of a stranger. */
export interface RefusedOffsets {
  readonly memberEpoch: number;
  readonly offsets: readonly { readonly topic: string; readonly partition: number; readonly offset: number }[];
}

const MAX_COMMITS = 50;
const COMMIT_BYTES = 250;
/** Of a name; a hand-made request may call anything a topic. */
const MAX_TOPIC_LENGTH = 249;

interface Entry {
  readonly version: number;
  readonly commit: RefusedCommit;
}

/** What refuses them all alike. */
export interface Refusal {
  readonly atMs: number;
  readonly version: number;
  readonly member: string | undefined;
  readonly code: ErrorCode;
  readonly reason: string;
}

export class RefusedCommits {
  /** By member, partition and error; the latest last. */
  readonly #entries = new Map<string, Entry>();
  #bytes = 0;

  /** About what it holds. */
  get bytes(): number {
    return this.#bytes;
  }

  /** When the oldest was refused; undefined: there is none. */
  get oldestMs(): number | undefined {
    return this.#entries.values().next().value?.commit.atMs;
  }

  /** Of a request with many offsets the last ones: what the bound would push out again is not written down. */
  add({ memberEpoch, offsets }: RefusedOffsets, { atMs, version, member, code, reason }: Refusal): void {
    for (const { topic: asked, partition, offset } of offsets.slice(-MAX_COMMITS)) {
      const topic = asked.slice(0, MAX_TOPIC_LENGTH);
      const key = JSON.stringify([member, topic, partition, code]);
      const before = this.#entries.get(key);
      this.#delete(key);
      const commit: RefusedCommit = {
        atMs,
        ...(member === undefined ? {} : { member }),
        memberEpoch,
        topic,
        partition,
        offset,
        code,
        reason,
        count: (before?.commit.count ?? 0) + 1,
      };
      // What was told of already stays so when this turn fails.
      this.#entries.set(key, { version: before?.version ?? version, commit });
      this.#bytes += bytesOf(commit);
      if (this.#entries.size > MAX_COMMITS) this.dropOldest();
    }
  }

  /** Oldest first. */
  upTo(durableVersion: number): RefusedCommit[] {
    return [...this.#entries.values()].flatMap(({ version, commit }) => (version <= durableVersion ? [commit] : []));
  }

  /** Forgets all others. */
  keep(isKept: (version: number) => boolean): void {
    for (const [key, { version }] of this.#entries) if (!isKept(version)) this.#delete(key);
  }

  dropOldest(): void {
    const oldest = this.#entries.keys().next().value;
    if (oldest !== undefined) this.#delete(oldest);
  }

  #delete(key: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#bytes -= bytesOf(entry.commit);
    this.#entries.delete(key);
  }
}

function bytesOf({ member = "", topic, reason }: RefusedCommit): number {
  return COMMIT_BYTES + member.length + topic.length + reason.length;
}
