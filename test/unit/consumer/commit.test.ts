import { expect, test } from "vitest";
import { MAX_PENDING_COMMITS } from "../../../client-sdk/src/consumer/commits.ts";
import type { Consumer } from "../../../client-sdk/src/consumer/consumer.ts";
import type { BrookletError, OffsetAndMetadata } from "../../../client-sdk/src/errors.ts";
import { failure } from "./fake-broker.ts";
import { Bench, errorOf, offsetsOf } from "./setup.ts";

const p0 = { topic: "orders", partition: 0 };
const retriable = () => failure("COORDINATOR_NOT_AVAILABLE", { retriable: true });

async function reading(bench: Bench, config = {}): Promise<Consumer<string, string>> {
  bench.broker.topic("orders", 2).assign(["orders", 0], ["orders", 1]);
  bench.broker.fill("orders", 0, 5);
  const consumer = bench.consumer({ "enable.auto.commit": false, ...config });
  consumer.subscribe(["orders"]);
  await bench.take(consumer, 5);
  return consumer;
}

const committedBy = (bench: Bench) =>
  bench.broker.of("offsetCommit").map(({ offsets }) => offsets.find(({ partition }) => partition === 0)?.offset);

test("commit stores the positions with member, epoch, topic id and leader epoch, and tells what was recorded", async () => {
  const bench = new Bench();
  const consumer = await reading(bench);
  const results = await bench.run(consumer.commit());
  expect(results).toEqual([
    { ...p0, offset: 5, leaderEpoch: 3, committedAtMs: bench.clock.wallMs() },
    { topic: "orders", partition: 1, offset: 0, committedAtMs: bench.clock.wallMs() },
  ]);
  const { memberId } = consumer.groupMetadata();
  expect(bench.broker.of("offsetCommit")[0]).toMatchObject({
    groupId: "g",
    memberId,
    memberEpoch: 1,
    seq: 1,
    offsets: [
      { ...p0, topicId: "id-orders", offset: 5, leaderEpoch: 3 },
      { partition: 1, offset: 0 },
    ],
  });
});

test("an explicit commit may name any partition, with metadata; none is no request; a negative offset is refused", async () => {
  const bench = new Bench();
  const consumer = await reading(bench);
  await bench.run(consumer.commit([{ topic: "other", partition: 7, offset: 3, metadata: "m" }]));
  expect(bench.broker.of("offsetCommit")[0]?.offsets).toEqual([
    { topic: "other", partition: 7, offset: 3, metadata: "m" },
  ]);
  expect(await bench.run(consumer.commit([]))).toEqual([]);
  expect(bench.broker.of("offsetCommit")).toHaveLength(1);
  expect((await errorOf(bench, consumer.commit([{ ...p0, offset: -1 }]))).code).toBe("ILLEGAL_STATE");
});

test("commit retries what is retriable, each time with a higher seq, until default.api.timeout.ms", async () => {
  const bench = new Bench();
  const consumer = await reading(bench, { "default.api.timeout.ms": 5000 });
  bench.broker.failNext("offsetCommit", retriable(), 3);
  await bench.run(consumer.commit());
  expect(bench.broker.of("offsetCommit").map(({ seq }) => seq)).toEqual([1, 2, 3, 4]);

  bench.broker.on("offsetCommit", () => {
    throw retriable();
  });
  const startMs = bench.clock.nowMs();
  expect((await errorOf(bench, consumer.commit())).name).toBe("TimeoutError");
  expect(bench.clock.nowMs() - startMs).toBeLessThanOrEqual(5000);
  expect((await errorOf(bench, consumer.commit(undefined, { timeoutMs: 200 }))).name).toBe("TimeoutError");
});

test("a commit that was sent and is then woken up, aborted or closed may have happened: definite is false", async () => {
  const bench = new Bench();
  const consumer = await reading(bench);
  bench.broker.on("offsetCommit", () => new Promise(() => {}));
  const woken = errorOf(bench, consumer.commit());
  consumer.wakeup();
  expect(await woken).toMatchObject({ name: "WakeupError", definite: false });
  consumer.wakeup();
  const sent = bench.broker.of("offsetCommit").length;
  expect(await errorOf(bench, consumer.commit())).toMatchObject({ name: "WakeupError", definite: true });
  expect(bench.broker.of("offsetCommit")).toHaveLength(sent);

  const controller = new AbortController();
  const aborted = errorOf(bench, consumer.commit(undefined, { signal: controller.signal }));
  controller.abort();
  expect(await aborted).toMatchObject({ code: "ABORTED", definite: false });
  const ended = errorOf(bench, consumer.commit());
  await bench.run(consumer.close({ timeoutMs: 100 }));
  expect(await ended).toMatchObject({ name: "ClosedError", definite: false });
});

test("a partition that the broker refuses fails the commit, named, with what was recorded of the others", async () => {
  const bench = new Bench();
  const consumer = await reading(bench);
  bench.broker.on("offsetCommit", (request) => ({
    results: request.offsets.map(({ topic, partition, offset }) =>
      partition === 1
        ? { topic, partition, offset, committedAtMs: 1 }
        : {
            topic,
            partition,
            offset: -1,
            committedAtMs: 0,
            error: {
              code: "STALE_MEMBER_EPOCH",
              message: "orders-0 belongs to w2 since epoch 7",
              retriable: false,
              definite: true,
              hint: "poll",
              context: { owner: "w2" },
            },
          },
    ),
  }));
  const error = await errorOf(bench, consumer.commit());
  expect(error).toMatchObject({
    name: "CommitFailedError",
    code: "STALE_MEMBER_EPOCH",
    partitions: [p0],
    results: [
      { ...p0, error: { code: "STALE_MEMBER_EPOCH" } },
      { partition: 1, offset: 0, committedAtMs: 1 },
    ],
    hint: "poll",
    context: { owner: "w2" },
  });
  expect(error.message).toContain("orders-0");
  expect(error.message).toContain("belongs to w2");
});

test("only the partitions that were refused for now are sent again", async () => {
  const bench = new Bench();
  const consumer = await reading(bench);
  let first = true;
  bench.broker.on("offsetCommit", (request) => {
    const results = bench.broker.commit(request).results.map((result) => {
      if (!first || result.partition === 0) return result;
      return { ...result, error: { code: "STORAGE_FULL", message: "full", retriable: true, definite: true } };
    });
    first = false;
    return { results };
  });
  const results = await bench.run(consumer.commit());
  expect(results.map(({ partition, error }) => [partition, error])).toEqual([
    [0, undefined],
    [1, undefined],
  ]);
  expect(bench.broker.of("offsetCommit")[1]?.offsets).toMatchObject([{ partition: 1 }]);
});

test("a commit of a member that the group forgot fails and is not repeated", async () => {
  const bench = new Bench();
  const consumer = await reading(bench);
  bench.broker.on("offsetCommit", () => {
    throw failure("UNKNOWN_MEMBER_ID", { message: "member m was removed 3.2 s ago: no heartbeat for 45.0 s" });
  });
  const error = await errorOf(bench, consumer.commit());
  expect(error).toMatchObject({ name: "CommitFailedError", code: "UNKNOWN_MEMBER_ID" });
  expect(error.message).toContain("no heartbeat for 45.0 s");
  expect(error.partitions).toHaveLength(2);
  expect(bench.broker.of("offsetCommit")).toHaveLength(1);
});

test("commit without a group.id says so", async () => {
  const bench = new Bench();
  bench.broker.topic("orders", 1);
  const consumer = bench.alone();
  expect(() => consumer.subscribe(["orders"])).toThrow("group.id");
  consumer.assign([p0]);
  expect((await errorOf(bench, consumer.commit())).code).toBe("INVALID_GROUP_ID");
});

test("commitAsync is never repeated; its callback runs inside a later call, in order, with the cause inside", async () => {
  const bench = new Bench();
  const consumer = await reading(bench);
  const order: string[] = [];
  const errors: (BrookletError | null)[] = [];
  bench.broker.failNext("offsetCommit", retriable());
  consumer.commitAsync((error) => {
    order.push("first");
    errors.push(error);
  });
  consumer.commitAsync([{ ...p0, offset: 2 }], (error, offsets) => {
    order.push(`second ${offsets[0]?.offset}`);
    errors.push(error);
  });
  await bench.clock.advance(10);
  expect(order).toEqual([]);
  await bench.run(consumer.poll(0));
  expect(order).toEqual(["first", "second 2"]);
  expect(errors[0]).toMatchObject({ name: "RetriableCommitFailedError", cause: { code: "COORDINATOR_NOT_AVAILABLE" } });
  expect(errors[1]).toBeNull();
  expect(bench.broker.of("offsetCommit")).toHaveLength(2);
});

test("callbacks keep the order of the calls when the answers do not", async () => {
  const bench = new Bench();
  const consumer = await reading(bench);
  const answers: (() => void)[] = [];
  bench.broker.on(
    "offsetCommit",
    (request) => new Promise((resolve) => answers.push(() => resolve(bench.broker.commit(request)))),
  );
  const order: number[] = [];
  for (const offset of [1, 2]) consumer.commitAsync([{ ...p0, offset }], () => order.push(offset));
  await bench.clock.advance(1);
  answers[1]?.();
  await bench.run(consumer.poll(0));
  expect(order).toEqual([]);
  answers[0]?.();
  await bench.clock.advance(1);
  await bench.run(consumer.poll(0));
  expect(order).toEqual([1, 2]);
});

test("a synchronous commit waits for earlier asynchronous ones and runs their callbacks", async () => {
  const bench = new Bench();
  const consumer = await reading(bench);
  const answers: (() => void)[] = [];
  bench.broker.on(
    "offsetCommit",
    (request) => new Promise((resolve) => answers.push(() => resolve(bench.broker.commit(request)))),
  );
  let called = false;
  consumer.commitAsync([{ ...p0, offset: 1 }], () => {
    called = true;
  });
  const commit = consumer.commit([{ ...p0, offset: 4 }]);
  await bench.clock.advance(10);
  expect(committedBy(bench)).toEqual([1]);
  answers[0]?.();
  await bench.clock.advance(10);
  expect(committedBy(bench)).toEqual([1, 4]);
  answers[1]?.();
  await bench.run(commit);
  expect(called).toBe(true);
});

test("a later commit is never overtaken by the retry of an older one", async () => {
  const bench = new Bench();
  const consumer = await reading(bench);
  bench.broker.failNext("offsetCommit", retriable());
  const older = consumer.commit([{ ...p0, offset: 1 }]);
  consumer.commitAsync([{ ...p0, offset: 5 }]);
  await bench.run(older);
  await bench.clock.advance(10);
  expect(committedBy(bench)).toEqual([1, 1, 5]);
  expect(bench.broker.committed.get("orders-0")?.offset).toBe(5);
});

test("a failed commitAsync without a callback is an event and a log line", async () => {
  const bench = new Bench();
  const consumer = await reading(bench);
  const events: Record<string, unknown>[] = [];
  consumer.on("commitFailed", (detail) => events.push(detail));
  bench.broker.failNext("offsetCommit", failure("OFFSET_METADATA_TOO_LARGE"));
  consumer.commitAsync();
  await bench.clock.advance(1);
  expect(events).toMatchObject([{ groupId: "g", error: { code: "OFFSET_METADATA_TOO_LARGE" } }]);
  expect(bench.lines.some(({ level, message }) => level === "warn" && message.includes("OFFSET_METADATA"))).toBe(true);
});

test("a large commit is split to fit the header", async () => {
  const bench = new Bench();
  const consumer = await reading(bench);
  bench.broker.limits = {
    maxFramePayloadBytes: 1 << 20,
    maxHeaderBytes: 20_000,
    maxBatchBytes: 1 << 20,
    maxInFlightRequestBytes: 1 << 20,
    maxReplyBytes: 1 << 20,
    maxFetchWaitMs: 1000,
  };
  const offsets: OffsetAndMetadata[] = Array.from({ length: 300 }, (_, partition) => ({
    topic: "wide",
    partition,
    offset: partition,
    metadata: "m".repeat(100),
  }));
  const results = await bench.run(consumer.commit(offsets));
  expect(results.map(({ partition }) => partition)).toEqual(offsets.map(({ partition }) => partition));
  const requests = bench.broker.of("offsetCommit");
  expect(requests.length).toBeGreaterThan(1);
  for (const request of requests) expect(JSON.stringify(request).length).toBeLessThan(20_000);
});

test("auto commit stores what earlier polls returned, at the poll whose time has come", async () => {
  const bench = new Bench();
  const consumer = await reading(bench, {
    "enable.auto.commit": true,
    "max.poll.records": 5,
    "auto.commit.interval.ms": 1000,
  });
  await bench.clock.advance(2000);
  expect(committedBy(bench)).toEqual([]);
  bench.broker.fill("orders", 0, 3);
  const polled = await bench.take(consumer, 3);
  expect(offsetsOf(polled)).toEqual([5, 6, 7]);
  await bench.clock.advance(1);
  // Not 8: those three are only now in the application's hands.
  expect(committedBy(bench)).toEqual([5]);
  await bench.clock.advance(999);
  await bench.run(consumer.poll(0));
  await bench.clock.advance(1);
  expect(committedBy(bench)).toEqual([5, 8]);
  // What is committed already is not committed again.
  await bench.run(consumer.poll(3000));
  expect(committedBy(bench)).toEqual([5, 8]);
});

test("one automatic commit is under way at a time", async () => {
  const bench = new Bench();
  const consumer = await reading(bench, { "enable.auto.commit": true, "auto.commit.interval.ms": 10 });
  bench.broker.on("offsetCommit", () => new Promise(() => {}));
  await bench.run(consumer.poll(1000));
  expect(bench.broker.of("offsetCommit")).toHaveLength(1);
});

test("with enable.auto.commit false nothing is committed by itself", async () => {
  const bench = new Bench();
  const consumer = await reading(bench, { "auto.commit.interval.ms": 0 });
  await bench.run(consumer.poll(10_000));
  await bench.run(consumer.close());
  expect(bench.broker.of("offsetCommit")).toEqual([]);
});

test("a failing auto commit is never thrown: an event, and another try after the back-off", async () => {
  const bench = new Bench();
  const consumer = await reading(bench, { "enable.auto.commit": true, "auto.commit.interval.ms": 10_000 });
  const events: unknown[] = [];
  consumer.on("commitFailed", (detail) => events.push(detail));
  bench.broker.failNext("offsetCommit", retriable());
  await bench.clock.advance(10_000);
  await bench.run(consumer.poll(0));
  await bench.clock.advance(1);
  expect(events).toHaveLength(1);
  await bench.clock.advance(100);
  await bench.run(consumer.poll(0));
  await bench.clock.advance(1);
  expect(committedBy(bench)).toEqual([5, 5]);
});

test("manual assignment commits as nobody: without member, epoch -1", async () => {
  const bench = new Bench();
  bench.broker.topic("orders", 1);
  bench.broker.fill("orders", 0, 2);
  const consumer = bench.consumer({ "enable.auto.commit": false });
  consumer.assign([p0]);
  await bench.take(consumer, 2);
  await bench.run(consumer.commit());
  const [request] = bench.broker.of("offsetCommit");
  expect(request).toMatchObject({ memberEpoch: -1, offsets: [{ offset: 2 }] });
  expect(request).not.toHaveProperty("memberId");
});

test("a commit for a topic that is gone fails at once: it does not come back under its id", async () => {
  const bench = new Bench();
  const consumer = await reading(bench);
  bench.broker.topicIds.set("orders", "another");
  const atMs = bench.clock.nowMs();
  const error = await errorOf(bench, consumer.commit());
  expect(error).toMatchObject({ name: "CommitFailedError", code: "UNKNOWN_TOPIC_ID" });
  expect(bench.clock.nowMs()).toBe(atMs);
});

test("asynchronous commits that nobody lets run are bounded", async () => {
  const bench = new Bench();
  const consumer = await reading(bench);
  bench.broker.on("offsetCommit", () => new Promise(() => {}));
  for (let waiting = 0; waiting < MAX_PENDING_COMMITS; waiting++) consumer.commitAsync([{ ...p0, offset: 1 }]);
  expect(() => consumer.commitAsync([{ ...p0, offset: 1 }])).toThrow("are waiting");
});
