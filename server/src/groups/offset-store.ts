// Every change of committed offsets as it is staged: commits, removals, whole groups, topics that go.
//
// Invariant: a change is written twice in one turn, to the offsets table and to __consumer_offsets, or not at all. What a
// deleted topic leaves behind is buried in the turn of the deletion itself.

import { deferred } from "@brooklet/protocol/world";
import type { OffsetsTopicWriter, TopicCatalog } from "../log/log.ts";
import type { StoredOffset } from "../storage/storage.ts";
import type { TurnQueue } from "../storage/turns.ts";
import { encodeOffsetKey, encodeOffsetValue, OffsetsTopicBatches } from "./consumer-offsets.ts";
import { CommittedOffsets, type OffsetPlace } from "./offsets.ts";

export interface OffsetStoreParts {
  readonly turns: TurnQueue;
  readonly catalog: TopicCatalog;
  readonly offsetsTopic: OffsetsTopicWriter;
  readonly stored: Iterable<StoredOffset>;
}

export class OffsetStore {
  readonly committed: CommittedOffsets;
  readonly #turns: TurnQueue;
  readonly #records: OffsetsTopicBatches;
  /** Topics whose deletion is staged. */
  readonly #leaving = new Set<string>();
  /** Those among them whose deletion is in the open turn. */
  readonly #unburied = new Set<string>();

  constructor({ turns, catalog, offsetsTopic, stored }: OffsetStoreParts) {
    this.#turns = turns;
    this.#records = new OffsetsTopicBatches(offsetsTopic, turns);
    this.committed = new CommittedOffsets(stored, (topicId) => catalog.byId(topicId) !== undefined);
    catalog.onLeaving(({ topicId }) => this.#topicLeaves(topicId));
    catalog.onChange(({ topicId }, change) => {
      if (change !== "deleted") return;
      this.committed.dropTopic(topicId);
      this.#leaving.delete(topicId);
    });
  }

  /** Resolves when durable, with what was not recorded because its topic is gone. Starts synchronously. */
  commit(groupId: string, offsets: readonly StoredOffset[]): Promise<readonly StoredOffset[]> {
    const staged = this.committed.stage(groupId, offsets);
    const done = deferred<readonly StoredOffset[]>();
    // The deletion comes first, so this one will not be recorded.
    for (const offset of offsets)
      if (!this.#leaving.has(offset.topicId))
        this.#records.add(groupId, { key: encodeOffsetKey(offset), value: encodeOffsetValue(offset) });
    this.#turns.stage({
      changes: offsets.map((offset) => ({ kind: "putOffset", offset })),
      essential: true,
      durable: () => done.resolve(staged.durable()),
      failed: (error) => {
        staged.failed();
        done.reject(error);
      },
    });
    return done.promise;
  }

  /** Removes some offsets of a group. Resolves when that is durable; `durable` runs synchronously then. */
  remove(groupId: string, places: readonly OffsetPlace[], durable: () => void = () => {}): Promise<void> {
    const changes = places.map(
      ({ topicId, partition }) => ({ kind: "deleteOffset", groupId, topicId, partition }) as const,
    );
    return this.#remove(groupId, places, changes, durable);
  }

  /** Removes a group with all its offsets, those on their way too; what is staged later stays. */
  removeGroup(groupId: string, durable: () => void): Promise<void> {
    return this.#remove(groupId, this.committed.placesOf(groupId), [{ kind: "deleteGroup", groupId }], durable);
  }

  /** The open turn is about to be written. */
  seal(): void {
    if (this.#unburied.size > 0)
      for (const place of this.committed.allUnderWay()) if (this.#unburied.has(place.topicId)) this.#bury(place);
    this.#unburied.clear();
    this.#records.seal();
  }

  /** A turn failed: nothing that is staged happens. */
  restore(): void {
    this.#leaving.clear();
    this.#unburied.clear();
    this.#records.restore();
  }

  #remove(
    groupId: string,
    places: readonly OffsetPlace[],
    changes: Parameters<TurnQueue["stage"]>[0]["changes"],
    durable: () => void,
  ): Promise<void> {
    const removal = this.committed.stageRemoval(groupId, places);
    const done = deferred();
    for (const place of places) this.#bury(place);
    this.#turns.stage({
      changes,
      essential: true,
      durable: () => {
        removal.durable();
        durable();
        done.resolve();
      },
      failed: (error) => {
        removal.failed();
        done.reject(error);
      },
    });
    return done.promise;
  }

  #topicLeaves(topicId: string): void {
    this.#leaving.add(topicId);
    this.#unburied.add(topicId);
    for (const offset of this.committed.ofTopic(topicId)) this.#bury(offset);
  }

  #bury(place: OffsetPlace): void {
    this.#records.add(place.groupId, { key: encodeOffsetKey(place), value: null });
  }
}
