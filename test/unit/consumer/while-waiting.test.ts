// What an application changes while a call of the same consumer waits.

import { expect, test } from "vitest";
import { Bench, errorOf } from "./setup.ts";

const p = (partition: number) => ({ topic: "t", partition });

test("assign() is noticed by the poll that waits", async () => {
  const bench = new Bench();
  bench.broker.topic("t", 2);
  bench.broker.fill("t", 1, 3);
  const consumer = bench.alone({ "fetch.max.wait.ms": 50_000 });
  consumer.assign([p(0)]);
  const waiting = consumer.poll(40_000);
  await bench.clock.advance(1_000);
  consumer.assign([p(0), p(1)]);
  expect(await bench.run(waiting)).toHaveLength(3);
  expect(bench.clock.nowMs()).toBeLessThan(2_000);
  await bench.run(consumer.close());
});

test("assign([]) ends an iterator that would wait for ever", async () => {
  const bench = new Bench();
  bench.broker.topic("t");
  const consumer = bench.alone();
  consumer.assign([p(0)]);
  const waiting = consumer[Symbol.asyncIterator]().next();
  await bench.clock.advance(2_000);
  consumer.assign([]);
  expect((await errorOf(bench, waiting)).code).toBe("ILLEGAL_STATE");
  await bench.run(consumer.close());
});

test("a changed subscription goes to the broker from the poll that waits", async () => {
  const bench = new Bench();
  bench.broker.topic("t").topic("u").assign(["t", 0]);
  const consumer = bench.consumer({ "fetch.max.wait.ms": 50_000 });
  consumer.subscribe(["t"]);
  await bench.run(consumer.ready());
  const waiting = consumer.poll(60_000);
  await bench.clock.advance(10);
  consumer.subscribe(["t", "u"]);
  await bench.clock.advance(10);
  expect(bench.broker.of("groupHeartbeat").at(-1)?.subscription).toEqual(["t", "u"]);
  consumer.wakeup();
  expect((await errorOf(bench, waiting)).name).toBe("WakeupError");
  await bench.run(consumer.close());
});

test("subscribe() and assign() during unsubscribe() are refused instead of being undone by its end", async () => {
  const bench = new Bench();
  bench.broker.topic("t").assign(["t", 0]);
  const consumer = bench.consumer();
  consumer.subscribe(["t"]);
  await bench.run(consumer.ready());
  const leaving = consumer.unsubscribe();
  expect(() => consumer.subscribe(["t"])).toThrow("while unsubscribe()");
  expect(() => consumer.assign([p(0)])).toThrow("while unsubscribe()");
  await bench.run(leaving);
  consumer.subscribe(["t"]);
  expect(await bench.run(consumer.ready())).toEqual([p(0)]);
  await bench.run(consumer.close());
});

test("a call of a callback that outlives close() ends with it", async () => {
  const bench = new Bench();
  bench.broker.topic("t").assign(["t", 0]);
  bench.broker.on("offsetFetch", () => new Promise(() => {}));
  const consumer = bench.consumer();
  let outcome: Promise<unknown> | undefined;
  consumer.subscribe(["t"], {
    async onPartitionsRevoked() {
      outcome = consumer.position(p(0), { timeoutMs: 600_000 }).catch((error: unknown) => error);
      await outcome;
    },
  });
  await bench.run(consumer.poll(1_000));
  await bench.run(consumer.close({ timeoutMs: 100 }));
  expect(await outcome).toMatchObject({ name: "ClosedError" });
  expect(bench.clock.liveTimers).toBe(0);
});

test("subscribe([]) while a poll runs is refused, not dropped silently", async () => {
  const bench = new Bench();
  bench.broker.topic("t").assign(["t", 0]);
  const consumer = bench.consumer();
  consumer.subscribe(["t"]);
  const waiting = consumer.poll(1_000);
  expect(() => consumer.subscribe([])).toThrow("while poll()");
  await bench.run(waiting);
  consumer.subscribe([]);
  await bench.clock.advance(1);
  expect(consumer.subscription()).toEqual([]);
  await bench.run(consumer.close());
});

test("a timeout that is no time, and a listener that is no object, are refused at once", async () => {
  const bench = new Bench();
  bench.broker.topic("t");
  const consumer = bench.consumer();
  for (const listener of [null, () => {}]) {
    expect(() => consumer.subscribe(["t"], listener as never)).toThrow("the listener is an object");
  }
  consumer.subscribe(["t"]);
  for (const timeoutMs of [Number.NaN, -1, "5"] as number[]) {
    await expect(consumer.poll(timeoutMs)).rejects.toThrow("a timeout is a number");
    await expect(consumer.ready({ timeoutMs })).rejects.toThrow("a timeout is a number");
    await expect(consumer.close({ timeoutMs })).rejects.toThrow("a timeout is a number");
  }
  await bench.run(consumer.close());
});
