// A log replaced below the position (KIP-320): told once, never silent, and reading goes on where the log and what was read part.

import { encodeBatch } from "@brooklet/protocol";
import { expect, test } from "vitest";
import { LogTruncationError } from "../../../client-sdk/src/errors.ts";
import { utf8 } from "./fake-broker.ts";
import { Bench, errorOf, offsetsOf } from "./setup.ts";

const p0 = { topic: "t", partition: 0 };
/** The fake broker stamps epoch 3 into its batches. */
const EPOCH = 3;

/** Later a fetch behind `endOffset` with a known epoch is fenced, as by a broker that lost its newest records. */
function truncatable(bench: Bench) {
  let lost: { endOffset: number | undefined; code: string } | undefined;
  bench.broker.topic("t").on("fetch", async (request, options) => {
    const answer = await bench.broker.fetch(request, options);
    const [asked] = request.partitions;
    const { offset = 0, leaderEpoch = -1 } = asked ?? {};
    // Judged when it answers: one that was parked over the loss is refused too.
    if (lost === undefined || leaderEpoch < 0 || offset <= (lost.endOffset ?? 0)) return answer;
    const { endOffset, code } = lost;
    const context = endOffset === undefined ? {} : { context: { leaderEpoch: EPOCH, endOffset } };
    const retriable = code === "FENCED_LEADER_EPOCH";
    const error = { code, message: "the log was truncated", retriable, definite: true, ...context };
    const ends = { highWatermark: 0, lastStableOffset: 0, logStartOffset: 0 };
    return { results: [{ ...p0, ...ends, nextOffset: offset, bytes: 0, error }] };
  });
  return (endOffset: number | undefined, code = "FENCED_LEADER_EPOCH") => {
    lost = { endOffset, code };
    if (endOffset === undefined) return;
    const log = bench.broker.log("t", 0);
    log.batches = log.batches.filter(({ nextOffset }) => nextOffset <= endOffset);
    log.nextOffset = endOffset;
  };
}

test("with a policy: one LogTruncationError with all that is known, then reading goes on at the divergent offset", async () => {
  const bench = new Bench();
  const truncate = truncatable(bench);
  bench.broker.fill("t", 0, 10, 1);
  const consumer = bench.alone({ "fetch.max.wait.ms": 100, "auto.offset.reset": "latest" });
  consumer.assign([p0]);
  consumer.seekToBeginning();
  await bench.take(consumer, 10);
  truncate(6);
  const error = await errorOf(bench, consumer.poll(5_000));
  expect(LogTruncationError.is(error)).toBe(true);
  expect(error).toMatchObject({
    name: "LogTruncationError",
    code: "LOG_TRUNCATION",
    fatal: false,
    context: { ...p0, offset: 10, leaderEpoch: EPOCH, divergentOffset: 6, divergentLeaderEpoch: EPOCH },
  });
  expect(error.message).toMatch(/t-0 .*position 10 follows records of leader epoch 3.*the same up to offset 6/);
  expect(error.hint).toContain("moved to 6");
  expect(await consumer.position(p0)).toBe(6);
  bench.broker.fill("t", 0, 2);
  expect(offsetsOf(await bench.take(consumer, 2))).toEqual([6, 7]);
  expect(
    bench.lines.filter(({ level, message }) => level === "warn" && message.includes("the log of t-0")),
  ).toHaveLength(1);
  await bench.run(consumer.close());
});

test("with none it is thrown until the application seeks, and nothing is fetched meanwhile", async () => {
  const bench = new Bench();
  const truncate = truncatable(bench);
  bench.broker.fill("t", 0, 4, 1);
  const consumer = bench.alone({ "fetch.max.wait.ms": 100, "auto.offset.reset": "none" });
  consumer.assign([p0]);
  consumer.seek(p0, 0);
  await bench.take(consumer, 4);
  truncate(1);
  const first = await errorOf(bench, consumer.poll(5_000));
  expect(first.hint).toContain("seek to 1");
  const fetches = bench.broker.of("fetch").length;
  for (let round = 0; round < 3; round++) {
    expect((await errorOf(bench, consumer.poll(1_000))).name).toBe("LogTruncationError");
  }
  expect(bench.broker.of("fetch")).toHaveLength(fetches);
  expect(await consumer.position(p0)).toBe(4);
  consumer.seek(p0, (first.context as { divergentOffset: number }).divergentOffset);
  bench.broker.fill("t", 0, 1);
  expect(offsetsOf(await bench.take(consumer, 1))).toEqual([1]);
  await bench.run(consumer.close());
});

test("what was fetched before comes first; the error never takes records with it", async () => {
  const bench = new Bench();
  const truncate = truncatable(bench);
  bench.broker.fill("t", 0, 6, 1);
  const consumer = bench.alone({ "max.poll.records": 2, "fetch.max.wait.ms": 100 });
  consumer.assign([p0]);
  await bench.take(consumer, 2);
  truncate(1);
  const offsets: number[] = [];
  let error: unknown;
  for (let round = 0; round < 20 && error === undefined; round++) {
    const polled = consumer.poll(500).catch((thrown: unknown) => {
      error = thrown;
      return [];
    });
    const records = await bench.run(polled);
    offsets.push(...offsetsOf(records));
  }
  expect(offsets).toEqual([2, 3, 4, 5]);
  expect(error).toMatchObject({ name: "LogTruncationError", context: { offset: 6, divergentOffset: 1 } });
  await bench.run(consumer.close());
});

test.each(["FENCED_LEADER_EPOCH", "UNKNOWN_LEADER_EPOCH"])(
  "%s of a broker that cannot say where: told once, then the policy decides",
  async (code) => {
    const bench = new Bench();
    const truncate = truncatable(bench);
    bench.broker.fill("t", 0, 3, 1);
    const consumer = bench.alone({ "fetch.max.wait.ms": 100, "auto.offset.reset": "earliest" });
    consumer.assign([p0]);
    await bench.take(consumer, 3);
    truncate(undefined, code);
    expect(await errorOf(bench, consumer.poll(5_000))).toMatchObject({
      name: "LogTruncationError",
      hint: expect.stringContaining("auto.offset.reset=earliest"),
    });
    expect(offsetsOf(await bench.take(consumer, 3))).toEqual([0, 1, 2]);
    await bench.run(consumer.close());
  },
);

test("a committed offset brings its epoch along, so a truncation between two runs is seen too", async () => {
  const bench = new Bench();
  const truncate = truncatable(bench);
  bench.broker.assign(["t", 0]);
  bench.broker.fill("t", 0, 5, 1);
  const first = bench.consumer();
  first.subscribe(["t"]);
  await bench.take(first, 5);
  await bench.run(first.commit());
  expect(bench.broker.committed.get("t-0")).toMatchObject({ offset: 5, leaderEpoch: EPOCH });
  truncate(2);
  const second = bench.consumer({ "group.id": "g", "fetch.max.wait.ms": 100 });
  second.subscribe(["t"]);
  expect(await errorOf(bench, second.poll(5_000))).toMatchObject({
    name: "LogTruncationError",
    context: { offset: 5, divergentOffset: 2 },
  });
  expect(await bench.run(second.position(p0))).toBe(2);
  await bench.run(second.close());
});

test("a fetch ahead of the application carries the epoch of what it follows, not of what was handed out", async () => {
  const bench = new Bench();
  bench.broker.topic("t");
  bench.broker.fill("t", 0, 2);
  const log = bench.broker.log("t", 0);
  const bytes = encodeBatch([{ key: null, value: utf8("v2"), headers: [], timestamp: 1 }], {
    baseOffset: 2,
    leaderEpoch: 5,
  });
  log.batches.push({ baseOffset: 2, nextOffset: 3, bytes });
  log.nextOffset = 3;
  const consumer = bench.alone({ "max.poll.records": 1, "fetch.max.wait.ms": 100 });
  consumer.assign([p0]);
  await bench.take(consumer, 1);
  await bench.run(consumer.poll(0));
  const asked = bench.broker.of("fetch").map(({ partitions: [one] }) => [one?.offset, one?.leaderEpoch]);
  expect(asked).toEqual([
    [0, -1],
    [3, 5],
  ]);
  await bench.run(consumer.close());
});

test("behind what the broker left out the epoch is not known, and is not made up", async () => {
  const bench = new Bench();
  bench.broker.topic("t");
  bench.broker.fill("t", 0, 2);
  bench.broker.on("fetch", async (request, options) => {
    const answer = await bench.broker.fetch(request, options);
    const [result] = answer.header.results;
    // Aborted records of a newer epoch follow.
    if (result !== undefined && result.bytes > 0) result.nextOffset = 9;
    return answer;
  });
  bench.broker.log("t", 0).nextOffset = 9;
  const consumer = bench.alone({ "fetch.max.wait.ms": 100 });
  consumer.assign([p0]);
  await bench.take(consumer, 2);
  await bench.run(consumer.poll(300));
  expect(bench.broker.of("fetch").at(-1)?.partitions).toMatchObject([{ offset: 9, leaderEpoch: -1 }]);
  await bench.run(consumer.close());
});

test("a position ahead of the log is out of range: reset by policy, or an error that names it", async () => {
  const bench = new Bench();
  bench.broker.topic("t");
  bench.broker.fill("t", 0, 3);
  const resetting = bench.alone({ "fetch.max.wait.ms": 100 });
  resetting.assign([p0]);
  resetting.seek(p0, 50);
  expect(offsetsOf(await bench.take(resetting, 3))).toEqual([0, 1, 2]);
  const strict = bench.alone({ "fetch.max.wait.ms": 100, "auto.offset.reset": "none" });
  strict.assign([p0]);
  strict.seek(p0, 50);
  expect(await errorOf(bench, strict.poll(5_000))).toMatchObject({
    name: "OffsetOutOfRangeError",
    partitions: [{ ...p0, offset: 50 }],
  });
  for (const consumer of [resetting, strict]) await bench.run(consumer.close());
});
