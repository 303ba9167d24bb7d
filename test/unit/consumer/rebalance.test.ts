import { expect, test } from "vitest";
import type { ConsumerConfig } from "../../../client-sdk/src/config/consumer.ts";
import type { Consumer } from "../../../client-sdk/src/consumer/consumer.ts";
import type { RebalanceListener } from "../../../client-sdk/src/consumer/types.ts";
import { failure } from "./fake-broker.ts";
import { Bench, errorOf, offsetsOf } from "./setup.ts";

const p0 = { topic: "orders", partition: 0 };
const p1 = { topic: "orders", partition: 1 };

type Told = [what: string, partitions: number[]];

function recording(told: Told[]): Required<RebalanceListener> {
  const tell = (what: string) => (partitions: { partition: number }[]) =>
    void told.push([what, partitions.map(({ partition }) => partition)]);
  return {
    onPartitionsAssigned: tell("assigned"),
    onPartitionsRevoked: tell("revoked"),
    onPartitionsLost: tell("lost"),
  };
}

async function member(
  bench: Bench,
  listener: RebalanceListener,
  config: Partial<ConsumerConfig<string, string>> = {},
): Promise<Consumer<string, string>> {
  bench.broker.topic("orders", 2).assign(["orders", 0], ["orders", 1]);
  const consumer = bench.consumer({ "enable.auto.commit": false, ...config });
  consumer.subscribe(["orders"], listener);
  await bench.run(consumer.ready());
  return consumer;
}

function reassign(bench: Bench, ...partitions: number[]): void {
  bench.broker.assign(...partitions.map((partition): [string, number] => ["orders", partition]));
  bench.broker.hint();
}

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

test("a heartbeat that is not answered leaves time for another one within the session", async () => {
  const bench = new Bench();
  await member(bench, {}, { "session.timeout.ms": 6000 });
  bench.broker.on("groupHeartbeat", () => new Promise(() => {}));
  bench.broker.hint();
  const before = bench.broker.of("groupHeartbeat").length;
  await bench.clock.advance(4000);
  const again = bench.broker.of("groupHeartbeat").slice(before);
  expect(again).toMatchObject([{ subscription: ["orders"], owned: [{}, {}] }]);
  expect(
    bench.lines.filter(({ level, message }) => level === "warn" && message.includes("heartbeat failed")),
  ).toHaveLength(1);
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

test("a fenced member loses its partitions and joins again with epoch 0, without a back-off", async () => {
  const bench = new Bench();
  const told: Told[] = [];
  const consumer = await member(bench, recording(told));
  bench.broker.failNext("groupHeartbeat", failure("FENCED_MEMBER_EPOCH"));
  bench.broker.hint();
  await bench.clock.advance(1);
  const atMs = bench.clock.nowMs();
  const polling = consumer.poll(1000);
  await bench.clock.advance(0);
  expect(told.slice(1)).toEqual([
    ["lost", [0, 1]],
    ["assigned", [0, 1]],
  ]);
  const join = bench.broker.seen
    .filter(({ api }) => api === "groupHeartbeat")
    .findLast(({ request }) => (request as { memberEpoch: number }).memberEpoch === 0);
  expect(join?.atMs).toBe(atMs);
  expect(join?.request).toMatchObject({ memberId: consumer.groupMetadata().memberId, owned: [] });
  await bench.run(polling);
});

test("onPartitionsLost defaults to onPartitionsRevoked, and inside it a commit fails", async () => {
  const bench = new Bench();
  const told: string[] = [];
  const consumer: Consumer<string, string> = await member(bench, {
    onPartitionsRevoked: async () => {
      await consumer.commit([{ ...p0, offset: 1 }]).catch((error: Error) => told.push(error.name));
    },
  });
  bench.broker.failNext("groupHeartbeat", failure("UNKNOWN_MEMBER_ID"));
  bench.broker.hint();
  await bench.clock.advance(1);
  await bench.run(consumer.poll(100));
  expect(told).toEqual(["CommitFailedError"]);
  expect(bench.broker.of("offsetCommit")).toEqual([]);
});

test("without callbacks a fenced member joins again at once, while the application works", async () => {
  const bench = new Bench();
  const consumer = await member(bench, {});
  bench.broker.failNext("groupHeartbeat", failure("UNKNOWN_MEMBER_ID"));
  bench.broker.hint();
  await bench.clock.advance(1);
  expect(bench.broker.of("groupHeartbeat").at(-1)?.memberEpoch).toBe(0);
  expect(consumer.assignment()).toEqual([]);
});

test("a member fenced inside a callback takes nothing on, and loses the rest", async () => {
  const bench = new Bench();
  const told: Told[] = [];
  const consumer = await member(bench, {
    ...recording(told),
    onPartitionsRevoked: async () => {
      told.push(["revoked", []]);
      bench.broker.failNext("groupHeartbeat", failure("UNKNOWN_MEMBER_ID"));
      bench.broker.hint();
      await bench.broker.request("metadata", { topics: ["orders"] });
    },
  });
  bench.broker.topic("orders", 3);
  reassign(bench, 1, 2);
  await bench.run(consumer.poll(200));
  expect(told.slice(1)).toEqual([
    ["revoked", []],
    ["lost", [1]],
    ["assigned", [1, 2]],
  ]);
});

test("who does not poll for max.poll.interval.ms leaves with the reason; the next poll loses, joins again and does not throw", async () => {
  const bench = new Bench();
  const told: Told[] = [];
  const consumer = await member(bench, recording(told), { "max.poll.interval.ms": 20_000 });
  bench.broker.fill("orders", 0, 2);
  await bench.take(consumer, 1);
  await bench.clock.advance(20_001);
  const leave = bench.broker.of("groupHeartbeat").at(-1);
  expect(leave?.memberEpoch).toBe(-1);
  expect(leave?.reason).toContain("max.poll.interval.ms 20000 exceeded");
  const error = await errorOf(bench, consumer.commit());
  expect(error.name).toBe("CommitFailedError");
  expect(error.message).toContain("max.poll.interval.ms");
  await bench.clock.advance(30_000);
  expect(bench.broker.of("groupHeartbeat").at(-1)).toBe(leave);
  expect(told).toHaveLength(1);
  await bench.run(consumer.poll(1000));
  expect(told.slice(1)).toEqual([
    ["lost", [0, 1]],
    ["assigned", [0, 1]],
  ]);
});

test("a blocked event loop counts as not polling, though poll runs before any timer (hard place 4)", async () => {
  const bench = new Bench();
  const told: Told[] = [];
  const consumer = await member(bench, recording(told), { "max.poll.interval.ms": 20_000 });
  bench.clock.skip(20_001);
  const polling = consumer.poll(100);
  await bench.run(polling);
  expect(told.slice(1)).toEqual([
    ["lost", [0, 1]],
    ["assigned", [0, 1]],
  ]);
  const leave = bench.broker.of("groupHeartbeat").find(({ memberEpoch }) => memberEpoch === -1);
  expect(leave?.reason).toContain("max.poll.interval.ms");
});

test("a poll that waits long does not exceed max.poll.interval.ms", async () => {
  const bench = new Bench();
  const told: Told[] = [];
  // Nothing else wakes the poll meanwhile.
  bench.broker.heartbeatIntervalMs = 1_000_000;
  const consumer = await member(bench, recording(told), {
    "max.poll.interval.ms": 5000,
    "fetch.max.wait.ms": 1_000_000,
    "session.timeout.ms": 1_000_000,
    "heartbeat.interval.ms": 900_000,
    "request.timeout.ms": 1_000_000,
  });
  await bench.run(consumer.poll(60_000));
  expect(told).toHaveLength(1);
});

test("heartbeats never depend on poll", async () => {
  const bench = new Bench();
  await member(bench, {}, { "heartbeat.interval.ms": 1000 });
  const before = bench.broker.of("groupHeartbeat").length;
  await bench.clock.advance(10_000);
  expect(bench.broker.of("groupHeartbeat").length - before).toBe(10);
});

test("a hint is followed by a heartbeat at once", async () => {
  const bench = new Bench();
  await member(bench, {});
  const before = bench.broker.of("groupHeartbeat").length;
  bench.broker.hint("another group");
  await bench.clock.advance(0);
  expect(bench.broker.of("groupHeartbeat")).toHaveLength(before);
  bench.broker.hint();
  await bench.clock.advance(0);
  expect(bench.broker.of("groupHeartbeat")).toHaveLength(before + 1);
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

test("a late heartbeat is an event with the lateness", async () => {
  const bench = new Bench();
  const consumer = await member(bench, {});
  const events: Record<string, unknown>[] = [];
  consumer.on("heartbeatLate", (detail) => events.push(detail));
  bench.clock.skip(20_000);
  await bench.clock.advance(1);
  expect(events[0]?.lateMs).toBeGreaterThan(10_000);
});

test("pauses survive a rebalance for the partitions that stay", async () => {
  const bench = new Bench();
  const consumer = await member(bench, {});
  consumer.pause([p0, p1]);
  reassign(bench, 1);
  await bench.run(consumer.poll(10));
  expect(consumer.paused()).toEqual([p1]);
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
  expect(() => consumer.subscribe(/orders/)).toThrow("pattern");
  expect(() => consumer.subscribe({ pattern: "orders" })).toThrow("pattern");
  expect(() => consumer.subscribe([""])).toThrow("must not be empty");
  expect(() => consumer.subscribe(["a/b"])).toThrow("a/b");
  consumer.assign([p0]);
  expect(() => consumer.subscribe(["orders"])).toThrow("exclude each other");
  const subscribed = bench.consumer();
  subscribed.subscribe(["orders"]);
  expect(() => subscribed.assign([p0])).toThrow("exclude each other");
});
