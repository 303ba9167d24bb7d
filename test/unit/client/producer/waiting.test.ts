// Calls that wait: their signal, their time, and what they leave behind when they are over.

import { getEventListeners } from "node:events";
import { IllegalStateError, TimeoutError } from "@brooklet/client";
import { readBatchHeader, splitPayload } from "@brooklet/protocol";
import { expect, test } from "vitest";
import { Accumulator } from "../../../../client-sdk/src/producer/accumulator.ts";
import { pass } from "../../../support/fake-broker.ts";
import { simulatedRandom } from "../../../support/simulated-random.ts";
import { watch } from "../../../support/watch.ts";
import { clock, outcome, start } from "./setup.ts";

const listeners = (signal: AbortSignal) => getEventListeners(signal, "abort").length;

test("flush and partitionsFor end with their signal, at once, and leave no listener on it", async () => {
  const { fake, producer } = start();
  await outcome(producer.send({ topic: "t", value: "known" }));
  fake.script = () => undefined;
  const pending = watch(producer.send({ topic: "t", value: "v" }));
  const controller = new AbortController();
  const { signal } = controller;
  const calls = [watch(producer.flush({ signal })), watch(producer.partitionsFor("u", { signal }))];
  await clock.advance(100);
  expect(listeners(signal)).toBeGreaterThan(0);
  expect(calls.map(({ settled }) => settled)).toEqual([false, false]);
  controller.abort("enough");
  await clock.advance(0);
  for (const call of calls) expect(call.error).toMatchObject({ code: "ABORTED", cause: "enough" });
  expect(pending.settled, "the record goes on").toBe(false);
  expect(listeners(signal)).toBe(0);
  await expect(producer.flush({ signal })).rejects.toMatchObject({ code: "ABORTED" });
  await expect(producer.partitionsFor("t", { signal })).rejects.toMatchObject({ code: "ABORTED" });
});

test("a thousand calls with one signal that never aborts leave nothing on it", async () => {
  const { producer } = start();
  const { signal } = new AbortController();
  for (let round = 0; round < 1_000; round++) {
    await outcome(Promise.all([producer.flush({ signal }), producer.partitionsFor("t", { signal, timeoutMs: 1_000 })]));
  }
  expect(listeners(signal)).toBe(0);
});

test("partitionsFor ends after its own time, or max.block.ms", async () => {
  const { producer } = start({ "max.block.ms": 3_000 }, { autoCreate: false });
  const short = await outcome(producer.partitionsFor("nope", { timeoutMs: 500 }));
  expect(short.error).toBeInstanceOf(TimeoutError);
  const atMs = clock.nowMs();
  expect(atMs).toBeLessThan(600);
  expect((await outcome(producer.partitionsFor("nope"))).error).toBeInstanceOf(TimeoutError);
  expect(clock.nowMs() - atMs).toBeGreaterThan(1_500);
});

test("what is no signal, no time or no topic is refused", async () => {
  const { producer } = start();
  const nonsense = [{ timeoutMs: Number.NaN }, { timeoutMs: -1 }, { timeoutMs: "5" }, { signal: {} }, null] as never[];
  for (const options of nonsense) {
    await expect(producer.flush(options)).rejects.toBeInstanceOf(IllegalStateError);
    await expect(producer.partitionsFor("t", options)).rejects.toBeInstanceOf(IllegalStateError);
    await expect(producer.close(options)).rejects.toBeInstanceOf(IllegalStateError);
  }
  await expect(producer.partitionsFor("a/b")).rejects.toMatchObject({ code: "INVALID_TOPIC_EXCEPTION" });
  expect((await outcome(producer.send({ topic: "t", value: "still open" }))).value?.offset).toBe(0);
});

test("flush waits for what was sent before it, not for what comes after", async () => {
  const { fake, producer } = start({ "buffer.memory": 1_000, "max.block.ms": 60_000 });
  await outcome(producer.partitionsFor("t"));
  fake.script = (request) => {
    if (request.api !== "produce") return pass;
    const { promise, resolve } = Promise.withResolvers<Record<string, unknown>>();
    clock.timers().schedule("answer", 50, () => resolve(fake.answer(request)));
    return promise;
  };
  const value = "x".repeat(600);
  let isStopped = false;
  // A loop that keeps the buffer full: somebody always waits for room.
  const stream = async () => {
    while (!isStopped) await producer.send({ topic: "t", value });
  };
  const streams = watch(Promise.all([stream(), stream(), stream(), stream()]));
  await clock.advance(200);
  const flushed = watch(producer.flush());
  await clock.advance(2_000);
  expect(flushed.settled).toBe(true);
  isStopped = true;
  await clock.runUntil(() => streams.settled);
});

test("nothing lingers while somebody waits for room in buffer.memory", async () => {
  const { producer } = start({ "buffer.memory": 1_000, "max.block.ms": 1_000, "linger.ms": 30_000 });
  await outcome(producer.partitionsFor("t"));
  const value = "x".repeat(600);
  const sends = watch(Promise.all([1, 2, 3, 4].map(() => producer.send({ topic: "t", value }))));
  await clock.advance(1_000);
  await outcome(producer.flush());
  // The last one, for which nobody waits, lingers until the flush.
  expect(sends.value).toHaveLength(4);
});

test("idle partitions are forgotten beyond a bound, and begin again under a higher epoch", async () => {
  const accumulator = new Accumulator({
    bufferMemoryBytes: 1e9,
    ignoreKeys: false,
    random: simulatedRandom(1),
    maxIdlePartitions: 10,
    queue: { isIdempotent: true, maxInLine: 5, maxRetries: 5, deliveryTimeoutMs: 1_000, backoffMs: () => 1 },
  });
  const identity = { producerId: 7, producerEpoch: 0 };
  const record = { key: null, value: new Uint8Array(10), headers: [], timestamp: 1 };
  const store = (topic: string, current = identity) => {
    const waiter = { resolve() {}, reject() {} };
    accumulator.append({ topic, partition: 0, record, bytes: 100, waiter }, 1, 1_000, 0);
    const [queue] = accumulator.active;
    if (queue === undefined) throw new Error("a partition is active");
    if (queue.needsIdentity) queue.identify({ ...current, producerEpoch: accumulator.leastEpoch(current) });
    const batch = queue.peek();
    if (batch === undefined) throw new Error("a batch is ready");
    queue.take(batch);
    const header = readBatchHeader(batch.encode(queue.identity));
    accumulator.settle(queue, queue.succeeded(batch, { baseOffset: 0, logAppendTimeMs: undefined }));
    return header;
  };
  for (let index = 0; index < 1_000; index++) store(`t${index}`);
  expect(accumulator.partitionCount).toBe(10);
  expect(accumulator.usedBytes).toBe(0);
  expect(store("t999"), "a kept one goes on").toMatchObject({ producerEpoch: expect.any(Number), baseSequence: 1 });
  const before = store("t998").producerEpoch;
  expect(store("t5"), "under its old epoch the broker could take it for a repetition").toMatchObject({
    baseSequence: 0,
  });
  expect(store("t6").producerEpoch).toBeGreaterThanOrEqual(before);
  const epochs = new Map<string, Set<string>>();
  for (let round = 0; round < 5; round++) {
    for (let index = 0; index < 20; index++) {
      const { producerEpoch, baseSequence } = store(`cycle${index}`);
      const seen = epochs.get(`${index}`) ?? new Set();
      epochs.set(`${index}`, seen);
      expect(seen.has(`${producerEpoch}/${baseSequence}`), "no number is used twice").toBe(false);
      seen.add(`${producerEpoch}/${baseSequence}`);
    }
  }
  expect(store("fresh", { producerId: 8, producerEpoch: 0 })).toMatchObject({ producerId: 8, producerEpoch: 0 });
});

test("a producer over more partitions than it remembers stores each record once", async () => {
  const { fake, producer } = start({}, { partitionCount: 40 });
  await outcome(
    Promise.all(Array.from({ length: 40 }, (_, partition) => producer.send({ topic: "t", partition, value: "a" }))),
  );
  for (const { header, payload } of fake.of("produce")) {
    const parts = splitPayload(payload, header.partitions as { bytes: number }[]);
    for (const part of parts) expect(readBatchHeader(part).baseSequence).toBe(0);
  }
  expect(Array.from({ length: 40 }, (_, partition) => fake.values("t", partition))).toEqual(Array(40).fill(["a"]));
});
