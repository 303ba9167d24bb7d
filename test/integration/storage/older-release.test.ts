// A data file of the release before the log index opens, with everything in it, and has its index from then on.

import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { decodeBatch } from "@brooklet/protocol";
import Database from "better-sqlite3";
import { expect, onTestFinished, test } from "vitest";
import { eventually } from "../../support/eventually.ts";
import { openTestStorage, testFolder } from "../../support/storage-on-file.ts";

const DUMP = new URL("../../fixtures/storage/schema-1.sql", import.meta.url);

function olderFolder(): string {
  const data = join(testFolder(), "data");
  mkdirSync(data, { mode: 0o700 });
  const db = new Database(join(data, "brooklet.db"));
  db.exec(readFileSync(DUMP, "utf8"));
  db.close();
  return data;
}

test("it opens with all it holds, and is indexed once", async () => {
  const data = olderFolder();
  for (const round of ["migrated", "opened again"]) {
    const { storage, state } = await openTestStorage(data);
    expect(state, round).toMatchObject({
      clusterId: "fixtureClusterOfOne1234",
      bootEpoch: 2,
      topics: [
        { topic: "orders", configs: { "retention.ms": "-1" }, partitions: [{ partitionId: 1 }, { partitionId: 2 }] },
      ],
      logEnds: [{ partitionId: 1, logEndOffset: 300 }],
      counters: { nextPartitionId: 4, nextProducerId: 8 },
      producerStates: [{ partitionId: 1, producerId: 7 }],
      offsets: [{ groupId: "billing", offset: 42 }],
    });
    const [index] = state.logIndexes;
    expect(index).toMatchObject({ partitionId: 1, epochs: [{ leaderEpoch: 0, startOffset: 0 }, { leaderEpoch: 2 }] });
    expect(index?.epochs[1]?.startOffset).toBe(199);
    // 150 batches: two full ranges, and the rest is the tail.
    expect(index?.ranges.map(({ baseOffset, segmentBaseOffset }) => [baseOffset, segmentBaseOffset])).toEqual([
      [0, 0],
      [index?.ranges[0]?.endOffset, 0],
    ]);
    expect(index?.tail).toHaveLength(150 - 2 * 64);
    const batches = await storage.read({ partitionId: 1, fromOffset: 0, endOffset: 300, maxBytes: 1e9 });
    const records = batches.flatMap(({ bytes }) => decodeBatch(bytes));
    expect(records.map(({ offset }) => offset)).toEqual(Array.from({ length: 300 }, (_, offset) => offset));
    expect(Buffer.from(records[299]?.value ?? "").toString()).toBe("v299");
    const newest = records.reduce((best, record) => (record.timestamp > best.timestamp ? record : best));
    const found = await storage.findMaxTimestamp({ partitionId: 1, fromOffset: 0, endOffset: 300 });
    expect(found).toMatchObject({ maxTimestampMs: newest.timestamp });
    expect(newest.offset).toBeGreaterThanOrEqual(found?.baseOffset ?? Number.NaN);
    await storage.close();
  }
  const db = new Database(join(data, "brooklet.db"));
  expect(db.pragma("user_version", { simple: true })).toBe(2);
  db.close();
});

test("what its last run left to remove goes", async () => {
  const data = olderFolder();
  await openTestStorage(data);
  await eventually(() => {
    const db = new Database(join(data, "brooklet.db"));
    const left = db.prepare("SELECT count(*) FROM deleted_partitions").pluck().get();
    db.close();
    return left === 0;
  }, "the removal of the deleted topic");
});

test("a migration that ends half-way leaves the file as it was", async () => {
  const data = olderFolder();
  const db = new Database(join(data, "brooklet.db"));
  onTestFinished(() => void db.close());
  const schema = () => db.prepare("SELECT name FROM sqlite_schema ORDER BY name").pluck().all();
  // The last table that the migration makes is in its way.
  db.exec("CREATE TABLE leader_epochs (a)");
  const before = schema();
  await expect(openTestStorage(data)).rejects.toThrow("leader_epochs");
  expect(schema()).toEqual(before);
  expect(db.pragma("user_version", { simple: true })).toBe(1);
  db.exec("DROP TABLE leader_epochs");
  const { state } = await openTestStorage(data);
  expect(state.logEnds).toEqual([{ partitionId: 1, logEndOffset: 300 }]);
});
