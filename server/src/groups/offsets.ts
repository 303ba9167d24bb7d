// Committed offsets: what is durable, and which commits are on their way. Readers see durable offsets only, and wait for the
// commits that were staged before they asked.
//
// Invariant: a commit staged before a read began has its verdict before the read is answered.

import { type Deferred, deferred } from "@brooklet/protocol/world";
import type { StoredOffset } from "../storage/storage.ts";
import { keyOf, type PartitionKey } from "./partitions.ts";

export interface StagedCommit {
  /** Returns what was not recorded, because its topic's deletion was stored before it. */
  durable(): readonly StoredOffset[];
  failed(): void;
}

export class CommittedOffsets {
  readonly #durable = new Map<string, Map<PartitionKey, StoredOffset>>();
  /** The last commit under way of each group and partition. */
  readonly #underWay = new Map<string, Map<PartitionKey, Deferred<void>>>();
  readonly #topicExists: (topicId: string) => boolean;

  constructor(stored: Iterable<StoredOffset>, topicExists: (topicId: string) => boolean) {
    this.#topicExists = topicExists;
    for (const offset of stored) this.#put(offset);
  }

  groupIds(): Iterable<string> {
    return this.#durable.keys();
  }

  ofGroup(groupId: string): StoredOffset[] {
    return [...(this.#durable.get(groupId)?.values() ?? [])];
  }

  get(groupId: string, key: PartitionKey): StoredOffset | undefined {
    return this.#durable.get(groupId)?.get(key);
  }

  /** Whether the group has offsets, durable or on their way. */
  has(groupId: string): boolean {
    return this.#durable.has(groupId) || this.#underWay.has(groupId);
  }

  /** A commit of one group is on its way; exactly one of the callbacks tells how it ended. */
  stage(groupId: string, offsets: readonly StoredOffset[]): StagedCommit {
    const settled = deferred();
    const commits = this.#underWay.get(groupId) ?? new Map<PartitionKey, Deferred<void>>();
    this.#underWay.set(groupId, commits);
    for (const offset of offsets) commits.set(keyOf(offset), settled);
    const settle = () => {
      const current = this.#underWay.get(groupId);
      for (const offset of offsets) if (current?.get(keyOf(offset)) === settled) current.delete(keyOf(offset));
      if (current?.size === 0) this.#underWay.delete(groupId);
      settled.resolve();
    };
    return {
      durable: () => {
        const homeless = offsets.filter((offset) => !this.#put(offset));
        settle();
        return homeless;
      },
      failed: settle,
    };
  }

  /** The ends of the commits on their way for these partitions, or for all of the group. Never reject. */
  underWay(groupId: string, keys: readonly PartitionKey[] | undefined): Promise<void>[] {
    const commits = this.#underWay.get(groupId);
    if (commits === undefined) return [];
    const waits = keys === undefined ? commits.values() : keys.flatMap((key) => commits.get(key) ?? []);
    return [...new Set(waits)].map(({ promise }) => promise);
  }

  /** The topic is gone, and with it every group's offsets in it, which are returned. */
  dropTopic(topicId: string): StoredOffset[] {
    const dropped: StoredOffset[] = [];
    for (const [groupId, offsets] of this.#durable) {
      for (const [key, offset] of offsets) {
        if (offset.topicId !== topicId) continue;
        offsets.delete(key);
        dropped.push(offset);
      }
      if (offsets.size === 0) this.#durable.delete(groupId);
    }
    return dropped;
  }

  /** False if there is no such topic any more. */
  #put(offset: StoredOffset): boolean {
    if (!this.#topicExists(offset.topicId)) return false;
    const offsets = this.#durable.get(offset.groupId);
    if (offsets === undefined) this.#durable.set(offset.groupId, new Map([[keyOf(offset), offset]]));
    else offsets.set(keyOf(offset), offset);
    return true;
  }
}
