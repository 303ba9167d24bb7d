// Nothing that was lost, held up or refused may look like a success: commits after a loss nobody was told of, commits behind
// one that can no longer succeed, and calls that mean "nothing".

import { runInNewContext } from "node:vm";
import { expect, test } from "vitest";
import type { Consumer } from "../../../client-sdk/src/consumer/consumer.ts";
import { failure } from "./fake-broker.ts";
import { member, reassign, recording, type Told } from "./rebalancing.ts";
import { Bench, errorOf, offsetsOf } from "./setup.ts";

const p0 = { topic: "orders", partition: 0 };

/** Without callbacks a fenced member drops its partitions at once and joins again, in the middle of the application's work. */
async function droppedWhileWorking(): Promise<{ bench: Bench; consumer: Consumer<string, string> }> {
  const bench = new Bench();
  bench.broker.topic("orders", 1).assign(["orders", 0]);
  bench.broker.fill("orders", 0, 4);
  const consumer = bench.consumer({ "enable.auto.commit": false, "max.poll.records": 2 });
  consumer.subscribe(["orders"]);
  expect(offsetsOf(await bench.take(consumer, 2))).toEqual([0, 1]);
  bench.broker.failNext("groupHeartbeat", failure("UNKNOWN_MEMBER_ID", { message: "no heartbeat for 45 s" }));
  await bench.clock.advance(10_000);
  expect(consumer.assignment()).toEqual([]);
  return { bench, consumer };
}

test("commit() after a loss that nobody was told of fails and names what it would have stored", async () => {
  const { bench, consumer } = await droppedWhileWorking();
  const error = await errorOf(bench, consumer.commit());
  expect(error).toMatchObject({
    name: "CommitFailedError",
    code: "UNKNOWN_MEMBER_ID",
    definite: true,
    partitions: [p0],
    results: [{ ...p0, offset: 2, committedAtMs: -1 }],
  });
  expect(error.message).toMatch(/orders-0.*no heartbeat for 45 s/);
  // The next poll joins and reads it again: from then on commits speak of what it handed out.
  expect(offsetsOf(await bench.take(consumer, 2))).toEqual([0, 1]);
  expect(await bench.run(consumer.commit())).toMatchObject([{ ...p0, offset: 2 }]);
});

test("so does commitAsync(), through its callback or the event", async () => {
  const { bench, consumer } = await droppedWhileWorking();
  const heard: unknown[] = [];
  consumer.on("commitFailed", ({ error }) => heard.push(["event", (error as Error).name]));
  consumer.commitAsync((error, offsets) => heard.push([error?.name, offsetsOf(offsets)]));
  consumer.commitAsync();
  await bench.run(consumer.poll(0));
  expect(heard).toContainEqual(["CommitFailedError", [2]]);
  expect(heard).toContainEqual(["event", "CommitFailedError"]);
  expect(bench.broker.of("offsetCommit")).toEqual([]);
});

test("the commit before a revocation ends with the membership it was for: later commits do not wait behind it", async () => {
  const bench = new Bench();
  const consumer = await member(bench, {}, { "enable.auto.commit": true, "auto.commit.interval.ms": 600_000 });
  bench.broker.fill("orders", 0, 2);
  await bench.take(consumer, 2);
  // Only the broker's newest member may commit orders-1; orders-0 went to another one while the commit was asked again.
  bench.broker.on("offsetCommit", (request) => ({
    results: request.offsets.map(({ topic, partition, offset }) => ({
      topic,
      partition,
      offset,
      committedAtMs: 1,
      ...(partition === 1
        ? {}
        : { error: { code: "STALE_MEMBER_EPOCH", message: "not yours", retriable: false, definite: true } }),
    })),
  }));
  reassign(bench, 1);
  await bench.run(consumer.poll(10));
  expect(bench.broker.of("offsetCommit")).toHaveLength(1);
  bench.broker.failNext("groupHeartbeat", failure("UNKNOWN_MEMBER_ID"));
  bench.broker.hint();
  await bench.run(consumer.poll(10));
  await bench.run(consumer.ready());
  expect(consumer.assignment()).toEqual([{ topic: "orders", partition: 1 }]);
  const startedMs = bench.clock.nowMs();
  await bench.run(consumer.commit([{ topic: "orders", partition: 1, offset: 0 }]));
  expect(bench.clock.nowMs() - startedMs).toBeLessThan(5_000);
});

test("a commit of nothing still waits for the asynchronous ones before it and runs their callbacks", async () => {
  const bench = new Bench();
  const consumer = await member(bench, {});
  const heard: unknown[] = [];
  consumer.commitAsync([{ ...p0, offset: 1 }], (error, offsets) => heard.push([error, offsetsOf(offsets)]));
  expect(await bench.run(consumer.commit([]))).toEqual([]);
  expect(heard).toEqual([[null, [1]]]);
  expect(bench.broker.of("offsetCommit")).toHaveLength(1);
});

test("assign([]) ends a subscription, subscribe([]) a manual assignment: both are unsubscribe()", async () => {
  const bench = new Bench();
  const told: Told[] = [];
  const consumer = await member(bench, recording(told));
  consumer.assign([]);
  await bench.clock.advance(1_000);
  expect(told.at(-1)).toEqual(["revoked", [0, 1]]);
  expect(bench.broker.of("groupHeartbeat").at(-1)?.memberEpoch).toBe(-1);
  consumer.assign([p0]);
  consumer.subscribe([]);
  await bench.clock.advance(1_000);
  expect(consumer.assignment()).toEqual([]);
  consumer.subscribe(["orders"]);
  expect(await bench.run(consumer.ready())).toHaveLength(2);
});

test("a RegExp of another realm is a RegExp", async () => {
  const bench = new Bench();
  bench.broker.topic("orders", 1).topic("other", 1).assign(["orders", 0]);
  const consumer = bench.consumer();
  consumer.subscribe(runInNewContext("/ord.*/i") as RegExp);
  await bench.run(consumer.ready());
  expect(consumer.subscription()).toEqual(["orders"]);
});
