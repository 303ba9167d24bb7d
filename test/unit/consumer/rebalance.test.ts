import { expect, test } from "vitest";
import type { Consumer } from "../../../client-sdk/src/consumer/consumer.ts";
import { failure } from "./fake-broker.ts";
import { member, reassign, recording, type Told } from "./rebalancing.ts";
import { Bench, errorOf, offsetsOf } from "./setup.ts";

const p0 = { topic: "orders", partition: 0 };
const p1 = { topic: "orders", partition: 1 };

test("revoked, then assigned, only the difference, then the acknowledgement at once", async () => {
  const bench = new Bench();
  const told: Told[] = [];
  const consumer = await member(bench, recording(told));
  expect(told).toEqual([["assigned", [0, 1]]]);
  bench.broker.topic("orders", 3);
  reassign(bench, 1, 2);
  await bench.run(consumer.poll(100));
  expect(told.slice(1)).toEqual([
    ["revoked", [0]],
    ["assigned", [2]],
  ]);
  expect(bench.broker.of("groupHeartbeat").at(-1)?.owned).toMatchObject([{ partition: 1 }, { partition: 2 }]);
  expect(bench.clock.nowMs()).toBe(100);
});

test("callbacks run inside poll only, never while the application works", async () => {
  const bench = new Bench();
  const told: Told[] = [];
  const consumer = await member(bench, recording(told));
  reassign(bench, 1);
  await bench.clock.advance(60_000);
  expect(told).toHaveLength(1);
  expect(consumer.assignment()).toEqual([p0, p1]);
  await bench.run(consumer.poll(0));
  expect(told[1]).toEqual(["revoked", [0]]);
});

test("the first join calls onPartitionsAssigned even with nothing", async () => {
  const bench = new Bench();
  const told: Told[] = [];
  const consumer = bench.consumer();
  bench.broker.topic("orders", 1).assign();
  consumer.subscribe(["orders"], recording(told));
  expect(await bench.run(consumer.ready())).toEqual([]);
  expect(told).toEqual([["assigned", []]]);
});

test("inside onPartitionsRevoked the partitions are still assigned: position and commit work", async () => {
  const bench = new Bench();
  const seen: unknown[] = [];
  const consumer: Consumer<string, string> = await member(bench, {
    onPartitionsRevoked: async (partitions) => {
      seen.push(consumer.assignment().length, await consumer.position(p0));
      seen.push((await consumer.commit([{ ...p0, offset: 2 }]))[0]?.offset, partitions);
    },
  });
  bench.broker.fill("orders", 0, 2);
  await bench.take(consumer, 2);
  reassign(bench, 1);
  await bench.run(consumer.poll(100));
  expect(seen).toEqual([2, 2, 2, [p0]]);
  expect(consumer.assignment()).toEqual([p1]);
});

test("new partitions are fetched only after their callback has returned, from where it sought", async () => {
  const bench = new Bench();
  bench.broker.topic("orders", 1).assign(["orders", 0]);
  bench.broker.fill("orders", 0, 5);
  const gate = Promise.withResolvers<void>();
  const consumer = bench.consumer();
  consumer.subscribe(["orders"], {
    onPartitionsAssigned: async () => {
      consumer.seek(p0, 3);
      await gate.promise;
    },
  });
  const polling = consumer.poll(10_000);
  await bench.clock.advance(1000);
  expect(bench.broker.of("fetch")).toEqual([]);
  gate.resolve();
  expect(offsetsOf(await bench.run(polling))).toEqual([3, 4]);
});

test("data of a kept partition that arrives during the callback does not start fetching the new one", async () => {
  const bench = new Bench();
  bench.broker.topic("orders", 2).assign(["orders", 0]);
  const gate = Promise.withResolvers<void>();
  const consumer = bench.consumer();
  consumer.subscribe(["orders"], {
    onPartitionsAssigned: async (partitions) => {
      if (partitions[0]?.partition !== 1) return;
      consumer.seek(p1, 0);
      await gate.promise;
    },
  });
  await bench.run(consumer.poll(10));
  reassign(bench, 0, 1);
  const polling = consumer.poll(10_000);
  await bench.clock.advance(1);
  bench.broker.fill("orders", 0, 1);
  await bench.clock.advance(1000);
  const askedFor = () =>
    bench.broker.of("fetch").flatMap(({ partitions }) => partitions.map(({ partition }) => partition));
  expect(askedFor()).not.toContain(1);
  gate.resolve();
  await bench.run(polling);
  expect(askedFor()).toContain(1);
});

test("position() works inside onPartitionsAssigned", async () => {
  const bench = new Bench();
  bench.broker.topic("orders", 1).assign(["orders", 0]);
  bench.broker.committed.set("orders-0", { ...p0, offset: 4 });
  let position: number | undefined;
  const consumer = bench.consumer();
  consumer.subscribe(["orders"], {
    onPartitionsAssigned: async () => {
      position = await consumer.position(p0);
    },
  });
  await bench.run(consumer.poll(100));
  expect(position).toBe(4);
});

test("what goes is not handed out any more while its commit is under way; what stays is", async () => {
  const bench = new Bench();
  const told: Told[] = [];
  const consumer = await member(bench, recording(told), { "enable.auto.commit": true, "max.poll.records": 1 });
  bench.broker.fill("orders", 0, 3);
  bench.broker.fill("orders", 1, 3);
  const [first] = await bench.take(consumer, 1);
  const going = first?.partition ?? 0;
  const answers: (() => void)[] = [];
  bench.broker.on(
    "offsetCommit",
    (request) => new Promise((resolve) => answers.push(() => resolve(bench.broker.commit(request)))),
  );
  reassign(bench, 1 - going);
  await bench.clock.advance(1);
  const during = [
    await bench.run(consumer.poll(0)),
    await bench.run(consumer.poll(100)),
    await bench.run(consumer.poll(0)),
  ];
  expect(during.flat().every(({ partition }) => partition !== going)).toBe(true);
  expect(during.flat().length).toBeGreaterThan(0);
  expect(told).toHaveLength(1);
  const stored = bench.broker.of("offsetCommit")[0]?.offsets.find(({ partition }) => partition === going);
  expect(stored?.offset).toBe(1);
  answers[0]?.();
  await bench.run(consumer.poll(100));
  expect(told[1]).toEqual(["revoked", [going]]);
});

test("a failing commit before a revocation is logged, and the reconciliation goes on", async () => {
  const bench = new Bench();
  const told: Told[] = [];
  const consumer = await member(bench, recording(told), { "enable.auto.commit": true });
  bench.broker.fill("orders", 0, 2);
  await bench.take(consumer, 2);
  bench.broker.on("offsetCommit", () => {
    throw failure("OFFSET_METADATA_TOO_LARGE");
  });
  reassign(bench, 1);
  await bench.run(consumer.poll(1000));
  expect(told[1]).toEqual(["revoked", [0]]);
  expect(bench.lines.some(({ message }) => message.includes("automatic commit failed"))).toBe(true);
});

test("a stale epoch at the commit before a revocation is retried with the new one", async () => {
  const bench = new Bench();
  const consumer = await member(bench, {}, { "enable.auto.commit": true });
  bench.broker.fill("orders", 0, 2);
  await bench.take(consumer, 2);
  bench.broker.failNext("offsetCommit", failure("STALE_MEMBER_EPOCH"));
  reassign(bench, 1);
  await bench.run(consumer.poll(2000));
  expect(bench.broker.committed.get("orders-0")?.offset).toBe(2);
});

test("so is one that a single partition of the commit is refused with", async () => {
  const bench = new Bench();
  const consumer = await member(bench, {}, { "enable.auto.commit": true });
  bench.broker.fill("orders", 0, 2);
  await bench.take(consumer, 2);
  let first = true;
  bench.broker.on("offsetCommit", (request) => {
    const stale = { code: "STALE_MEMBER_EPOCH", message: "stale", retriable: false, definite: true };
    const { results } = bench.broker.commit(request);
    if (!first) return { results };
    first = false;
    bench.broker.committed.clear();
    return { results: results.map((result) => ({ ...result, error: stale })) };
  });
  reassign(bench, 1);
  await bench.run(consumer.poll(2000));
  expect(bench.broker.committed.get("orders-0")?.offset).toBe(2);
});

test("a throwing callback is rethrown once from the call that ran it, and the reconciliation is acknowledged (hard place 13)", async () => {
  const bench = new Bench();
  const boom = new Error("boom");
  let throws = true;
  const told: Told[] = [];
  const consumer = await member(bench, {
    ...recording(told),
    onPartitionsRevoked: () => {
      if (throws) throw boom;
    },
  });
  bench.broker.topic("orders", 3);
  reassign(bench, 1, 2);
  await bench.clock.advance(1);
  expect(await errorOf(bench, consumer.poll(100))).toBe(boom);
  expect(told.at(-1)).toEqual(["assigned", [2]]);
  expect(bench.broker.of("groupHeartbeat").at(-1)?.owned).toMatchObject([{ partition: 1 }, { partition: 2 }]);
  throws = false;
  expect(await bench.run(consumer.poll(100))).toEqual([]);
  bench.broker.fill("orders", 2, 1);
  expect(await bench.take(consumer, 1)).toMatchObject([{ partition: 2 }]);
});

test("one event tells revoked, assigned, lost, epoch and reason", async () => {
  const bench = new Bench();
  const consumer = await member(bench, {});
  const events: unknown[] = [];
  consumer.on("rebalance", (detail) => events.push(detail));
  bench.broker.topic("orders", 3);
  bench.broker.targetReason = "w2 joined";
  reassign(bench, 1, 2);
  await bench.run(consumer.poll(10));
  expect(events).toMatchObject([
    { groupId: "g", revoked: [p0], assigned: [{ partition: 2 }], lost: [], epoch: 2, reason: "w2 joined" },
  ]);
  bench.broker.failNext("groupHeartbeat", failure("UNKNOWN_MEMBER_ID", { message: "no heartbeat for 45.0 s" }));
  bench.broker.hint();
  await bench.clock.advance(1);
  expect(events[1]).toMatchObject({ revoked: [], assigned: [], lost: [p1, { partition: 2 }] });
  expect((events[1] as { reason: string }).reason).toContain("no heartbeat for 45.0 s");
});

test("pauses survive a rebalance for the partitions that stay", async () => {
  const bench = new Bench();
  const consumer = await member(bench, {});
  consumer.pause([p0, p1]);
  reassign(bench, 1);
  await bench.run(consumer.poll(10));
  expect(consumer.paused()).toEqual([p1]);
  // What went and comes back is not paused any more, as in Kafka.
  reassign(bench, 0, 1);
  await bench.run(consumer.poll(10));
  expect(consumer.assignment()).toHaveLength(2);
  expect(consumer.paused()).toEqual([p1]);
});

test("poll inside a rebalance callback is refused, and the rebalance goes on", async () => {
  const bench = new Bench();
  const refused: unknown[] = [];
  const consumer: Consumer<string, string> = await member(bench, {
    onPartitionsRevoked: async () => {
      const error = await consumer.poll(1_000).catch((thrown: unknown) => thrown);
      refused.push(error);
    },
  });
  reassign(bench, 1);
  await bench.run(consumer.poll(10));
  expect(refused).toMatchObject([{ code: "ILLEGAL_STATE", hint: expect.stringContaining("must not poll") }]);
  expect(consumer.assignment()).toEqual([p1]);
});

test("a changed subscription replaces the old one and goes to the broker with the next poll", async () => {
  const bench = new Bench();
  const consumer = await member(bench, {});
  bench.broker.topic("bills", 1);
  consumer.subscribe(["bills"]);
  expect(consumer.subscription()).toEqual(["bills"]);
  await bench.run(consumer.poll(10));
  expect(bench.broker.of("groupHeartbeat").findLast(({ subscription }) => subscription !== undefined)).toMatchObject({
    memberEpoch: 1,
    subscription: ["bills"],
  });
});

test("unsubscribe revokes everything, does not commit, leaves, and a new subscription joins afresh", async () => {
  const bench = new Bench();
  const told: Told[] = [];
  const consumer = await member(bench, recording(told), { "enable.auto.commit": true });
  bench.broker.fill("orders", 0, 2);
  await bench.take(consumer, 2);
  await bench.run(consumer.unsubscribe());
  expect(told.at(-1)).toEqual(["revoked", [0, 1]]);
  expect(bench.broker.of("offsetCommit")).toEqual([]);
  expect(bench.broker.of("groupHeartbeat").at(-1)).toMatchObject({
    memberEpoch: -1,
    reason: "the consumer unsubscribed",
  });
  expect(consumer.assignment()).toEqual([]);
  expect((await errorOf(bench, consumer.poll(10))).code).toBe("ILLEGAL_STATE");
  consumer.subscribe(["orders"], recording(told));
  await bench.run(consumer.ready());
  expect(told.at(-1)).toEqual(["assigned", [0, 1]]);
});

test("the subscription's topics are created first, if allowed, so that the first assignment holds them", async () => {
  const bench = new Bench();
  bench.broker.topic("orders", 1).assign(["orders", 0]);
  const consumer = bench.consumer();
  consumer.subscribe(["orders"]);
  await bench.run(consumer.ready());
  expect(bench.broker.seen.slice(0, 2)).toMatchObject([
    { api: "metadata", request: { topics: ["orders"], allowAutoCreate: true } },
    { api: "groupHeartbeat", request: { memberEpoch: 0 } },
  ]);
  const other = new Bench();
  other.broker.topic("orders", 1).assign(["orders", 0]);
  const shy = other.consumer({ "allow.auto.create.topics": false });
  shy.subscribe(["orders"]);
  await other.run(shy.ready());
  expect(other.broker.of("metadata")).toEqual([]);
});

test("what a subscription cannot be is refused", async () => {
  const bench = new Bench();
  bench.broker.topic("orders", 1);
  const consumer = bench.consumer();
  expect(() => consumer.subscribe([""])).toThrow("must not be empty");
  expect(() => consumer.subscribe(["a/b"])).toThrow("a/b");
  consumer.assign([p0]);
  expect(() => consumer.subscribe(["orders"])).toThrow("exclude each other");
  const subscribed = bench.consumer();
  subscribed.subscribe(["orders"]);
  expect(() => subscribed.assign([p0])).toThrow("exclude each other");
});
