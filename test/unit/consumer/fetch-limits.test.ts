// The fetch.* options and the back-offs: each test would notice if its option had no effect.

import { encodeBatch } from "@brooklet/protocol";
import { expect, test } from "vitest";
import { failure, utf8 } from "./fake-broker.ts";
import { Bench, errorOf, offsetsOf } from "./setup.ts";

const p0 = { topic: "t", partition: 0 };

test.each([
  ["fetch.min.bytes", "minBytes", 7, 1],
  ["fetch.max.wait.ms", "maxWaitMs", 70, 500],
  ["fetch.max.bytes", "maxBytes", 7_000, 52_428_800],
] as const)("%s goes into every fetch, as %s", async (option, field, value, byDefault) => {
  for (const [config, expected] of [
    [{ [option]: value }, value],
    [{}, byDefault],
  ] as const) {
    const bench = new Bench();
    bench.broker.topic("t");
    const consumer = bench.alone(config);
    consumer.assign([p0]);
    await bench.run(consumer.poll(2_000));
    const fetches = bench.broker.of("fetch");
    expect(fetches.length).toBeGreaterThan(1);
    for (const fetch of fetches) expect(fetch[field]).toBe(expected);
    await bench.run(consumer.close());
  }
});

test("max.partition.fetch.bytes goes into every partition of a fetch", async () => {
  const bench = new Bench();
  bench.broker.topic("t", 2);
  bench.broker.fill("t", 0, 20, 1);
  const consumer = bench.alone({ "max.partition.fetch.bytes": 200 });
  consumer.assign([p0, { topic: "t", partition: 1 }]);
  await bench.take(consumer, 20);
  const asked = bench.broker.of("fetch").flatMap(({ partitions }) => partitions.map(({ maxBytes }) => maxBytes));
  expect(new Set(asked)).toEqual(new Set([200]));
  // Soft: some 70 bytes a batch, so at most two of them an answer.
  expect(bench.broker.of("fetch").length).toBeGreaterThan(8);
  await bench.run(consumer.close());
});

test("fetch.max.bytes also bounds what is fetched ahead", async () => {
  const ahead = async (maxBytes: number) => {
    const bench = new Bench();
    bench.broker.topic("t");
    bench.broker.fill("t", 0, 40, 1);
    const consumer = bench.alone({
      "fetch.max.bytes": maxBytes,
      "max.partition.fetch.bytes": 300,
      "max.poll.records": 1,
    });
    consumer.assign([p0]);
    await bench.take(consumer, 1);
    await bench.run(consumer.poll(0));
    const { length } = bench.broker.of("fetch");
    await bench.run(consumer.close());
    return length;
  };
  expect(await ahead(200)).toBeLessThan(await ahead(10_000));
});

test("max.poll.records cuts what is returned, not what is fetched", async () => {
  const bench = new Bench();
  bench.broker.topic("t");
  bench.broker.fill("t", 0, 7);
  const consumer = bench.alone({ "max.poll.records": 3, "fetch.max.wait.ms": 60_000 });
  consumer.assign([p0]);
  expect(offsetsOf(await bench.take(consumer, 1))).toEqual([0, 1, 2]);
  const fetches = bench.broker.of("fetch").length;
  expect(offsetsOf(await bench.run(consumer.poll(0)))).toEqual([3, 4, 5]);
  expect(offsetsOf(await bench.run(consumer.poll(0)))).toEqual([6]);
  // The next one behind them is parked; none was needed for these.
  expect(bench.broker.of("fetch").length - fetches).toBeLessThanOrEqual(1);
  await bench.run(consumer.close());
});

test.each([true, false])("check.crcs=%s: whether a wrong checksum stands in the way", async (checks) => {
  const bench = new Bench();
  bench.broker.topic("t");
  const bytes = encodeBatch([{ key: null, value: utf8("v"), headers: [], timestamp: 1 }], {
    baseOffset: 0,
    leaderEpoch: 3,
  });
  const CRC_AT = 17;
  bytes[CRC_AT] = (bytes[CRC_AT] ?? 0) ^ 0xff;
  const log = bench.broker.log("t", 0);
  log.batches.push({ baseOffset: 0, nextOffset: 1, bytes });
  log.nextOffset = 1;
  const consumer = bench.alone({ "check.crcs": checks });
  consumer.assign([p0]);
  if (checks) expect(await errorOf(bench, consumer.poll(1_000))).toMatchObject({ code: "CORRUPT_MESSAGE" });
  else expect(offsetsOf(await bench.take(consumer, 1))).toEqual([0]);
  await bench.run(consumer.close());
});

test("with fetch.max.wait.ms=0 a poll that waits asks once per back-off, and sees what comes", async () => {
  const bench = new Bench();
  bench.broker.topic("t");
  // Without the pause no time would pass: the broker falls silent then.
  bench.broker.on("fetch", (request, options) =>
    bench.broker.of("fetch").length > 1_000 ? new Promise<never>(() => {}) : bench.broker.fetch(request, options),
  );
  const consumer = bench.alone({ "fetch.max.wait.ms": 0, "retry.backoff.ms": 200 });
  consumer.assign([p0]);
  const polling = consumer.poll(60_000);
  await bench.clock.advance(10_000);
  const asked = bench.broker.of("fetch").length;
  expect(asked).toBeGreaterThan(40);
  expect(asked).toBeLessThan(60);
  bench.broker.fill("t", 0, 1);
  expect(offsetsOf(await bench.run(polling))).toEqual([0]);
  expect(bench.clock.nowMs()).toBeLessThan(10_500);
  // Where there are records, nothing waits.
  bench.broker.fill("t", 0, 50, 1);
  const startMs = bench.clock.nowMs();
  await bench.take(consumer, 50);
  expect(bench.clock.nowMs() - startMs).toBeLessThan(300);
  await bench.run(consumer.close());
});

test.each(["whole request", "one partition"])(
  "retry.backoff.ms and retry.backoff.max.ms: refused fetches (%s) are repeated ever later, with jitter, and start over",
  async (kind) => {
    const bench = new Bench();
    bench.broker.topic("t");
    let refusals = 6;
    bench.broker.on("fetch", (request, options) => {
      if (refusals === 0) return bench.broker.fetch(request, options);
      refusals -= 1;
      const { code, message, retriable, definite } = failure("KAFKA_STORAGE_ERROR", { retriable: true });
      if (kind === "whole request") throw failure(code, { retriable });
      const ends = { highWatermark: 0, lastStableOffset: 0, logStartOffset: 0, nextOffset: 0, bytes: 0 };
      return { results: [{ ...p0, ...ends, error: { code, message, retriable, definite } }] };
    });
    const consumer = bench.alone({ "retry.backoff.ms": 50, "retry.backoff.max.ms": 400, "fetch.max.wait.ms": 100 });
    consumer.assign([p0]);
    await bench.run(consumer.poll(5_000));
    const times = bench.broker.seen.filter(({ api }) => api === "fetch").map(({ atMs }) => atMs);
    const waits = times.slice(1, 7).map((atMs, index) => atMs - (times[index] ?? 0));
    for (const [index, plainMs] of [50, 100, 200, 400, 400, 400].entries()) {
      expect(waits[index]).toBeGreaterThanOrEqual(plainMs * 0.8);
      expect(waits[index]).toBeLessThanOrEqual(plainMs * 1.2 + 1);
    }
    expect(new Set(waits.slice(3, 6).map(Math.round)).size).toBeGreaterThan(1);
    refusals = 1;
    await bench.run(consumer.poll(1_000));
    const again = bench.broker.seen.filter(({ api }) => api === "fetch").map(({ atMs }) => atMs);
    const at = again.findIndex((atMs, index) => index > times.length && atMs - (again[index - 1] ?? 0) < 99);
    expect(at).toBeGreaterThan(0);
    await bench.run(consumer.close());
  },
);

test("default.api.timeout.ms bounds each call that has no time of its own", async () => {
  const bench = new Bench();
  bench.broker.topic("t");
  const never = () => new Promise<never>(() => {});
  for (const api of ["metadata", "listOffsets", "offsetFetch", "offsetCommit"] as const) bench.broker.on(api, never);
  const consumer = bench.consumer({ "default.api.timeout.ms": 3_000, "enable.auto.commit": false });
  consumer.assign([p0]);
  for (const call of [
    () => consumer.position(p0),
    () => consumer.commit([{ ...p0, offset: 1 }]),
    () => consumer.committed([p0]),
    () => consumer.beginningOffsets([p0]),
    () => consumer.endOffsets([p0]),
    () => consumer.offsetsForTimes([{ ...p0, timestamp: 1 }]),
    () => consumer.ready(),
  ]) {
    const startMs = bench.clock.nowMs();
    expect((await errorOf(bench, call())).name).toBe("TimeoutError");
    expect(bench.clock.nowMs() - startMs).toBeGreaterThanOrEqual(3_000);
    expect(bench.clock.nowMs() - startMs).toBeLessThan(3_200);
  }
  await bench.run(consumer.close({ timeoutMs: 0 }));
});

test.each([true, false])("allow.auto.create.topics=%s: whether naming a topic may create it", async (allows) => {
  const bench = new Bench();
  const consumer = bench.consumer({ "allow.auto.create.topics": allows });
  consumer.subscribe(["missing"]);
  await bench.run(consumer.poll(1_000));
  const named = bench.broker.of("metadata").filter(({ topics }) => topics?.includes("missing"));
  expect(named.map(({ allowAutoCreate }) => allowAutoCreate)).toEqual(allows ? [true] : []);
  // With or without: the group takes it in when it appears.
  expect(bench.broker.of("groupHeartbeat")[0]?.subscription).toEqual(["missing"]);
  await bench.run(consumer.close());
});

test("a broker that calls every position out of range is asked ever less often", async () => {
  const bench = new Bench();
  bench.broker.topic("t");
  bench.broker.on("fetch", () => {
    if (bench.broker.of("fetch").length > 1_000) return new Promise<never>(() => {});
    const error = { code: "OFFSET_OUT_OF_RANGE", message: "no", retriable: false, definite: true };
    const ends = { highWatermark: 0, lastStableOffset: 0, logStartOffset: 0, nextOffset: 0, bytes: 0 };
    return { results: [{ ...p0, ...ends, error }] };
  });
  const consumer = bench.alone();
  consumer.assign([p0]);
  expect(await bench.run(consumer.poll(20_000))).toEqual([]);
  const { length } = bench.broker.of("fetch");
  expect(length).toBeGreaterThan(10);
  expect(length).toBeLessThan(40);
  // Once it agrees with itself nothing is left of it.
  bench.broker.off("fetch");
  bench.broker.fill("t", 0, 1);
  expect(offsetsOf(await bench.take(consumer, 1))).toEqual([0]);
  await bench.run(consumer.close());
});
