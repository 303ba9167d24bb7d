// What must not stand in the way of records: paused partitions, parked fetches, a record that cannot be read.

import { expect, test } from "vitest";
import { Bench, errorOf, offsetsOf } from "./setup.ts";

const p = (partition: number) => ({ topic: "t", partition });

test("what paused partitions keep in the buffer does not hold back the others", async () => {
  const bench = new Bench();
  bench.broker.topic("t", 2);
  bench.broker.fill("t", 0, 50);
  bench.broker.assign(["t", 0], ["t", 1]);
  const consumer = bench.consumer({ "fetch.max.bytes": 200, "max.poll.records": 5 });
  consumer.subscribe(["t"]);
  expect(offsetsOf(await bench.take(consumer, 5))).toEqual([0, 1, 2, 3, 4]);

  consumer.pause([p(0)]);
  bench.broker.fill("t", 1, 3);
  const others = await bench.take(consumer, 3);
  expect(others.map(({ partition, offset }) => [partition, offset])).toEqual([
    [1, 0],
    [1, 1],
    [1, 2],
  ]);

  consumer.resume([p(0)]);
  expect(offsetsOf(await bench.take(consumer, 5))).toEqual([5, 6, 7, 8, 9]);
  await bench.run(consumer.close());
});

test("a partition whose turn comes does not wait for parked fetches, however many there are", async () => {
  const bench = new Bench();
  const all = [0, 1, 2, 3, 4].map(p);
  bench.broker.topic("t", all.length);
  for (const { partition } of all) bench.broker.fill("t", partition, 1);
  const consumer = bench.alone({ "fetch.max.wait.ms": 100_000 });
  consumer.assign(all);
  consumer.pause(all);
  const startMs = bench.clock.nowMs();
  for (const one of all) {
    consumer.resume([one]);
    const records = await bench.run(consumer.poll(50_000));
    expect(records.map(({ partition }) => partition)).toEqual([one.partition]);
    // Its next fetch, behind its end, is sent and parked.
    await bench.run(consumer.poll(1));
  }
  expect(bench.clock.nowMs() - startMs).toBeLessThan(1_000);

  // Those of the fetch that gave way are read on.
  for (const { partition } of all) bench.broker.fill("t", partition, 1);
  expect(offsetsOf(await bench.take(consumer, 5))).toEqual([1, 1, 1, 1, 1]);
  await bench.run(consumer.close());
});

test("more partitions than all fetches in flight can name take turns: none spins, and each is read in time", async () => {
  const bench = new Bench();
  const all = Array.from({ length: 5_500 }, (_, partition) => p(partition));
  bench.broker.topic("t", all.length);
  const consumer = bench.alone({ "fetch.max.wait.ms": 100_000, "retry.backoff.ms": 0, "retry.backoff.max.ms": 0 });
  consumer.assign(all);
  await bench.run(consumer.poll(5_000));
  const before = bench.broker.of("fetch").length;
  await bench.run(consumer.poll(1_000));
  expect(bench.broker.of("fetch").length - before).toBeLessThanOrEqual(12);
  // In whatever fetch, parked or waiting for its turn.
  for (const partition of [0, 2_750, 5_499]) {
    bench.broker.fill("t", partition, 1);
    expect(await bench.run(consumer.poll(1_000))).toMatchObject([{ partition, offset: 0 }]);
  }
  await bench.run(consumer.close());
});

test("a record that cannot be deserialized is not fetched again at every poll", async () => {
  const bench = new Bench();
  bench.broker.topic("t");
  bench.broker.fill("t", 0, 3);
  bench.broker.assign(["t", 0]);
  let isBroken = true;
  const consumer = bench.consumer({
    "value.deserializer": {
      deserialize(_topic, data) {
        if (isBroken) throw new Error("not today");
        return String(data.length);
      },
    },
  });
  consumer.subscribe(["t"]);
  expect((await errorOf(bench, consumer.poll(1000))).code).toBe("RECORD_DESERIALIZATION");
  const before = bench.broker.of("fetch").length;
  for (let round = 0; round < 10; round++) {
    expect((await errorOf(bench, consumer.poll(1000))).offset).toBe(0);
  }
  expect(bench.broker.of("fetch").length - before).toBeLessThan(2);

  isBroken = false;
  expect(offsetsOf(await bench.take(consumer, 3))).toEqual([0, 1, 2]);
  await bench.run(consumer.close());
});
