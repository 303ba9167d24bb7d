// Fetches that wait: what wakes them, what completes them, and that each is completed exactly once.

import { expect, test } from "vitest";
import { DelayedFetches, MAX_WATCHED_PARTITIONS } from "../../../server/src/log/delayed-fetch.ts";
import type { FetchResults, FetchWaiting } from "../../../server/src/log/log.ts";
import { Partition } from "../../../server/src/log/partition.ts";
import { SimulatedClock } from "../../support/simulated-clock.ts";
import { batchOf, LogUnderTest, never, rejection } from "./log-under-test.ts";
import { valuesOf } from "./values.ts";

/** Counts what a promise of a fetch comes to. */
function watch(fetch: Promise<FetchResults>) {
  const seen: { answers: (FetchResults | string)[]; at: () => FetchResults | string | undefined } = {
    answers: [],
    at: () => seen.answers[0],
  };
  fetch.then(
    (results) => seen.answers.push(results),
    (error: { code: string }) => seen.answers.push(error.code),
  );
  return seen;
}

/** A requester that can give up, and knows whether anybody still listens. */
function canceller() {
  const listeners = new Set<() => void>();
  const waiting: FetchWaiting = {
    onCancel: (run) => {
      listeners.add(run);
      return () => listeners.delete(run);
    },
  };
  return { waiting, listeners, cancel: () => [...listeners].forEach((run) => void run()) };
}

async function withTopic(partitions = 1, settings = {}) {
  const at = new LogUnderTest(settings);
  const topicId = await at.create("orders", partitions);
  return { at, topicId };
}

test("data completes a parked fetch, when it is durable and not before", async () => {
  const { at } = await withTopic();
  const parked = watch(at.fetch("orders", 0, { maxWaitMs: 10_000 }));
  at.storage.hold();
  const produced = at.log.produce(1, [{ topic: "orders", partition: 0, batches: batchOf(["a"]) }]);
  await at.clock.advance(100);
  expect(parked.answers).toEqual([]);
  expect(at.log.stats.parkedFetches).toBe(1);
  at.storage.release();
  await at.during(produced);
  await at.clock.advance(0);
  expect(valuesOf(parked.at() as FetchResults)).toEqual(["a"]);
  expect(at.log.stats.parkedFetches).toBe(0);
  expect(at.clock.liveTimers).toBe(0);
});

test("one look sees everything that one turn made visible", async () => {
  const { at } = await withTopic(2);
  const parked = watch(
    at.log.fetch(
      {
        maxWaitMs: 10_000,
        minBytes: 1,
        maxBytes: 1_000_000,
        isolation: "read_committed",
        partitions: [0, 1].map((partition) => ({ topic: "orders", partition, offset: 0 })),
      },
      never,
    ),
  );
  const produced = [0, 1].map((partition) =>
    at.log.produce(1, [{ topic: "orders", partition, batches: batchOf([`p${partition}`]) }]),
  );
  await at.during(Promise.all(produced));
  await at.clock.advance(0);
  const results = parked.at() as FetchResults;
  expect([valuesOf(results, 0), valuesOf(results, 1)]).toEqual([["p0"], ["p1"]]);
});

test("a parked fetch waits for minBytes over all its partitions", async () => {
  const { at } = await withTopic();
  const size = batchOf(["a"]).length;
  const parked = watch(at.fetch("orders", 0, { maxWaitMs: 10_000, minBytes: 3 * size }));
  await at.produce("orders", batchOf(["a"]));
  await at.produce("orders", batchOf(["b"]));
  await at.clock.advance(5);
  expect(parked.answers).toEqual([]);
  await at.produce("orders", batchOf(["c"]));
  await at.clock.advance(0);
  expect(valuesOf(parked.at() as FetchResults)).toEqual(["a", "b", "c"]);
});

test("what was there when the fetch came counts towards minBytes", async () => {
  const { at } = await withTopic();
  const size = batchOf(["a"]).length;
  await at.produce("orders", batchOf(["a"]));
  const parked = watch(at.fetch("orders", 0, { maxWaitMs: 10_000, minBytes: 2 * size }));
  await at.produce("orders", batchOf(["b"]));
  await at.clock.advance(0);
  expect(valuesOf(parked.at() as FetchResults)).toEqual(["a", "b"]);
});

test("at its deadline a fetch is answered with what there is", async () => {
  const { at } = await withTopic();
  await at.produce("orders", batchOf(["a"]));
  const parked = watch(at.fetch("orders", 0, { maxWaitMs: 500, minBytes: 10_000 }));
  const empty = watch(at.fetch("orders", 1, { maxWaitMs: 500 }));
  await at.clock.advance(499);
  expect(parked.answers).toEqual([]);
  await at.clock.advance(2);
  expect(valuesOf(parked.at() as FetchResults)).toEqual(["a"]);
  expect(empty.at()).toMatchObject([{ nextOffset: 1, highWatermark: 1, batches: [] }]);
});

test("no fetch waits longer than fetch.max.wait.ms", async () => {
  const { at } = await withTopic(1, { "fetch.max.wait.ms": 1000 });
  const parked = watch(at.fetch("orders", 0, { maxWaitMs: Number.MAX_SAFE_INTEGER }));
  await at.clock.advance(1001);
  expect(parked.answers).toHaveLength(1);
});

test("cancel completes a parked fetch with nothing, once, and nobody listens any more", async () => {
  const { at } = await withTopic();
  const { waiting, cancel, listeners } = canceller();
  const parked = watch(at.fetch("orders", 0, { maxWaitMs: 10_000, waiting }));
  cancel();
  await at.clock.advance(0);
  expect(parked.at()).toMatchObject([{ nextOffset: 0, batches: [] }]);
  expect(listeners.size).toBe(0);
  await at.produce("orders", batchOf(["a"]));
  await at.clock.advance(20_000);
  expect(parked.answers).toHaveLength(1);
  expect(at.clock.liveTimers).toBe(0);
});

test("a requester that is gone already is answered with nothing", async () => {
  const { at } = await withTopic();
  const waiting: FetchWaiting = {
    onCancel: (run) => {
      run();
      return () => {};
    },
  };
  const parked = watch(at.fetch("orders", 0, { maxWaitMs: 10_000, waiting }));
  await at.clock.advance(0);
  expect(parked.at()).toMatchObject([{ batches: [] }]);
  expect(at.log.stats.parkedFetches).toBe(0);
  expect(at.clock.liveTimers).toBe(0);
});

test("stop completes it with BROKER_NOT_AVAILABLE", async () => {
  const { at } = await withTopic();
  const { waiting, listeners } = canceller();
  const parked = watch(at.fetch("orders", 0, { maxWaitMs: 10_000, waiting }));
  at.log.close();
  await at.clock.advance(0);
  expect(parked.at()).toBe("BROKER_NOT_AVAILABLE");
  expect(listeners.size).toBe(0);
});

test.each([true, false])("a deleted topic completes it with UNKNOWN_TOPIC_ID (topic id given: %s)", async (given) => {
  const { at, topicId } = await withTopic();
  const parked = watch(at.fetch("orders", 0, { maxWaitMs: 10_000, ...(given ? { topicId } : {}) }));
  const deleted = at.log.deleteTopics({ topics: ["orders"] });
  const created = at.log.createTopics({ topics: [{ topic: "orders" }] });
  const [again] = await at.during(created);
  await at.during(deleted);
  await at.clock.advance(0);
  // Although a topic of the same name is there again.
  expect(parked.at()).toMatchObject([{ error: { code: "UNKNOWN_TOPIC_ID" }, batches: [] }]);
  expect(again?.topicId).not.toBe(topicId);
});

test("an error on any partition answers at once", async () => {
  const { at } = await withTopic();
  const results = await at.log.fetch(
    {
      maxWaitMs: 10_000,
      minBytes: 1,
      maxBytes: 1000,
      isolation: "read_uncommitted",
      partitions: [
        { topic: "orders", partition: 0, offset: 0 },
        { topic: "missing", partition: 0, offset: 0 },
      ],
    },
    never,
  );
  expect(results.map(({ error }) => error?.code)).toEqual([undefined, "UNKNOWN_TOPIC_OR_PARTITION"]);
});

test("fetches beyond max.parked.fetches are refused", async () => {
  const { at } = await withTopic(1, { "max.parked.fetches": 2 });
  const parked = [1, 2].map(() => watch(at.fetch("orders", 0, { maxWaitMs: 1000 })));
  expect(await rejection(at.fetch("orders", 0, { maxWaitMs: 1000 }))).toBe("THROTTLING_QUOTA_EXCEEDED");
  await at.clock.advance(1001);
  expect(parked.map(({ answers }) => answers.length)).toEqual([1, 1]);
  const again = watch(at.fetch("orders", 0, { maxWaitMs: 1000 }));
  await at.clock.advance(1);
  expect(again.answers).toEqual([]);
  at.log.close();
});

test("what becomes visible while an attempt reads from the storage is not missed", async () => {
  const { at } = await withTopic(1, { "tail.cache.bytes": 0 });
  await at.produce("orders", batchOf(["a"]));
  const size = batchOf(["a"]).length;
  // A cold read that takes long, begun before the second batch: it returns the first only, which is too little.
  at.storage.delayMs = 50;
  const parked = watch(at.fetch("orders", 0, { maxWaitMs: 10_000, minBytes: 2 * size }));
  await at.clock.advance(40);
  at.storage.delayMs = 0;
  await at.produce("orders", batchOf(["b"]));
  expect(parked.answers).toEqual([]);
  await at.clock.advance(20);
  expect(valuesOf(parked.at() as FetchResults)).toEqual(["a", "b"]);
});

test("a deadline that passes during a cold read is kept when the read ends", async () => {
  const { at } = await withTopic(1, { "tail.cache.bytes": 0 });
  await at.produce("orders", batchOf(["a"]));
  at.storage.delayMs = 500;
  const parked = watch(at.fetch("orders", 0, { maxWaitMs: 100, minBytes: 10_000 }));
  await at.clock.advance(499);
  expect(parked.answers).toEqual([]);
  await at.clock.advance(2);
  expect(valuesOf(parked.at() as FetchResults)).toEqual(["a"]);
});

test("appends that cannot reach minBytes do not make a fetch look again", async () => {
  const { at } = await withTopic(1, { "tail.cache.bytes": 0 });
  await at.produce("orders", batchOf(["a"]));
  let reads = 0;
  const read = at.storage.read.bind(at.storage);
  at.storage.read = (request) => {
    reads++;
    return read(request);
  };
  const parked = watch(at.fetch("orders", 0, { maxWaitMs: 10_000, minBytes: 10_000 }));
  for (let index = 0; index < 20; index++) await at.produce("orders", batchOf(["b"]));
  expect(reads).toBe(1);
  expect(parked.answers).toEqual([]);
  at.log.close();
});

test("the partitions that waiting fetches watch together are bounded, and given back", async () => {
  const clock = new SimulatedClock();
  const delayed = new DelayedFetches(clock, 10);
  const partition = new Partition({ topic: "orders", topicId: "id", rules: { segmentBytes: 1, segmentMs: 1 } }, 0, 1);
  const tooLittle = { results: [], bytes: 0, refused: false };
  const wait = (count: number, waiting = never) => {
    const partitions = new Array<Partition>(count).fill(partition);
    const fetch = {
      partitions,
      minBytes: 1,
      waitMs: 1000,
      attempt: () => tooLittle,
      nothing: () => [],
      abandon: () => {},
    };
    return delayed.wait(fetch, tooLittle, waiting);
  };
  const { waiting, cancel } = canceller();
  const first = wait(MAX_WATCHED_PARTITIONS, waiting);
  expect(await rejection(wait(1))).toBe("THROTTLING_QUOTA_EXCEEDED");
  cancel();
  await first;
  const second = watch(wait(1));
  await clock.advance(10);
  expect(second.answers).toEqual([]);
  delayed.close();
});

test("a fetch that is cancelled during a cold read reads no further", async () => {
  const { at } = await withTopic(3, { "tail.cache.bytes": 0 });
  for (const partition of [0, 1, 2]) await at.produce("orders", batchOf(["a"]), partition);
  let reads = 0;
  const read = at.storage.read.bind(at.storage);
  at.storage.read = (request) => {
    reads++;
    return read(request);
  };
  const { waiting, cancel } = canceller();
  const partitions = [0, 1, 2].map((partition) => ({ topic: "orders", partition, offset: 0 }));
  const request = {
    maxWaitMs: 1000,
    minBytes: 1,
    maxBytes: 1_000_000,
    isolation: "read_committed" as const,
    partitions,
  };
  const fetched = watch(at.log.fetch(request, waiting));
  cancel();
  await at.clock.advance(100);
  expect(reads).toBe(1);
  expect(fetched.at()).toMatchObject([{ batches: [] }, { batches: [] }, { batches: [] }]);
});
