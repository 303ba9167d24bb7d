// The background removal, step by step: each is bounded, by bytes and by rows, and none is spent on next to nothing.

import { expect, test } from "vitest";
import { TurnWriter } from "../../../server/src/storage/sqlite/apply-turn.ts";
import { BatchRemoval } from "../../../server/src/storage/sqlite/remove-batches.ts";
import { noReserve } from "../../../server/src/storage/sqlite/reserve.ts";
import type { Change } from "../../../server/src/storage/storage.ts";
import { testDatabase } from "../../support/storage-on-file.ts";
import { append, storedTopic, turn } from "../../support/stored.ts";

const MIB = 1024 * 1024;

function removalOf(changes: Change[], then: Change[]) {
  const db = testDatabase();
  const writer = new TurnWriter(db, noReserve);
  expect(writer.apply(turn(1, { records: changes }))).toEqual({ outcome: "durable" });
  expect(writer.apply(turn(2, { records: then }))).toEqual({ outcome: "durable" });
  const removal = new BatchRemoval(db);
  const count = (table: string) => Number(db.prepare(`SELECT count(*) FROM ${table}`).pluck().get());
  /** Rows of a table after each step, until nothing is left to remove. */
  const steps = (table: string) => {
    const rows = [count(table)];
    while (count("deleted_partitions") + count("trimmed_partitions") > 0) {
      expect(removal.step()).toBe(true);
      rows.push(count(table));
    }
    return rows;
  };
  return { steps, count };
}

const moved = (partitionId: number, logStartOffset: number): Change => ({
  kind: "moveLogStart",
  partitionId,
  logStartOffset,
  firstSegmentOffset: logStartOffset,
});

const range = (baseOffset: number): Change => ({
  kind: "putRange",
  range: {
    partitionId: 1,
    baseOffset,
    endOffset: baseOffset + 1,
    segmentBaseOffset: baseOffset,
    sizeBytes: 1,
    firstTimestampMs: 1,
    maxTimestampMs: 1,
  },
});

test("a topic of many partitions without records goes in a few steps", () => {
  const topic = storedTopic("orders", 1, 5000);
  const { steps, count } = removalOf(
    [{ kind: "createTopic", topic }],
    [{ kind: "deleteTopic", topicId: topic.topicId }],
  );
  expect(steps("deleted_partitions").length).toBeLessThan(25);
  expect(count("partitions")).toBe(0);
});

test("log starts that move a little in many partitions share a step", () => {
  const ids = Array.from({ length: 100 }, (_, index) => index + 1);
  const { steps, count } = removalOf(
    [
      { kind: "createTopic", topic: storedTopic("orders", 1, 100) },
      ...ids.flatMap((id) => [append(id, 0), append(id, 1)]),
    ],
    ids.map((id) => moved(id, 1)),
  );
  expect(steps("batches")).toEqual([200, 100]);
  expect(count("batches")).toBe(100);
});

test("a step removes so many bytes, at least one batch", () => {
  const sizes = [1, 2, 1, 6, 1, 1, 1, 1];
  const batches = sizes.map((mib, index) => append(1, index, { valueBytes: mib * MIB }));
  const { steps } = removalOf([{ kind: "createTopic", topic: storedTopic("orders", 1) }, ...batches], [moved(1, 7)]);
  // 1 + 2 + 1, then 6, then 1 + 1 + 1.
  expect(steps("batches")).toEqual([8, 5, 4, 1]);
});

test("a step removes so many rows, batches and ranges alike", () => {
  const many = Array.from({ length: 2500 }, (_, index) => [append(1, index), range(index)]).flat();
  const { steps, count } = removalOf(
    [{ kind: "createTopic", topic: storedTopic("orders", 1) }, ...many],
    [moved(1, 2400)],
  );
  const rows = steps("batches");
  for (const [index, left] of rows.slice(1).entries()) expect((rows[index] ?? 0) - left).toBeLessThanOrEqual(256);
  expect([count("batches"), count("batch_ranges")]).toEqual([100, 100]);
});
