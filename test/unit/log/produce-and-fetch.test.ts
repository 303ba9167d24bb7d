// One record's way: checked, given an offset, staged, durable, visible, read.

import { readBatchHeader } from "@brooklet/protocol";
import { expect, test } from "vitest";
import type { FetchResults } from "../../../server/src/log/log.ts";
import { settle } from "../../support/simulated-clock.ts";
import { batchOf, concat, LogUnderTest, never, rejection } from "./log-under-test.ts";
import { valuesOf } from "./values.ts";

test("a produced batch comes back with its offsets and the boot epoch in it", async () => {
  const at = new LogUnderTest();
  await at.create("orders");
  expect(await at.produce("orders", batchOf(["a", "b"]))).toEqual({ topic: "orders", partition: 0, baseOffset: 0 });
  expect(await at.produce("orders", batchOf(["c"]))).toMatchObject({ baseOffset: 2 });

  const results = await at.fetch("orders", 0);
  expect(results[0]).toMatchObject({ highWatermark: 3, lastStableOffset: 3, logStartOffset: 0, nextOffset: 3 });
  expect(valuesOf(results)).toEqual(["a", "b", "c"]);
  expect(results[0]?.batches.map((batch) => readBatchHeader(batch))).toMatchObject([
    { baseOffset: 0, partitionLeaderEpoch: 0 },
    { baseOffset: 2, partitionLeaderEpoch: 0 },
  ]);
  expect(at.errors).toEqual([]);
});

test("an offset inside a batch returns the whole batch", async () => {
  const at = new LogUnderTest();
  await at.create("orders");
  await at.produce("orders", batchOf(["a", "b", "c"]));
  const results = await at.fetch("orders", 1);
  expect(valuesOf(results)).toEqual(["a", "b", "c"]);
  expect(results[0]?.nextOffset).toBe(3);
});

test("nothing is visible at any door before it is durable", async () => {
  const at = new LogUnderTest();
  const topicId = await at.create("orders");
  await at.produce("orders", batchOf(["a"]));
  at.storage.hold();
  let answered = false;
  const produced = at.log.produce(-1, [{ topic: "orders", partition: 0, batches: batchOf(["b"]) }]);
  void produced.then(() => {
    answered = true;
  });
  await at.clock.advance(1000);

  expect(answered).toBe(false);
  const results = await at.fetch("orders", 0);
  expect(valuesOf(results)).toEqual(["a"]);
  expect(results[0]).toMatchObject({ highWatermark: 1, lastStableOffset: 1, nextOffset: 1 });
  expect(at.log.catalog.highWatermark(topicId, 0)).toBe(1);
  const [described] = await at.log.metadata({ topics: ["orders"] });
  expect(described?.partitions[0]?.highWatermark).toBe(1);
  const lookUp = (where: "latest" | "maxTimestamp" | number) =>
    at.during(
      at.log.listOffsets({ isolation: "read_uncommitted", partitions: [{ topic: "orders", partition: 0, at: where }] }),
    );
  expect((await lookUp("latest"))[0]?.offset).toBe(1);
  expect((await lookUp("maxTimestamp"))[0]?.offset).toBe(0);

  at.storage.release();
  await at.during(produced);
  expect(valuesOf(await at.fetch("orders", 0))).toEqual(["a", "b"]);
});

test("rows that are stored, but not yet known to be durable, are clipped from cold reads and look-ups", async () => {
  const at = new LogUnderTest({ "tail.cache.bytes": 0 });
  await at.create("orders");
  await at.produce("orders", batchOf(["a"], { timestamps: [10] }));
  // The turn is written, but its verdict is held back: the rows lie in the table already.
  const write = at.storage.write.bind(at.storage);
  let release = () => {};
  at.storage.write = async (turn) => {
    const verdict = await write(turn);
    await new Promise<void>((resolve) => {
      release = resolve;
    });
    return verdict;
  };
  const produced = at.log.produce(-1, [
    { topic: "orders", partition: 0, batches: batchOf(["b"], { timestamps: [20] }) },
  ]);
  await at.clock.advance(10);

  expect(valuesOf(await at.during(at.fetch("orders", 0)))).toEqual(["a"]);
  const lookUp = async (where: "maxTimestamp" | number) => {
    const request = {
      isolation: "read_uncommitted" as const,
      partitions: [{ topic: "orders", partition: 0, at: where }],
    };
    return (await at.during(at.log.listOffsets(request)))[0]?.offset;
  };
  expect(await lookUp(15)).toBe(-1);
  expect(await lookUp("maxTimestamp")).toBe(0);

  release();
  await at.during(produced);
  expect(await lookUp(15)).toBe(1);
});

test("offsets follow the order of the calls, across turns in flight", async () => {
  const at = new LogUnderTest();
  await at.create("orders");
  at.storage.hold();
  const produced = [];
  for (const value of ["a", "b", "c"]) {
    produced.push(at.log.produce(-1, [{ topic: "orders", partition: 0, batches: batchOf([value, value]) }]));
    await at.clock.advance(1);
  }
  expect(at.storage.turns.length).toBeGreaterThan(3);
  at.storage.release();
  const results = await at.during(Promise.all(produced));
  expect(results.map(([result]) => result?.baseOffset)).toEqual([0, 2, 4]);
});

test("a fetch answered from memory touches neither storage nor timer, and needs no turn of the event loop", async () => {
  const at = new LogUnderTest();
  await at.create("orders");
  await at.produce("orders", batchOf(["a"]));
  at.storage.read = () => Promise.reject(new Error("the storage was read"));
  let results: FetchResults | undefined;
  void at.fetch("orders", 0, { maxWaitMs: 1000 }).then((answer) => {
    results = answer;
  });
  await Promise.resolve();
  expect(valuesOf(results ?? [])).toEqual(["a"]);
  expect(at.clock.liveTimers).toBe(0);
});

test("served bytes are the broker's own memory, which V8 counts (not shared), and not a view of the frame they came in", async () => {
  const at = new LogUnderTest();
  await at.create("orders");
  const frame = concat(new Uint8Array(100), batchOf(["a"]));
  await at.produce("orders", frame.subarray(100));
  frame.fill(0xff);
  const results = await at.fetch("orders", 0);
  expect(valuesOf(results)).toEqual(["a"]);
  expect(results[0]?.batches[0]?.buffer).toBeInstanceOf(ArrayBuffer);
});

test("what is older than the cache is read from the storage, and both join without a gap", async () => {
  const at = new LogUnderTest({ "tail.cache.bytes": 128 * 1024 });
  await at.create("orders");
  const big = "x".repeat(40_000);
  for (let index = 0; index < 10; index++) await at.produce("orders", batchOf([`${index}${big}`]));
  expect(at.log.stats.tailCacheBytes).toBeLessThanOrEqual(128 * 1024);

  const seen: string[] = [];
  for (let offset = 0; offset < 10; ) {
    const results = await at.during(at.fetch("orders", offset, { maxBytes: 100_000 }));
    seen.push(...valuesOf(results).map((value) => value.slice(0, 1)));
    const next = results[0]?.nextOffset ?? 0;
    expect(next).toBeGreaterThan(offset);
    offset = next;
  }
  expect(seen).toEqual(["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]);
});

test("after a restart everything acknowledged is there", async () => {
  const at = new LogUnderTest();
  const topicId = await at.create("orders", 2);
  await at.produce("orders", batchOf(["a", "b"]), 1);
  at.storage.hold();
  void at.log.produce(-1, [{ topic: "orders", partition: 1, batches: batchOf(["lost"]) }]).catch(() => {});
  await at.clock.advance(1);
  await at.restart();
  expect(at.log.catalog.byName("orders")).toMatchObject({ topicId, partitionCount: 2 });
  expect(valuesOf(await at.during(at.fetch("orders", 0, { partition: 1 })))).toEqual(["a", "b"]);
  expect((await at.produce("orders", batchOf(["c"]), 1)).baseOffset).toBe(2);
});

test("acks 0 is answered at once with offset -1, and stored all the same", async () => {
  const at = new LogUnderTest();
  await at.create("orders");
  at.storage.hold();
  const results = await at.log.produce(0, [
    { topic: "orders", partition: 0, batches: batchOf(["a"]) },
    { topic: "orders", partition: 9, batches: batchOf(["b"]) },
  ]);
  expect(results).toMatchObject([
    { baseOffset: -1 },
    { baseOffset: -1, error: { code: "UNKNOWN_TOPIC_OR_PARTITION" } },
  ]);
  expect(results[0]?.error).toBeUndefined();
  at.storage.release();
  await at.clock.advance(1);
  expect(valuesOf(await at.fetch("orders", 0))).toEqual(["a"]);
});

test("after close everything is refused and no timer is left", async () => {
  const at = new LogUnderTest();
  await at.create("orders");
  const parked = at.fetch("orders", 0, { maxWaitMs: 1000 });
  await settle();
  expect(at.log.stats.parkedFetches).toBe(1);
  at.log.close();
  expect(await rejection(parked)).toBe("BROKER_NOT_AVAILABLE");
  expect(at.clock.liveTimers).toBe(0);
  const { log } = at;
  const calls: Promise<unknown>[] = [
    log.produce(1, []),
    log.fetch({ maxWaitMs: 0, minBytes: 0, maxBytes: 1, isolation: "read_committed", partitions: [] }, never),
    log.listOffsets({ isolation: "read_committed", partitions: [] }),
    log.metadata({}),
    log.createTopics({ topics: [] }),
    log.deleteTopics({ topics: [] }),
    log.initProducerId(),
  ];
  for (const call of calls) expect(await rejection(call)).toBe("BROKER_NOT_AVAILABLE");
});
