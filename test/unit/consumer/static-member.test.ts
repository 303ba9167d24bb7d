// Static membership (KIP-345, hard place 12): a place in the group that outlives the process.

import { expect, test } from "vitest";
import type { Consumer } from "../../../client-sdk/src/consumer/consumer.ts";
import { failure } from "./fake-broker.ts";
import { Bench, errorOf } from "./setup.ts";

const p0 = { topic: "orders", partition: 0 };
const config = { "group.instance.id": "till-1", "session.timeout.ms": 10_000, "heartbeat.interval.ms": 1_000 };

async function joined(bench: Bench, more: Record<string, unknown> = {}): Promise<Consumer<string, string>> {
  bench.broker.topic("orders").assign(["orders", 0]);
  const consumer = bench.consumer({ ...config, ...more });
  consumer.subscribe(["orders"]);
  await bench.run(consumer.ready());
  return consumer;
}
const held = (retryAfterMs?: number) =>
  failure("UNRELEASED_INSTANCE_ID", {
    retriable: true,
    message: "till-1 is held by member m1",
    ...(retryAfterMs === undefined ? {} : { context: { retryAfterMs } }),
  });
const leaves = (bench: Bench) => bench.broker.of("groupHeartbeat").filter(({ memberEpoch }) => memberEpoch < 0);

test("every heartbeat and groupMetadata() carry the instance id, and client.id bears it", async () => {
  const bench = new Bench();
  const consumer = await joined(bench);
  await bench.clock.advance(3_000);
  const beats = bench.broker.of("groupHeartbeat");
  expect(beats.length).toBeGreaterThan(3);
  expect(beats.every(({ instanceId }) => instanceId === "till-1")).toBe(true);
  expect(beats[0]?.clientId).toBe("consumer-g-till-1");
  expect(consumer.groupMetadata()).toMatchObject({ groupId: "g", instanceId: "till-1" });
  await bench.run(consumer.close());
  const dynamic = bench.consumer();
  expect(dynamic.groupMetadata()).not.toHaveProperty("instanceId");
});

test.each([
  ["default", "till-1", [-2]],
  ["remain", "till-1", [-2]],
  ["leave", "till-1", [-1]],
  ["default", undefined, [-1]],
  ["leave", undefined, [-1]],
  ["remain", undefined, []],
] as const)("close with membership %s of instance %s says %j", async (membership, instanceId, epochs) => {
  const bench = new Bench();
  const consumer = await joined(bench, { "group.instance.id": instanceId });
  await bench.run(consumer.close({ membership }));
  expect(leaves(bench).map(({ memberEpoch }) => memberEpoch)).toEqual(epochs);
  for (const leave of leaves(bench)) expect(leave.instanceId).toBe(instanceId);
});

test("a membership that is none is refused", async () => {
  const bench = new Bench();
  const consumer = await joined(bench);
  await expect(consumer.close({ membership: "stay" as never })).rejects.toThrow("default, leave or remain");
  await bench.run(consumer.close());
});

test("unsubscribe keeps a static member's place", async () => {
  const bench = new Bench();
  const consumer = await joined(bench);
  await bench.run(consumer.unsubscribe());
  expect(leaves(bench)).toMatchObject([{ memberEpoch: -2, instanceId: "till-1" }]);
  await bench.run(consumer.close());
});

test("a static member that does not poll goes with -2 and comes back with the next poll", async () => {
  const bench = new Bench();
  const consumer = await joined(bench, { "max.poll.interval.ms": 20_000 });
  await bench.clock.advance(20_001);
  expect(leaves(bench)).toMatchObject([{ memberEpoch: -2, reason: expect.stringContaining("max.poll.interval.ms") }]);
  expect(await bench.run(consumer.ready())).toEqual([p0]);
  await bench.run(consumer.close());
});

test("a claim waits until the holder's session can have ended, and takes over as soon as it may", async () => {
  const bench = new Bench();
  bench.broker.topic("orders").assign(["orders", 0]);
  const freeAtMs = 4_500;
  bench.broker.on("groupHeartbeat", (request) => {
    if (request.memberEpoch === 0 && bench.clock.nowMs() < freeAtMs) throw held(freeAtMs - bench.clock.nowMs());
    return bench.broker.heartbeat(request);
  });
  const consumer = bench.consumer(config);
  consumer.subscribe(["orders"]);
  expect(await bench.run(consumer.ready())).toEqual([p0]);
  expect(bench.clock.nowMs()).toBeGreaterThanOrEqual(freeAtMs);
  expect(bench.clock.nowMs()).toBeLessThan(freeAtMs + 100);
  // Every heartbeat interval, so that a release in between is noticed.
  const claims = bench.broker.seen.filter(({ api }) => api === "groupHeartbeat").map(({ atMs }) => Math.round(atMs));
  expect(claims.slice(0, 6)).toEqual([0, 1_000, 2_000, 3_000, 4_000, 4_500]);
  await bench.run(consumer.close());
});

test("a claim against a live holder fails one heartbeat interval after its time, for good", async () => {
  const bench = new Bench();
  bench.broker.topic("orders");
  // It lives: each refusal promises the same again.
  bench.broker.on("groupHeartbeat", () => {
    throw held(5_000);
  });
  const consumer = bench.consumer(config);
  consumer.subscribe(["orders"]);
  const error = await errorOf(bench, consumer.poll(60_000));
  expect(error).toMatchObject({
    name: "UnreleasedInstanceIdError",
    code: "UNRELEASED_INSTANCE_ID",
    fatal: true,
    retriable: false,
  });
  expect(error.message).toContain("till-1 is held by member m1");
  expect(error.message).toContain("6.0 s after the first refusal");
  expect(error.hint).toContain("group.instance.id");
  expect(bench.clock.nowMs()).toBeGreaterThanOrEqual(6_000);
  expect(bench.clock.nowMs()).toBeLessThan(6_500);
  const sent = bench.broker.of("groupHeartbeat").length;
  expect((await errorOf(bench, consumer.poll(10_000))).name).toBe("UnreleasedInstanceIdError");
  expect(bench.broker.of("groupHeartbeat")).toHaveLength(sent);
  await bench.run(consumer.close());
});

test("a refusal that does not say how long is given a session; a broker that was away begins the wait anew", async () => {
  const bench = new Bench();
  bench.broker.topic("orders");
  let isAway = false;
  bench.broker.on("groupHeartbeat", () => {
    throw isAway ? failure("NETWORK_EXCEPTION", { retriable: true, definite: false }) : held();
  });
  const consumer = bench.consumer(config);
  consumer.subscribe(["orders"]);
  const outcome = consumer.poll(600_000).then(
    () => undefined,
    (error: unknown) => error as Error,
  );
  await bench.clock.advance(9_500);
  isAway = true;
  await bench.clock.advance(5_000);
  isAway = false;
  const backMs = bench.clock.nowMs();
  expect((await bench.run(outcome))?.name).toBe("UnreleasedInstanceIdError");
  expect(bench.clock.nowMs()).toBeGreaterThanOrEqual(backMs + 11_000);
  await bench.run(consumer.close());
});

test("a refusal by a newer connection begins the wait anew: a restarted broker gave the holder a session afresh", async () => {
  const bench = new Bench();
  bench.broker.topic("orders");
  bench.broker.on("groupHeartbeat", () => {
    throw held(5_000);
  });
  const consumer = bench.consumer(config);
  consumer.subscribe(["orders"]);
  const outcome = consumer.poll(600_000).catch((error: unknown) => error as Error);
  await bench.clock.advance(4_000);
  bench.broker.connectionSeq += 1;
  const error = (await bench.run(outcome)) as Error;
  expect(error.name).toBe("UnreleasedInstanceIdError");
  // Heard again at 5 s: five more, and a heartbeat interval.
  expect(bench.clock.nowMs()).toBeGreaterThanOrEqual(10_000);
  expect(bench.clock.nowMs()).toBeLessThan(11_500);
  await bench.run(consumer.close());
});

test("another process that took the place over is a fatal error of poll and commit", async () => {
  const bench = new Bench();
  const consumer = await joined(bench);
  const fenced = failure("FENCED_INSTANCE_ID", { message: "till-1 belongs to m2 now" });
  bench.broker.failNext("offsetCommit", fenced);
  expect(await errorOf(bench, consumer.commit([{ ...p0, offset: 1 }]))).toMatchObject({
    name: "FencedInstanceIdError",
    fatal: true,
  });
  bench.broker.on("offsetCommit", ({ offsets }) => ({
    results: offsets.map(({ topic, partition }) => ({
      topic,
      partition,
      offset: -1,
      committedAtMs: 0,
      error: { code: "FENCED_INSTANCE_ID", message: "till-1 belongs to m2 now", retriable: false, definite: true },
    })),
  }));
  expect((await errorOf(bench, consumer.commit([{ ...p0, offset: 1 }]))).name).toBe("FencedInstanceIdError");

  bench.broker.failNext("groupHeartbeat", fenced);
  bench.broker.hint();
  await bench.clock.advance(1);
  for (let round = 0; round < 2; round++) {
    const error = await errorOf(bench, consumer.poll(1_000));
    expect(error).toMatchObject({ name: "FencedInstanceIdError", fatal: true });
    expect(error.message).toContain("till-1 belongs to m2 now");
  }
  expect(consumer.assignment()).toEqual([]);
  await bench.run(consumer.close());
  expect(leaves(bench)).toEqual([]);
});
