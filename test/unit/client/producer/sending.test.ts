// What a single send does: partition, serialization, errors at once, metadata, limits; over a fake broker in simulated time.

import {
  ConfigError,
  type Header,
  IllegalStateError,
  Producer,
  type ProducerRecord,
  RecordTooLargeError,
  TimeoutError,
} from "@brooklet/client";
import { partitionForKey, readBatchHeader, splitPayload } from "@brooklet/protocol";
import { expect, test } from "vitest";
import { pass, wireError } from "../../../support/fake-broker.ts";
import { watch } from "../../../support/watch.ts";
import { clock, outcome, start } from "./setup.ts";

test("a key goes where every Kafka client would put it, a named partition is taken as it is", async () => {
  const { producer } = start({}, { partitionCount: 6 });
  for (const key of ["a", "order-17", "", "ü"]) {
    const { value } = await outcome(producer.send({ topic: "t", key, value: "v" }));
    expect(value?.partition).toBe(partitionForKey(new TextEncoder().encode(key), 6));
  }
  expect((await outcome(producer.send({ topic: "t", key: "a", partition: 5, value: "v" }))).value?.partition).toBe(5);
});

test("records without a key stay together, and spread over all partitions in the long run", async () => {
  const { producer } = start({}, { partitionCount: 4 });
  const sends = Array.from({ length: 1_000 }, () => producer.send({ topic: "t", value: "x".repeat(500) }));
  const { value } = await outcome(Promise.all(sends));
  const partitions = value?.map(({ partition }) => partition) ?? [];
  const moves = partitions.filter((partition, index) => index > 0 && partition !== partitions[index - 1]).length;
  expect(new Set(partitions).size).toBe(4);
  expect(moves).toBeGreaterThan(20);
  expect(moves).toBeLessThan(50);
});

test("partitioner.ignore.keys treats keyed records alike", async () => {
  const { producer } = start({ "partitioner.ignore.keys": true }, { partitionCount: 50 });
  const sends = ["a", "b", "c", "d"].map((key) => producer.send({ topic: "t", key, value: "v" }));
  const { value } = await outcome(Promise.all(sends));
  expect(new Set(value?.map(({ partition }) => partition)).size).toBe(1);
});

test("null keys, tombstones, headers and timestamps arrive as they are", async () => {
  const { fake, producer } = start();
  const headers: Header[] = [
    { key: "__proto__", value: Uint8Array.of(1) },
    { key: "same", value: null },
    { key: "same", value: new Uint8Array() },
  ];
  const sends = [
    producer.send({ topic: "t", key: null, value: null, headers, timestamp: 12_345 }),
    producer.send({ topic: "t", key: "", value: "" }),
  ];
  const { value } = await outcome(Promise.all(sends));
  expect(value?.map(({ timestamp }) => timestamp)).toEqual([12_345, 1_750_000_000_000]);
  const records = fake.topics.get("t")?.partitions[0]?.records;
  expect(records?.[0]).toMatchObject({ key: null, value: null, headers, timestamp: 12_345 });
  expect(records?.[1]).toMatchObject({ key: new Uint8Array(), value: new Uint8Array(), headers: [] });
});

test("a serializer may add headers and may give null", async () => {
  const { fake, producer } = start({
    "value.serializer": {
      serialize(_topic, _value, headers) {
        headers.push({ key: "added", value: null });
        return null;
      },
    },
  });
  await outcome(producer.send({ topic: "t", value: "v" }));
  expect(fake.topics.get("t")?.partitions[0]?.records[0]).toMatchObject({
    value: null,
    headers: [{ key: "added", value: null }],
  });
});

const wrong: [string, unknown, object][] = [
  ["a value that does not serialize", { topic: "t", value: 5 }, { code: "RECORD_SERIALIZATION" }],
  ["a key that does not serialize", { topic: "t", key: {}, value: "v" }, { code: "RECORD_SERIALIZATION" }],
  ["no value", { topic: "t" }, { code: "ILLEGAL_STATE" }],
  ["no topic", { value: "v" }, { code: "INVALID_TOPIC_EXCEPTION" }],
  ["an illegal topic", { topic: "a/b", value: "v" }, { code: "INVALID_TOPIC_EXCEPTION" }],
  ["no record", null, { code: "ILLEGAL_STATE" }],
  ["a negative partition", { topic: "t", partition: -1, value: "v" }, { code: "ILLEGAL_STATE" }],
  ["half a partition", { topic: "t", partition: 0.5, value: "v" }, { code: "ILLEGAL_STATE" }],
  ["a negative timestamp", { topic: "t", timestamp: -5, value: "v" }, { code: "ILLEGAL_STATE" }],
  ["headers that are an object", { topic: "t", headers: {}, value: "v" }, { code: "ILLEGAL_STATE" }],
  ["a header without a key", { topic: "t", headers: [{ value: null }], value: "v" }, { code: "ILLEGAL_STATE" }],
  ["a header of text", { topic: "t", headers: [{ key: "k", value: "v" }], value: "v" }, { code: "ILLEGAL_STATE" }],
];

test.each(wrong)("%s is refused at once, with certainty", async (_, record, error) => {
  const { fake, producer } = start();
  const seen = watch(producer.send(record as ProducerRecord<string, string>));
  await clock.advance(0);
  expect(seen.error).toMatchObject({ ...error, definite: true });
  expect(fake.requests).toEqual([]);
});

test("a serializer that gives no bytes is refused", async () => {
  const { producer } = start({ "value.serializer": { serialize: () => "text" as unknown as Uint8Array } });
  expect((await outcome(producer.send({ topic: "t", value: "v" }))).error).toMatchObject({
    code: "RECORD_SERIALIZATION",
  });
});

test("a record above max.request.size, buffer.memory or the broker's limit is refused before sending", async () => {
  const { fake, producer } = start({ "max.request.size": 5_000, "buffer.memory": 100_000 });
  fake.limits = { ...fake.limits, maxBatchBytes: 3_000 };
  await outcome(producer.send({ topic: "t", value: "v" }));
  for (const [size, name] of [
    [5_000, "max.request.size"],
    [3_000, "message.max.bytes"],
  ] as const) {
    const { error } = await outcome(producer.send({ topic: "t", value: "x".repeat(size) }));
    expect(error).toBeInstanceOf(RecordTooLargeError);
    expect(String(error)).toContain(name);
  }
  expect(fake.of("produce")).toHaveLength(1);
  const { producer: small } = start({ "buffer.memory": 1_000 });
  expect(String((await outcome(small.send({ topic: "t", value: "x".repeat(2_000) }))).error)).toContain(
    "buffer.memory",
  );
});

test("requests stay within max.request.size, batches within batch.size", async () => {
  const { fake, producer } = start({ "max.request.size": 10_000, "batch.size": 4_000 }, { partitionCount: 8 });
  const sends = Array.from({ length: 400 }, (_, index) =>
    producer.send({ topic: "t", partition: index % 8, value: "x".repeat(200) }),
  );
  await outcome(Promise.all(sends));
  for (const { header, payload } of fake.of("produce")) {
    expect(payload.length).toBeLessThanOrEqual(10_000);
    for (const { bytes } of header.partitions as { bytes: number }[]) expect(bytes).toBeLessThanOrEqual(4_000);
  }
  expect(fake.of("produce").some(({ header }) => (header.partitions as unknown[]).length > 1)).toBe(true);
});

test("an unknown topic is waited for as long as max.block.ms, and the error says what is missing", async () => {
  const { fake, producer } = start({ "max.block.ms": 3_000 }, { autoCreate: false });
  const seen = await outcome(producer.send({ topic: "nope", value: "v" }));
  expect(clock.nowMs()).toBeGreaterThanOrEqual(3_000);
  expect(clock.nowMs()).toBeLessThan(3_100);
  expect(seen.error).toMatchObject({
    name: "TimeoutError",
    definite: true,
    context: { lastError: "UNKNOWN_TOPIC_OR_PARTITION" },
  });
  const late = watch(producer.send({ topic: "late", value: "v" }));
  await clock.advance(1_000);
  fake.topic("late");
  await clock.runUntil(() => late.settled);
  expect(late.value?.offset).toBe(0);
  expect(fake.of("metadata").every(({ header }) => header.allowAutoCreate === true)).toBe(true);
});

test("sends that waited for metadata keep their order", async () => {
  const { fake, producer } = start();
  const sends = ["a", "b"].map((value) => producer.send({ topic: "t", value }));
  await clock.advance(1);
  sends.push(producer.send({ topic: "t", value: "c" }));
  await outcome(Promise.all(sends));
  expect(fake.values("t")).toEqual(["a", "b", "c"]);
  // The metadata is known a few promises before those who wait for it are let in.
  const known = producer.partitionsFor("u").then(() => producer.send({ topic: "u", value: "later" }));
  const early = producer.send({ topic: "u", value: "early" });
  await outcome(Promise.all([early, known]));
  expect(fake.values("u")).toEqual(["early", "later"]);
});

test("a topic that cannot be used fails at once, another is not held up", async () => {
  const { fake, producer } = start();
  fake.script = ({ api, header }) =>
    api === "metadata" && (header.topics as string[]).includes("bad")
      ? {
          clusterId: "c",
          topics: (header.topics as string[]).map((topic) => ({
            topic,
            topicId: "",
            partitions: [],
            error: wireError("TOPIC_AUTHORIZATION_FAILED"),
          })),
        }
      : pass;
  const bad = watch(producer.send({ topic: "bad", value: "v" }));
  await clock.runUntil(() => bad.settled);
  expect(bad.error).toMatchObject({ code: "TOPIC_AUTHORIZATION_FAILED" });
  expect((await outcome(producer.send({ topic: "good", value: "v" }))).value?.offset).toBe(0);
});

test("a partition that does not exist is refused after one fresh look", async () => {
  const { fake, producer } = start({}, { partitionCount: 3 });
  await outcome(producer.send({ topic: "t", value: "v" }));
  const { error } = await outcome(producer.send({ topic: "t", partition: 3, value: "v" }));
  expect(error).toMatchObject({ code: "UNKNOWN_TOPIC_OR_PARTITION", definite: true });
  expect(fake.of("metadata")).toHaveLength(2);
});

test("acks 0 resolves without an offset, and without a producer id", async () => {
  const { fake, producer } = start({ acks: 0 });
  fake.script = ({ api, header }) => {
    if (api !== "produce") return pass;
    const [item] = header.partitions as { topic: string; partition: number }[];
    return { results: [{ topic: item?.topic, partition: item?.partition, baseOffset: -1 }] };
  };
  const sends = [producer.send({ topic: "t", value: "a" }), producer.send({ topic: "t", value: "b" })];
  expect((await outcome(Promise.all(sends))).value?.map(({ offset }) => offset)).toEqual([-1, -1]);
  expect(fake.of("initProducerId")).toEqual([]);
  expect(fake.of("produce")[0]?.header.acks).toBe(0);
});

test("the broker's append time is the record's timestamp", async () => {
  const { fake, producer } = start();
  fake.script = ({ api }) =>
    api === "produce" ? { results: [{ topic: "t", partition: 0, baseOffset: 7, logAppendTimeMs: 99 }] } : pass;
  expect((await outcome(producer.send({ topic: "t", value: "a", timestamp: 1 }))).value).toEqual({
    topic: "t",
    partition: 0,
    offset: 7,
    timestamp: 99,
  });
});

test.each([
  ["no results", { results: [] }],
  ["another partition", { results: [{ topic: "t", partition: 9, baseOffset: 0 }] }],
  ["another topic", { results: [{ topic: "u", partition: 0, baseOffset: 0 }] }],
  ["nothing", {}],
])("a produce answer with %s leaves the record in doubt", async (_, answer) => {
  const { fake, producer } = start();
  fake.script = ({ api }) => (api === "produce" ? answer : pass);
  expect((await outcome(producer.send({ topic: "t", value: "a" }))).error).toMatchObject({ definite: false });
  fake.script = () => pass;
  expect((await outcome(producer.send({ topic: "t", value: "b" }))).value?.offset).toBe(0);
  const [, second] = fake.of("produce");
  const [batch] = splitPayload(second?.payload ?? new Uint8Array(), second?.header.partitions as { bytes: number }[]);
  expect(readBatchHeader(batch ?? new Uint8Array()), "the epoch was raised").toMatchObject({
    producerEpoch: 1,
    baseSequence: 0,
  });
});

test("a repetition that the broker only knows to be one is a success without an offset", async () => {
  const { fake, producer } = start();
  fake.script = ({ api }) =>
    api === "produce"
      ? { results: [{ topic: "t", partition: 0, baseOffset: -1, error: wireError("DUPLICATE_SEQUENCE_NUMBER") }] }
      : pass;
  expect((await outcome(producer.send({ topic: "t", value: "a" }))).value?.offset).toBe(-1);
});

test("a producer id that is refused for good fails the records, one refused for now is asked again", async () => {
  const { fake, producer } = start();
  fake.script = ({ api }) => (api === "initProducerId" ? { error: wireError("CLUSTER_AUTHORIZATION_FAILED") } : pass);
  expect((await outcome(producer.send({ topic: "t", value: "a" }))).error).toMatchObject({
    code: "CLUSTER_AUTHORIZATION_FAILED",
  });
  let refusals = 2;
  fake.script = ({ api }) => (api === "initProducerId" && refusals-- > 0 ? { error: wireError("STORAGE_FULL") } : pass);
  expect((await outcome(producer.send({ topic: "t", value: "b" }))).value?.offset).toBe(0);
  expect(fake.of("initProducerId")).toHaveLength(4);
});

test("flush and close with a limit, an aborted flush, a closed producer", async () => {
  const { fake, producer } = start();
  fake.script = ({ api }) => (api === "produce" ? undefined : pass);
  const send = watch(producer.send({ topic: "t", value: "a" }));
  const controller = new AbortController();
  const aborted = watch(producer.flush({ signal: controller.signal }));
  controller.abort();
  expect((await outcome(producer.flush({ timeoutMs: 500 }))).error).toBeInstanceOf(TimeoutError);
  expect(aborted.error).toMatchObject({ code: "ABORTED" });
  expect(send.settled).toBe(false);
  await outcome(Promise.all([producer.close({ timeoutMs: 0 }), producer.close()]));
  expect(send.error).toMatchObject({ name: "ClosedError", definite: false });
  for (const call of [() => producer.flush(), () => producer.partitionsFor("t")]) {
    await expect(call()).rejects.toMatchObject({ name: "ClosedError", definite: true });
  }
});

test("partitionsFor names the partitions", async () => {
  const { producer } = start({}, { partitionCount: 2 });
  expect((await outcome(producer.partitionsFor("t"))).value).toEqual([
    { topic: "t", partition: 0 },
    { topic: "t", partition: 1 },
  ]);
});

test("transactions are refused clearly", async () => {
  const { producer } = start();
  expect(() => producer.beginTransaction()).toThrow(IllegalStateError);
  for (const call of [
    producer.initTransactions(),
    producer.commitTransaction(),
    producer.abortTransaction(),
    producer.sendOffsetsToTransaction([], { groupId: "g", memberId: "m", memberEpoch: 1 }),
  ]) {
    await expect(call).rejects.toThrow("transactions are not there yet");
  }
  expect(() => new Producer({ "bootstrap.servers": "a:1", "transactional.id": "x" })).toThrow(ConfigError);
});

test("a foreign log is fatal for the producer, and later sends say so at once", async () => {
  const { fake, producer } = start();
  await outcome(producer.send({ topic: "t", value: "a" }));
  fake.clusterId = "another";
  fake.cut();
  const fatal = { code: "INCONSISTENT_CLUSTER_ID", fatal: true };
  expect((await outcome(producer.send({ topic: "t", value: "b" }))).error).toMatchObject(fatal);
  const seen = watch(producer.send({ topic: "t", value: "c" }));
  await clock.advance(0);
  expect(seen.error).toMatchObject(fatal);
  expect(fake.values("t")).toEqual(["a"]);
});
