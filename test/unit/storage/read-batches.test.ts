// Reads of batches, and what damage on the disk becomes.

import { join } from "node:path";
import { expect, test } from "vitest";
import { TurnWriter } from "../../../server/src/storage/sqlite/apply-turn.ts";
import type { Connection } from "../../../server/src/storage/sqlite/connection.ts";
import { BatchReader } from "../../../server/src/storage/sqlite/read-batches.ts";
import { noReserve } from "../../../server/src/storage/sqlite/reserve.ts";
import { StorageCorruptionError } from "../../../server/src/storage/storage.ts";
import { testDatabase, testFolder } from "../../support/storage-on-file.ts";
import { append, storedBatch, storedTopic, turn } from "../../support/stored.ts";

/** Partition 1 has batches 0–3, 4–5, 10–10, 11–14 (a gap before 10); partition 2 one at 0. Timestamps 100, 300, 200, 300. */
function filled(db: Connection = testDatabase()): { db: Connection; reader: BatchReader } {
  new TurnWriter(db, noReserve).apply(
    turn(1, {
      records: [
        { kind: "createTopic", topic: storedTopic("orders", 1, 2) },
        append(1, 0, { count: 4, timestampMs: 100 }),
        append(1, 4, { count: 2, timestampMs: 300 }),
        append(1, 10, { count: 1, timestampMs: 200 }),
        append(1, 11, { count: 4, timestampMs: 300 }),
        append(2, 0, { timestampMs: 100 }),
      ],
    }),
  );
  return { db, reader: new BatchReader(db) };
}

const all = { endOffset: 1000, maxBytes: 1_000_000 };

test.each([
  [0, [0, 4, 10, 11]],
  [3, [0, 4, 10, 11]],
  [4, [4, 10, 11]],
  [6, [10, 11]],
  [10, [10, 11]],
  [14, [11]],
  [15, []],
])("a read from offset %i begins with the batch that holds it, or the next one", (fromOffset, expected) => {
  const { reader } = filled();
  expect(reader.read({ partitionId: 1, fromOffset, ...all }).map((batch) => batch.baseOffset)).toEqual(expected);
});

test("batches come back as they were stored", () => {
  const { reader } = filled();
  const [first] = reader.read({ partitionId: 1, fromOffset: 0, ...all });
  expect(first).toEqual({ ...storedBatch(1, 0, { count: 4, timestampMs: 100 }), bytes: expect.any(Uint8Array) });
  expect(
    Buffer.compare(first?.bytes ?? new Uint8Array(), storedBatch(1, 0, { count: 4, timestampMs: 100 }).bytes),
  ).toBe(0);
});

test.each([
  [15, [0, 4, 10, 11]],
  [14, [0, 4, 10]],
  [11, [0, 4, 10]],
  [10, [0, 4]],
  [4, [0]],
  [3, []],
])("with the reader's end at %i, no batch that reaches it is returned", (endOffset, expected) => {
  const { reader } = filled();
  const read = reader.read({ partitionId: 1, fromOffset: 0, endOffset, maxBytes: 1_000_000 });
  expect(read.map((batch) => batch.baseOffset)).toEqual(expected);
});

test("maxBytes holds back all but the first batch", () => {
  const { reader } = filled();
  const sizeBytes = storedBatch(1, 0, { count: 4, timestampMs: 100 }).bytes.length;
  const read = (maxBytes: number) => reader.read({ partitionId: 1, fromOffset: 0, endOffset: 1000, maxBytes }).length;
  expect(read(0)).toBe(1);
  expect(read(sizeBytes)).toBe(1);
  expect(read(sizeBytes + 1)).toBe(1);
  expect(read(sizeBytes * 2)).toBe(2);
});

test("look-ups by timestamp", () => {
  const { reader } = filled();
  const range = { partitionId: 1, fromOffset: 0, endOffset: 1000 };
  const find = (timestampMs: number, more = {}) =>
    reader.findByTimestamp({ ...range, timestampMs, ...more })?.baseOffset;
  expect(find(0)).toBe(0);
  expect(find(101)).toBe(4);
  expect(find(150, { fromOffset: 6 })).toBe(10);
  expect(find(201, { fromOffset: 6 })).toBe(11);
  expect(find(201, { fromOffset: 6, endOffset: 11 })).toBeUndefined();
  expect(find(301)).toBeUndefined();
  expect(reader.findMaxTimestamp(range)?.baseOffset).toBe(4);
  expect(reader.findMaxTimestamp({ ...range, fromOffset: 6 })?.baseOffset).toBe(11);
  expect(reader.findMaxTimestamp({ ...range, endOffset: 4 })?.baseOffset).toBe(0);
  expect(reader.findMaxTimestamp({ ...range, partitionId: 9 })).toBeUndefined();
});

test("a bit that flipped anywhere in a batch is found, named with its place, and stops nobody else", () => {
  const { bytes } = storedBatch(1, 4, { count: 2, timestampMs: 300 });
  for (let at = 0; at < bytes.length; at++) {
    const { db, reader } = filled();
    const damaged = new Uint8Array(bytes);
    damaged[at] = (damaged[at] as number) ^ (1 << (at % 8));
    db.prepare("UPDATE batches SET bytes = ? WHERE partition_id = 1 AND base_offset = 4").run(damaged);

    expect(reader.read({ partitionId: 1, fromOffset: 0, ...all }).map((batch) => batch.baseOffset)).toEqual([0]);
    let error: unknown;
    try {
      reader.read({ partitionId: 1, fromOffset: 4, ...all });
    } catch (thrown) {
      error = thrown;
    }
    expect(error, `byte ${at}`).toBeInstanceOf(StorageCorruptionError);
    expect(error).toMatchObject({ partitionId: 1, baseOffset: 4 });
    expect((error as Error).message).toContain("offsets 4 to 5 of orders-0 (partition id 1)");
    expect(reader.read({ partitionId: 1, fromOffset: 6, ...all }).map((batch) => batch.baseOffset)).toEqual([10, 11]);
    expect(reader.read({ partitionId: 2, fromOffset: 0, ...all })).toHaveLength(1);
    expect(() => reader.findByTimestamp({ partitionId: 1, fromOffset: 0, endOffset: 1000, timestampMs: 101 })).toThrow(
      StorageCorruptionError,
    );
  }
});

test("no read keeps a transaction: what is written afterwards is seen by the next one, and checkpoints pass", () => {
  const file = join(testFolder(), "test.db");
  const { db } = filled(testDatabase(file));
  const reader = new BatchReader(testDatabase(file));
  const writer = new TurnWriter(db, noReserve);
  for (let offset = 15; offset < 20; offset++) {
    expect(reader.read({ partitionId: 1, fromOffset: 0, endOffset: 1000, maxBytes: 1 })).toHaveLength(1);
    writer.apply(turn(offset, { records: [append(1, offset)] }));
    expect(reader.read({ partitionId: 1, fromOffset: offset, ...all })).toHaveLength(1);
    const [state] = db.pragma("wal_checkpoint(RESTART)") as { busy: number }[];
    expect(state?.busy).toBe(0);
  }
});
