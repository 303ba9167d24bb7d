// deleteRecords: the log start moves when that is durable, for every reader at once, and the batches go in the background.

import { deferred } from "@brooklet/protocol/world";
import { expect, test } from "vitest";
import { BATCHES_PER_RANGE } from "../../../server/src/log/log-index.ts";
import { watch } from "../../support/watch.ts";
import { batchOf, LogUnderTest } from "./log-under-test.ts";
import { valuesOf } from "./values.ts";

/** Batches of three: offsets 0 to 2, 3 to 5, 6 to 8. */
async function withRecords(settings: ConstructorParameters<typeof LogUnderTest>[0] = {}) {
  const at = new LogUnderTest(settings);
  await at.create("orders", 2);
  for (const values of [
    ["a", "b", "c"],
    ["d", "e", "f"],
    ["g", "h", "i"],
  ])
    await at.produce(
      "orders",
      batchOf(values, { timestamps: [at.clock.wallMs(), at.clock.wallMs(), at.clock.wallMs()] }),
    );
  return at;
}

const ask = (at: LogUnderTest, offset: number, item: object = {}) =>
  at.log.deleteRecords({ partitions: [{ topic: "orders", partition: 0, offset, ...item }] });

async function deleteTo(at: LogUnderTest, offset: number, item: object = {}) {
  const [result] = await at.during(ask(at, offset, item));
  return result;
}

const earliest = async (at: LogUnderTest) => {
  const partitions = [{ topic: "orders", partition: 0, at: "earliest" as const }];
  return (await at.during(at.log.listOffsets({ isolation: "read_uncommitted", partitions })))[0]?.offset;
};

test("what lies before the offset is gone for every reader, now and after a restart", async () => {
  const at = await withRecords();
  expect(await deleteTo(at, 3)).toEqual({ topic: "orders", partition: 0, logStartOffset: 3 });
  for (const restart of [false, true]) {
    if (restart) await at.restart();
    expect((await at.during(at.fetch("orders", 2)))[0]).toMatchObject({
      logStartOffset: 3,
      error: { code: "OFFSET_OUT_OF_RANGE", context: { logStartOffset: 3, highWatermark: 9 } },
    });
    expect(valuesOf(await at.during(at.fetch("orders", 3)))).toEqual(["d", "e", "f", "g", "h", "i"]);
    expect(await earliest(at)).toBe(3);
    const [topic] = await at.log.metadata({ topics: ["orders"] });
    expect(topic?.partitions[0]).toMatchObject({ logStartOffset: 3, highWatermark: 9 });
  }
  expect((await at.produce("orders", batchOf(["j"]))).baseOffset).toBe(9);
});

test("a start inside a batch: the batch is served whole, and stays", async () => {
  const at = await withRecords({ "tail.cache.bytes": 0 });
  expect(await deleteTo(at, 4)).toMatchObject({ logStartOffset: 4 });
  await at.clock.advance(1000);
  expect(at.storedRanges(1)).toEqual([
    [3, 5],
    [6, 8],
  ]);
  expect(valuesOf(await at.during(at.fetch("orders", 4)))).toEqual(["d", "e", "f", "g", "h", "i"]);
  expect((await at.fetch("orders", 3))[0]?.error?.code).toBe("OFFSET_OUT_OF_RANGE");
});

test("-1 deletes everything; offsets go on, also after a restart", async () => {
  const at = await withRecords();
  expect(await deleteTo(at, -1)).toMatchObject({ logStartOffset: 9 });
  await at.clock.advance(1000);
  expect(at.storedRanges(1)).toEqual([]);
  expect(at.log.stats.tailCacheBytes).toBe(0);
  await at.restart();
  expect((await at.fetch("orders", 9))[0]).toMatchObject({ logStartOffset: 9, highWatermark: 9, batches: [] });
  expect((await at.produce("orders", batchOf(["j"]))).baseOffset).toBe(9);
  expect(valuesOf(await at.fetch("orders", 9))).toEqual(["j"]);
});

test("at or below the log start nothing changes, and no turn is spent", async () => {
  const at = await withRecords();
  await deleteTo(at, 5);
  const turns = at.storage.turns.length;
  for (const offset of [0, 4, 5]) expect(await deleteTo(at, offset)).toMatchObject({ logStartOffset: 5 });
  expect(at.storage.turns.length).toBe(turns);
});

test.each<[string, number, object, string]>([
  ["above the high watermark", 10, {}, "OFFSET_OUT_OF_RANGE"],
  ["a negative offset that is not -1", -2, {}, "OFFSET_OUT_OF_RANGE"],
  ["no such topic", 1, { topic: "missing" }, "UNKNOWN_TOPIC_OR_PARTITION"],
  ["no such partition", 1, { partition: 2 }, "UNKNOWN_TOPIC_OR_PARTITION"],
  ["another topic's id", 1, { topicId: "x" }, "UNKNOWN_TOPIC_ID"],
  ["an internal topic", 1, { topic: "__consumer_offsets" }, "INVALID_TOPIC_EXCEPTION"],
])("%s is refused by item, beside what is done", async (_, offset, item, code) => {
  const at = await withRecords();
  const { changes, durable } = at.log.offsetsTopic.prepare(0, [{ key: new Uint8Array(1), value: null }]);
  at.turns.stage({ essential: true, changes, durable, failed: () => {} });
  await at.clock.advance(10);
  const partitions = [
    { topic: "orders", partition: 0, offset, ...item },
    { topic: "orders", partition: 0, offset: 6 },
  ];
  const [refused, done] = await at.during(at.log.deleteRecords({ partitions }));
  expect(refused).toMatchObject({ logStartOffset: -1, error: { code } });
  expect(done).toEqual({ topic: "orders", partition: 0, logStartOffset: 6 });
});

test("a topic that does not delete keeps its records", async () => {
  const at = await withRecords();
  await at.create("kept", 1, { "cleanup.policy": "" });
  await at.produce("kept", batchOf(["a"]));
  expect((await deleteTo(at, 1, { topic: "kept" }))?.error?.code).toBe("POLICY_VIOLATION");
});

test("records that are not durable yet cannot be deleted, whether by their offset or by -1", async () => {
  const at = await withRecords();
  at.storage.hold();
  const produced = at.log.produce(-1, [{ topic: "orders", partition: 0, batches: batchOf(["j"]) }]);
  await at.clock.advance(0);
  expect((await ask(at, 10))[0]).toMatchObject({ logStartOffset: -1, error: { code: "OFFSET_OUT_OF_RANGE" } });
  const everything = ask(at, -1);
  await at.clock.advance(0);
  at.storage.release();
  expect((await at.during(produced))[0]).toMatchObject({ baseOffset: 9 });
  expect((await at.during(everything))[0]).toMatchObject({ logStartOffset: 9 });
  expect(valuesOf(await at.during(at.fetch("orders", 9)))).toEqual(["j"]);
});

test("nothing moves before it is durable", async () => {
  const at = await withRecords();
  at.storage.hold();
  const deleted = watch(ask(at, 6));
  await at.clock.advance(100);
  expect(deleted.settled).toBe(false);
  expect(valuesOf(await at.fetch("orders", 0))).toHaveLength(9);
  expect(at.storedRanges(1)).toHaveLength(3);
  at.storage.release();
  await at.clock.advance(100);
  expect(deleted.settled).toBe(true);
  expect((await at.fetch("orders", 0))[0]?.error?.code).toBe("OFFSET_OUT_OF_RANGE");
});

test.each(["full", "failed"] as const)("a turn that fails (%s) leaves the log start where it is", async (fault) => {
  const at = await withRecords();
  at.storage.failTurn(at.storage.turns.length + 1, fault);
  const result = await deleteTo(at, 6);
  expect(result?.error?.code).toBe(fault === "full" ? "STORAGE_FULL" : "KAFKA_STORAGE_ERROR");
  expect(result?.error?.definite).toBe(fault === "full");
  expect(valuesOf(await at.fetch("orders", 0))).toHaveLength(9);
  await at.restart();
  expect(await earliest(at)).toBe(0);
  expect(valuesOf(await at.during(at.fetch("orders", 0)))).toHaveLength(9);
});

test("on a full disk records can be deleted", async () => {
  const at = await withRecords();
  at.storage.fillDisk();
  expect((await at.produce("orders", batchOf(["x"]))).error?.code).toBe("STORAGE_FULL");
  expect(await deleteTo(at, 6)).toMatchObject({ logStartOffset: 6 });
  await at.restart();
  expect(await earliest(at)).toBe(6);
});

test("killed in the middle of a removal that a full disk let begin, the log goes on at its end", async () => {
  const at = new LogUnderTest();
  await at.create("orders");
  // The last range of the index is complete, and not saved yet; on a full disk it is lost.
  const end = 4 * BATCHES_PER_RANGE;
  for (let count = 0; count < end; count++) await at.produce("orders", batchOf(["x"]));
  at.storage.fillDisk();
  expect(await deleteTo(at, -1)).toMatchObject({ logStartOffset: end });
  await at.clock.runUntil(() => at.storedRanges(1).length === 0, 1000, "the removal of the batches");
  expect(at.storedIndexRanges(1)).toBe(3);
  await at.restart();
  expect(await earliest(at)).toBe(end);
  expect((await at.produce("orders", batchOf(["y"]))).baseOffset).toBe(end);
});

test("killed before the removal, a segment that is gone does not grow by what came after it", async () => {
  const at = new LogUnderTest();
  await at.create("orders");
  await at.produce("orders", batchOf(["a"]));
  await deleteTo(at, -1);
  await at.produce("orders", batchOf(["b"]));
  const usage = () => [...at.log.usage()].find(({ topic }) => topic === "orders");
  const before = usage();
  expect(before).toMatchObject({ logStartOffset: 1, segments: 1, sizeBytes: batchOf(["b"]).length });
  expect(at.storedIndexRanges(1)).toBe(1);
  await at.restart();
  expect(usage()).toEqual(before);
});

test("a parked fetch below the new start is answered, one at the end waits on", async () => {
  const at = await withRecords();
  const below = watch(at.fetch("orders", 2, { maxWaitMs: 10_000, minBytes: 100_000 }));
  const end = watch(at.fetch("orders", 9, { maxWaitMs: 10_000 }));
  await at.clock.advance(10);
  await deleteTo(at, -1);
  await at.clock.advance(10);
  expect(below.value).toMatchObject([{ error: { code: "OFFSET_OUT_OF_RANGE" }, logStartOffset: 9 }]);
  expect(end.settled).toBe(false);
  await at.produce("orders", batchOf(["j"]));
  expect(end.value).toMatchObject([{ logStartOffset: 9, highWatermark: 10 }]);
});

test("a cold read that is on its way when the log start moves is not answered with what is left", async () => {
  const at = await withRecords({ "tail.cache.bytes": 0 });
  const read = at.storage.read.bind(at.storage);
  const slow = deferred();
  at.storage.read = async (request) => {
    await slow.promise;
    return read(request);
  };
  const fetched = at.fetch("orders", 0);
  await deleteTo(at, 6);
  await at.clock.advance(1000);
  expect(at.storedRanges(1)).toEqual([[6, 8]]);
  slow.resolve();
  const [result] = await at.during(fetched);
  expect(result).toMatchObject({ logStartOffset: 6, batches: [], error: { code: "OFFSET_OUT_OF_RANGE" } });
});

test("the removal goes on after a restart where it stopped", async () => {
  const at = await withRecords();
  const deleted = ask(at, 7);
  await at.clock.advance(0);
  await deleted;
  expect(at.storedRanges(1)).toHaveLength(3);
  await at.restart();
  expect((await at.during(at.fetch("orders", 0)))[0]?.error?.code).toBe("OFFSET_OUT_OF_RANGE");
  await at.clock.advance(1000);
  expect(at.storedRanges(1)).toEqual([[6, 8]]);
});

test("a topic that is deleted in the same turn is not answered for", async () => {
  const at = await withRecords();
  const topic = at.log.deleteTopics({ topics: ["orders"] });
  const records = ask(at, 3);
  await at.during(topic);
  expect((await at.during(records))[0]?.error?.code).toBe("UNKNOWN_TOPIC_ID");
  await at.clock.advance(1000);
  expect(at.storedRanges(1)).toEqual([]);
  expect(at.errors).toEqual([]);
});

test("records before a start inside a batch are not found by time, nor is their timestamp the largest", async () => {
  const at = new LogUnderTest();
  await at.create("orders");
  await at.produce("orders", batchOf(["a", "b", "c"], { timestamps: [50, 10, 20] }));
  await at.produce("orders", batchOf(["d"], { timestamps: [30] }));
  await deleteTo(at, 1);
  const lookUp = async (where: "maxTimestamp" | number) => {
    const partitions = [{ topic: "orders", partition: 0, at: where }];
    return (await at.during(at.log.listOffsets({ isolation: "read_uncommitted", partitions })))[0]?.offset;
  };
  expect(await lookUp("maxTimestamp")).toBe(3);
  expect(await lookUp(25)).toBe(3);
  expect(await lookUp(40)).toBe(-1);
  expect(await lookUp(15)).toBe(2);
});
