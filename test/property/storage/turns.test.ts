// Random sequences of turns against a model of plain maps; reopening gives back exactly what the model says.

import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { TurnWriter } from "../../../server/src/storage/sqlite/apply-turn.ts";
import { connect } from "../../../server/src/storage/sqlite/connection.ts";
import { loadState, markStart } from "../../../server/src/storage/sqlite/load-state.ts";
import { BatchReader } from "../../../server/src/storage/sqlite/read-batches.ts";
import { noReserve } from "../../../server/src/storage/sqlite/reserve.ts";
import { createOrCheck } from "../../../server/src/storage/sqlite/schema.ts";
import type {
  Change,
  StoredBatch,
  StoredOffset,
  StoredProducerState,
  StoredState,
  StoredTopic,
  Turn,
} from "../../../server/src/storage/storage.ts";
import { testFolder } from "../../support/storage-on-file.ts";
import { storedBatch } from "../../support/stored.ts";

/** What the file should hold. */
class Model {
  readonly topics = new Map<string, StoredTopic>();
  readonly batches = new Map<number, StoredBatch[]>();
  readonly producerStates = new Map<string, StoredProducerState>();
  readonly offsets = new Map<string, StoredOffset>();
  readonly groups = new Map<string, string>();
  readonly counters = new Map<string, number>();

  end(partitionId: number): number {
    const last = this.batches.get(partitionId)?.at(-1);
    return last === undefined ? 0 : last.lastOffset + 1;
  }

  apply(change: Change): void {
    switch (change.kind) {
      case "appendBatch":
        this.batches.set(change.batch.partitionId, [
          ...(this.batches.get(change.batch.partitionId) ?? []),
          change.batch,
        ]);
        return;
      case "putProducerState":
        this.producerStates.set(`${change.state.partitionId}/${change.state.producerId}`, change.state);
        return;
      case "deleteProducerState":
        this.producerStates.delete(`${change.partitionId}/${change.producerId}`);
        return;
      case "createTopic":
        this.topics.set(change.topic.topicId, change.topic);
        return;
      case "deleteTopic": {
        const ids = this.topics.get(change.topicId)?.partitions.map((partition) => partition.partitionId) ?? [];
        this.topics.delete(change.topicId);
        for (const id of ids) this.batches.delete(id);
        for (const [key, state] of this.producerStates)
          if (ids.includes(state.partitionId)) this.producerStates.delete(key);
        for (const [key, offset] of this.offsets) if (offset.topicId === change.topicId) this.offsets.delete(key);
        return;
      }
      case "putOffset": {
        const { groupId, topicId, partition } = change.offset;
        // A commit behind its topic's deletion leaves nothing.
        if (this.topics.has(topicId)) this.offsets.set(JSON.stringify([groupId, topicId, partition]), change.offset);
        return;
      }
      case "deleteOffset":
        this.offsets.delete(JSON.stringify([change.groupId, change.topicId, change.partition]));
        return;
      case "putGroup":
        this.groups.set(change.group.groupId, change.group.state);
        return;
      case "deleteGroup":
        this.groups.delete(change.groupId);
        for (const [key, offset] of this.offsets) if (offset.groupId === change.groupId) this.offsets.delete(key);
        return;
      case "putCounter":
        this.counters.set(change.name, change.value);
        return;
    }
  }
}

const by =
  <T>(key: (item: T) => string) =>
  (a: T, b: T) =>
    key(a) < key(b) ? -1 : 1;

/** In an order of its own, so that only the content is compared. */
function content(state: Omit<StoredState, "clusterId" | "bootEpoch" | "logIndexes">) {
  return {
    topics: [...state.topics].sort(by((topic) => topic.topicId)),
    logEnds: [...state.logEnds].sort((a, b) => a.partitionId - b.partitionId),
    producerStates: [...state.producerStates].sort(by((item) => `${item.partitionId}/${item.producerId}`)),
    offsets: [...state.offsets].sort(by((item) => JSON.stringify([item.groupId, item.topicId, item.partition]))),
    groups: [...state.groups].sort(by((group) => group.groupId)),
    counters: new Map(Object.entries(state.counters)),
  };
}

function contentOf(model: Model) {
  const partitions = [...model.topics.values()].flatMap((topic) => topic.partitions);
  return content({
    topics: [...model.topics.values()],
    logEnds: partitions
      .filter(({ partitionId }) => model.end(partitionId) > 0)
      .map(({ partitionId }) => ({ partitionId, logEndOffset: model.end(partitionId) })),
    producerStates: [...model.producerStates.values()],
    offsets: [...model.offsets.values()],
    groups: [...model.groups].map(([groupId, state]) => ({ groupId, state })),
    counters: Object.fromEntries(model.counters),
  });
}

const name = fc.constantFrom("orders", "billing", "__proto__", "constructor", "é\u0000'\"");
const small = fc.nat({ max: 5 });

type Step = (model: Model, nextId: () => number) => Change[];

/** Steps look at the model, as the broker looks at its memory, so that what they do is legal. */
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ topic: name, partitions: fc.integer({ min: 1, max: 3 }), at: fc.nat() }).map(
    ({ topic, partitions, at }): Step =>
      (model, nextId) => {
        if ([...model.topics.values()].some((other) => other.topic === topic)) return [];
        const ids = Array.from({ length: partitions }, () => ({ partitionId: nextId(), logStartOffset: 0 }));
        const topicId = `${topic}#${ids[0]?.partitionId}`;
        return [
          {
            kind: "createTopic",
            topic: { topicId, topic, configs: { [topic]: "x" }, createdAtMs: at, partitions: ids },
          },
        ];
      },
  ),
  small.map(
    (which): Step =>
      (model) =>
        [...model.topics.keys()].slice(which, which + 1).map((topicId) => ({ kind: "deleteTopic", topicId })),
  ),
  fc.record({ which: small, count: fc.integer({ min: 1, max: 4 }), skip: fc.nat({ max: 2 }), at: small }).map(
    ({ which, count, skip, at }): Step =>
      (model) =>
        partitionsOf(model, which).map((id) => ({
          kind: "appendBatch",
          batch: storedBatch(id, model.end(id) + skip, { count, timestampMs: at }),
        })),
  ),
  fc.record({ which: small, producerId: small, producerEpoch: small, firstSequence: small, at: fc.maxSafeNat() }).map(
    ({ which, producerId, producerEpoch, firstSequence, at }): Step =>
      (model) =>
        partitionsOf(model, which).map((partitionId) => ({
          kind: "putProducerState",
          state: {
            partitionId,
            producerId,
            producerEpoch,
            batches: [
              { firstSequence, lastSequence: firstSequence, baseOffset: 0, lastOffset: 0, logAppendTimeMs: -1 },
            ],
            lastAppendMs: at,
          },
        })),
  ),
  fc.record({ which: small, producerId: small }).map(
    ({ which, producerId }): Step =>
      (model) =>
        partitionsOf(model, which).map((partitionId) => ({ kind: "deleteProducerState", partitionId, producerId })),
  ),
  fc
    .record({
      groupId: name,
      partition: small,
      offset: fc.maxSafeNat(),
      metadata: fc.string(),
      at: fc.nat(),
    })
    .map(
      ({ groupId, partition, offset, metadata, at }): Step =>
        (model) => {
          const [topicId, { topic }] = [...model.topics][partition] ?? ["deleted", { topic: "deleted" }];
          const stored = { groupId, topicId, topic, partition, offset, leaderEpoch: -1, metadata, committedAtMs: at };
          return [{ kind: "putOffset", offset: stored }];
        },
    ),
  small.map(
    (which): Step =>
      (model) =>
        [...model.offsets.values()]
          .slice(which, which + 1)
          .map(({ groupId, topicId, partition }) => ({ kind: "deleteOffset", groupId, topicId, partition })),
  ),
  fc.record({ groupId: name, state: fc.json() }).map(
    (group): Step =>
      () => [{ kind: "putGroup", group }],
  ),
  name.map(
    (groupId): Step =>
      () => [{ kind: "deleteGroup", groupId }],
  ),
  fc.record({ name, value: fc.maxSafeNat() }).map(
    (counter): Step =>
      () => [{ kind: "putCounter", ...counter }],
  ),
);

function partitionsOf(model: Model, which: number): number[] {
  const ids = [...model.topics.values()].flatMap((topic) => topic.partitions.map((partition) => partition.partitionId));
  return ids.slice(which, which + 1);
}

test("what the file holds after any turns, and after it was opened again, is what the model holds", () => {
  const folder = testFolder();
  let files = 0;
  fc.assert(
    fc.property(
      fc.array(fc.array(step, { maxLength: 6 }), { maxLength: 12 }),
      fc.nat({ max: 12 }),
      (turns, reopenAt) => {
        const file = join(folder, `${files++}.db`);
        const model = new Model();
        let lastId = 0;
        const open = () => {
          const db = connect(file, "process");
          createOrCheck(db);
          markStart(db, "process", () => "cluster");
          return { db, writer: new TurnWriter(db, noReserve) };
        };
        let { db, writer } = open();
        for (const [index, steps] of turns.entries()) {
          if (index === reopenAt) {
            db.close();
            ({ db, writer } = open());
          }
          const changes: Change[] = [];
          for (const next of steps) {
            for (const change of next(model, () => ++lastId)) {
              model.apply(change);
              changes.push(change);
            }
          }
          const turn: Turn = { number: index + 1, generation: 1, parts: [{ essential: false, changes }] };
          expect(writer.apply(turn)).toEqual({ outcome: "durable" });
        }
        const before = loadState(db);
        expect(content(before)).toEqual(contentOf(model));
        db.close();
        ({ db, writer } = open());
        expect(content(loadState(db))).toEqual(content(before));
        const reader = new BatchReader(db);
        for (const { partitionId } of [...model.topics.values()].flatMap((topic) => topic.partitions)) {
          const read = reader.read({ partitionId, fromOffset: 0, endOffset: Number.MAX_SAFE_INTEGER, maxBytes: 1e9 });
          const expected = model.batches.get(partitionId) ?? [];
          expect(read.map((batch) => ({ ...batch, bytes: [...batch.bytes] }))).toEqual(
            expected.map((batch) => ({ ...batch, bytes: [...batch.bytes] })),
          );
        }
        db.close();
      },
    ),
    { numRuns: 60 },
  );
});
