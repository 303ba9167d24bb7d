// describeConfigs, alterConfigs and createPartitions: live, durable before answered, taken back with a failed turn.

import { expect, test } from "vitest";
import { settingDefinitions } from "../../../server/src/settings.ts";
import { batchOf, LogUnderTest } from "./log-under-test.ts";

type Configs = Record<string, string | null>;

function alter(at: LogUnderTest, topic: string, configs: Configs, validateOnly = false) {
  return at.log.alterConfigs({ changes: [{ topic, configs }], validateOnly });
}

async function altered(at: LogUnderTest, topic: string, configs: Configs, validateOnly = false) {
  const [result] = await at.during(alter(at, topic, configs, validateOnly));
  return result;
}

async function configOf(at: LogUnderTest, topic: string, name: string) {
  const { results } = await at.log.describeConfigs({ topics: [topic] });
  const { value, source } = results[0]?.configs.find((config) => config.name === name) ?? {};
  return [value, source];
}

function extend(at: LogUnderTest, topic: string, partitions: number, validateOnly = false) {
  return at.log.createPartitions({ topics: [{ topic, partitions }], validateOnly });
}

async function extended(at: LogUnderTest, topic: string, partitions: number, validateOnly = false) {
  const [result] = await at.during(extend(at, topic, partitions, validateOnly));
  return result;
}

async function pending(at: LogUnderTest, promise: Promise<unknown>): Promise<boolean> {
  let answered = false;
  const mark = () => {
    answered = true;
  };
  promise.then(mark, mark);
  await at.clock.advance(10);
  return !answered;
}

async function partitionsOf(at: LogUnderTest, topic: string): Promise<number> {
  const [found] = await at.during(at.log.metadata({ topics: [topic] }));
  return found?.partitions.length ?? -1;
}

const bugs = (at: LogUnderTest) => at.errors.filter(({ message }) => message.startsWith("bug"));

test("describeConfigs says each value and where it comes from, ordered by name", async () => {
  const at = new LogUnderTest({ "log.retention.ms": 1000 });
  await at.create("orders", 1, { "segment.ms": "5" });
  const { results, broker } = await at.log.describeConfigs({ topics: ["orders", "missing", "a b", "orders"] });
  expect(broker).toBeUndefined();
  expect(results.map(({ topic, error }) => [topic, error?.code])).toEqual([
    ["orders", undefined],
    ["missing", "UNKNOWN_TOPIC_OR_PARTITION"],
    ["a b", "INVALID_TOPIC_EXCEPTION"],
  ]);
  const names = results[0]?.configs.map(({ name }) => name) ?? [];
  expect(names).toEqual([...names].sort());
  expect(await configOf(at, "orders", "segment.ms")).toEqual(["5", "topic"]);
  expect(await configOf(at, "orders", "retention.ms")).toEqual(["1000", "broker"]);
  expect(await configOf(at, "orders", "cleanup.policy")).toEqual(["delete", "default"]);
  expect(results[1]?.configs).toEqual([]);
});

test("describeConfigs of the broker: every setting, the changed ones as the broker's", async () => {
  const at = new LogUnderTest({ "num.partitions": 3 });
  const { results, broker = [] } = await at.log.describeConfigs({ broker: true });
  expect(results).toEqual([]);
  expect(broker.map(({ name }) => name)).toEqual(Object.keys(settingDefinitions).sort());
  expect(broker.filter(({ source }) => source !== "default")).toEqual([
    { name: "num.partitions", value: "3", source: "broker" },
  ]);
  expect(broker.find(({ name }) => name === "auto.create.topics.enable")?.value).toBe("true");
});

test("an altered configuration is obeyed by the next append, kept over a restart, and null takes it back", async () => {
  const at = new LogUnderTest();
  await at.create("orders", 1, { "segment.ms": "5" });
  const batch = batchOf(["a".repeat(2000)]);
  expect((await at.produce("orders", batch)).error).toBeUndefined();
  expect(await altered(at, "orders", { "max.message.bytes": "1000" })).toEqual({ topic: "orders" });
  expect((await at.produce("orders", batch)).error?.code).toBe("MESSAGE_TOO_LARGE");
  await at.restart();
  expect((await at.produce("orders", batch)).error?.code).toBe("MESSAGE_TOO_LARGE");
  expect(await configOf(at, "orders", "segment.ms")).toEqual(["5", "topic"]);
  expect(await altered(at, "orders", { "max.message.bytes": null, "segment.ms": null })).toEqual({ topic: "orders" });
  expect((await at.produce("orders", batch)).error).toBeUndefined();
  expect(await configOf(at, "orders", "segment.ms")).toEqual(["604800000", "default"]);
  await at.restart();
  expect(await configOf(at, "orders", "max.message.bytes")).toEqual(["1048588", "default"]);
});

test("timestamp bounds and type follow an alteration", async () => {
  const at = new LogUnderTest();
  await at.create("orders");
  const nowMs = at.clock.wallMs();
  const stamped = (...timestamps: number[]) => batchOf(timestamps.map(String), { timestamps });
  expect((await at.produce("orders", stamped(nowMs - 10_000))).error).toBeUndefined();
  await altered(at, "orders", { "message.timestamp.before.max.ms": "1000", "message.timestamp.after.max.ms": "2000" });
  // Each record counts, not the batch's largest.
  const old = await at.produce("orders", stamped(nowMs, nowMs - 10_000));
  expect(old.error).toMatchObject({ code: "INVALID_TIMESTAMP", message: expect.stringContaining("in the past") });
  const early = await at.produce("orders", stamped(nowMs + 10_000));
  expect(early.error).toMatchObject({ code: "INVALID_TIMESTAMP", message: expect.stringContaining("in the future") });
  expect((await at.produce("orders", stamped(-1))).error).toBeUndefined();
  expect(
    (await at.produce("orders", stamped(at.clock.wallMs() - 900, at.clock.wallMs() + 1900))).error,
  ).toBeUndefined();
  await altered(at, "orders", { "message.timestamp.type": "LogAppendTime" });
  const appended = await at.produce("orders", stamped(nowMs - 10_000));
  expect(appended.error).toBeUndefined();
  expect(appended.logAppendTimeMs).toBeGreaterThanOrEqual(nowMs);
});

test.each<[string, string, Configs, string]>([
  ["an unknown topic", "missing", {}, "UNKNOWN_TOPIC_OR_PARTITION"],
  ["an illegal name", "a b", {}, "INVALID_TOPIC_EXCEPTION"],
  ["the broker's own topic", "__consumer_offsets", { "retention.ms": "1" }, "INVALID_TOPIC_EXCEPTION"],
  ["an unknown configuration", "orders", { "retention.hours": "1" }, "INVALID_CONFIG"],
  ["an illegal value", "orders", { "retention.ms": "soon" }, "INVALID_CONFIG"],
])("%s is refused, also when only validating, and nothing is written", async (_, topic, configs, code) => {
  const at = new LogUnderTest();
  await at.create("orders");
  const turns = at.storage.turns.length;
  for (const validateOnly of [true, false])
    expect((await altered(at, topic, { ...configs }, validateOnly))?.error?.code).toBe(code);
  expect(at.storage.turns).toHaveLength(turns);
});

test("validateOnly alters nothing; a topic that stands twice is refused at both places", async () => {
  const at = new LogUnderTest();
  await at.create("orders");
  expect(await altered(at, "orders", { "retention.ms": "1" }, true)).toEqual({ topic: "orders" });
  const change = { topic: "orders", configs: { "retention.ms": "1" } };
  const results = await at.during(at.log.alterConfigs({ changes: [change, change] }));
  expect(results.map(({ error }) => error?.code)).toEqual(["INVALID_REQUEST", "INVALID_REQUEST"]);
  expect(await configOf(at, "orders", "retention.ms")).toEqual(["604800000", "default"]);
});

test("nothing of an alteration is seen or obeyed before it is durable; a second one builds on the first", async () => {
  const at = new LogUnderTest();
  await at.create("orders");
  at.storage.hold();
  const first = alter(at, "orders", { "max.message.bytes": "1000" });
  expect(await pending(at, first)).toBe(true);
  const second = alter(at, "orders", { "segment.ms": "7" });
  expect(await pending(at, second)).toBe(true);
  expect(await configOf(at, "orders", "max.message.bytes")).toEqual(["1048588", "default"]);
  at.storage.release();
  await at.during(Promise.all([first, second]));
  for (const restart of [false, true]) {
    if (restart) await at.restart();
    expect(await configOf(at, "orders", "max.message.bytes")).toEqual(["1000", "topic"]);
    expect(await configOf(at, "orders", "segment.ms")).toEqual(["7", "topic"]);
  }
});

test("an alteration whose turn fails is taken back, also for those that come after", async () => {
  const at = new LogUnderTest();
  await at.create("orders");
  at.storage.failTurn(at.storage.turns.length + 1, "full");
  const failed = await altered(at, "orders", { "max.message.bytes": "1000", "segment.ms": "7" });
  expect(failed?.error).toMatchObject({ code: "STORAGE_FULL", definite: true });
  expect(await configOf(at, "orders", "segment.ms")).toEqual(["604800000", "default"]);
  await at.clock.advance(1500);
  expect(await altered(at, "orders", { "segment.bytes": "2048" })).toEqual({ topic: "orders" });
  for (const restart of [false, true]) {
    if (restart) await at.restart();
    expect(await configOf(at, "orders", "segment.bytes")).toEqual(["2048", "topic"]);
    expect(await configOf(at, "orders", "segment.ms")).toEqual(["604800000", "default"]);
  }
  expect(bugs(at)).toEqual([]);
});

test("on a full disk retention can be shortened: alterations are among what is tried again alone", async () => {
  const at = new LogUnderTest();
  await at.create("orders");
  at.storage.fillDisk();
  const produced = at.log.produce(-1, [{ topic: "orders", partition: 0, batches: batchOf(["a"]) }]);
  const change = alter(at, "orders", { "retention.ms": "1" });
  const [[record], [result]] = await at.during(Promise.all([produced, change]));
  expect([record?.error?.code, result?.error]).toEqual(["STORAGE_FULL", undefined]);
  expect(await configOf(at, "orders", "retention.ms")).toEqual(["1", "topic"]);
});

test("altering a topic that is being created waits for it; one that is being deleted is unknown", async () => {
  const at = new LogUnderTest();
  at.storage.hold();
  const created = at.log.createTopics({ topics: [{ topic: "orders" }] });
  const change = alter(at, "orders", { "segment.ms": "7" });
  expect(await pending(at, change)).toBe(true);
  at.storage.release();
  await at.during(created);
  expect(await at.during(change)).toEqual([{ topic: "orders" }]);
  const deleted = at.log.deleteTopics({ topics: ["orders"] });
  expect((await altered(at, "orders", { "segment.ms": "8" }))?.error?.code).toBe("UNKNOWN_TOPIC_OR_PARTITION");
  await at.during(deleted);
  // A topic of the same name starts without configurations.
  await at.create("orders");
  expect(await configOf(at, "orders", "segment.ms")).toEqual(["604800000", "default"]);
});

test("a topic deleted behind its alteration, in one turn: both are true", async () => {
  const at = new LogUnderTest();
  await at.create("orders");
  const change = alter(at, "orders", { "segment.ms": "7" });
  const deleted = at.log.deleteTopics({ topics: ["orders"] });
  expect(await at.during(change)).toEqual([{ topic: "orders" }]);
  expect(await at.during(deleted)).toEqual([{ topic: "orders" }]);
  await at.restart();
  expect(at.log.stats.topics).toBe(0);
  expect(bugs(at)).toEqual([]);
});

test("createPartitions: the new ones are seen when they are durable, take records, and stay", async () => {
  const at = new LogUnderTest();
  await at.create("orders", 2);
  await at.create("other", 1);
  await at.produce("orders", batchOf(["old"]), 1);
  const heard: [string, string, number][] = [];
  at.log.catalog.onChange((topic, change) => heard.push([topic.topic, change, topic.partitionCount]));
  at.storage.hold();
  const more = extend(at, "orders", 4);
  expect(await pending(at, more)).toBe(true);
  expect(await partitionsOf(at, "orders")).toBe(2);
  expect(heard).toEqual([]);
  expect((await at.produce("orders", batchOf(["a"]), 3)).error?.code).toBe("UNKNOWN_TOPIC_OR_PARTITION");
  at.storage.release();
  expect(await at.during(more)).toEqual([{ topic: "orders" }]);
  expect(heard).toEqual([["orders", "extended", 4]]);
  expect(at.log.stats.partitions).toBe(5);
  expect((await at.produce("orders", batchOf(["new"]), 3)).error).toBeUndefined();
  await at.restart();
  expect(await partitionsOf(at, "orders")).toBe(4);
  expect([await at.highWatermark("orders", 1), await at.highWatermark("orders", 3)]).toEqual([1, 1]);
  expect((await at.produce("orders", batchOf(["newer"]), 3)).baseOffset).toBe(1);
});

test.each<[string, string, number, string]>([
  ["an unknown topic", "missing", 4, "UNKNOWN_TOPIC_OR_PARTITION"],
  ["an illegal name", "a b", 4, "INVALID_TOPIC_EXCEPTION"],
  ["the broker's own topic", "__consumer_offsets", 100, "INVALID_TOPIC_EXCEPTION"],
  ["as many as there are", "orders", 2, "INVALID_PARTITIONS"],
  ["fewer", "orders", 1, "INVALID_PARTITIONS"],
  ["none", "orders", 0, "INVALID_PARTITIONS"],
  ["more than a topic may have", "orders", 10_001, "INVALID_PARTITIONS"],
  ["more than max.partitions", "orders", 9, "POLICY_VIOLATION"],
])("createPartitions for %s is refused, also when only validating", async (_, topic, partitions, code) => {
  const at = new LogUnderTest({ "max.partitions": 8 });
  await at.create("orders", 2);
  const turns = at.storage.turns.length;
  for (const validateOnly of [true, false])
    expect((await extended(at, topic, partitions, validateOnly))?.error?.code).toBe(code);
  expect(at.storage.turns).toHaveLength(turns);
  expect(await extended(at, "orders", 8, true)).toEqual({ topic: "orders" });
  expect(await partitionsOf(at, "orders")).toBe(2);
  expect(await extended(at, "orders", 8)).toEqual({ topic: "orders" });
});

test("staged partitions count for max.partitions, and are given back when their turn fails", async () => {
  const at = new LogUnderTest({ "max.partitions": 8 });
  await at.create("orders", 2);
  await at.create("other", 2);
  at.storage.failTurn(at.storage.turns.length + 1, "full");
  const results = at.log.createPartitions({
    topics: [
      { topic: "orders", partitions: 6 },
      { topic: "other", partitions: 3 },
    ],
  });
  const codes = (await at.during(results)).map(({ error }) => error?.code);
  expect(codes).toEqual(["STORAGE_FULL", "POLICY_VIOLATION"]);
  expect(await partitionsOf(at, "orders")).toBe(2);
  expect((await extended(at, "orders", 6))?.error?.code).toBe("STORAGE_FULL");
  await at.clock.advance(1500);
  expect(await extended(at, "orders", 6)).toEqual({ topic: "orders" });
  expect((await extended(at, "other", 3))?.error?.code).toBe("POLICY_VIOLATION");
  expect(await partitionsOf(at, "orders")).toBe(6);
  expect(bugs(at)).toEqual([]);
});

test("a second extension is judged by what the first comes to", async () => {
  const at = new LogUnderTest();
  await at.create("orders", 2);
  at.storage.hold();
  const answers = [extend(at, "orders", 4), extend(at, "orders", 4), extend(at, "orders", 6)];
  for (const answer of answers) expect(await pending(at, answer)).toBe(true);
  at.storage.release();
  const codes = (await at.during(Promise.all(answers))).map(([result]) => result?.error?.code);
  expect(codes).toEqual([undefined, "INVALID_PARTITIONS", undefined]);
  expect(await partitionsOf(at, "orders")).toBe(6);
  await at.restart();
  expect(await partitionsOf(at, "orders")).toBe(6);
});

test("partitions of a topic that is created or deleted in the same turn", async () => {
  const at = new LogUnderTest({ "max.partitions": 6 });
  const created = at.log.createTopics({ topics: [{ topic: "orders", partitions: 2 }] });
  const more = extend(at, "orders", 6);
  const deleted = at.during(more).then(() => at.log.deleteTopics({ topics: ["orders"] }));
  expect((await at.during(created))[0]?.error).toBeUndefined();
  expect(await at.during(more)).toEqual([{ topic: "orders" }]);
  expect(await at.during(deleted)).toEqual([{ topic: "orders" }]);
  expect(at.log.stats).toMatchObject({ topics: 0, partitions: 0 });

  await at.create("orders", 2);
  const both = [extend(at, "orders", 5), at.log.deleteTopics({ topics: ["orders"] }), extend(at, "orders", 6)] as const;
  const codes = (await at.during(Promise.all(both))).map(([result]) => result?.error?.code);
  expect(codes).toEqual([undefined, undefined, "UNKNOWN_TOPIC_OR_PARTITION"]);
  expect(at.log.stats).toMatchObject({ topics: 0, partitions: 0 });
  // All room is there again, and no partition id is used twice.
  await at.create("orders", 6);
  await at.restart();
  expect(at.log.stats.partitions).toBe(6);
  expect((await at.produce("orders", batchOf(["a"]), 5)).baseOffset).toBe(0);
  expect(bugs(at)).toEqual([]);
});
