// Fetch: sizes, order, refusals, damage, and topics that go away while they are read.

import { expect, test } from "vitest";
import type { TopicState } from "../../../server/src/log/catalog.ts";
import type { Partition } from "../../../server/src/log/partition.ts";
import { StorageCorruptionError } from "../../../server/src/storage/storage.ts";
import { batchOf, LogUnderTest, never } from "./log-under-test.ts";
import { valuesOf } from "./values.ts";

const sized = (name: string, bytes: number) => batchOf([name.padEnd(bytes - batchOf([""]).length - 4, ".")]);

async function withBatches(partitions: number, settings = {}) {
  const at = new LogUnderTest(settings);
  await at.create("orders", partitions);
  for (let partition = 0; partition < partitions; partition++)
    for (const name of ["a", "b", "c"]) await at.produce("orders", sized(name, 1000), partition);
  return at;
}

const all = (partitions: number, item: { maxBytes?: number } = {}) =>
  Array.from({ length: partitions }, (_, partition) => ({ topic: "orders", partition, offset: 0, ...item }));

test.each([
  ["below the first batch", 1, 1],
  ["two batches", 2100, 2],
  ["everything", 100_000, 3],
])("maxBytes %s", async (_, maxBytes, batches) => {
  const at = await withBatches(1);
  const [result] = await at.fetch("orders", 0, { maxBytes });
  expect(result?.batches).toHaveLength(batches);
  expect(result?.nextOffset).toBe(batches);
});

test("only the answer's first batch may exceed the bounds", async () => {
  const at = await withBatches(3);
  const request = { maxWaitMs: 0, minBytes: 1, isolation: "read_uncommitted" as const };
  const clipped = await at.log.fetch({ ...request, maxBytes: 10, partitions: all(3) }, never);
  expect(clipped.map(({ batches }) => batches.length).sort()).toEqual([0, 0, 1]);
  const each = await at.log.fetch({ ...request, maxBytes: 100_000, partitions: all(3, { maxBytes: 1500 }) }, never);
  expect(each.map(({ batches }) => batches.length)).toEqual([1, 1, 1]);
});

test("max.reply.bytes clips whatever was asked for", async () => {
  const at = await withBatches(2, { "max.reply.bytes": 2100 });
  const [result] = await at.fetch("orders", 0, { maxBytes: Number.MAX_SAFE_INTEGER });
  expect(result?.batches).toHaveLength(2);
});

test("no partition is last for ever", async () => {
  const at = await withBatches(3);
  const served = new Set<number>();
  for (let round = 0; round < 100; round++) {
    const results = await at.log.fetch(
      { maxWaitMs: 0, minBytes: 1, maxBytes: 1, isolation: "read_uncommitted", partitions: all(3) },
      never,
    );
    // Results keep the request's order.
    expect(results.map(({ partition }) => partition)).toEqual([0, 1, 2]);
    served.add(results.findIndex(({ batches }) => batches.length > 0));
  }
  expect([...served].sort()).toEqual([0, 1, 2]);
});

test.each([
  ["below the log start", -1],
  ["far below", -100],
  ["above the high watermark", 4],
])("an offset %s is out of range, and the answer says what the range is", async (_, offset) => {
  const at = await withBatches(1);
  const [result] = await at.fetch("orders", offset, { maxWaitMs: 1000 });
  expect(result).toMatchObject({
    highWatermark: 3,
    logStartOffset: 0,
    nextOffset: Math.max(-1, offset),
    batches: [],
    error: { code: "OFFSET_OUT_OF_RANGE", context: { logStartOffset: 0, highWatermark: 3 } },
  });
});

test("an offset that is assigned, but not durable, is out of range", async () => {
  const at = await withBatches(1);
  at.storage.hold();
  void at.log.produce(1, [{ topic: "orders", partition: 0, batches: batchOf(["d", "e"]) }]);
  await at.clock.advance(1);
  expect((await at.fetch("orders", 4))[0]?.error?.code).toBe("OFFSET_OUT_OF_RANGE");
  expect((await at.fetch("orders", 3))[0]?.error).toBeUndefined();
  at.storage.release();
});

test("a leader epoch of the future is refused, today's and none are not", async () => {
  const at = await withBatches(1);
  expect((await at.fetch("orders", 0, { leaderEpoch: 1 }))[0]?.error?.code).toBe("UNKNOWN_LEADER_EPOCH");
  for (const leaderEpoch of [0, -1]) expect((await at.fetch("orders", 0, { leaderEpoch }))[0]?.error).toBeUndefined();
});

test.each([
  ["no such topic", { topic: "missing", partition: 0 }, "UNKNOWN_TOPIC_OR_PARTITION"],
  ["an illegal name", { topic: "a b", partition: 0 }, "UNKNOWN_TOPIC_OR_PARTITION"],
  ["no such partition", { topic: "orders", partition: 7 }, "UNKNOWN_TOPIC_OR_PARTITION"],
  ["a negative partition", { topic: "orders", partition: -1 }, "UNKNOWN_TOPIC_OR_PARTITION"],
  ["another topic's id", { topic: "orders", topicId: "x", partition: 0 }, "UNKNOWN_TOPIC_ID"],
])("%s", async (_, item, code) => {
  const at = await withBatches(1);
  const [result] = await at.log.fetch(
    { maxWaitMs: 0, minBytes: 1, maxBytes: 1000, isolation: "read_committed", partitions: [{ ...item, offset: 0 }] },
    never,
  );
  expect(result).toMatchObject({ error: { code }, highWatermark: -1, batches: [], nextOffset: 0 });
});

test("a topic deleted and created again under a reader is never read as the old one", async () => {
  const at = new LogUnderTest();
  const topicId = await at.create("orders");
  await at.produce("orders", batchOf(["old"]));
  await at.during(at.log.deleteTopics({ topics: ["orders"] }));
  expect((await at.fetch("orders", 1, { topicId }))[0]?.error?.code).toBe("UNKNOWN_TOPIC_ID");
  const again = await at.create("orders");
  await at.produce("orders", batchOf(["new"]));
  expect(again).not.toBe(topicId);
  expect((await at.fetch("orders", 0, { topicId }))[0]).toMatchObject({
    error: { code: "UNKNOWN_TOPIC_ID" },
    batches: [],
  });
  expect(valuesOf(await at.fetch("orders", 0, { topicId: again }))).toEqual(["new"]);
  const [produced] = await at.during(
    at.log.produce(1, [{ topic: "orders", topicId, partition: 0, batches: batchOf(["x"]) }]),
  );
  expect(produced?.error?.code).toBe("UNKNOWN_TOPIC_ID");
});

test("a topic that is deleted during a cold read gives nothing of it", async () => {
  const at = await withBatches(1, { "tail.cache.bytes": 0 });
  const topicId = at.log.catalog.byName("orders")?.topicId ?? "";
  const read = at.storage.read.bind(at.storage);
  at.storage.read = async (request) => {
    const batches = await read(request);
    await at.log.deleteTopics({ topics: ["orders"] });
    return batches;
  };
  const [result] = await at.during(at.fetch("orders", 0, { topicId }));
  expect(result).toMatchObject({ error: { code: "UNKNOWN_TOPIC_ID" }, batches: [] });
});

test("a damaged batch is named, and the other partitions are served", async () => {
  const at = await withBatches(2, { "tail.cache.bytes": 0 });
  at.damage(1, 1);
  const fetch = (offset: number) =>
    at.during(
      at.log.fetch(
        {
          maxWaitMs: 0,
          minBytes: 1,
          maxBytes: 100_000,
          isolation: "read_uncommitted",
          partitions: [
            { topic: "orders", partition: 0, offset },
            { topic: "orders", partition: 1, offset: 0 },
          ],
        },
        never,
      ),
    );
  const [damaged, whole] = await fetch(1);
  expect(damaged).toMatchObject({ batches: [], nextOffset: 1, error: { code: "CORRUPT_MESSAGE" } });
  expect(damaged?.error?.message).toMatch(/offset 1 of orders-0/);
  expect(whole?.batches).toHaveLength(3);
  // What lies before it, and after it, can be read.
  expect((await fetch(0))[0]).toMatchObject({ nextOffset: 1 });
  expect((await fetch(2))[0]).toMatchObject({ nextOffset: 3 });
});

test("any other failure of a read is KAFKA_STORAGE_ERROR", async () => {
  const at = await withBatches(1, { "tail.cache.bytes": 0 });
  at.storage.read = () => Promise.reject(new Error("disk I/O error"));
  const [result] = await at.during(at.fetch("orders", 0));
  expect(result?.error?.code).toBe("KAFKA_STORAGE_ERROR");
  at.storage.read = () => Promise.reject(new StorageCorruptionError(1, 0, "damaged"));
  expect((await at.during(at.fetch("orders", 0)))[0]?.error?.code).toBe("CORRUPT_MESSAGE");
});

test("a fetch of no partitions is answered at once", async () => {
  const at = new LogUnderTest();
  const request = { maxWaitMs: 1000, minBytes: 1, maxBytes: 1, isolation: "read_committed" as const, partitions: [] };
  expect(await at.log.fetch(request, never)).toEqual([]);
});

test("a log start that moves during a cold read is seen: nothing before it is returned", async () => {
  const at = await withBatches(1, { "tail.cache.bytes": 0 });
  const partition = (at.log.catalog.byName("orders") as TopicState).partitions[0];
  const read = at.storage.read.bind(at.storage);
  at.storage.read = async (request) => {
    const batches = await read(request);
    // What retention and deleteRecords will do.
    Object.defineProperty(partition, "logStartOffset", { value: 2 });
    return batches;
  };
  const [result] = await at.during(at.fetch("orders", 0));
  expect(result).toMatchObject({ error: { code: "OFFSET_OUT_OF_RANGE" }, logStartOffset: 2, batches: [] });
});

test("under read_committed the last stable offset clips memory and disk, and says where it is", async () => {
  for (const cacheBytes of [0, 1024 * 1024]) {
    const at = await withBatches(1, { "tail.cache.bytes": cacheBytes });
    const partition = (at.log.catalog.byName("orders") as TopicState).partitions[0] as Partition;
    // What an open transaction at offset 2 will do.
    Object.defineProperty(partition, "lastStableOffset", { value: 2 });
    partition.visibleEnd = (isolation) => (isolation === "read_committed" ? 2 : 3);
    const partitions = all(1);
    const request = { maxWaitMs: 0, minBytes: 1, maxBytes: 100_000, partitions };
    const [committed] = await at.during(at.log.fetch({ ...request, isolation: "read_committed" }, never));
    expect(committed).toMatchObject({ highWatermark: 3, lastStableOffset: 2, nextOffset: 2 });
    expect(committed?.batches).toHaveLength(2);
    const [uncommitted] = await at.during(at.log.fetch({ ...request, isolation: "read_uncommitted" }, never));
    expect(uncommitted?.batches).toHaveLength(3);
    const latest = [{ topic: "orders", partition: 0, at: "latest" as const }];
    const [end] = await at.during(at.log.listOffsets({ isolation: "read_committed", partitions: latest }));
    expect(end?.offset).toBe(2);
  }
});

test("a cold read asks the storage for no more than what is visible", async () => {
  const at = await withBatches(1, { "tail.cache.bytes": 0 });
  at.storage.hold();
  void at.log.produce(1, [{ topic: "orders", partition: 0, batches: batchOf(["staged"]) }]);
  await at.clock.advance(1);
  const asked: number[] = [];
  const read = at.storage.read.bind(at.storage);
  at.storage.read = (request) => {
    asked.push(request.endOffset);
    return read(request);
  };
  await at.during(at.fetch("orders", 1));
  expect(asked).toEqual([3]);
  at.storage.release();
});
