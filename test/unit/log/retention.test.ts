// Retention as a reader sees it: whole segments, oldest first, by what the topic's configuration says at that moment.

import { expect, test } from "vitest";
import { BATCHES_PER_RANGE } from "../../../server/src/log/log-index.ts";
import { batchOf, LogUnderTest } from "./log-under-test.ts";
import { valuesOf } from "./values.ts";

const INTERVAL_MS = 1000;
const HOUR = 3_600_000;

function logUnderTest(settings: ConstructorParameters<typeof LogUnderTest>[0] = {}) {
  const at = new LogUnderTest({ "log.retention.check.interval.ms": INTERVAL_MS, ...settings });
  at.log.start();
  return at;
}

/** A batch of one record, stamped now unless told. */
function produce(at: LogUnderTest, value: string, timestamp = at.clock.wallMs(), topic = "orders") {
  return at.produce(topic, batchOf([value], { timestamps: [timestamp] }));
}

const usage = (at: LogUnderTest, topic = "orders") => [...at.log.usage()].find((entry) => entry.topic === topic);
const starts = (at: LogUnderTest, topic = "orders") => usage(at, topic)?.logStartOffset;

test("by time: segments go when all of them is old; the active one is rolled, and the log is empty", async () => {
  const at = logUnderTest();
  await at.create("orders", 1, { "retention.ms": String(HOUR), "segment.ms": "60000" });
  await produce(at, "a");
  await produce(at, "b");
  await at.clock.advance(100_000);
  await produce(at, "c");
  expect(usage(at)).toMatchObject({ segments: 2, logStartOffset: 0 });
  await at.clock.advance(HOUR - 99_000);
  expect(usage(at)).toMatchObject({ segments: 1, logStartOffset: 2, highWatermark: 3 });
  expect((await at.fetch("orders", 0))[0]?.error?.code).toBe("OFFSET_OUT_OF_RANGE");
  expect(valuesOf(await at.fetch("orders", 2))).toEqual(["c"]);
  await at.clock.advance(102_000);
  expect(usage(at)).toMatchObject({ segments: 0, sizeBytes: 0, logStartOffset: 3, highWatermark: 3 });
  expect(at.storedRanges(1)).toEqual([]);
  await at.restart();
  expect((await produce(at, "d")).baseOffset).toBe(3);
});

test("by size: the oldest segments go as long as retention.bytes are left", async () => {
  const at = logUnderTest({ "log.segment.bytes": 1024, "log.retention.ms": -1 });
  const bytes = batchOf(["x".repeat(500)]).length;
  await at.create("orders", 1, { "retention.bytes": String(3 * bytes) });
  for (let index = 0; index < 8; index++) await produce(at, "x".repeat(500));
  expect(usage(at)).toMatchObject({ segments: 8, sizeBytes: 8 * bytes });
  await at.clock.advance(INTERVAL_MS + 100);
  expect(usage(at)).toMatchObject({ segments: 3, sizeBytes: 3 * bytes, logStartOffset: 5 });
  expect(at.storedRanges(1)).toEqual([
    [5, 5],
    [6, 6],
    [7, 7],
  ]);
});

test("the broker's settings count where the topic has none, and a live change counts at the next check", async () => {
  const at = logUnderTest({ "log.retention.ms": HOUR });
  await at.create("orders");
  await at.create("kept", 1, { "retention.ms": "-1" });
  await produce(at, "a");
  await produce(at, "a", undefined, "kept");
  await at.clock.advance(HOUR + 2 * INTERVAL_MS);
  expect(starts(at)).toBe(1);
  expect(starts(at, "kept")).toBe(0);
  const changes = [{ topic: "kept", configs: { "retention.ms": "1" } }];
  const [altered] = await at.during(at.log.alterConfigs({ changes }));
  expect(altered?.error).toBeUndefined();
  await at.clock.advance(INTERVAL_MS);
  expect(starts(at, "kept")).toBe(1);
});

test("a topic's segment.bytes goes before the broker's", async () => {
  const at = logUnderTest({ "log.segment.bytes": 1_000_000 });
  await at.create("small", 1, { "segment.bytes": "1024" });
  await at.create("large");
  for (let index = 0; index < 4; index++)
    for (const topic of ["small", "large"]) await produce(at, "x".repeat(500), undefined, topic);
  expect(usage(at, "small")?.segments).toBe(4);
  expect(usage(at, "large")?.segments).toBe(1);
});

test("a topic that does not delete, and internal topics, keep everything", async () => {
  const at = logUnderTest({ "log.retention.ms": 1 });
  await at.create("orders", 1, { "cleanup.policy": "" });
  await produce(at, "a");
  const { changes, durable } = at.log.offsetsTopic.prepare(0, [{ key: new Uint8Array(1), value: null }]);
  at.turns.stage({ essential: true, changes, durable, failed: () => {} });
  await at.clock.advance(10 * INTERVAL_MS);
  expect(starts(at)).toBe(0);
  expect(usage(at, "__consumer_offsets")).toMatchObject({ logStartOffset: 0, highWatermark: 1 });
});

test("a timestamp in the future keeps its segment until retention.ms after it", async () => {
  const at = logUnderTest();
  await at.create("orders", 1, { "retention.ms": "10000" });
  await produce(at, "a", at.clock.wallMs() + HOUR);
  await at.clock.advance(HOUR);
  expect(starts(at)).toBe(0);
  await at.clock.advance(12_000);
  expect(starts(at)).toBe(1);
});

test("records without a timestamp count from when they were appended", async () => {
  const at = logUnderTest();
  await at.create("orders", 1, { "retention.ms": "10000" });
  await produce(at, "a", -1);
  await at.clock.advance(9000);
  expect(starts(at)).toBe(0);
  await at.clock.advance(3000);
  expect(starts(at)).toBe(1);
});

test("records without a timestamp that an older release stored count from the start of this one", async () => {
  const at = logUnderTest();
  await at.create("orders", 1, { "retention.ms": "10000" });
  for (let count = 0; count < 2 * BATCHES_PER_RANGE; count++) await produce(at, "a", -1);
  await produce(at, "b");
  // The index that the first start of this release makes of an older file says what the batches say.
  at.sql("UPDATE batch_ranges SET first_timestamp_ms = -1, max_timestamp_ms = -1");
  expect(at.stored().logIndexes[0]?.ranges).toHaveLength(2);
  await at.restart();
  at.log.start();
  await at.clock.advance(9000);
  expect(usage(at)).toMatchObject({ logStartOffset: 0, segments: 1 });
  await at.clock.advance(3000);
  expect(usage(at)).toMatchObject({ logStartOffset: 2 * BATCHES_PER_RANGE + 1, segments: 0 });
});

test("a wall clock that jumps back expires nothing, one that jumps forward what is old by it; checks go on", async () => {
  const at = logUnderTest();
  await at.create("orders", 1, { "retention.ms": String(HOUR) });
  await produce(at, "a");
  const wallMs = at.clock.wallMs.bind(at.clock);
  at.clock.wallMs = () => wallMs() - 365 * 24 * HOUR;
  await at.clock.advance(3 * INTERVAL_MS);
  expect(starts(at)).toBe(0);
  at.clock.wallMs = () => wallMs() + 2 * HOUR;
  await at.clock.advance(3 * INTERVAL_MS);
  expect(starts(at)).toBe(1);
});

test("a turn that fails moves nothing; the next check finds the same", async () => {
  const at = logUnderTest();
  await at.create("orders", 1, { "retention.ms": "1" });
  await produce(at, "a");
  at.storage.failTurn(at.storage.turns.length + 1, "full");
  await at.clock.advance(INTERVAL_MS + 10);
  expect(starts(at)).toBe(0);
  await at.clock.advance(2 * INTERVAL_MS);
  expect(starts(at)).toBe(1);
  expect(at.errors.filter(({ message }) => message.startsWith("bug"))).toEqual([]);
});

test("a pass goes through many partitions in slices, each a turn's part, and one pass at a time", async () => {
  const at = logUnderTest();
  await at.create("orders", 2500, { "retention.ms": "1" });
  const items = Array.from({ length: 2500 }, (_, partition) => ({
    topic: "orders",
    partition,
    batches: batchOf(["a"], { timestamps: [at.clock.wallMs()] }),
  }));
  await at.during(at.log.produce(1, items));
  const before = at.storage.turns.length;
  at.storage.hold();
  await at.clock.advance(5 * INTERVAL_MS);
  expect(at.storage.turns.length).toBe(before + 1);
  at.storage.release();
  await at.clock.advance(10);
  const moves = at.storage.turns
    .slice(before)
    .map(({ parts }) =>
      parts.reduce((sum, { changes }) => sum + changes.filter(({ kind }) => kind === "moveLogStart").length, 0),
    );
  expect(moves).toEqual([1000, 1000, 500]);
  expect([...at.log.usage()].every(({ logStartOffset }) => logStartOffset === 1)).toBe(true);
});

test("segments, sizes and what expires are the same after a restart", async () => {
  const at = logUnderTest({ "log.segment.bytes": 2000 });
  await at.create("orders", 1, { "retention.ms": "-1" });
  // More than a range, with early ends where segments roll.
  for (let index = 0; index < 200; index++) await produce(at, "x".repeat(index % 50));
  await at.during(at.log.deleteRecords({ partitions: [{ topic: "orders", partition: 0, offset: 70 }] }));
  for (let index = 0; index < 10; index++) await produce(at, "y");
  await at.clock.advance(1000);
  const before = usage(at);
  expect(before?.segments).toBeGreaterThan(5);
  await at.restart();
  expect(usage(at)).toEqual(before);
});

test("a restart where the index ends with the log counts nothing twice", async () => {
  const at = logUnderTest();
  await at.create("orders", 1, { "retention.ms": "-1" });
  for (let index = 0; index < BATCHES_PER_RANGE; index++)
    await at.produce("orders", batchOf(["x", "y"], { timestamps: [1000, 1000] }));
  const before = usage(at);
  // Any turn takes the complete range along.
  await at.create("other");
  expect(at.stored().logIndexes[0]).toMatchObject({ ranges: [{ baseOffset: 0 }], tail: [] });
  await at.restart();
  expect(usage(at)).toEqual(before);
});

test("a segment of which the first batches were removed weighs the same after a restart", async () => {
  const at = logUnderTest();
  await at.create("orders", 1, { "retention.ms": "-1" });
  for (let index = 0; index < 10; index++) await produce(at, "x");
  await at.during(at.log.deleteRecords({ partitions: [{ topic: "orders", partition: 0, offset: 5 }] }));
  await at.clock.advance(1000);
  expect(at.storedRanges(1)).toHaveLength(5);
  const before = usage(at);
  await at.restart();
  expect(usage(at)).toEqual(before);
});

test("a closed log checks no more", async () => {
  const at = logUnderTest();
  await at.create("orders", 1, { "retention.ms": "1" });
  await produce(at, "a");
  at.log.close();
  await at.clock.advance(5 * INTERVAL_MS);
  expect(starts(at)).toBe(0);
  expect(at.clock.liveTimers).toBe(0);
});
