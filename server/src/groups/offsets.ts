// Committed offsets: what is durable, and what is on its way, commits and removals. Readers see durable offsets only, and wait
// for what was staged before they asked.
//
// Invariant: what was staged before a read began has its verdict before the read is answered. What is durable is found by
// group and by topic without a look at everything else: brokers have many of both.

import { type Deferred, deferred } from "@brooklet/protocol/world";
import type { StoredOffset } from "../storage/storage.ts";
import { keyOf, type PartitionKey, type PartitionRef } from "./partitions.ts";

/** Which offset, with the topic's name for its record. */
export type OffsetPlace = Pick<StoredOffset, "groupId" | "topicId" | "topic" | "partition">;

export interface StagedCommit {
  /** Returns what was not recorded, because its topic's deletion was stored before it. */
  durable(): readonly StoredOffset[];
  failed(): void;
}

export interface StagedRemoval {
  durable(): void;
  failed(): void;
}

interface UnderWay {
  readonly place: OffsetPlace;
  readonly settled: Deferred<void>;
}

type ByPartition = Map<number, StoredOffset>;

export class CommittedOffsets {
  /** By group, then topic id. */
  readonly #durable = new Map<string, Map<string, ByPartition>>();
  /** Which groups have durable offsets in a topic. */
  readonly #groupsOf = new Map<string, Set<string>>();
  /** The last commit or removal under way of each group and partition. */
  readonly #underWay = new Map<string, Map<PartitionKey, UnderWay>>();
  readonly #topicExists: (topicId: string) => boolean;

  constructor(stored: Iterable<StoredOffset>, topicExists: (topicId: string) => boolean) {
    this.#topicExists = topicExists;
    for (const offset of stored) this.#put(offset);
  }

  groupIds(): Iterable<string> {
    return this.#durable.keys();
  }

  *ofGroup(groupId: string): Generator<StoredOffset, void, undefined> {
    for (const offsets of this.#durable.get(groupId)?.values() ?? []) yield* offsets.values();
  }

  get(groupId: string, { topicId, partition }: PartitionRef): StoredOffset | undefined {
    return this.#durable.get(groupId)?.get(topicId)?.get(partition);
  }

  /** Whether the group has offsets that are durable. */
  hasDurable(groupId: string): boolean {
    return this.#durable.has(groupId);
  }

  /** Whether the group has offsets, durable or on their way. */
  has(groupId: string): boolean {
    return this.#durable.has(groupId) || this.#underWay.has(groupId);
  }

  /** Every offset that the group has, or has staged. */
  placesOf(groupId: string): OffsetPlace[] {
    const places = new Map<PartitionKey, OffsetPlace>();
    for (const offset of this.ofGroup(groupId)) places.set(keyOf(offset), offset);
    for (const [key, { place }] of this.#underWay.get(groupId) ?? []) places.set(key, place);
    return [...places.values()];
  }

  /** Every durable offset in the topic. */
  *ofTopic(topicId: string): Generator<StoredOffset, void, undefined> {
    for (const groupId of this.#groupsOf.get(topicId) ?? [])
      yield* this.#durable.get(groupId)?.get(topicId)?.values() ?? [];
  }

  /** Everything on its way, in every group. */
  *allUnderWay(): Generator<OffsetPlace, void, undefined> {
    for (const commits of this.#underWay.values()) for (const { place } of commits.values()) yield place;
  }

  isUnderWay(groupId: string, ref: PartitionRef): boolean {
    return this.#underWay.get(groupId)?.has(keyOf(ref)) ?? false;
  }

  /** A commit of one group is on its way; exactly one of the callbacks tells how it ended. */
  stage(groupId: string, offsets: readonly StoredOffset[]): StagedCommit {
    const settle = this.#send(groupId, offsets);
    return {
      durable: () => {
        const homeless = offsets.filter((offset) => !this.#put(offset));
        settle();
        return homeless;
      },
      failed: settle,
    };
  }

  /** The removal of one group's offsets is on its way. */
  stageRemoval(groupId: string, places: readonly OffsetPlace[]): StagedRemoval {
    const settle = this.#send(groupId, places);
    return {
      durable: () => {
        for (const place of places) this.#remove(place);
        settle();
      },
      failed: settle,
    };
  }

  /** The ends of what is on its way for these partitions, or for all of the group. Never reject. */
  underWay(groupId: string, keys: readonly PartitionKey[] | undefined): Promise<void>[] {
    const commits = this.#underWay.get(groupId);
    if (commits === undefined) return [];
    const waits = keys === undefined ? [...commits.values()] : keys.flatMap((key) => commits.get(key) ?? []);
    return [...new Set(waits.map(({ settled }) => settled))].map(({ promise }) => promise);
  }

  /** The topic is gone, and with it every group's offsets in it. */
  dropTopic(topicId: string): void {
    for (const groupId of this.#groupsOf.get(topicId) ?? []) {
      const topics = this.#durable.get(groupId);
      topics?.delete(topicId);
      if (topics?.size === 0) this.#durable.delete(groupId);
    }
    this.#groupsOf.delete(topicId);
  }

  /** Returns how to say that it is settled. */
  #send(groupId: string, places: readonly OffsetPlace[]): () => void {
    const settled = deferred();
    const commits = this.#underWay.get(groupId) ?? new Map<PartitionKey, UnderWay>();
    if (places.length > 0) this.#underWay.set(groupId, commits);
    for (const place of places) commits.set(keyOf(place), { place, settled });
    return () => {
      const current = this.#underWay.get(groupId);
      for (const place of places) {
        const key = keyOf(place);
        if (current?.get(key)?.settled === settled) current.delete(key);
      }
      if (current?.size === 0) this.#underWay.delete(groupId);
      settled.resolve();
    };
  }

  /** False if there is no such topic any more. */
  #put(offset: StoredOffset): boolean {
    const { groupId, topicId, partition } = offset;
    if (!this.#topicExists(topicId)) return false;
    const topics = this.#durable.get(groupId) ?? new Map<string, ByPartition>();
    this.#durable.set(groupId, topics);
    const offsets = topics.get(topicId) ?? new Map<number, StoredOffset>();
    topics.set(topicId, offsets);
    offsets.set(partition, offset);
    const groups = this.#groupsOf.get(topicId) ?? new Set<string>();
    this.#groupsOf.set(topicId, groups.add(groupId));
    return true;
  }

  #remove({ groupId, topicId, partition }: OffsetPlace): void {
    const topics = this.#durable.get(groupId);
    const offsets = topics?.get(topicId);
    offsets?.delete(partition);
    if (offsets?.size !== 0) return;
    topics?.delete(topicId);
    if (topics?.size === 0) this.#durable.delete(groupId);
    const groups = this.#groupsOf.get(topicId);
    groups?.delete(groupId);
    if (groups?.size === 0) this.#groupsOf.delete(topicId);
  }
}
