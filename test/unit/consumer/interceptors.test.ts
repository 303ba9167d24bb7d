// interceptor.classes: what they see, what they may change, and that nothing they throw reaches the application.

import { expect, test } from "vitest";
import type { ConsumerInterceptor } from "../../../client-sdk/src/consumed.ts";
import { failure } from "./fake-broker.ts";
import { Bench, errorOf, offsetsOf, valuesOf } from "./setup.ts";

type Interceptor = ConsumerInterceptor<string, string>;
const p0 = { topic: "t", partition: 0 };

function bench(count = 4): Bench {
  const made = new Bench();
  made.broker.topic("t").assign(["t", 0]);
  made.broker.fill("t", 0, count);
  return made;
}
const errors = ({ lines }: Bench) => lines.filter(({ level }) => level === "error").map(({ message }) => message);

test("onConsume sees what poll hands out, in the order of the list, each what the one before returned", async () => {
  const world = bench();
  const seen: unknown[] = [];
  const mark = (by: string): Interceptor => ({
    onConsume(records) {
      seen.push([by, valuesOf(records)]);
      return records.map((record) => ({ ...record, value: `${record.value}${by}` }));
    },
  });
  const watching: Interceptor = { onConsume: (records) => void seen.push(["watching", records.length]) };
  const consumer = world.consumer({ "interceptor.classes": [mark("a"), watching, mark("b")], "max.poll.records": 2 });
  consumer.subscribe(["t"]);
  expect(valuesOf(await world.take(consumer, 2))).toEqual(["v0ab", "v1ab"]);
  expect(seen).toEqual([
    ["a", ["v0", "v1"]],
    ["watching", 2],
    ["b", ["v0a", "v1a"]],
  ]);
  await world.run(consumer.close());
});

test("records that onConsume leaves out are finished: the position is behind them, and poll goes on", async () => {
  const world = bench();
  const even: Interceptor = { onConsume: (records) => records.filter(({ offset }) => offset % 2 === 0) };
  const consumer = world.consumer({
    "interceptor.classes": [even],
    "max.poll.records": 1,
    "enable.auto.commit": false,
  });
  consumer.subscribe(["t"]);
  const offsets: number[] = [];
  for await (const record of consumer) {
    offsets.push(record.offset);
    await world.run(consumer.commit());
    if (record.offset === 2) break;
  }
  expect(offsets).toEqual([0, 2]);
  expect(world.broker.committed.get("t-0")?.offset).toBe(3);
  expect(await world.run(consumer.poll(1_000))).toEqual([]);
  expect(await consumer.position(p0)).toBe(4);
  await world.run(consumer.close());
});

test("what an interceptor throws is logged, and the others and the application go on", async () => {
  const world = bench();
  const broken: Interceptor = {
    onConsume: () => {
      throw new Error("consume");
    },
    onCommit: () => {
      throw new Error("commit");
    },
    close: () => {
      throw new Error("close");
    },
  };
  const told: unknown[] = [];
  const sound: Interceptor = {
    onConsume: (records) => void told.push(offsetsOf(records)),
    onCommit: (offsets) => void told.push(offsets),
    close: () => void told.push("closed"),
  };
  const consumer = world.consumer({ "interceptor.classes": [broken, sound], "enable.auto.commit": false });
  consumer.subscribe(["t"]);
  await world.take(consumer, 4);
  await world.run(consumer.commit());
  await world.run(consumer.close());
  expect(told).toEqual([[0, 1, 2, 3], [{ ...p0, offset: 4, leaderEpoch: 3 }], "closed"]);
  expect(errors(world)).toEqual(["onConsume", "onCommit", "close"].map((what) => `an interceptor's ${what} failed`));
});

test("an asynchronous interceptor changes nothing and ends nothing: it is told so in the log", async () => {
  const world = bench();
  const asynchronous = {
    onConsume: async () => [],
    onCommit: async () => {
      throw new Error("late");
    },
  };
  const consumer = world.consumer({ "interceptor.classes": [asynchronous as never] });
  consumer.subscribe(["t"]);
  expect(offsetsOf(await world.take(consumer, 4))).toEqual([0, 1, 2, 3]);
  await world.run(consumer.close());
  expect(errors(world)).toEqual([
    expect.stringContaining("returns records or nothing"),
    "an interceptor's onCommit failed",
  ]);
});

test("onCommit hears of every kind of commit that was recorded, and of none that was not", async () => {
  const world = bench();
  const told: number[][] = [];
  const ear: Interceptor = { onCommit: (offsets) => void told.push(offsetsOf(offsets)) };
  const consumer = world.consumer({ "interceptor.classes": [ear], "auto.commit.interval.ms": 1_000 });
  consumer.subscribe(["t"]);
  await world.take(consumer, 4);
  await world.run(consumer.commit([{ ...p0, offset: 1 }]));
  consumer.commitAsync([{ ...p0, offset: 2 }]);
  await world.clock.advance(1);
  world.broker.failNext("offsetCommit", failure("UNKNOWN_SERVER_ERROR"));
  await errorOf(world, consumer.commit([{ ...p0, offset: 3 }]));
  await world.clock.advance(2_000);
  await world.run(consumer.poll(0));
  await world.clock.advance(1);
  expect(told).toEqual([[1], [2], [4]]);
  await world.run(consumer.close());
});

test("without a record nobody is called", async () => {
  const world = bench(0);
  let calls = 0;
  const consumer = world.consumer({ "interceptor.classes": [{ onConsume: () => void calls++ }] });
  consumer.subscribe(["t"]);
  await world.run(consumer.poll(1_000));
  expect(calls).toBe(0);
  await world.run(consumer.close());
});
