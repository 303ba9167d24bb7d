// The producer over a fake broker in simulated time: batching, retries, order, giving up, close.

import { Producer, type ProducerConfig, RecordTooLargeError, string, TimeoutError } from "@brooklet/client";
import { splitPayload } from "@brooklet/protocol";
import { afterEach, expect, test } from "vitest";
import { type FakeBroker, FakeNetwork, pass, wireError } from "../../../support/fake-broker.ts";
import { SimulatedClock } from "../../../support/simulated-clock.ts";
import { simulatedRandom } from "../../../support/simulated-random.ts";
import { watch } from "../../../support/watch.ts";

let clock = new SimulatedClock();
afterEach(() => {
  expect(clock.liveTimers, "timers left").toBe(0);
});

function start(config: Partial<ProducerConfig<string, string>> = {}, broker: Partial<FakeBroker> = {}) {
  clock = new SimulatedClock();
  const network = new FakeNetwork(clock);
  const fake = network.broker("broker:1", broker);
  const producer = new Producer<string, string>(
    { "bootstrap.servers": "broker:1", "key.serializer": string, "value.serializer": string, ...config },
    { world: { clock, random: simulatedRandom(1), transport: network } },
  );
  return { clock, network, fake, producer };
}

async function finish(producer: Producer<string, string>) {
  const closed = watch(producer.close());
  await clock.runUntil(() => closed.settled, 300_000, "close");
  expect(closed.error).toBeUndefined();
}

const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => String(from + index));

test("sends of one turn share a batch and resolve in order with their offsets", async () => {
  const { fake, producer } = start();
  const sends = numbers(0, 100).map((value) => producer.send({ topic: "t", value }));
  const all = watch(Promise.all(sends));
  await clock.runUntil(() => all.settled);
  expect(all.value?.map(({ offset }) => offset)).toEqual(Array.from({ length: 100 }, (_, index) => index));
  expect(fake.values("t")).toEqual(numbers(0, 100));
  expect(fake.of("produce")).toHaveLength(1);
  await finish(producer);
});

test("at most max.in.flight requests are unanswered, and what waits coalesces", async () => {
  const waiting: (() => void)[] = [];
  let unanswered = 0;
  let most = 0;
  const { fake, producer } = start();
  const known = watch(producer.send({ topic: "t", value: "first" }));
  await clock.runUntil(() => known.settled);
  fake.script = (request) => {
    if (request.api !== "produce") return pass;
    most = Math.max(most, ++unanswered);
    return new Promise((resolve) =>
      waiting.push(() => {
        unanswered--;
        resolve(fake.answer(request));
      }),
    );
  };
  const sends: Promise<unknown>[] = [];
  for (const value of numbers(0, 20)) {
    sends.push(producer.send({ topic: "t", value }));
    await clock.advance(10);
  }
  expect(most).toBe(5);
  const all = watch(Promise.all(sends));
  await clock.advance(5);
  while (!all.settled) {
    waiting.shift()?.();
    await clock.advance(10);
  }
  expect(fake.of("produce").length).toBe(7);
  expect(fake.values("t")).toEqual(["first", ...numbers(0, 20)]);
  await finish(producer);
});

test("a cut after the broker stored the batch loses and doubles nothing", async () => {
  const { fake, producer } = start();
  let cuts = 0;
  fake.script = (request) => {
    if (request.api !== "produce" || cuts === 3) return pass;
    cuts++;
    fake.answer(request);
    fake.cut();
    return undefined;
  };
  const sends: Promise<{ offset: number }>[] = [];
  for (const value of numbers(0, 50)) {
    sends.push(producer.send({ topic: "t", value }));
    await clock.advance(1);
  }
  const all = watch(Promise.all(sends));
  await clock.runUntil(() => all.settled);
  expect(fake.values("t")).toEqual(numbers(0, 50));
  expect(all.value?.map(({ offset }) => offset)).toEqual(numbers(0, 50).map(Number));
  expect(fake.hellos.map(({ connectionSeq }) => connectionSeq)).toEqual([1, 2, 3, 4]);
  expect(new Set(fake.hellos.map(({ clientInstanceId }) => clientInstanceId)).size).toBe(1);
  await finish(producer);
});

test("retriable refusals of the first of several batches in flight keep the order", async () => {
  const { fake, producer } = start();
  let refusals = 0;
  fake.script = ({ api, header }) => {
    if (api !== "produce" || refusals >= 2) return pass;
    refusals++;
    const [item] = header.partitions as { topic: string; partition: number }[];
    return { results: [{ ...item, baseOffset: -1, error: wireError("STORAGE_FULL") }] };
  };
  const sends: Promise<unknown>[] = [];
  for (const value of numbers(0, 10)) {
    sends.push(producer.send({ topic: "t", value }));
    await clock.advance(0.1);
  }
  const all = watch(Promise.all(sends));
  await clock.runUntil(() => all.settled);
  expect(fake.values("t")).toEqual(numbers(0, 10));
  await finish(producer);
});

test("giving up on a batch in doubt raises the epoch before the partition sends again", async () => {
  const { fake, producer } = start({ "delivery.timeout.ms": 2_000, "request.timeout.ms": 500 });
  let lost: (() => void) | undefined;
  let isLosing = true;
  fake.script = (request) => {
    if (request.api !== "produce" || !isLosing) return pass;
    // Stored only later, when the client has long given up: the frame lingers in an old socket.
    lost ??= () => void fake.answer(request);
    return undefined;
  };
  const first = watch(producer.send({ topic: "t", value: "in doubt" }));
  await clock.runUntil(() => first.settled);
  expect(first.error).toBeInstanceOf(TimeoutError);
  expect((first.error as TimeoutError).definite).toBe(false);
  isLosing = false;
  const second = watch(producer.send({ topic: "t", value: "next" }));
  await clock.runUntil(() => second.settled);
  expect(second.value?.offset).toBe(0);
  lost?.();
  expect(fake.values("t"), "the late frame of the old epoch is refused").toEqual(["next"]);
  await finish(producer);
});

test("a batch that was never sent fails with certainty at delivery.timeout.ms", async () => {
  const { fake, producer } = start({ "delivery.timeout.ms": 5_000, "request.timeout.ms": 1_000 });
  const first = watch(producer.send({ topic: "t", value: "stored" }));
  await clock.runUntil(() => first.settled);
  fake.isDown = true;
  fake.cut();
  const startedMs = clock.nowMs();
  const second = watch(producer.send({ topic: "t", value: "never sent" }));
  await clock.runUntil(() => second.settled);
  expect(clock.nowMs() - startedMs).toBeLessThanOrEqual(5_200);
  expect(second.error).toBeInstanceOf(TimeoutError);
  expect((second.error as TimeoutError).definite).toBe(true);
  fake.isDown = false;
  const third = watch(producer.send({ topic: "t", value: "after" }));
  await clock.runUntil(() => third.settled);
  expect(fake.values("t")).toEqual(["stored", "after"]);
  await finish(producer);
});

test("a batch above the topic's limit is split, in order and under the same sequences", async () => {
  const { fake, producer } = start();
  fake.script = ({ api, header, payload }) => {
    if (api !== "produce") return pass;
    const items = header.partitions as { topic: string; partition: number; bytes: number }[];
    const [part] = splitPayload(payload, items);
    if (part === undefined || part.length <= 500) return pass;
    return { results: [{ ...items[0], baseOffset: -1, error: wireError("MESSAGE_TOO_LARGE") }] };
  };
  const sends: Promise<{ offset: number }>[] = numbers(0, 100).map((value) => producer.send({ topic: "t", value }));
  await clock.advance(1);
  sends.push(...numbers(100, 200).map((value) => producer.send({ topic: "t", value })));
  const all = watch(Promise.all(sends));
  await clock.runUntil(() => all.settled);
  expect(fake.values("t")).toEqual(numbers(0, 200));
  expect(all.value?.map(({ offset }) => offset)).toEqual(numbers(0, 200).map(Number));
  const single = watch(producer.send({ topic: "t", value: "x".repeat(600) }));
  await clock.runUntil(() => single.settled);
  expect(single.error).toBeInstanceOf(RecordTooLargeError);
  const after = watch(producer.send({ topic: "t", value: "after" }));
  await clock.runUntil(() => after.settled);
  expect(after.value?.offset).toBe(200);
  await finish(producer);
});

test("a full buffer makes sends wait, in order, and fail after max.block.ms", async () => {
  const { fake, producer } = start({ "buffer.memory": 1_050, "max.block.ms": 1_000, "delivery.timeout.ms": 60_000 });
  let isHeld = true;
  const held: (() => void)[] = [];
  fake.script = (request) => {
    if (request.api !== "produce" || !isHeld) return pass;
    return new Promise((resolve) => held.push(() => resolve(fake.answer(request))));
  };
  const value = (name: string) => name.padEnd(300, ".");
  const sends = ["a", "b", "c", "d", "e", "f"].map((name) => watch(producer.send({ topic: "t", value: value(name) })));
  await clock.advance(500);
  expect(sends.map(({ settled }) => settled)).toEqual([false, false, false, false, false, false]);
  const late = watch(producer.send({ topic: "t", value: value("g") }));
  const small = watch(producer.send({ topic: "t", value: "s" }));
  await clock.advance(600);
  expect(sends.map(({ error }) => error instanceof TimeoutError)).toEqual([false, false, false, true, true, true]);
  expect(sends[3]?.error).toMatchObject({ definite: true });
  isHeld = false;
  for (const release of held) release();
  await clock.runUntil(() => late.settled && small.settled);
  expect(
    fake.values("t").map((text) => text[0]),
    "what would fit does not pass what waits",
  ).toEqual(["a", "b", "c", "g", "s"]);
  await finish(producer);
});

test("a topic deleted and created again: what is unsent goes to the topic of that name that exists", async () => {
  const { fake, producer } = start();
  const first = watch(producer.send({ topic: "t", value: "old" }));
  await clock.runUntil(() => first.settled);
  fake.deleteTopic("t");
  fake.topic("t");
  const second = watch(producer.send({ topic: "t", value: "new" }));
  await clock.runUntil(() => second.settled);
  expect(second.value?.offset).toBe(0);
  expect(fake.values("t")).toEqual(["new"]);
  await finish(producer);
});

test("a batch whose topic is gone fails at delivery.timeout.ms, though it was in flight when others were judged", async () => {
  const { fake, producer } = start(
    { "delivery.timeout.ms": 5_000, "request.timeout.ms": 4_500 },
    { autoCreate: false },
  );
  fake.topic("t");
  const first = watch(producer.send({ topic: "t", value: "a" }));
  await clock.advance(1_000);
  expect(first.settled).toBe(true);
  let refuse: (() => void) | undefined;
  fake.script = (request) => {
    if (request.api !== "produce") return pass;
    const { promise, resolve } = Promise.withResolvers<Record<string, unknown>>();
    refuse = () => resolve(fake.answer(request));
    return promise;
  };
  const second = watch(producer.send({ topic: "t", value: "b" }));
  await clock.advance(4_200);
  fake.deleteTopic("t");
  refuse?.();
  await clock.advance(900);
  expect(second.error).toMatchObject({ name: "TimeoutError", definite: true });
  await finish(producer);
});

test("close waits for what was sent and fails the rest when its time is over", async () => {
  const { fake, producer } = start();
  fake.script = ({ api }) => (api === "produce" ? undefined : pass);
  const send = watch(producer.send({ topic: "t", value: "a" }));
  await clock.advance(50);
  const closed = watch(producer.close({ timeoutMs: 1_000 }));
  await clock.advance(900);
  expect(closed.settled).toBe(false);
  await clock.runUntil(() => closed.settled);
  expect(send.error).toMatchObject({ name: "ClosedError", definite: false });
  await expect(producer.send({ topic: "t", value: "b" })).rejects.toMatchObject({ name: "ClosedError" });
});

test("flush sends what lingers", async () => {
  const { fake, producer } = start({ "linger.ms": 10_000 });
  const send = watch(producer.send({ topic: "t", value: "a" }));
  await clock.advance(1_000);
  expect(fake.of("produce")).toHaveLength(0);
  const flushed = watch(producer.flush());
  await clock.advance(100);
  expect([flushed.settled, send.settled]).toEqual([true, true]);
  await finish(producer);
});

test("buffers that are used again after send change nothing, also while the record waits for metadata", async () => {
  clock = new SimulatedClock();
  const network = new FakeNetwork(clock);
  const fake = network.broker("broker:1", {});
  const producer = new Producer(
    { "bootstrap.servers": "broker:1" },
    { world: { clock, random: simulatedRandom(1), transport: network } },
  );
  const buffer = Buffer.alloc(5);
  const send = (value: string) => {
    buffer.write(value);
    return producer.send({ topic: "t", value: buffer });
  };
  const all = watch(Promise.all([send("first"), send("other")]));
  await clock.runUntil(() => all.settled);
  const third = watch(send("third"));
  buffer.fill(0);
  await clock.runUntil(() => third.settled);
  expect(fake.values("t")).toEqual(["first", "other", "third"]);
  const closed = watch(producer.close());
  await clock.runUntil(() => closed.settled);
});
