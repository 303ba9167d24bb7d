// How a membership lives beside the application, and how it is lost.

import { expect, test } from "vitest";
import type { Consumer } from "../../../client-sdk/src/consumer/consumer.ts";
import { failure } from "./fake-broker.ts";
import { member, reassign, recording, type Told } from "./rebalancing.ts";
import { Bench, errorOf } from "./setup.ts";

const p0 = { topic: "orders", partition: 0 };

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

test("a late heartbeat is an event with the lateness", async () => {
  const bench = new Bench();
  const consumer = await member(bench, {});
  const events: Record<string, unknown>[] = [];
  consumer.on("heartbeatLate", (detail) => events.push(detail));
  bench.clock.skip(20_000);
  await bench.clock.advance(1);
  expect(events[0]?.blockedMs).toBeGreaterThan(10_000);
});
