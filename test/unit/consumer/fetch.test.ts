import { expect, test } from "vitest";
import { failure } from "./fake-broker.ts";
import { Bench, errorOf, offsetsOf } from "./setup.ts";

const p0 = { topic: "orders", partition: 0 };
const p1 = { topic: "orders", partition: 1 };

function orders(bench: Bench, partitions = 1): void {
  bench.broker.topic("orders", partitions);
  bench.broker.assign(...Array.from({ length: partitions }, (_, index): [string, number] => ["orders", index]));
}

test("the next records are fetched while the application works on the first", async () => {
  const bench = new Bench();
  orders(bench);
  bench.broker.fill("orders", 0, 4, 2);
  const consumer = bench.consumer({ "max.partition.fetch.bytes": 1 });
  consumer.subscribe(["orders"]);
  await bench.take(consumer, 2);
  await bench.clock.advance(1);
  const asked = bench.broker.of("fetch").map(({ partitions }) => partitions[0]?.offset);
  expect(asked).toContain(2);
  // Already here: no request is needed for it.
  bench.broker.on("fetch", () => new Promise(() => {}));
  expect(offsetsOf(await bench.run(consumer.poll(0)))).toEqual([2, 3]);
});

test("what is fetched ahead is bounded per partition and by fetch.max.bytes", async () => {
  const bench = new Bench();
  orders(bench);
  bench.broker.fill("orders", 0, 50, 1);
  const consumer = bench.consumer({ "max.partition.fetch.bytes": 1, "max.poll.records": 1 });
  consumer.subscribe(["orders"]);
  await bench.run(consumer.ready());
  await bench.clock.advance(1000);
  const fetches = bench.broker.of("fetch").length;
  expect(fetches).toBe(2);
  await bench.clock.advance(60_000);
  expect(bench.broker.of("fetch")).toHaveLength(fetches);

  const small = new Bench();
  orders(small, 2);
  small.broker.fill("orders", 0, 1);
  small.broker.fill("orders", 1, 1);
  const careful = small.consumer({ "fetch.max.bytes": 1, "max.poll.records": 1 });
  careful.subscribe(["orders"]);
  await small.run(careful.ready());
  await small.clock.advance(1000);
  // Both partitions' first batches fill it: nothing more is asked until one is handed out.
  expect(small.broker.of("fetch")).toHaveLength(1);
});

test("the parked fetch of a partition does not hold back another one", async () => {
  const bench = new Bench();
  orders(bench, 2);
  const consumer = bench.consumer({ "fetch.max.wait.ms": 50_000 });
  consumer.subscribe(["orders"]);
  const first = consumer.poll(100_000);
  await bench.clock.advance(10);
  consumer.seek(p1, 0);
  bench.broker.fill("orders", 1, 1);
  expect(offsetsOf(await bench.run(first))).toEqual([0]);
  expect(bench.clock.nowMs()).toBeLessThan(1000);
});

test("the options go into the request", async () => {
  const bench = new Bench();
  orders(bench);
  const consumer = bench.consumer({
    "fetch.min.bytes": 7,
    "fetch.max.wait.ms": 77,
    "fetch.max.bytes": 777,
    "max.partition.fetch.bytes": 77,
    "isolation.level": "read_committed",
  });
  consumer.subscribe(["orders"]);
  await bench.run(consumer.poll(10));
  expect(bench.broker.of("fetch")[0]).toMatchObject({
    minBytes: 7,
    maxWaitMs: 77,
    maxBytes: 777,
    isolation: "read_committed",
    partitions: [{ topic: "orders", topicId: "id-orders", partition: 0, offset: 0, maxBytes: 77 }],
  });
});

test("pause keeps what was fetched and returns none of it; resume goes on without a gap", async () => {
  const bench = new Bench();
  orders(bench, 2);
  bench.broker.fill("orders", 0, 3);
  bench.broker.fill("orders", 1, 3);
  const consumer = bench.consumer({ "max.poll.records": 1 });
  consumer.subscribe(["orders"]);
  await bench.run(consumer.ready());
  await bench.clock.advance(10);
  consumer.pause([p0]);
  expect(consumer.paused()).toEqual([p0]);
  const during = await bench.take(consumer, 3);
  expect(during.every(({ partition }) => partition === 1)).toBe(true);
  expect(await bench.run(consumer.poll(100))).toEqual([]);
  bench.broker.on("fetch", () => new Promise(() => {}));
  consumer.resume([p0]);
  expect(offsetsOf(await bench.take(consumer, 3))).toEqual([0, 1, 2]);
});

test("a resume wakes the poll that waits", async () => {
  const bench = new Bench();
  orders(bench);
  bench.broker.fill("orders", 0, 1);
  const consumer = bench.consumer();
  consumer.subscribe(["orders"]);
  await bench.run(consumer.ready());
  await bench.clock.advance(1);
  consumer.pause([p0]);
  const polling = consumer.poll(10_000);
  await bench.clock.advance(5);
  consumer.resume([p0]);
  expect(offsetsOf(await bench.run(polling))).toEqual([0]);
  expect(bench.clock.nowMs()).toBeLessThan(100);
});

test("seek drops what was fetched, cancels what is on its way, and moves the position", async () => {
  const bench = new Bench();
  orders(bench);
  bench.broker.fill("orders", 0, 10);
  const consumer = bench.consumer({ "max.poll.records": 2 });
  consumer.subscribe(["orders"]);
  expect(offsetsOf(await bench.run(consumer.poll(1000)))).toEqual([0, 1]);
  consumer.seek(p0, 7);
  expect(await bench.run(consumer.position(p0))).toBe(7);
  expect(offsetsOf(await bench.run(consumer.poll(1000)))).toEqual([7, 8]);
  consumer.seek(p0, 0);
  expect(offsetsOf(await bench.run(consumer.poll(1000)))).toEqual([0, 1]);
});

test("a seek cancels the parked fetch", async () => {
  const bench = new Bench();
  orders(bench);
  bench.broker.fill("orders", 0, 3);
  let aborted = false;
  const consumer = bench.consumer({ "fetch.max.wait.ms": 60_000 });
  consumer.subscribe(["orders"]);
  await bench.take(consumer, 3);
  bench.broker.on("fetch", (_, { signal }) => {
    signal?.addEventListener("abort", () => {
      aborted = true;
      bench.broker.off("fetch");
    });
    return new Promise(() => {});
  });
  // The fetch that is parked now was sent before; this one is for the next position.
  bench.broker.wake();
  const polling = consumer.poll(100_000);
  await bench.clock.advance(61_000);
  consumer.seek(p0, 1);
  expect(offsetsOf(await bench.run(polling))).toEqual([1, 2]);
  expect(aborted).toBe(true);
});

test("an assignment that loses a partition cancels its parked fetch", async () => {
  const bench = new Bench();
  orders(bench, 2);
  const signals: AbortSignal[] = [];
  const consumer = bench.consumer({ "fetch.max.wait.ms": 60_000 });
  bench.broker.on("fetch", (_, { signal }) => {
    if (signal !== undefined) signals.push(signal);
    return new Promise(() => {});
  });
  consumer.subscribe(["orders"]);
  const polling = consumer.poll(5000);
  await bench.clock.advance(100);
  expect(signals).toHaveLength(1);
  bench.broker.assign(["orders", 1]);
  bench.broker.hint();
  await bench.clock.advance(100);
  expect(signals[0]?.aborted).toBe(true);
  expect(bench.broker.of("fetch").at(-1)?.partitions).toMatchObject([{ partition: 1 }]);
  await bench.run(polling);
});

test("a position out of range is reset by auto.offset.reset", async () => {
  const bench = new Bench();
  orders(bench);
  bench.broker.fill("orders", 0, 5);
  bench.broker.log("orders", 0).startOffset = 3;
  bench.broker.committed.set("orders-0", { topic: "orders", partition: 0, offset: 1 });
  bench.broker.log("orders", 0).batches = [];
  bench.broker.log("orders", 0).nextOffset = 3;
  bench.broker.fill("orders", 0, 2);
  const consumer = bench.consumer({ "auto.offset.reset": "earliest" });
  consumer.subscribe(["orders"]);
  expect(offsetsOf(await bench.take(consumer, 2))).toEqual([3, 4]);
});

test("with none a position out of range is an error with the position, and seek cures it", async () => {
  const bench = new Bench();
  orders(bench);
  bench.broker.fill("orders", 0, 2);
  bench.broker.committed.set("orders-0", { topic: "orders", partition: 0, offset: 9 });
  const consumer = bench.consumer({ "auto.offset.reset": "none" });
  consumer.subscribe(["orders"]);
  for (let again = 0; again < 2; again++) {
    const error = await errorOf(bench, consumer.poll(1000));
    expect(error).toMatchObject({ name: "OffsetOutOfRangeError", partitions: [{ ...p0, offset: 9 }] });
  }
  consumer.seek(p0, 1);
  expect(offsetsOf(await bench.run(consumer.poll(1000)))).toEqual([1]);
});

test("records before an out-of-range position are handed out first", async () => {
  const bench = new Bench();
  orders(bench);
  bench.broker.fill("orders", 0, 2);
  const consumer = bench.consumer({ "auto.offset.reset": "none" });
  bench.broker.committed.set("orders-0", { topic: "orders", partition: 0, offset: 0 });
  consumer.subscribe(["orders"]);
  await bench.run(consumer.ready());
  // The fetch ahead finds the log cut off below its position.
  bench.broker.log("orders", 0).nextOffset = 1;
  await bench.clock.advance(600);
  expect(offsetsOf(await bench.run(consumer.poll(1000)))).toEqual([0, 1]);
  expect((await errorOf(bench, consumer.poll(1000))).name).toBe("OffsetOutOfRangeError");
});

test("an out-of-range answer for a position that has moved since is nobody's error", async () => {
  const bench = new Bench();
  orders(bench);
  bench.broker.fill("orders", 0, 2);
  const consumer = bench.consumer({ "auto.offset.reset": "none" });
  bench.broker.committed.set("orders-0", { topic: "orders", partition: 0, offset: 0 });
  consumer.subscribe(["orders"]);
  await bench.run(consumer.ready());
  bench.broker.log("orders", 0).nextOffset = 1;
  await bench.clock.advance(600);
  expect(offsetsOf(await bench.run(consumer.poll(1000)))).toEqual([0, 1]);
  // The refusal of what was fetched ahead, at 2, lies in the buffer by now.
  await bench.clock.advance(600);
  consumer.seek(p0, 0);
  expect(offsetsOf(await bench.run(consumer.poll(1000)))).toContain(0);
});

test("a topic deleted and created again is never read at the old position by a group", async () => {
  const bench = new Bench();
  orders(bench);
  bench.broker.fill("orders", 0, 3);
  const consumer = bench.consumer();
  const moves: string[] = [];
  consumer.subscribe(["orders"], {
    onPartitionsAssigned: (partitions) => void moves.push(`+${partitions.length}`),
    onPartitionsRevoked: (partitions) => void moves.push(`-${partitions.length}`),
  });
  await bench.take(consumer, 3);
  bench.broker.topic("orders", 1, "another");
  bench.broker.fill("orders", 0, 5);
  expect(await bench.run(consumer.poll(2000))).toEqual([]);
  expect(bench.lines.some(({ message }) => message.includes("orders-0 is gone"))).toBe(true);
  bench.broker.committed.clear();
  bench.broker.assign(["orders", 0]);
  bench.broker.hint();
  const records = await bench.take(consumer, 5);
  expect(offsetsOf(records)).toEqual([0, 1, 2, 3, 4]);
  expect(moves).toEqual(["+1", "-1", "+1"]);
});

test("a topic deleted and created again is an error for a manual assignment, until it is assigned anew", async () => {
  const bench = new Bench();
  bench.broker.topic("orders", 1);
  bench.broker.fill("orders", 0, 3);
  const consumer = bench.consumer();
  consumer.assign([p0]);
  await bench.take(consumer, 3);
  bench.broker.topic("orders", 1, "another");
  bench.broker.fill("orders", 0, 5);
  expect((await errorOf(bench, consumer.poll(2000))).code).toBe("UNKNOWN_TOPIC_ID");
  expect((await errorOf(bench, consumer.poll(2000))).code).toBe("UNKNOWN_TOPIC_ID");
  bench.broker.committed.clear();
  consumer.assign([]);
  consumer.assign([p0]);
  expect(offsetsOf(await bench.take(consumer, 5))).toEqual([0, 1, 2, 3, 4]);
});

test("an error that no retry cures reaches poll once per failure", async () => {
  const bench = new Bench();
  orders(bench);
  bench.broker.fill("orders", 0, 1);
  bench.broker.failNext("fetch", failure("INVALID_REQUEST"));
  const consumer = bench.consumer();
  consumer.subscribe(["orders"]);
  expect((await errorOf(bench, consumer.poll(1000))).code).toBe("INVALID_REQUEST");
  expect(offsetsOf(await bench.run(consumer.poll(1000)))).toEqual([0]);
});

test("currentLag comes from what fetches told; a miss asks once in the background", async () => {
  const bench = new Bench();
  orders(bench);
  bench.broker.fill("orders", 0, 5);
  const consumer = bench.consumer({ "max.poll.records": 2 });
  consumer.subscribe(["orders"]);
  await bench.take(consumer, 2);
  expect(consumer.currentLag(p0)).toBe(3);

  const fresh = bench.consumer({ "enable.auto.commit": false });
  fresh.assign([p0]);
  bench.broker.on("fetch", () => new Promise(() => {}));
  fresh.seek(p0, 1);
  await bench.run(fresh.poll(10));
  expect(fresh.currentLag(p0)).toBeUndefined();
  await bench.clock.advance(10);
  expect(fresh.currentLag(p0)).toBe(4);
});
