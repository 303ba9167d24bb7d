// Each option of the producer has its effect: ignored, one of these tests would notice. Those of a single send: sending.test.ts.

import { Producer, TimeoutError } from "@brooklet/client";
import { readBatchHeader, splitPayload } from "@brooklet/protocol";
import { expect, test } from "vitest";
import { type FakeBroker, type FakeRequest, pass, wireError } from "../../../support/fake-broker.ts";
import { watch } from "../../../support/watch.ts";
import { clock, outcome, start } from "./setup.ts";

function refuse({ header }: FakeRequest, code: Parameters<typeof wireError>[0]) {
  const items = header.partitions as { topic: string; partition: number }[];
  return {
    results: items.map(({ topic, partition }) => ({ topic, partition, baseOffset: -1, error: wireError(code) })),
  };
}

function batchesOf({ header, payload }: FakeRequest) {
  return splitPayload(payload, header.partitions as { bytes: number }[]).map(readBatchHeader);
}

const produces = (fake: FakeBroker) => fake.of("produce").length;

test("linger.ms: a batch waits so long for company, and not longer", async () => {
  const { fake, producer } = start({ "linger.ms": 500 });
  await outcome(producer.partitionsFor("t"));
  const first = watch(producer.send({ topic: "t", value: "a" }));
  await clock.advance(300);
  const second = watch(producer.send({ topic: "t", value: "b" }));
  await clock.advance(190);
  expect(produces(fake)).toBe(0);
  await clock.advance(50);
  expect([first.value?.offset, second.value?.offset]).toEqual([0, 1]);
  expect(produces(fake)).toBe(1);
});

test("batch.size: a batch that is full does not linger, and 0 puts every record alone", async () => {
  const { fake, producer } = start({ "linger.ms": 60_000, "batch.size": 1_000 });
  const full = watch(producer.send({ topic: "t", value: "x".repeat(900) }));
  await clock.advance(100);
  expect(full.settled).toBe(false);
  void producer.send({ topic: "t", value: "y".repeat(900) }).catch(() => {});
  await clock.advance(100);
  expect(full.settled).toBe(true);
  expect(produces(fake)).toBe(1);

  const { fake: other, producer: alone } = start({ "batch.size": 0, "linger.ms": 0 });
  await outcome(Promise.all(["a", "b", "c"].map((value) => alone.send({ topic: "t", value }))));
  expect(
    other
      .of("produce")
      .flatMap(batchesOf)
      .map(({ recordCount }) => recordCount),
  ).toEqual([1, 1, 1]);
});

test.each([
  ["all", -1],
  [-1, -1],
  [1, 1],
  [0, 0],
] as const)("acks %s goes to the broker as %i", async (acks, sent) => {
  const { fake, producer } = start({ acks });
  await outcome(producer.send({ topic: "t", value: "a" }));
  expect(fake.of("produce")[0]?.header.acks).toBe(sent);
  const [batch] = fake.of("produce").flatMap(batchesOf);
  expect((batch?.producerId ?? 0) >= 0, "idempotent only with all").toBe(sent === -1);
});

test("enable.idempotence false: no producer id is asked for, and batches have none", async () => {
  const { fake, producer } = start({ "enable.idempotence": false });
  await outcome(producer.send({ topic: "t", value: "a" }));
  expect(fake.of("initProducerId")).toEqual([]);
  expect(fake.of("produce").flatMap(batchesOf)).toMatchObject([{ producerId: -1, baseSequence: -1 }]);
});

test("retries: so many repetitions, and then the error; 0 is one attempt", async () => {
  for (const retries of [0, 3]) {
    const { fake, producer } = start({ retries });
    fake.script = (request) => (request.api === "produce" ? refuse(request, "STORAGE_FULL") : pass);
    expect((await outcome(producer.send({ topic: "t", value: "a" }))).error).toMatchObject({ code: "STORAGE_FULL" });
    expect(produces(fake)).toBe(retries + 1);
    await outcome(producer.close());
  }
});

test("retry.backoff.ms and retry.backoff.max.ms: how long a refused batch waits", async () => {
  const { fake, producer } = start({ "retry.backoff.ms": 1_000, "retry.backoff.max.ms": 2_000 });
  const atMs: number[] = [];
  fake.script = (request) => {
    if (request.api !== "produce") return pass;
    atMs.push(clock.nowMs());
    return atMs.length < 4 ? refuse(request, "STORAGE_FULL") : pass;
  };
  await outcome(producer.send({ topic: "t", value: "a" }));
  const waits = atMs.slice(1).map((ms, index) => ms - (atMs[index] ?? 0));
  for (const [index, aboutMs] of [1_000, 2_000, 2_000].entries()) {
    expect(waits[index]).toBeGreaterThan(aboutMs * 0.8);
    expect(waits[index]).toBeLessThan(aboutMs * 1.2 + 10);
  }
});

test("request.timeout.ms: an unanswered request is repeated after it", async () => {
  const { fake, producer } = start({ "request.timeout.ms": 2_000 });
  let lost = 0;
  fake.script = ({ api }) => (api === "produce" && lost++ === 0 ? undefined : pass);
  const sent = watch(producer.send({ topic: "t", value: "a" }));
  await clock.advance(1_900);
  expect(produces(fake)).toBe(1);
  await clock.runUntil(() => sent.settled);
  expect(clock.nowMs()).toBeLessThan(2_500);
  expect(sent.value?.offset).toBe(0);
  expect(fake.values("t")).toEqual(["a"]);
});

test("delivery.timeout.ms: retries end there, and the error knows the last failure", async () => {
  const { fake, producer } = start({ "delivery.timeout.ms": 4_000, "request.timeout.ms": 1_000 });
  fake.script = (request) => (request.api === "produce" ? refuse(request, "STORAGE_FULL") : pass);
  const { error } = await outcome(producer.send({ topic: "t", value: "a" }));
  expect(clock.nowMs()).toBeGreaterThan(3_900);
  expect(clock.nowMs()).toBeLessThan(4_200);
  expect(error).toMatchObject({ name: "TimeoutError", definite: true, context: { lastError: "STORAGE_FULL" } });
});

test.each([1, 3])("max.in.flight.requests.per.connection %i: so many are unanswered at most", async (limit) => {
  // Over many partitions: one alone is bounded by its own numbering, too.
  const { fake, producer } = start({ "max.in.flight.requests.per.connection": limit }, { partitionCount: 10 });
  await outcome(producer.send({ topic: "t", value: "first" }));
  let unanswered = 0;
  let most = 0;
  fake.script = (request) => {
    if (request.api !== "produce") return pass;
    most = Math.max(most, ++unanswered);
    const { promise, resolve } = Promise.withResolvers<Record<string, unknown>>();
    const timers = clock.timers();
    timers.schedule("answer", 200, () => {
      unanswered--;
      resolve(fake.answer(request));
    });
    return promise;
  };
  const sends: Promise<unknown>[] = [];
  for (let index = 0; index < 10; index++) {
    sends.push(producer.send({ topic: "t", partition: index, value: String(index) }));
    await clock.advance(10);
  }
  await outcome(Promise.all(sends));
  expect(most).toBe(limit);
});

test("one in flight keeps the order without idempotence too", async () => {
  const { fake, producer } = start({ "enable.idempotence": false, "max.in.flight.requests.per.connection": 1 });
  let refusals = 2;
  fake.script = (request) => (request.api === "produce" && refusals-- > 0 ? refuse(request, "STORAGE_FULL") : pass);
  const sends: Promise<unknown>[] = [];
  for (const value of ["a", "b", "c"]) {
    sends.push(producer.send({ topic: "t", value }));
    await clock.advance(5);
  }
  await outcome(Promise.all(sends));
  expect(fake.values("t")).toEqual(["a", "b", "c"]);
});

test("max.block.ms bounds the wait for metadata and for room together", async () => {
  const { fake, producer } = start({
    "max.block.ms": 2_000,
    "buffer.memory": 1_000,
    "delivery.timeout.ms": 60_000,
  });
  let answerMetadata: (() => void) | undefined;
  fake.script = (request) => {
    if (request.api === "produce") return undefined;
    if (request.api !== "metadata") return pass;
    return new Promise((resolve) => {
      answerMetadata = () => resolve(fake.answer(request));
    });
  };
  const first = watch(producer.send({ topic: "t", value: "x".repeat(800) }));
  const second = watch(producer.send({ topic: "t", value: "y".repeat(800) }));
  await clock.advance(1_500);
  answerMetadata?.();
  await clock.advance(400);
  expect(second.settled).toBe(false);
  await clock.advance(150);
  expect(second.error).toBeInstanceOf(TimeoutError);
  expect(second.error).toMatchObject({ definite: true, message: expect.stringContaining("buffer.memory") });
  expect(first.settled).toBe(false);
});

test("buffer.memory: who waits first is let in first, whatever the topic and the size", async () => {
  const { fake, producer } = start({ "buffer.memory": 2_000, "max.block.ms": 60_000, "linger.ms": 0 });
  await outcome(Promise.all([producer.partitionsFor("t"), producer.partitionsFor("u")]));
  const held: (() => void)[] = [];
  fake.script = (request) =>
    request.api === "produce" ? new Promise((resolve) => held.push(() => resolve(fake.answer(request)))) : pass;
  const order: string[] = [];
  const send = (topic: string, name: string, size: number) =>
    producer.send({ topic, value: name.padEnd(size, ".") }).then(() => void order.push(name));
  const sends = [
    send("t", "a", 1_500),
    send("u", "b", 1_500),
    send("t", "c", 100),
    send("u", "d", 1_500),
    send("t", "e", 100),
  ];
  const all = watch(Promise.all(sends));
  while (!all.settled) {
    await clock.advance(20);
    held.shift()?.();
  }
  expect(order).toEqual(["a", "b", "c", "d", "e"]);
});

test("metadata.max.age.ms: new partitions are seen after it", async () => {
  const { fake, producer } = start({ "metadata.max.age.ms": 5_000 });
  const keys = ["a", "b", "c", "d", "e", "f"];
  /** Where keys go tells how many partitions the producer knows of. */
  const seen = async () => {
    const sent = await outcome(Promise.all(keys.map((key) => producer.send({ topic: "t", key, value: "v" }))));
    return Math.max(...(sent.value ?? []).map(({ partition }) => partition)) + 1;
  };
  expect(await seen()).toBe(1);
  fake.partitionCount = 3;
  fake.topic("t").partitions.push(...fake.topic("more").partitions);
  await clock.advance(4_000);
  expect(await seen()).toBe(1);
  // The first send afterwards has it asked for, and does not wait for it.
  await clock.advance(2_000);
  await seen();
  await clock.advance(100);
  expect(await seen()).toBe(4);
});

test("client.id, reconnect.backoff.ms and socket.connection.setup.timeout.ms reach the network", async () => {
  const { fake, network, producer } = start({
    "client.id": "mine",
    "reconnect.backoff.ms": 4_000,
    "reconnect.backoff.max.ms": 4_000,
    "socket.connection.setup.timeout.ms": 2_000,
  });
  await outcome(producer.send({ topic: "t", value: "a" }));
  expect(fake.hellos[0]?.client).toBe("mine");
  fake.cut();
  const cutAtMs = clock.nowMs();
  await clock.runUntil(() => network.attempts.length === 2);
  expect(clock.nowMs() - cutAtMs).toBeGreaterThan(3_000);
  fake.isSilent = true;
  fake.cut();
  await clock.runUntil(() => network.attempts.length === 3);
  const triedAtMs = clock.nowMs();
  await clock.runUntil(() => network.attempts.length === 4);
  expect(clock.nowMs() - triedAtMs).toBeGreaterThan(2_000 + 3_000);
  expect(clock.nowMs() - triedAtMs).toBeLessThan(2_000 + 5_000);
});

test("partitioner.adaptive and its like are accepted, with one debug line each", () => {
  const lines: object[] = [];
  const note = (fields: object) => void lines.push(fields);
  const logger = { debug: note, info: note, warn: note, error: note };
  new Producer(
    {
      "bootstrap.servers": "broker:1",
      "partitioner.adaptive.partitioning.enable": false,
      "partitioner.availability.timeout.ms": 5,
    },
    { logger },
  );
  expect(lines).toEqual([
    { option: "partitioner.adaptive.partitioning.enable" },
    { option: "partitioner.availability.timeout.ms" },
  ]);
});

test.each([
  ["payload of a frame", { maxFramePayloadBytes: 5_000 }],
  ["unanswered bytes", { maxInFlightRequestBytes: 20_000 }],
  ["batch", { maxBatchBytes: 4_000 }],
])("what the broker grants bounds requests and batches: %s", async (_, granted) => {
  const { fake, producer } = start({}, { partitionCount: 4 });
  fake.limits = { ...fake.limits, ...granted };
  const [limit = 0] = Object.values(granted);
  let unansweredBytes = 0;
  let mostBytes = 0;
  fake.script = (request) => {
    if (request.api !== "produce") return pass;
    unansweredBytes += request.payload.length;
    mostBytes = Math.max(mostBytes, unansweredBytes);
    const { promise, resolve } = Promise.withResolvers<Record<string, unknown>>();
    clock.timers().schedule("answer", 20, () => {
      unansweredBytes -= request.payload.length;
      resolve(fake.answer(request));
    });
    return promise;
  };
  const values = Array.from({ length: 400 }, (_, index) => String(index).padEnd(300, "."));
  const sends = values.map((value, index) => producer.send({ topic: "t", partition: index % 4, value }));
  await outcome(Promise.all(sends));
  for (let partition = 0; partition < 4; partition++) {
    expect(fake.values("t", partition)).toEqual(values.filter((_, index) => index % 4 === partition));
  }
  for (const { header, payload } of fake.of("produce")) {
    if ("maxFramePayloadBytes" in granted) expect(payload.length).toBeLessThanOrEqual(limit);
    for (const { bytes } of header.partitions as { bytes: number }[]) expect(bytes).toBeLessThanOrEqual(limit);
  }
  if ("maxInFlightRequestBytes" in granted) expect(mostBytes).toBeLessThanOrEqual(limit);
});
