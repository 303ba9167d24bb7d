// The consumer's events and its explaining errors: what happened, with what was measured on this side.

import { expect, test } from "vitest";
import { failure } from "./fake-broker.ts";
import { member, reassign } from "./rebalancing.ts";
import { Bench, errorOf } from "./setup.ts";

type Detail = Record<string, unknown>;
const p = (partition: number) => ({ topic: "orders", partition });

test("rebalance tells what was revoked, assigned and lost, the reason and the epoch, once each", async () => {
  const bench = new Bench();
  bench.broker.targetReason = "w2 joined";
  const told: Detail[] = [];
  bench.broker.topic("orders", 3).assign(["orders", 0], ["orders", 1]);
  const consumer = bench.consumer();
  consumer.on("rebalance", (detail) => told.push(detail));
  consumer.subscribe(["orders"]);
  await bench.run(consumer.ready());
  reassign(bench, 1, 2);
  await bench.run(consumer.poll(1_000));
  bench.broker.failNext("groupHeartbeat", failure("UNKNOWN_MEMBER_ID", { message: "removed" }));
  bench.broker.hint();
  await bench.clock.advance(1);
  const { memberId } = consumer.groupMetadata();
  expect(told).toEqual([
    { groupId: "g", memberId, revoked: [], assigned: [p(0), p(1)], lost: [], reason: "w2 joined", epoch: 1 },
    { groupId: "g", memberId, revoked: [p(0)], assigned: [p(2)], lost: [], reason: "w2 joined", epoch: 2 },
    {
      groupId: "g",
      memberId,
      revoked: [],
      assigned: [],
      lost: [p(1), p(2)],
      reason: expect.stringContaining("removed"),
      epoch: undefined,
    },
  ]);
  const lines = bench.lines.filter(({ message }) => message === "rebalance");
  expect(lines.map(({ level, fields }) => [level, fields])).toMatchObject([
    ["info", { reason: "w2 joined", assigned: ["orders-0", "orders-1"] }],
    ["info", { reason: "w2 joined", revoked: ["orders-0"], assigned: ["orders-2"] }],
    ["info", { lost: ["orders-1", "orders-2"] }],
  ]);
  await bench.run(consumer.close());
});

test("heartbeatLate says how long the event loop was blocked, and only then", async () => {
  const bench = new Bench();
  const consumer = await member(bench, {}, { "heartbeat.interval.ms": 1_000 });
  const told: Detail[] = [];
  consumer.on("heartbeatLate", (detail) => told.push(detail));
  await bench.clock.advance(10_000);
  expect(told).toEqual([]);
  bench.clock.skip(31_000);
  await bench.clock.advance(1);
  expect(told).toEqual([
    {
      groupId: "g",
      memberId: consumer.groupMetadata().memberId,
      blockedMs: expect.any(Number),
      sessionTimeoutMs: 45_000,
    },
  ]);
  expect(told[0]?.blockedMs).toBeGreaterThanOrEqual(30_000);
  expect(told[0]?.blockedMs).toBeLessThanOrEqual(31_000);
  await bench.run(consumer.close());
});

test("pollIntervalNear says how much time is left", async () => {
  const bench = new Bench();
  const consumer = await member(bench, {}, { "max.poll.interval.ms": 10_000 });
  const told: Detail[] = [];
  consumer.on("pollIntervalNear", (detail) => told.push(detail));
  await bench.clock.advance(9_000);
  expect(told).toHaveLength(1);
  const { sincePollMs, leftMs, maxPollIntervalMs } = told[0] as { [name: string]: number };
  expect(maxPollIntervalMs).toBe(10_000);
  expect(leftMs).toBeGreaterThan(0);
  expect((sincePollMs ?? 0) + (leftMs ?? 0)).toBeCloseTo(10_000);
  await bench.run(consumer.close());
});

test("commitFailed tells of commits that nobody else hears of", async () => {
  const bench = new Bench();
  const consumer = await member(bench, {}, { "enable.auto.commit": true, "auto.commit.interval.ms": 100 });
  const told: Detail[] = [];
  consumer.on("commitFailed", (detail) => told.push(detail));
  bench.broker.on("offsetCommit", () => {
    throw failure("OFFSET_METADATA_TOO_LARGE");
  });
  consumer.commitAsync([{ ...p(0), offset: 1 }]);
  await bench.clock.advance(1);
  bench.broker.fill("orders", 0, 1);
  await bench.take(consumer, 1);
  await bench.clock.advance(200);
  await bench.run(consumer.poll(0));
  await bench.clock.advance(1);
  expect(told).toMatchObject([
    { groupId: "g", offsets: [{ ...p(0), offset: 1 }], error: { code: "OFFSET_METADATA_TOO_LARGE" } },
    {
      groupId: "g",
      offsets: [
        { ...p(0), offset: 1 },
        { ...p(1), offset: 0 },
      ],
      error: { code: "OFFSET_METADATA_TOO_LARGE" },
    },
  ]);
  bench.broker.off("offsetCommit");
  await bench.run(consumer.close());
});

test("listeners that throw, at once or later, are logged and keep nobody else from hearing", async () => {
  const bench = new Bench();
  bench.broker.topic("orders", 1).assign(["orders", 0]);
  const consumer = bench.consumer();
  let heard = 0;
  consumer
    .on("rebalance", () => {
      throw new Error("at once");
    })
    .on("rebalance", async () => {
      throw new Error("later");
    })
    .on("rebalance", () => void heard++);
  consumer.subscribe(["orders"]);
  await bench.run(consumer.ready());
  expect(heard).toBe(1);
  const lines = bench.lines.filter(({ message }) => message === 'a listener of "rebalance" threw');
  expect(lines.map(({ level, fields }) => [level, (fields as { error: Error }).error.message])).toEqual([
    ["error", "at once"],
    ["error", "later"],
  ]);
  await bench.run(consumer.close());
});

test("a member that was put out is told the block of its event loop and the silence of its polls", async () => {
  const bench = new Bench();
  const consumer = await member(bench, { onPartitionsLost: () => {} }, { "session.timeout.ms": 30_000 });
  const told: Detail[] = [];
  consumer.on("rebalance", (detail) => told.push(detail));
  bench.broker.failNext("groupHeartbeat", failure("UNKNOWN_MEMBER_ID", { message: "no heartbeat for 30.0 s" }));
  bench.clock.skip(40_000);
  await bench.clock.advance(1);
  await bench.run(consumer.poll(100));
  expect(told[0]?.reason).toMatch(
    /no heartbeat for 30\.0 s \(the client's event loop was blocked 3\d\.\d s; the last poll was 40\.\d s ago\)/,
  );
  const rejoin = bench.broker.of("groupHeartbeat").findLast(({ memberEpoch }) => memberEpoch === 0);
  expect(rejoin?.reason).toContain("event loop was blocked");
  await bench.run(consumer.close());
});

test.each(["whole request", "one partition"])(
  "a commit refused for a lost membership (%s) names them too",
  async (kind) => {
    const bench = new Bench();
    const consumer = await member(bench, {}, { "session.timeout.ms": 30_000 });
    // The heartbeat is still on its way when the commit is answered.
    bench.broker.on("groupHeartbeat", () => new Promise<never>(() => {}));
    bench.clock.skip(40_000);
    await bench.clock.advance(1);
    bench.broker.on("offsetCommit", ({ offsets }) => {
      const { code, message, retriable, definite } = failure("UNKNOWN_MEMBER_ID", { message: "m1 was removed" });
      if (kind === "whole request") throw failure(code, { message: "m1 was removed" });
      const error = { code, message, retriable, definite };
      return {
        results: offsets.map(({ topic, partition }) => ({ topic, partition, offset: -1, committedAtMs: 0, error })),
      };
    });
    const error = await errorOf(bench, consumer.commit([{ ...p(0), offset: 1 }]));
    expect(error.name).toBe("CommitFailedError");
    expect(error.message).toMatch(
      /m1 was removed.*\(the client's event loop was blocked 3\d\.\d s; the last poll was 40\.\d s ago\)$/,
    );
    await bench.run(consumer.close({ timeoutMs: 0 }));
  },
);
