// What a produce request may be refused with; and that a refused item leaves nothing behind.

import { setLogAppendTime } from "@brooklet/protocol";
import { expect, test } from "vitest";
import { batchOf, concat, LogUnderTest, rejection } from "./log-under-test.ts";

const corrupt = () => {
  const batch = batchOf(["a"]);
  batch[batch.length - 1] = (batch.at(-1) ?? 0) ^ 1;
  return batch;
};

test.each([
  ["an illegal name", { topic: "a b", batches: batchOf(["a"]) }, "INVALID_TOPIC_EXCEPTION"],
  ["an empty name", { topic: "", batches: batchOf(["a"]) }, "INVALID_TOPIC_EXCEPTION"],
  ["an internal topic", { topic: "__consumer_offsets", batches: batchOf(["a"]) }, "INVALID_TOPIC_EXCEPTION"],
  ["a partition too high", { topic: "orders", partition: 2, batches: batchOf(["a"]) }, "UNKNOWN_TOPIC_OR_PARTITION"],
  ["a negative partition", { topic: "orders", partition: -1, batches: batchOf(["a"]) }, "UNKNOWN_TOPIC_OR_PARTITION"],
  ["a foreign topic id", { topic: "orders", topicId: "nobody", batches: batchOf(["a"]) }, "UNKNOWN_TOPIC_ID"],
  ["a topic id of no topic", { topic: "other", topicId: "nobody", batches: batchOf(["a"]) }, "UNKNOWN_TOPIC_ID"],
  ["no batch", { topic: "orders", batches: new Uint8Array(0) }, "INVALID_RECORD"],
  ["a damaged batch", { topic: "orders", batches: corrupt() }, "CORRUPT_MESSAGE"],
  ["half a batch", { topic: "orders", batches: batchOf(["a"]).subarray(0, 65) }, "CORRUPT_MESSAGE"],
  ["a batch too large", { topic: "orders", batches: batchOf(["x".repeat(5000)]) }, "MESSAGE_TOO_LARGE"],
  [
    "a transactional batch",
    {
      topic: "orders",
      batches: batchOf(["a"], { transactional: true, producerId: 1, producerEpoch: 0, baseSequence: 0 }),
    },
    "INVALID_RECORD",
  ],
  ["a control batch", { topic: "orders", batches: batchOf(["a"], { control: true }) }, "INVALID_RECORD"],
  [
    "a good batch before a damaged one",
    { topic: "orders", batches: concat(batchOf(["a"]), corrupt()) },
    "CORRUPT_MESSAGE",
  ],
])("%s is refused and nothing is stored", async (_, item, code) => {
  const at = new LogUnderTest({ "message.max.bytes": 4096 });
  await at.create("orders", 2);
  const turns = at.storage.turns.length;
  const [bad, good] = await at.during(
    at.log.produce(1, [
      { partition: 0, ...item },
      { topic: "orders", partition: 1, batches: batchOf(["good"]) },
    ]),
  );
  expect(bad).toMatchObject({ baseOffset: -1, error: { code, definite: true } });
  expect(good).toEqual({ topic: "orders", partition: 1, baseOffset: 0 });
  expect(await at.highWatermark("orders", 0)).toBe(0);
  expect(await at.highWatermark("orders", 1)).toBe(1);
  expect(at.storage.turns.slice(turns).flatMap(({ parts }) => parts.flatMap(({ changes }) => changes))).toHaveLength(1);
});

test.each([2, -2, 100])("acks %d refuses the request", async (acks) => {
  const at = new LogUnderTest();
  const produced = at.log.produce(acks, [{ topic: "orders", partition: 0, batches: batchOf(["a"]) }]);
  expect(await rejection(produced)).toBe("INVALID_REQUIRED_ACKS");
  expect(at.log.catalog.byName("orders")).toBeUndefined();
});

test("a record too far in the future is refused, one just within the bound and one of long ago are not", async () => {
  const at = new LogUnderTest({ "log.message.timestamp.after.max.ms": 1000 });
  await at.create("orders");
  const now = at.clock.wallMs();
  const late = await at.produce("orders", batchOf(["a"], { timestamps: [now + 1100] }));
  expect(late.error?.code).toBe("INVALID_TIMESTAMP");
  expect((await at.produce("orders", batchOf(["a"], { timestamps: [now + 900] }))).baseOffset).toBe(0);
  expect((await at.produce("orders", batchOf(["a"], { timestamps: [0] }))).baseOffset).toBe(1);
});

test("a missing topic is created by a produce, with num.partitions", async () => {
  const at = new LogUnderTest({ "num.partitions": 3 });
  const result = await at.produce("fresh", batchOf(["a"]), 2);
  expect(result).toEqual({ topic: "fresh", partition: 2, baseOffset: 0 });
  expect(at.log.catalog.byName("fresh")?.partitionCount).toBe(3);
});

test("a missing topic is created once, by two produces of one turn", async () => {
  const at = new LogUnderTest();
  const item = () => ({ topic: "fresh", partition: 0, batches: batchOf(["a"]) });
  const results = await at.during(Promise.all([at.log.produce(1, [item(), item()]), at.log.produce(1, [item()])]));
  expect(results.flat().map(({ baseOffset }) => baseOffset)).toEqual([0, 1, 2]);
  expect(at.log.stats).toMatchObject({ topics: 1, partitions: 1 });
});

test("a missing topic is not created for a bad batch, a bad partition, or when it is switched off", async () => {
  const at = new LogUnderTest();
  expect((await at.produce("fresh", corrupt())).error?.code).toBe("CORRUPT_MESSAGE");
  expect((await at.produce("fresh", batchOf(["a"]), 1)).error?.code).toBe("UNKNOWN_TOPIC_OR_PARTITION");
  expect(at.storage.turns).toEqual([]);
  const off = new LogUnderTest({ "auto.create.topics.enable": false });
  expect((await off.produce("fresh", batchOf(["a"]))).error?.code).toBe("UNKNOWN_TOPIC_OR_PARTITION");
  const full = new LogUnderTest({ "max.topics": 1 });
  await full.create("orders");
  expect((await full.produce("fresh", batchOf(["a"]))).error?.code).toBe("POLICY_VIOLATION");
});

test("names of Object's own properties are ordinary topics", async () => {
  const at = new LogUnderTest();
  for (const topic of ["__proto__", "constructor", "hasOwnProperty", "toString"]) {
    const [missing] = await at.during(at.log.metadata({ topics: [topic] }));
    expect(missing?.error?.code).toBe("UNKNOWN_TOPIC_OR_PARTITION");
    expect((await at.produce(topic, batchOf(["a"]))).baseOffset).toBe(0);
    expect((await at.fetch(topic, 0))[0]?.batches).toHaveLength(1);
  }
});

test("max.message.bytes of a topic goes before the broker's", async () => {
  const at = new LogUnderTest({ "message.max.bytes": 4096 });
  await at.create("small", 1, { "max.message.bytes": "100" });
  await at.create("large", 1, { "max.message.bytes": "10000" });
  const batch = batchOf(["x".repeat(5000)]);
  expect((await at.produce("small", batchOf(["x".repeat(50)]))).error?.code).toBe("MESSAGE_TOO_LARGE");
  expect((await at.produce("large", batch)).error).toBeUndefined();
});

test("LogAppendTime stamps the broker's time, over whatever the records say, also after a restart", async () => {
  const at = new LogUnderTest();
  await at.create("stamped", 1, { "message.timestamp.type": "LogAppendTime" });
  await at.restart();
  const wallMs = at.clock.wallMs();
  const far = wallMs + 10_000_000;
  const result = await at.produce("stamped", batchOf(["a", "b"], { timestamps: [far, 5] }));
  expect(result).toEqual({ topic: "stamped", partition: 0, baseOffset: 0, logAppendTimeMs: wallMs });

  const [found] = await at.during(
    at.log.listOffsets({ isolation: "read_uncommitted", partitions: [{ topic: "stamped", partition: 0, at: 10 }] }),
  );
  expect(found).toMatchObject({ offset: 0, timestamp: wallMs });
  const expected = batchOf(["a", "b"], { timestamps: [far, 5] });
  setLogAppendTime(expected, wallMs);
  const [read] = await at.fetch("stamped", 0);
  expect(read?.batches[0]?.slice(16)).toEqual(expected.slice(16));
});
