import { expect, test } from "vitest";
import { failure } from "./fake-broker.ts";
import { Bench, errorOf, offsetsOf } from "./setup.ts";

const p0 = { topic: "orders", partition: 0 };
const p1 = { topic: "orders", partition: 1 };

function orders(bench: Bench, count = 5): void {
  bench.broker.topic("orders", 2).assign(["orders", 0], ["orders", 1]);
  bench.broker.fill("orders", 0, count);
}

test("auto.offset.reset: earliest, latest, and neither where there is a committed offset", async () => {
  for (const [reset, expected] of [
    ["earliest", 0],
    ["latest", 5],
  ] as const) {
    const bench = new Bench();
    orders(bench);
    const consumer = bench.consumer({ "auto.offset.reset": reset });
    consumer.subscribe(["orders"]);
    await bench.run(consumer.ready());
    expect(await bench.run(consumer.position(p0))).toBe(expected);

    const again = new Bench();
    orders(again);
    again.broker.committed.set("orders-0", { ...p0, offset: 2, leaderEpoch: 3 });
    const resumed = again.consumer({ "auto.offset.reset": reset });
    resumed.subscribe(["orders"]);
    await again.run(resumed.ready());
    expect(await again.run(resumed.position(p0))).toBe(2);
  }
});

test("auto.offset.reset none: an error that names the partitions, from poll and position; a seek cures it", async () => {
  const bench = new Bench();
  orders(bench);
  const consumer = bench.consumer({ "auto.offset.reset": "none", "enable.auto.commit": false });
  consumer.subscribe(["orders"]);
  for (let again = 0; again < 2; again++) {
    const error = await errorOf(bench, consumer.poll(1000));
    expect(error).toMatchObject({
      name: "NoOffsetForPartitionError",
      code: "NO_OFFSET_FOR_PARTITION",
      partitions: [p0, p1],
    });
  }
  expect((await errorOf(bench, consumer.position(p0))).name).toBe("NoOffsetForPartitionError");
  consumer.seek(p0, 3);
  consumer.seekToEnd([p1]);
  expect(offsetsOf(await bench.run(consumer.poll(1000)))).toEqual([3, 4]);
});

test("committed offsets are asked as this member, stable ones only, and asked again while they are not", async () => {
  const bench = new Bench();
  orders(bench);
  bench.broker.failNext("offsetFetch", failure("UNSTABLE_OFFSET_COMMIT", { retriable: true }), 2);
  bench.broker.committed.set("orders-0", { ...p0, offset: 2 });
  const consumer = bench.consumer();
  consumer.subscribe(["orders"]);
  await bench.run(consumer.ready());
  expect(await bench.run(consumer.position(p0))).toBe(2);
  const { memberId } = consumer.groupMetadata();
  expect(bench.broker.of("offsetFetch")[0]).toMatchObject({
    groupId: "g",
    memberId,
    memberEpoch: 1,
    requireStable: true,
  });
  expect(bench.broker.of("offsetFetch")).toHaveLength(3);
});

test("a stale epoch while looking for committed offsets is asked again", async () => {
  const bench = new Bench();
  orders(bench);
  bench.broker.failNext("offsetFetch", failure("STALE_MEMBER_EPOCH"));
  const consumer = bench.consumer();
  consumer.subscribe(["orders"]);
  await bench.run(consumer.ready());
  expect(bench.broker.of("offsetFetch")).toHaveLength(2);
});

test("a seek wins over an answer that is on its way", async () => {
  const bench = new Bench();
  orders(bench);
  let answer: (() => void) | undefined;
  bench.broker.on("listOffsets", (request) => {
    return new Promise((resolve) => {
      answer = () =>
        resolve({
          results: request.partitions.map(({ topic, partition }) => ({
            topic,
            partition,
            offset: 0,
            timestamp: -1,
            leaderEpoch: 0,
          })),
        });
    });
  });
  const consumer = bench.consumer();
  consumer.subscribe(["orders"]);
  await bench.run(consumer.poll(100));
  consumer.seek(p0, 4);
  answer?.();
  expect(offsetsOf(await bench.run(consumer.poll(1000)))).toEqual([4]);
});

test("seekToBeginning and seekToEnd without partitions mean all, lazily", async () => {
  const bench = new Bench();
  orders(bench);
  const consumer = bench.consumer();
  consumer.subscribe(["orders"]);
  await bench.take(consumer, 5);
  const asked = bench.broker.of("listOffsets").length;
  consumer.seekToEnd();
  expect(bench.broker.of("listOffsets")).toHaveLength(asked);
  expect(await bench.run(consumer.position(p0))).toBe(5);
  consumer.seekToBeginning([]);
  expect(offsetsOf(await bench.take(consumer, 5))).toEqual([0, 1, 2, 3, 4]);
});

test("what is not assigned, and what is no offset, is refused", async () => {
  const bench = new Bench();
  orders(bench);
  const consumer = bench.consumer();
  consumer.subscribe(["orders"]);
  await bench.run(consumer.ready());
  const stranger = { topic: "orders", partition: 9 };
  for (const call of [
    () => consumer.seek(stranger, 0),
    () => consumer.seekToEnd([stranger]),
    () => consumer.pause([stranger]),
    () => consumer.resume([stranger]),
    () => consumer.currentLag(stranger),
  ]) {
    expect(call).toThrow("orders-9 is not assigned");
  }
  expect((await errorOf(bench, consumer.position(stranger))).message).toContain("orders-9");
  expect(() => consumer.seek(p0, -1)).toThrow("at least 0");
  expect(() => consumer.seek(p0, 1.5)).toThrow("1.5");
  expect(() => consumer.pause([{ topic: "orders" } as never])).toThrow("not a partition");
});

test("questions about offsets need no assignment and come in the order asked", async () => {
  const bench = new Bench();
  orders(bench);
  bench.broker.log("orders", 0).startOffset = 1;
  const consumer = bench.consumer();
  expect(await bench.run(consumer.beginningOffsets([p1, p0]))).toEqual([
    { ...p1, offset: 0, leaderEpoch: 3 },
    { ...p0, offset: 1, leaderEpoch: 3 },
  ]);
  expect(await bench.run(consumer.endOffsets([p0, p1]))).toMatchObject([{ offset: 5 }, { offset: 0 }]);
  expect(bench.broker.of("listOffsets")[0]?.partitions[0]).toMatchObject({ topicId: "id-orders" });
  expect(await bench.run(consumer.offsetsForTimes([{ ...p0, timestamp: 5 }]))).toEqual([null]);
  expect((await errorOf(bench, consumer.offsetsForTimes([{ ...p0, timestamp: -1 }]))).code).toBe("ILLEGAL_STATE");
  bench.broker.committed.set("orders-0", { ...p0, offset: 2, metadata: "m", leaderEpoch: 3 });
  expect(await bench.run(consumer.committed([p1, p0]))).toEqual([
    null,
    { ...p0, offset: 2, metadata: "m", leaderEpoch: 3 },
  ]);
});

test("a question is retried within its time and not beyond", async () => {
  const bench = new Bench();
  orders(bench);
  bench.broker.on("listOffsets", () => {
    throw failure("KAFKA_STORAGE_ERROR", { retriable: true });
  });
  const consumer = bench.consumer();
  const error = await errorOf(bench, consumer.endOffsets([p0], { timeoutMs: 1000 }));
  expect(error.name).toBe("TimeoutError");
  expect(bench.clock.nowMs()).toBeLessThanOrEqual(1000);
  expect(bench.broker.of("listOffsets").length).toBeGreaterThan(2);
});

test("manual assignment: reads, replaces, keeps positions of what stays, commits before it changes", async () => {
  const bench = new Bench();
  orders(bench);
  bench.broker.fill("orders", 1, 2);
  const consumer = bench.consumer();
  consumer.assign([p0]);
  await bench.take(consumer, 5);
  consumer.assign([p0, p1, p1]);
  await bench.clock.advance(1);
  expect(bench.broker.of("offsetCommit")).toMatchObject([{ memberEpoch: -1, offsets: [{ partition: 0, offset: 5 }] }]);
  expect(await bench.take(consumer, 2)).toMatchObject([{ partition: 1 }, { partition: 1 }]);
  expect(consumer.assignment()).toEqual([p0, p1]);
  consumer.assign([]);
  expect((await errorOf(bench, consumer.poll(10))).code).toBe("ILLEGAL_STATE");
  expect(bench.broker.of("groupHeartbeat")).toEqual([]);
});

test("without a group.id a manual assignment starts by auto.offset.reset and asks for no committed offset", async () => {
  const bench = new Bench();
  orders(bench);
  const consumer = bench.alone();
  consumer.assign([p0]);
  expect(offsetsOf(await bench.take(consumer, 5))).toEqual([0, 1, 2, 3, 4]);
  expect(bench.broker.of("offsetFetch")).toEqual([]);
  await bench.run(consumer.close());
  expect(bench.clock.liveTimers).toBe(0);
});
