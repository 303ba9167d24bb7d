// auto.offset.reset=by_duration:… (KIP-1106): begins at the first record that is younger than the duration.

import { expect, test } from "vitest";
import { parseDurationMs } from "../../../client-sdk/src/config/duration.ts";
import { Bench, errorOf, offsetsOf } from "./setup.ts";

const p0 = { topic: "t", partition: 0 };
const HOUR_MS = 3_600_000;

/** Answers as a log whose record at `offset` is the first with that timestamp or a later one. */
function recordAt(bench: Bench, found: () => number): void {
  bench.broker.on("listOffsets", ({ partitions }) => ({
    results: partitions.map(({ topic, partition }) => ({
      topic,
      partition,
      offset: found(),
      timestamp: found() < 0 ? -1 : 5,
      leaderEpoch: 3,
    })),
  }));
}

test("it asks for the first record that is young enough, and begins there", async () => {
  const bench = new Bench();
  bench.broker.topic("t");
  bench.broker.fill("t", 0, 6, 1);
  recordAt(bench, () => 4);
  const consumer = bench.alone({ "auto.offset.reset": "by_duration:PT1H" });
  consumer.assign([p0]);
  expect(offsetsOf(await bench.take(consumer, 2))).toEqual([4, 5]);
  const [asked] = bench.broker.of("listOffsets");
  expect(asked?.partitions).toMatchObject([{ ...p0, at: expect.any(Number) }]);
  expect(bench.clock.wallMs() - HOUR_MS - Number(asked?.partitions[0]?.at)).toBeLessThan(1_000);
  await bench.run(consumer.close());
});

test("without a young record the reset stays pending and is asked again, not faster than the longest back-off", async () => {
  const bench = new Bench();
  bench.broker.topic("t");
  bench.broker.fill("t", 0, 2, 1);
  let found = -1;
  recordAt(bench, () => found);
  const consumer = bench.alone({ "auto.offset.reset": "by_duration:PT1H", "retry.backoff.max.ms": 2_000 });
  consumer.assign([p0]);
  expect(await bench.run(consumer.poll(9_000))).toEqual([]);
  const asked = bench.broker.of("listOffsets").length;
  expect(asked).toBeGreaterThan(2);
  expect(asked).toBeLessThan(7);
  const late = await errorOf(bench, consumer.position(p0, { timeoutMs: 500 }));
  expect(late.name).toBe("TimeoutError");
  expect(late.message).toContain("by_duration:PT1H");
  found = 1;
  expect(offsetsOf(await bench.take(consumer, 1))).toEqual([1]);
  await bench.run(consumer.close());
});

test("seekToBeginning is not changed by it, and a duration longer than all time begins at 0", async () => {
  const bench = new Bench();
  bench.broker.topic("t");
  const consumer = bench.alone({ "auto.offset.reset": "by_duration:P30000D" });
  recordAt(bench, () => 0);
  consumer.assign([p0]);
  await bench.run(consumer.position(p0));
  expect(bench.broker.of("listOffsets")[0]?.partitions).toMatchObject([{ at: 0 }]);
  consumer.seekToBeginning();
  await bench.run(consumer.position(p0));
  expect(bench.broker.of("listOffsets")[1]?.partitions).toMatchObject([{ at: "earliest" }]);
  await bench.run(consumer.close());
});

test.each([
  ["PT1H", HOUR_MS],
  ["P2DT3H4M", 2 * 24 * HOUR_MS + 3 * HOUR_MS + 240_000],
  ["pt20.345s", 20_345],
  ["PT0S", 0],
  ["PT0.0009S", 0],
  ["P1D", 24 * HOUR_MS],
  ["PT-6H3M", -6 * HOUR_MS + 180_000],
  ["-PT-6H+3M", 6 * HOUR_MS - 180_000],
  ["+P1DT-1S", 24 * HOUR_MS - 1_000],
  ["PT1,5S", 1_500],
  ["PT-0.5S", -500],
])("java.time.Duration: %s is %d ms", (text, durationMs) => {
  expect(parseDurationMs(text)).toBe(durationMs);
});

test.each([
  "",
  "P",
  "PT",
  "P1DT",
  "1H",
  "PT1",
  "P1M",
  "P1Y",
  "P1W",
  "PT1H ",
  "PT1.5H",
  "PTH",
  "P1H",
  "PT9999999999999999H",
  "PT1S1M",
])("%j is no duration", (text) => {
  expect(parseDurationMs(text)).toBeUndefined();
});
