// Turns as transactions: what is applied, what a full disk and an I/O error leave, what is refused afterwards.

import { join } from "node:path";
import Database from "better-sqlite3";
import { expect, test } from "vitest";
import { TurnWriter } from "../../../server/src/storage/sqlite/apply-turn.ts";
import type { Connection } from "../../../server/src/storage/sqlite/connection.ts";
import { loadState } from "../../../server/src/storage/sqlite/load-state.ts";
import { BatchRemoval } from "../../../server/src/storage/sqlite/remove-batches.ts";
import { noReserve } from "../../../server/src/storage/sqlite/reserve.ts";
import type { Change, StoredProducerState } from "../../../server/src/storage/storage.ts";
import { testDatabase, testFolder } from "../../support/storage-on-file.ts";
import { append, putCounter, putOffset, storedTopic, turn } from "../../support/stored.ts";

const count = (db: Connection, table: string) => db.prepare(`SELECT count(*) FROM ${table}`).pluck().get();

/** A limit on the pages is a disk that is full: SQLite answers SQLITE_FULL either way. */
function leaveRoom(db: Connection, pages: number): void {
  db.pragma(`max_page_count = ${Number(db.pragma("page_count", { simple: true })) + pages}`);
}

const manyBatches = Array.from({ length: 40 }, (_, index) => append(1, index, { valueBytes: 16_000 }));

const places = [
  ["in memory", () => testDatabase()],
  ["on a file", () => testDatabase(join(testFolder(), "test.db"), "disk")],
] as const;

test.each(places)("every kind of change is applied, %s", (_, open) => {
  const db = open();
  const writer = new TurnWriter(db, noReserve);
  const state: StoredProducerState = {
    partitionId: 1,
    producerId: 7,
    producerEpoch: 2,
    batches: [{ firstSequence: 0, lastSequence: 3, baseOffset: 0, lastOffset: 3, logAppendTimeMs: -1 }],
    lastAppendMs: 5,
  };
  const verdict = writer.apply(
    turn(1, {
      records: [
        { kind: "createTopic", topic: storedTopic("orders", 1, 2) },
        append(1, 0, { count: 4 }),
        append(1, 4, { count: 2 }),
        { kind: "putProducerState", state: { ...state, producerEpoch: 1 } },
        { kind: "putProducerState", state },
        putCounter("producerId", 8),
      ],
      essential: [
        putOffset("billing", 0, 3),
        putOffset("billing", 0, 4),
        putOffset("billing", 1, 1),
        { kind: "putGroup", group: { groupId: "billing", state: "{}" } },
      ],
    }),
  );
  expect(verdict).toEqual({ outcome: "durable" });
  const loaded = loadState(db);
  expect(loaded.topics).toEqual([storedTopic("orders", 1, 2)]);
  expect(loaded.logEnds).toEqual([{ partitionId: 1, logEndOffset: 6 }]);
  expect(loaded.producerStates).toEqual([state]);
  expect(loaded.offsets.map(({ partition, offset }) => [partition, offset])).toEqual([
    [0, 4],
    [1, 1],
  ]);
  expect(loaded.groups).toEqual([{ groupId: "billing", state: "{}" }]);
  expect(loaded.counters).toEqual({ producerId: 8 });

  writer.apply(
    turn(2, {
      records: [{ kind: "deleteProducerState", partitionId: 1, producerId: 7 }],
      essential: [{ kind: "deleteOffset", groupId: "billing", topicId: "orders-id", partition: 1 }],
    }),
  );
  expect(loadState(db).producerStates).toEqual([]);
  expect(loadState(db).offsets).toHaveLength(1);
  writer.apply(turn(3, { essential: [{ kind: "deleteGroup", groupId: "billing" }] }));
  expect(loadState(db)).toMatchObject({ groups: [], offsets: [] });
});

test("a deleted topic takes its partitions, producer states and everybody's offsets along; its name is free in the same turn", () => {
  const db = testDatabase();
  const writer = new TurnWriter(db, noReserve);
  writer.apply(turn(1, { records: [{ kind: "createTopic", topic: storedTopic("orders", 1) }, append(1, 0)] }));
  writer.apply(turn(2, { essential: [putOffset("billing", 0, 1), putOffset("audit", 0, 1)] }));
  const reborn = { ...storedTopic("orders", 2), topicId: "orders-id-2" };
  writer.apply(
    turn(3, {
      records: [
        { kind: "deleteTopic", topicId: "orders-id" },
        { kind: "createTopic", topic: reborn },
      ],
    }),
  );
  expect(loadState(db)).toMatchObject({ topics: [reborn], offsets: [], logEnds: [], producerStates: [] });
  expect(count(db, "batches")).toBe(1);
  expect(db.prepare("SELECT partition_id FROM deleted_partitions").pluck().all()).toEqual([1]);
});

test("a commit behind its topic's deletion leaves no row", () => {
  const db = testDatabase();
  const writer = new TurnWriter(db, noReserve);
  writer.apply(turn(1, { records: [{ kind: "createTopic", topic: storedTopic("orders", 1) }] }));
  writer.apply(turn(2, { essential: [putOffset("billing", 0, 1)] }));
  writer.apply(turn(3, { essential: [{ kind: "deleteTopic", topicId: "orders-id" }, putOffset("billing", 0, 2)] }));
  expect(writer.apply(turn(4, { essential: [putOffset("billing", 0, 3)] }))).toEqual({ outcome: "durable" });
  expect(count(db, "committed_offsets")).toBe(0);
});

test("a turn is all or nothing", () => {
  const db = testDatabase();
  const writer = new TurnWriter(db, noReserve);
  const verdict = writer.apply(turn(1, { records: [putCounter("a", 1), append(1, 0), append(1, 0)] }));
  // Two batches at one offset are a bug of the broker: nothing may be built on what is in its memory.
  expect(verdict).toMatchObject({ outcome: "failed", message: expect.stringContaining("SQLITE_CONSTRAINT") });
  expect(loadState(db).counters).toEqual({});
  expect(writer.apply(turn(2, { records: [putCounter("a", 2)], generation: 2 }))).toMatchObject({ outcome: "failed" });
  expect(loadState(db).counters).toEqual({});
});

test.each(places)(
  "full disk, %s: the reserve goes, essential parts pass, the rest of the generation is refused",
  (_, open) => {
    const db = open();
    let given = 0;
    const writer = new TurnWriter(db, { giveUp: () => void given++, regain: () => true });
    writer.apply(
      turn(1, { records: [putCounter("a", 1), { kind: "createTopic", topic: storedTopic("orders", 1, 2) }] }),
    );
    leaveRoom(db, 4);

    const second = turn(2, { records: [putCounter("a", 2), ...manyBatches], essential: [putOffset("billing", 0, 9)] });
    expect(writer.apply(second)).toMatchObject({
      outcome: "essentialOnly",
      message: expect.stringContaining("SQLITE_FULL"),
    });
    expect(given).toBe(1);
    expect(loadState(db)).toMatchObject({ counters: { a: 1 }, offsets: [{ offset: 9 }] });
    expect(count(db, "batches")).toBe(0);

    // Small enough to fit, and built on what did not happen.
    expect(writer.apply(turn(3, { records: [putCounter("a", 3)] }))).toMatchObject({ outcome: "refused" });
    expect(writer.apply(turn(4, { essential: [putOffset("billing", 0, 10)] }))).toMatchObject({ outcome: "refused" });
    expect(loadState(db)).toMatchObject({ counters: { a: 1 }, offsets: [{ offset: 9 }] });

    expect(writer.apply(turn(5, { records: [putCounter("a", 5)], generation: 2 }))).toEqual({ outcome: "durable" });
    leaveRoom(db, 1000);
    expect(writer.apply(turn(6, { records: manyBatches, generation: 2 }))).toEqual({ outcome: "durable" });
    expect(loadState(db).counters).toEqual({ a: 5 });
  },
);

test("full disk: a turn of nothing but records stores nothing", () => {
  const db = testDatabase();
  const writer = new TurnWriter(db, noReserve);
  leaveRoom(db, 4);
  expect(writer.apply(turn(1, { records: manyBatches }))).toMatchObject({ outcome: "full" });
  expect(count(db, "batches")).toBe(0);
  expect(db.inTransaction).toBe(false);
});

test("full disk: a turn of nothing but essential parts is durable once the reserve made room", () => {
  const db = testDatabase();
  leaveRoom(db, 4);
  const writer = new TurnWriter(db, { giveUp: () => leaveRoom(db, 100), regain: () => true });
  expect(writer.apply(turn(1, { essential: manyBatches }))).toEqual({
    outcome: "durable",
    reserveGivenUp: expect.stringContaining("SQLITE_FULL"),
  });
  expect(writer.apply(turn(2, { essential: [putCounter("a", 1)] }))).toEqual({ outcome: "durable" });
});

test("full disk: essential parts that do not fit either fail with the rest", () => {
  const db = testDatabase();
  const writer = new TurnWriter(db, noReserve);
  leaveRoom(db, 4);
  expect(writer.apply(turn(1, { essential: manyBatches }))).toMatchObject({ outcome: "full" });
  expect(writer.apply(turn(2, { essential: [putCounter("a", 1)] }))).toMatchObject({ outcome: "refused" });
});

test("an error after which SQLite has rolled back by itself is reported as it is", () => {
  const db = testDatabase();
  const writer = new TurnWriter(db, noReserve);
  // RAISE(ROLLBACK) does what a failed sync does: the transaction is gone when the error arrives.
  db.exec("CREATE TRIGGER gone BEFORE INSERT ON counters BEGIN SELECT RAISE(ROLLBACK, 'the real cause'); END");
  const verdict = writer.apply(turn(1, { records: [putCounter("a", 1)] }));
  expect(verdict).toMatchObject({ outcome: "failed", message: expect.stringContaining("the real cause") });
});

test("after an I/O error nothing is executed any more, in any generation", () => {
  const db = testDatabase();
  const writer = new TurnWriter(db, noReserve);
  writer.stop(new Database.SqliteError("disk I/O error", "SQLITE_IOERR_FSYNC"));
  const verdict = writer.apply(turn(1, { records: [putCounter("a", 1)], generation: 9 }));
  expect(verdict).toEqual({ outcome: "failed", message: "disk I/O error (SQLITE_IOERR_FSYNC)" });
  expect(loadState(db).counters).toEqual({});
});

test("more partitions and other configurations are read back; for a topic that is gone they are nothing", () => {
  const db = testDatabase();
  const writer = new TurnWriter(db, noReserve);
  writer.apply(turn(1, { records: [{ kind: "createTopic", topic: storedTopic("orders", 1) }] }));
  const partitions = [
    { partition: 1, partitionId: 7 },
    { partition: 2, partitionId: 9 },
  ];
  writer.apply(
    turn(2, {
      records: [{ kind: "addPartitions", topicId: "orders-id", partitions }],
      essential: [{ kind: "putTopicConfigs", topicId: "orders-id", configs: { "segment.ms": "5" } }],
    }),
  );
  expect(loadState(db).topics).toMatchObject([
    {
      topic: "orders",
      configs: { "segment.ms": "5" },
      partitions: [
        { partitionId: 1, logStartOffset: 0 },
        { partitionId: 7, logStartOffset: 0 },
        { partitionId: 9, logStartOffset: 0 },
      ],
    },
  ]);
  writer.apply(
    turn(3, {
      records: [
        { kind: "deleteTopic", topicId: "orders-id" },
        { kind: "addPartitions", topicId: "orders-id", partitions: [{ partition: 3, partitionId: 10 }] },
        { kind: "putTopicConfigs", topicId: "orders-id", configs: {} },
      ],
    }),
  );
  expect(loadState(db).topics).toEqual([]);
  expect(count(db, "partitions")).toBe(0);
});

test("a log start rises and never falls; what is of no use behind it goes in steps", () => {
  const db = testDatabase();
  const writer = new TurnWriter(db, noReserve);
  const range = (baseOffset: number, segmentBaseOffset: number): Change => ({
    kind: "putRange",
    range: {
      partitionId: 1,
      baseOffset,
      endOffset: baseOffset + 10,
      segmentBaseOffset,
      sizeBytes: 100,
      firstTimestampMs: 1,
      maxTimestampMs: 2,
    },
  });
  const epoch = (leaderEpoch: number, startOffset: number): Change => ({
    kind: "putLeaderEpoch",
    partitionId: 1,
    leaderEpoch,
    startOffset,
  });
  const move = (logStartOffset: number, firstSegmentOffset: number): Change => ({
    kind: "moveLogStart",
    partitionId: 1,
    logStartOffset,
    firstSegmentOffset,
  });
  writer.apply(
    turn(1, {
      records: [
        { kind: "createTopic", topic: storedTopic("orders", 1) },
        ...Array.from({ length: 4 }, (_, index) => append(1, index * 10, { count: 10 })),
        ...[range(0, 0), range(10, 0), range(20, 20), range(30, 20)],
        ...[epoch(0, 0), epoch(1, 10), epoch(4, 30)],
      ],
    }),
  );
  for (const change of [move(25, 20), move(15, 0)])
    expect(writer.apply(turn(2, { essential: [change] }))).toEqual({ outcome: "durable" });
  const logStart = () => loadState(db).topics[0]?.partitions[0]?.logStartOffset;
  expect(logStart()).toBe(25);
  expect(db.prepare("SELECT leader_epoch FROM leader_epochs").pluck().all()).toEqual([1, 4]);
  expect(count(db, "batches")).toBe(4);

  const removal = new BatchRemoval(db);
  expect(removal.pending).toBe(true);
  while (removal.step()) expect(logStart()).toBe(25);
  expect(removal.pending).toBe(false);
  // The batch and the segment that hold the log start stay.
  expect(db.prepare("SELECT base_offset FROM batches").pluck().all()).toEqual([20, 30]);
  expect(db.prepare("SELECT base_offset FROM batch_ranges").pluck().all()).toEqual([20, 30]);

  // Nothing is left, or comes back, of a topic that is gone.
  writer.apply(turn(3, { essential: [{ kind: "deleteTopic", topicId: "orders-id" }] }));
  writer.apply(turn(4, { records: [range(40, 40), epoch(5, 40), move(30, 30)] }));
  while (removal.step());
  for (const table of ["batches", "batch_ranges", "leader_epochs", "trimmed_partitions", "deleted_partitions"])
    expect(count(db, table), table).toBe(0);
});
