// Subscriptions by RegExp, matched here, and by pattern, matched by the broker; and what changes between the kinds.

import { expect, test } from "vitest";
import { wholeName } from "../../../client-sdk/src/consumer/topic-watch.ts";
import { failure } from "./fake-broker.ts";
import { Bench, errorOf } from "./setup.ts";

const last = (bench: Bench) => bench.broker.of("groupHeartbeat").at(-1);
const lookUps = (bench: Bench) => bench.broker.of("metadata").filter(({ topics }) => topics === undefined).length;

test("a RegExp joins with the topics that match, whole names only, without internal ones", async () => {
  const bench = new Bench();
  bench.broker.topic("orders").topic("orders-eu").topic("bills").topic("__consumer_offsets").assign(["orders", 0]);
  const consumer = bench.consumer();
  consumer.subscribe(/orders(-eu)?|.*offsets|bill/);
  expect(consumer.subscription()).toEqual([]);
  await bench.run(consumer.ready());
  const [join] = bench.broker.of("groupHeartbeat");
  expect(join).toMatchObject({ memberEpoch: 0, subscription: ["orders", "orders-eu"] });
  expect(join).not.toHaveProperty("pattern");
  expect(consumer.subscription()).toEqual(["orders", "orders-eu"]);
  // Nobody asked for a topic by name: nothing was created.
  expect(bench.broker.of("metadata").filter(({ allowAutoCreate }) => allowAutoCreate)).toEqual([]);
  await bench.run(consumer.close());
  expect(bench.clock.liveTimers).toBe(0);
});

test("exclude.internal.topics=false lets a RegExp match internal topics too", async () => {
  const bench = new Bench();
  bench.broker.topic("orders").topic("__consumer_offsets");
  const consumer = bench.consumer({ "exclude.internal.topics": false });
  consumer.subscribe(/.*/);
  await bench.run(consumer.ready());
  expect(consumer.subscription()).toEqual(["__consumer_offsets", "orders"]);
  await bench.run(consumer.close());
});

test.each([/a/g, /a/y, /A/gi])("%s keeps no place between two looks, and matches whole names", (pattern) => {
  const whole = wholeName(pattern);
  expect(["a", "a", "ab", "ba", "a"].map((name) => whole.test(name))).toEqual([true, true, false, false, true]);
  expect(wholeName(/a|ab/).test("ab")).toBe(true);
});

test("metadata.max.age.ms: how soon new topics are noticed and deleted ones leave, also by a poll that waits", async () => {
  const bench = new Bench();
  bench.broker.topic("a-1");
  const consumer = bench.consumer({ "metadata.max.age.ms": 5_000, "fetch.max.wait.ms": 100_000 });
  consumer.subscribe(/a-.*/);
  await bench.run(consumer.ready());
  await bench.clock.advance(1_000);
  const before = lookUps(bench);
  const polling = consumer.poll(60_000);
  bench.broker.topic("a-2").topic("b");
  await bench.clock.advance(3_000);
  expect(consumer.subscription()).toEqual(["a-1"]);
  await bench.clock.advance(2_500);
  expect(last(bench)?.memberEpoch).toBe(bench.broker.epoch);
  expect(
    bench.broker.of("groupHeartbeat").findLast(({ subscription }) => subscription !== undefined)?.subscription,
  ).toEqual(["a-1", "a-2"]);
  expect(lookUps(bench) - before).toBe(1);

  bench.broker.topicIds.delete("a-1");
  await bench.clock.advance(5_500);
  expect(consumer.subscription()).toEqual(["a-2"]);
  consumer.wakeup();
  await errorOf(bench, polling);
  await bench.run(consumer.close());
});

test("a rebalance makes a RegExp look again, at most once per back-off", async () => {
  const bench = new Bench();
  bench.broker.topic("a-1").assign(["a-1", 0]);
  const consumer = bench.consumer({ "metadata.max.age.ms": 600_000 });
  consumer.subscribe(/a-.*/);
  await bench.run(consumer.ready());
  await bench.run(consumer.poll(1_000));
  const before = lookUps(bench);
  bench.broker.topic("a-2").assign(["a-1", 0], ["a-2", 0]);
  bench.broker.hint();
  await bench.run(consumer.poll(1_000));
  expect(lookUps(bench) - before).toBe(1);
  expect(consumer.subscription()).toEqual(["a-1", "a-2"]);
  await bench.run(consumer.close());
});

test("looking for topics backs off while it fails, and tells what no repetition cures", async () => {
  const bench = new Bench();
  bench.broker.topic("a");
  bench.broker.failNext("metadata", failure("BROKER_NOT_AVAILABLE", { retriable: true }), 3);
  const consumer = bench.consumer();
  consumer.subscribe(/a/);
  await bench.run(consumer.ready());
  const times = bench.broker.seen.filter(({ api }) => api === "metadata").map(({ atMs }) => atMs);
  const waits = times.slice(1, 4).map((atMs, index) => atMs - (times[index] ?? 0));
  for (const [index, plainMs] of [100, 200, 400].entries()) {
    expect(waits[index]).toBeGreaterThanOrEqual(plainMs * 0.8);
    expect(waits[index]).toBeLessThanOrEqual(plainMs * 1.2);
  }
  await bench.run(consumer.unsubscribe());

  bench.broker.failNext("metadata", failure("INVALID_REQUEST"));
  consumer.subscribe(/b/);
  expect((await errorOf(bench, consumer.poll(1_000))).code).toBe("INVALID_REQUEST");
  await bench.run(consumer.close());
});

test("ready before a broker that does not tell its topics says why", async () => {
  const bench = new Bench();
  bench.broker.on("metadata", () => {
    throw failure("BROKER_NOT_AVAILABLE", { retriable: true, message: "it starts" });
  });
  const consumer = bench.consumer();
  consumer.subscribe(/a/);
  const error = await errorOf(bench, consumer.ready({ timeoutMs: 2_000 }));
  expect(error.name).toBe("TimeoutError");
  expect(error.message).toContain("it starts");
  await bench.run(consumer.close());
});

test("a RegExp that nothing matches is a subscription: it waits, and reads what appears", async () => {
  const bench = new Bench();
  const consumer = bench.consumer({ "metadata.max.age.ms": 1_000 });
  consumer.subscribe(/late/);
  expect(await bench.run(consumer.ready())).toEqual([]);
  bench.broker.topic("late").assign(["late", 0]);
  bench.broker.fill("late", 0, 1);
  expect((await bench.take(consumer, 1))[0]?.topic).toBe("late");
  await bench.run(consumer.close());
});

test("a pattern goes to the broker as it is; subscription() shows what was assigned", async () => {
  const bench = new Bench();
  bench.broker.topic("orders", 2).topic("bills").assign(["orders", 0], ["orders", 1]);
  const consumer = bench.consumer();
  consumer.subscribe({ pattern: "ord.*" });
  await bench.run(consumer.ready());
  expect(bench.broker.of("groupHeartbeat")[0]).toMatchObject({ memberEpoch: 0, pattern: "ord.*", subscription: [] });
  expect(bench.broker.of("metadata")).toEqual([]);
  expect(consumer.subscription()).toEqual(["orders"]);
  await bench.run(consumer.close());
});

test("an illegal pattern is fatal, from poll, and a new subscription after unsubscribe() works", async () => {
  const bench = new Bench();
  bench.broker.topic("orders").assign(["orders", 0]);
  bench.broker.failNext("groupHeartbeat", failure("INVALID_REGULAR_EXPRESSION", { message: "missing )" }));
  const consumer = bench.consumer();
  consumer.subscribe({ pattern: "(" });
  for (let round = 0; round < 2; round++) {
    expect(await errorOf(bench, consumer.poll(1_000))).toMatchObject({
      code: "INVALID_REGULAR_EXPRESSION",
      fatal: true,
    });
  }
  await bench.run(consumer.unsubscribe());
  consumer.subscribe(["orders"]);
  expect(await bench.run(consumer.ready())).toHaveLength(1);
  // The broker has to hear that the pattern is gone.
  expect(bench.broker.of("groupHeartbeat").findLast(({ memberEpoch }) => memberEpoch === 0)).toMatchObject({
    pattern: "",
    subscription: ["orders"],
  });
  await bench.run(consumer.close());
});

test("resubscribing moves between the kinds; each replaces the one before whole", async () => {
  const bench = new Bench();
  bench.broker.topic("a").topic("b").assign(["a", 0]);
  const consumer = bench.consumer({ "metadata.max.age.ms": 1_000 });
  const said = () => {
    const { subscription, pattern } =
      bench.broker.of("groupHeartbeat").findLast((one) => one.subscription !== undefined) ?? {};
    return [subscription, pattern];
  };
  consumer.subscribe(["a"]);
  await bench.run(consumer.ready());
  expect(said()).toEqual([["a"], undefined]);
  consumer.subscribe({ pattern: "b" });
  await bench.run(consumer.poll(10));
  expect(said()).toEqual([[], "b"]);
  consumer.subscribe(/a|b/);
  await bench.run(consumer.poll(10));
  expect(said()).toEqual([["a", "b"], ""]);
  consumer.subscribe(["b"]);
  await bench.run(consumer.poll(10));
  expect(said()).toEqual([["b"], ""]);
  // At no time it was subscribed to nothing: that would have cost it all its partitions.
  const nothing = bench.broker.of("groupHeartbeat").filter((one) => one.subscription?.length === 0 && !one.pattern);
  expect(nothing).toEqual([]);
  const before = lookUps(bench);
  await bench.run(consumer.poll(5_000));
  expect(lookUps(bench)).toBe(before);
  await bench.run(consumer.close());
});

test.each([[{ pattern: "" }], [{ pattern: "  " }], [{}], [null], ["orders"], [{ pattern: /a/ }]])(
  "subscribe(%j) is refused with what it takes",
  async (topics) => {
    const consumer = new Bench().consumer();
    expect(() => consumer.subscribe(topics as never)).toThrow("a list of topics, a RegExp, or { pattern }");
  },
);

test("a RegExp needs a group.id, and excludes assign()", async () => {
  const bench = new Bench();
  expect(() => bench.alone().subscribe(/a/)).toThrow("needs a group.id");
  const consumer = bench.consumer();
  consumer.assign([{ topic: "a", partition: 0 }]);
  expect(() => consumer.subscribe(/a/)).toThrow("exclude each other");
  expect(() => consumer.subscribe({ pattern: "a" })).toThrow("exclude each other");
});
