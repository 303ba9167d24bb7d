// Topics: created, listed, created by use, deleted; limits and configurations.

import { expect, test } from "vitest";
import type { Topic } from "../../../server/src/log/log.ts";
import { batchOf, LogUnderTest } from "./log-under-test.ts";

async function create(
  at: LogUnderTest,
  topics: { topic: string; partitions?: number; configs?: Record<string, string> }[],
) {
  return at.during(at.log.createTopics({ topics }));
}

test("each topic is created by itself: one may fail while another is created", async () => {
  const at = new LogUnderTest({ "num.partitions": 4 });
  const results = await create(at, [
    { topic: "a", partitions: 2 },
    { topic: "bad name" },
    { topic: "b" },
    { topic: "c", partitions: -1 },
  ]);
  expect(results.map(({ error }) => error?.code)).toEqual([undefined, "INVALID_TOPIC_EXCEPTION", undefined, undefined]);
  expect(["a", "b", "c"].map((topic) => at.log.catalog.byName(topic)?.partitionCount)).toEqual([2, 4, 4]);
  expect(results[0]?.topicId).toBe(at.log.catalog.byName("a")?.topicId);
  expect(results[1]?.topicId).toBe("");
});

test.each<[string, { topic: string; partitions?: number; configs?: Record<string, string> }, string]>([
  ["a name with a slash", { topic: "a/b" }, "INVALID_TOPIC_EXCEPTION"],
  ["a name of 250 characters", { topic: "x".repeat(250) }, "INVALID_TOPIC_EXCEPTION"],
  ["the name ..", { topic: ".." }, "INVALID_TOPIC_EXCEPTION"],
  ["an internal topic", { topic: "__consumer_offsets" }, "INVALID_TOPIC_EXCEPTION"],
  ["an existing topic", { topic: "orders" }, "TOPIC_ALREADY_EXISTS"],
  ["no partitions", { topic: "t", partitions: 0 }, "INVALID_PARTITIONS"],
  ["-2 partitions", { topic: "t", partitions: -2 }, "INVALID_PARTITIONS"],
  ["too many partitions", { topic: "t", partitions: 10_001 }, "INVALID_PARTITIONS"],
  ["more than max.partitions", { topic: "t", partitions: 10 }, "POLICY_VIOLATION"],
  ["an unknown configuration", { topic: "t", configs: { "retention.msec": "1" } }, "INVALID_CONFIG"],
  ["__proto__ as configuration", { topic: "t", configs: JSON.parse('{"__proto__": "1"}') }, "INVALID_CONFIG"],
  ["a configuration that is no number", { topic: "t", configs: { "max.message.bytes": "1k" } }, "INVALID_CONFIG"],
  ["an empty number", { topic: "t", configs: { "segment.ms": "" } }, "INVALID_CONFIG"],
  ["an unknown timestamp type", { topic: "t", configs: { "message.timestamp.type": "Now" } }, "INVALID_CONFIG"],
  ["compaction, which is not done", { topic: "t", configs: { "cleanup.policy": "compact" } }, "INVALID_CONFIG"],
  ["recompression, which is not done", { topic: "t", configs: { "compression.type": "zstd" } }, "INVALID_CONFIG"],
  ["two replicas of one", { topic: "t", configs: { "min.insync.replicas": "2" } }, "INVALID_CONFIG"],
])("%s is refused, also when only validating", async (_, topic, code) => {
  const at = new LogUnderTest({ "max.partitions": 9 });
  await at.create("orders");
  const turns = at.storage.turns.length;
  for (const validateOnly of [true, false]) {
    const [result] = await at.during(at.log.createTopics({ topics: [topic], validateOnly }));
    expect(result).toMatchObject({ topicId: "", error: { code } });
  }
  expect(at.storage.turns).toHaveLength(turns);
});

test("all problems of the configurations are named at once", async () => {
  const at = new LogUnderTest();
  const [result] = await create(at, [{ topic: "t", configs: { nonsense: "1", "segment.ms": "x" } }]);
  expect(result?.error?.message).toMatch(/nonsense.*segment\.ms/);
});

test("names that differ only in . and _ are both taken, and the second is worth a warning, also after a restart", async () => {
  const at = new LogUnderTest();
  await create(at, [{ topic: "orders.eu" }, { topic: "orders-eu" }, { topic: "orderseu" }]);
  expect(at.warnings).toEqual([]);
  const [result] = await create(at, [{ topic: "orders_eu" }]);
  expect(result?.error).toBeUndefined();
  expect(at.warnings).toEqual(['the names orders_eu and orders.eu are the same where "." is written as "_"']);

  await at.restart();
  await at.during(at.log.deleteTopics({ topics: ["orders_eu"] }));
  await create(at, [{ topic: "orders_eu" }]);
  expect(at.warnings).toHaveLength(2);
  await at.during(at.log.deleteTopics({ topics: ["orders_eu", "orders.eu"] }));
  await create(at, [{ topic: "orders_eu" }]);
  expect(at.warnings).toHaveLength(2);
});

test("what is configured is stored with the topic", async () => {
  const at = new LogUnderTest();
  await at.create("t", 1, {
    "cleanup.policy": "delete",
    "retention.ms": "-1",
    "retention.bytes": "-1",
    "segment.bytes": "1073741824",
    "segment.ms": "604800000",
    "max.message.bytes": "1000",
    "message.timestamp.type": "CreateTime",
    "compression.type": "producer",
    "min.insync.replicas": "1",
  });
  expect(at.storage.turns.at(-1)?.parts[0]?.changes[0]).toMatchObject({
    kind: "createTopic",
    topic: { configs: { "segment.ms": "604800000" } },
  });
});

test("a name that stands twice in a request is refused at both places", async () => {
  const at = new LogUnderTest();
  const results = await create(at, [{ topic: "a" }, { topic: "b" }, { topic: "a" }]);
  expect(results.map(({ error }) => error?.code)).toEqual(["INVALID_REQUEST", undefined, "INVALID_REQUEST"]);
  const deleted = await at.during(at.log.deleteTopics({ topics: ["b", "b"] }));
  expect(deleted.map(({ error }) => error?.code)).toEqual(["INVALID_REQUEST", "INVALID_REQUEST"]);
  expect(at.log.catalog.byName("a")).toBeUndefined();
  expect(at.log.catalog.byName("b")).toBeDefined();
});

test("validateOnly creates nothing", async () => {
  const at = new LogUnderTest();
  const results = await at.during(at.log.createTopics({ topics: [{ topic: "t" }], validateOnly: true }));
  expect(results).toEqual([{ topic: "t", topicId: "" }]);
  expect(at.storage.turns).toEqual([]);
});

test("limits count what is staged, too, and what is deleted makes room", async () => {
  const at = new LogUnderTest({ "max.topics": 2, "max.partitions": 6 });
  const results = await create(at, [
    { topic: "a", partitions: 3 },
    { topic: "b", partitions: 4 },
    { topic: "c", partitions: 2 },
    { topic: "d", partitions: 1 },
  ]);
  expect(results.map(({ error }) => error?.code)).toEqual([
    undefined,
    "POLICY_VIOLATION",
    undefined,
    "POLICY_VIOLATION",
  ]);
  expect(results[1]?.error?.message).toContain("max.partitions");
  expect(results[3]?.error?.message).toContain("max.topics");
  const deleted = at.log.deleteTopics({ topics: ["a"] });
  const created = at.log.createTopics({ topics: [{ topic: "b", partitions: 3 }] });
  expect((await at.during(created))[0]?.error).toBeUndefined();
  await at.during(deleted);
  expect(at.log.stats).toMatchObject({ topics: 2, partitions: 5 });
});

test("a second creation of a staged topic waits until the first is durable before it speaks of it", async () => {
  const at = new LogUnderTest();
  at.storage.hold();
  const first = at.log.createTopics({ topics: [{ topic: "a" }] });
  let answered = false;
  const second = at.log.createTopics({ topics: [{ topic: "a" }] });
  void second.then(() => {
    answered = true;
  });
  await at.clock.advance(100);
  expect(answered).toBe(false);
  expect(at.log.catalog.byName("a")).toBeUndefined();
  expect(await at.log.metadata({})).toEqual([]);
  at.storage.release();
  expect((await at.during(first))[0]?.error).toBeUndefined();
  expect((await at.during(second))[0]?.error?.code).toBe("TOPIC_ALREADY_EXISTS");
});

test("listeners hear of a change when it is durable, in order", async () => {
  const at = new LogUnderTest();
  const heard: [string, string, boolean][] = [];
  at.log.catalog.onChange((topic: Topic, change) =>
    heard.push([topic.topic, change, at.log.catalog.byId(topic.topicId) !== undefined]),
  );
  at.storage.hold();
  const created = at.log.createTopics({ topics: [{ topic: "a" }] });
  await at.clock.advance(10);
  expect(heard).toEqual([]);
  at.storage.release();
  await at.during(created);
  await at.during(at.log.deleteTopics({ topics: ["a"] }));
  expect(heard).toEqual([
    ["a", "created", true],
    ["a", "deleted", false],
  ]);
});

test("metadata names all topics, or those asked for, with errors of their own", async () => {
  const at = new LogUnderTest();
  const topicId = await at.create("orders", 2);
  await at.produce("orders", batchOf(["a", "b"]), 1);
  const orders = {
    topic: "orders",
    topicId,
    partitions: [
      { partition: 0, logStartOffset: 0, highWatermark: 0, sizeBytes: 0 },
      { partition: 1, logStartOffset: 0, highWatermark: 2, sizeBytes: 77 },
    ],
  };
  expect(await at.log.metadata({})).toEqual([orders]);
  const named = await at.during(at.log.metadata({ topics: ["missing", "orders", "a b"] }));
  expect(named[1]).toEqual(orders);
  expect(named[0]).toMatchObject({ topicId: "", partitions: [], error: { code: "UNKNOWN_TOPIC_OR_PARTITION" } });
  expect(named[2]).toMatchObject({ topicId: "", partitions: [], error: { code: "INVALID_TOPIC_EXCEPTION" } });
});

test("metadata creates what is missing where both sides allow it, and answers when it is durable", async () => {
  const at = new LogUnderTest({ "num.partitions": 2 });
  at.storage.hold();
  let answered = false;
  const asked = at.log.metadata({ topics: ["a", "a", "__consumer_offsets"], allowAutoCreate: true });
  const other = at.log.metadata({ topics: ["a"], allowAutoCreate: true });
  void asked.then(() => {
    answered = true;
  });
  await at.clock.advance(10);
  expect(answered).toBe(false);
  at.storage.release();
  const [first, internal] = await at.during(asked);
  expect(first?.partitions).toHaveLength(2);
  expect(internal?.error?.code).toBe("UNKNOWN_TOPIC_OR_PARTITION");
  expect((await at.during(other))[0]).toEqual(first);
  expect(at.log.stats.topics).toBe(1);

  const off = new LogUnderTest({ "auto.create.topics.enable": false });
  const [refused] = await off.during(off.log.metadata({ topics: ["a"], allowAutoCreate: true }));
  expect(refused?.error?.code).toBe("UNKNOWN_TOPIC_OR_PARTITION");
  const [notAsked] = await at.during(at.log.metadata({ topics: ["b"] }));
  expect(notAsked?.error?.code).toBe("UNKNOWN_TOPIC_OR_PARTITION");
});

test("a deleted topic is gone with its records, cache and places, also after a restart", async () => {
  const at = new LogUnderTest();
  await at.create("orders");
  await at.produce("orders", batchOf(["a"]));
  expect(at.log.stats.tailCacheBytes).toBeGreaterThan(0);
  const [deleted] = await at.during(at.log.deleteTopics({ topics: ["orders"] }));
  expect(deleted).toEqual({ topic: "orders" });
  expect(at.log.stats).toMatchObject({ topics: 0, partitions: 0, tailCacheBytes: 0 });
  await at.restart();
  expect(at.log.stats.topics).toBe(0);
  const [again] = await at.during(at.log.deleteTopics({ topics: ["orders"] }));
  expect(again?.error?.code).toBe("UNKNOWN_TOPIC_OR_PARTITION");
});

test("partition ids are never used again, not even those of a topic deleted before a restart", async () => {
  const at = new LogUnderTest();
  const ids = () =>
    at.storage.turns.flatMap(({ parts }) =>
      parts.flatMap(({ changes }) =>
        changes.flatMap((change) =>
          change.kind === "createTopic" ? change.topic.partitions.map(({ partitionId }) => partitionId) : [],
        ),
      ),
    );
  await at.create("a", 3);
  await at.during(at.log.deleteTopics({ topics: ["a"] }));
  const before = ids();
  await at.restart();
  await at.create("a", 2);
  expect(before).toHaveLength(3);
  expect(ids().filter((id) => before.includes(id))).toEqual([]);
});

test("the internal topic cannot be deleted", async () => {
  const at = new LogUnderTest();
  const [result] = await at.during(at.log.deleteTopics({ topics: ["__consumer_offsets"] }));
  expect(result?.error?.code).toBe("INVALID_TOPIC_EXCEPTION");
});

test("metadata describes a topic once, however often its name stands in the request", async () => {
  const at = new LogUnderTest();
  await at.create("orders", 1000);
  const topics = await at.during(at.log.metadata({ topics: Array.from({ length: 10_000 }, () => "orders") }));
  expect(topics.map(({ topic, partitions }) => [topic, partitions.length])).toEqual([["orders", 1000]]);
});
