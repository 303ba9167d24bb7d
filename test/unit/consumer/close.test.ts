import { sleep } from "@brooklet/protocol/world";
import { expect, test } from "vitest";
import type { Consumer } from "../../../client-sdk/src/consumer/consumer.ts";
import { LEAVE_UNREACHABLE_MS } from "../../../client-sdk/src/consumer/member-session.ts";
import { failure } from "./fake-broker.ts";
import { Bench, errorOf } from "./setup.ts";

const p0 = { topic: "orders", partition: 0 };

async function reading(bench: Bench, config = {}, listener = {}): Promise<Consumer<string, string>> {
  bench.broker.topic("orders", 1).assign(["orders", 0]);
  bench.broker.fill("orders", 0, 3);
  const consumer = bench.consumer(config);
  consumer.subscribe(["orders"], listener);
  await bench.take(consumer, 3);
  return consumer;
}

test("close commits, revokes, leaves, in this order, and leaves no timer", async () => {
  const bench = new Bench();
  const consumer = await reading(
    bench,
    {},
    {
      onPartitionsRevoked: () =>
        void bench.broker.request("listOffsets", { isolation: "read_uncommitted", partitions: [] }),
    },
  );
  const from = bench.broker.seen.length;
  await bench.run(consumer.close());
  const after = bench.broker.seen.slice(from).filter(({ api }) => api !== "fetch");
  expect(after.map(({ api }) => api)).toEqual(["offsetCommit", "listOffsets", "groupHeartbeat"]);
  expect(after[0]?.request).toMatchObject({ offsets: [{ offset: 3 }] });
  expect(after[2]?.request).toMatchObject({ memberEpoch: -1, reason: "the consumer was closed" });
  expect(bench.broker.closed).toBe(true);
  expect(bench.clock.liveTimers).toBe(0);
});

test("a second close is the first; every later call rejects with ClosedError", async () => {
  const bench = new Bench();
  const consumer = await reading(bench);
  await bench.run(Promise.all([consumer.close(), consumer.close()]));
  await consumer.close();
  const calls: (() => Promise<unknown>)[] = [
    () => consumer.poll(0),
    () => consumer.commit(),
    () => consumer.ready(),
    () => consumer.position(p0),
    () => consumer.committed([p0]),
    () => consumer.endOffsets([p0]),
    () => consumer.unsubscribe(),
    () => consumer[Symbol.asyncIterator]().next(),
  ];
  for (const call of calls) {
    expect((await errorOf(bench, call())).name).toBe("ClosedError");
  }
  for (const call of [
    () => consumer.subscribe(["orders"]),
    () => consumer.assign([p0]),
    () => consumer.seek(p0, 0),
    () => consumer.commitAsync(),
  ]) {
    expect(call).toThrow("already been closed");
  }
});

test("a poll that waits rejects with ClosedError", async () => {
  const bench = new Bench();
  const consumer = await reading(bench);
  const polling = errorOf(bench, consumer.poll(100_000));
  await bench.clock.advance(10);
  await bench.run(consumer.close());
  expect((await polling).name).toBe("ClosedError");
  expect(bench.clock.nowMs()).toBeLessThan(1000);
});

test("commit works inside the onPartitionsRevoked of close", async () => {
  const bench = new Bench();
  const consumer: Consumer<string, string> = await reading(
    bench,
    { "enable.auto.commit": false },
    { onPartitionsRevoked: async () => void (await consumer.commit()) },
  );
  await bench.run(consumer.close());
  expect(bench.broker.of("offsetCommit")).toMatchObject([{ offsets: [{ offset: 3 }] }]);
});

test("a throwing callback is thrown by close, after everything is closed", async () => {
  const bench = new Bench();
  const boom = new Error("boom");
  const consumer = await reading(
    bench,
    {},
    {
      onPartitionsRevoked: () => {
        throw boom;
      },
    },
  );
  expect(await errorOf(bench, consumer.close())).toBe(boom);
  expect(bench.broker.of("groupHeartbeat").at(-1)?.memberEpoch).toBe(-1);
  expect(bench.broker.closed).toBe(true);
  expect(bench.clock.liveTimers).toBe(0);
});

test("close has a deadline, also before a broker that does not answer, and says what was not finished", async () => {
  const bench = new Bench();
  const consumer = await reading(bench);
  bench.broker.on("offsetCommit", () => new Promise(() => {}));
  bench.broker.on("groupHeartbeat", () => new Promise(() => {}));
  const startMs = bench.clock.nowMs();
  await bench.run(consumer.close({ timeoutMs: 2000 }));
  expect(bench.clock.nowMs() - startMs).toBeLessThanOrEqual(2100);
  const line = bench.lines.find(({ message }) => message.includes("close() left unfinished"));
  expect(line?.message).toContain("the commit of what was processed");
  expect(line?.message).toContain("leaving the group");
  expect(bench.clock.liveTimers).toBe(0);
});

test("a leave waits for a broker that cannot be reached only as long as one takes to restart, and for one that answers late", async () => {
  const bench = new Bench();
  const consumer = await reading(bench, { "enable.auto.commit": false });
  bench.broker.on("groupHeartbeat", () => new Promise(() => {}));
  bench.broker.disconnected = "no connection to localhost:1";
  const startMs = bench.clock.nowMs();
  await bench.run(consumer.close({ timeoutMs: 30_000 }));
  const waitedMs = bench.clock.nowMs() - startMs;
  expect(waitedMs).toBeGreaterThanOrEqual(LEAVE_UNREACHABLE_MS);
  expect(waitedMs).toBeLessThan(LEAVE_UNREACHABLE_MS + 1_000);
  expect(bench.lines.find(({ message }) => message.includes("close() left unfinished"))?.message).toContain("leaving");
  expect(bench.clock.liveTimers).toBe(0);

  const other = new Bench();
  const slow = await reading(other, { "enable.auto.commit": false });
  let isBack = false;
  other.broker.on("groupHeartbeat", () => new Promise(() => {}));
  other.broker.disconnected = "no connection to localhost:1";
  const closing = slow.close({ timeoutMs: 10_000 }).then(() => {
    isBack = true;
  });
  await other.clock.advance(LEAVE_UNREACHABLE_MS - 500);
  other.broker.disconnected = undefined;
  await other.clock.advance(LEAVE_UNREACHABLE_MS);
  expect(isBack).toBe(false);
  await other.run(closing);
  expect(other.clock.nowMs()).toBeGreaterThanOrEqual(10_000);
});

test("close(0) tries everything without waiting", async () => {
  const bench = new Bench();
  const consumer = await reading(bench);
  const startMs = bench.clock.nowMs();
  await bench.run(consumer.close({ timeoutMs: 0 }));
  expect(bench.clock.nowMs()).toBe(startMs);
  expect(bench.broker.of("offsetCommit")).toHaveLength(1);
  expect(bench.broker.of("groupHeartbeat").at(-1)?.memberEpoch).toBe(-1);
  expect(bench.clock.liveTimers).toBe(0);
});

test("a callback that does not return cannot hold close beyond its deadline", async () => {
  const bench = new Bench();
  const consumer = await reading(bench, {}, { onPartitionsRevoked: () => new Promise<void>(() => {}) });
  await bench.run(consumer.close({ timeoutMs: 500 }));
  expect(bench.broker.of("groupHeartbeat").at(-1)?.memberEpoch).toBe(-1);
});

test("membership remain leaves without a word", async () => {
  const bench = new Bench();
  const consumer = await reading(bench);
  await bench.run(consumer.close({ membership: "remain" }));
  expect(bench.broker.of("groupHeartbeat").every(({ memberEpoch }) => memberEpoch >= 0)).toBe(true);
  expect(bench.clock.liveTimers).toBe(0);
});

test("when the membership is gone, close calls onPartitionsLost and sends no leave and no commit", async () => {
  const bench = new Bench();
  const told: string[] = [];
  const consumer = await reading(
    bench,
    {},
    { onPartitionsRevoked: () => void told.push("revoked"), onPartitionsLost: () => void told.push("lost") },
  );
  bench.broker.failNext("groupHeartbeat", failure("UNKNOWN_MEMBER_ID"));
  bench.broker.hint();
  await bench.clock.advance(1);
  const from = bench.broker.seen.length;
  await bench.run(consumer.close());
  expect(told).toEqual(["lost"]);
  expect(bench.broker.seen.slice(from).filter(({ api }) => api !== "fetch")).toEqual([]);
});

test("close settles asynchronous commits and runs their callbacks; a wakeup does not cut it short", async () => {
  for (const isAutomatic of [true, false]) {
    const bench = new Bench();
    const consumer = await reading(bench, { "enable.auto.commit": isAutomatic });
    const told: unknown[] = [];
    bench.broker.on("offsetCommit", async (request) => {
      await sleep(bench.clock, 50);
      return bench.broker.commit(request);
    });
    consumer.commitAsync([{ ...p0, offset: 1 }], (error) => told.push(error));
    consumer.wakeup();
    const closing = consumer.close();
    await bench.clock.advance(20);
    consumer.wakeup();
    await bench.run(closing);
    expect(told).toEqual([null]);
    expect(bench.broker.committed.get("orders-0")?.offset).toBe(isAutomatic ? 3 : 1);
    expect(bench.broker.of("groupHeartbeat").at(-1)?.memberEpoch).toBe(-1);
  }
});

test("a failing commit in close is logged, never thrown", async () => {
  const bench = new Bench();
  const consumer = await reading(bench);
  bench.broker.on("offsetCommit", () => {
    throw failure("UNKNOWN_MEMBER_ID");
  });
  await bench.run(consumer.close());
  expect(bench.lines.some(({ message }) => message.includes("automatic commit failed"))).toBe(true);
});

test("close from inside a rebalance callback is refused", async () => {
  const bench = new Bench();
  bench.broker.topic("orders", 1).assign(["orders", 0]);
  const consumer = bench.consumer();
  let refused: Promise<Error & Record<string, unknown>> | undefined;
  consumer.subscribe(["orders"], {
    onPartitionsAssigned: () => {
      refused = consumer.close().then(
        () => new Error("closed") as never,
        (error: unknown) => error as never,
      );
    },
  });
  await bench.run(consumer.poll(100));
  expect(await refused).toMatchObject({ code: "ILLEGAL_STATE" });
  expect(await bench.run(consumer.poll(10))).toEqual([]);
});

test("await using closes; a consumer that was never used closes too", async () => {
  const bench = new Bench();
  const scope = async () => {
    await using consumer = bench.consumer();
    consumer.on("rebalance", () => {});
  };
  await bench.run(scope());
  expect(bench.broker.closed).toBe(true);
  expect(bench.broker.seen).toEqual([]);
  expect(bench.clock.liveTimers).toBe(0);
});
