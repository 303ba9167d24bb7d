// The table of topic configurations against Kafka's LogConfig, and what configurations come to.

import { expect, test } from "vitest";
import { checkTopicConfigs, MAX_VALUE_CHARS, topicConfigDefinitions } from "../../../server/src/log/topic-configs.ts";
import { effectiveConfig, TopicRuleBook } from "../../../server/src/log/topic-rules.ts";
import { type Settings, settingDefinitions } from "../../../server/src/settings.ts";

const MAX_LONG = "9223372036854775807";

function settings(changed: Partial<Settings> = {}): Settings {
  const defaults = Object.entries(settingDefinitions).map(([name, { default: value }]) => [name, value]);
  return { ...Object.fromEntries(defaults), ...changed };
}

/** Every configuration of Kafka 4.3's LogConfig with its default, as kafka-configs.sh describes a topic. */
const kafka: Record<string, string> = {
  "cleanup.policy": "delete",
  "compression.gzip.level": "-1",
  "compression.lz4.level": "9",
  "compression.type": "producer",
  "compression.zstd.level": "3",
  "delete.retention.ms": "86400000",
  "file.delete.delay.ms": "60000",
  "flush.messages": MAX_LONG,
  "flush.ms": MAX_LONG,
  "follower.replication.throttled.replicas": "",
  "index.interval.bytes": "4096",
  "leader.replication.throttled.replicas": "",
  "local.retention.bytes": "-2",
  "local.retention.ms": "-2",
  "max.compaction.lag.ms": MAX_LONG,
  "max.message.bytes": "1048588",
  "message.timestamp.after.max.ms": "3600000",
  "message.timestamp.before.max.ms": MAX_LONG,
  "message.timestamp.type": "CreateTime",
  "min.cleanable.dirty.ratio": "0.5",
  "min.compaction.lag.ms": "0",
  "min.insync.replicas": "1",
  preallocate: "false",
  "remote.log.copy.disable": "false",
  "remote.log.delete.on.disable": "false",
  "remote.storage.enable": "false",
  "retention.bytes": "-1",
  "retention.ms": "604800000",
  "segment.bytes": "1073741824",
  "segment.index.bytes": "10485760",
  "segment.jitter.ms": "0",
  "segment.ms": "604800000",
  "unclean.leader.election.enable": "false",
};

test("the table is Kafka's: names and defaults, and a topic described there can be created here", () => {
  const table = [...topicConfigDefinitions].map(([name, definition]) => [name, definition.default]);
  expect(Object.fromEntries(table)).toEqual(kafka);
  expect(() => checkTopicConfigs("orders", kafka)).not.toThrow();
});

test("without settings and configurations Kafka's defaults are in force", () => {
  for (const [name, value] of Object.entries(kafka))
    expect([name, effectiveConfig({}, settings(), name)]).toEqual([name, { value, source: "default" }]);
  expect(new TopicRuleBook(settings()).of({})).toEqual({
    deletes: true,
    compacts: false,
    retentionMs: 604_800_000,
    retentionBytes: -1,
    segmentBytes: 1_073_741_824,
    segmentMs: 604_800_000,
    maxMessageBytes: 1_048_588,
    timestampType: "CreateTime",
    timestampBeforeMaxMs: Number.MAX_SAFE_INTEGER,
    timestampAfterMaxMs: 3_600_000,
  });
});

test("the topic goes before the broker, the broker before the default", () => {
  const changed = settings({ "log.retention.ms": 1000, "log.message.timestamp.type": "LogAppendTime" });
  expect(effectiveConfig({}, changed, "retention.ms")).toEqual({ value: "1000", source: "broker" });
  expect(effectiveConfig({}, changed, "message.timestamp.type")).toEqual({ value: "LogAppendTime", source: "broker" });
  expect(effectiveConfig({ "retention.ms": "5" }, changed, "retention.ms")).toEqual({ value: "5", source: "topic" });
  const book = new TopicRuleBook(changed);
  expect(book.of({})).toMatchObject({ retentionMs: 1000, timestampType: "LogAppendTime" });
  expect(book.of({ "retention.ms": "-1" })).toMatchObject({ retentionMs: -1, timestampType: "LogAppendTime" });
  expect(book.of({ "message.timestamp.type": "CreateTime" }).timestampType).toBe("CreateTime");
});

test("every setting that is a topic's default is obeyed", () => {
  const changed = {
    "log.retention.ms": 1,
    "log.retention.bytes": 2,
    "log.segment.bytes": 3000,
    "log.roll.ms": 4,
    "message.max.bytes": 5000,
    "log.message.timestamp.type": "LogAppendTime",
    "log.message.timestamp.before.max.ms": 6,
    "log.message.timestamp.after.max.ms": 7,
  } as const;
  expect(new TopicRuleBook(settings(changed)).of({})).toMatchObject({
    retentionMs: 1,
    retentionBytes: 2,
    segmentBytes: 3000,
    segmentMs: 4,
    maxMessageBytes: 5000,
    timestampType: "LogAppendTime",
    timestampBeforeMaxMs: 6,
    timestampAfterMaxMs: 7,
  });
  const named = [...topicConfigDefinitions.values()].flatMap(({ setting }) => setting ?? []);
  expect(named.sort()).toEqual(Object.keys(changed).sort());
});

test("topics without configurations share their rules", () => {
  const book = new TopicRuleBook(settings());
  expect(book.of({})).toBe(book.of({}));
});

test.each([
  ["delete", { deletes: true, compacts: false }],
  ["", { deletes: false, compacts: false }],
  ["compact", { deletes: false, compacts: true }],
  ["compact, delete", { deletes: true, compacts: true }],
])("cleanup.policy=%s", (policy, rules) => {
  expect(new TopicRuleBook(settings()).of({ "cleanup.policy": policy })).toMatchObject(rules);
});

const legal: [string, string][] = [
  ["retention.ms", "-1"],
  ["retention.ms", "0"],
  ["retention.ms", MAX_LONG],
  ["retention.bytes", "0"],
  ["segment.bytes", "1024"],
  ["segment.ms", "1"],
  ["cleanup.policy", ""],
  ["cleanup.policy", "delete"],
  ["message.timestamp.before.max.ms", "0"],
  ["min.cleanable.dirty.ratio", "0"],
  ["min.cleanable.dirty.ratio", ".25"],
  ["min.cleanable.dirty.ratio", "1.0"],
  ["preallocate", "true"],
];
test.each(legal)("%s=%s is taken", (name, value) => {
  expect(() => checkTopicConfigs("orders", { [name]: value })).not.toThrow();
});

const illegal: [string, string, RegExp][] = [
  ["retention.ms", "-2", /integer from -1/],
  ["retention.ms", "9223372036854775808", /integer from -1/],
  ["retention.ms", "1e3", /integer/],
  ["retention.ms", " 1", /integer/],
  ["segment.bytes", "1023", /from 1024 to 2147483647/],
  ["segment.bytes", "2147483648", /from 1024 to 2147483647/],
  ["segment.ms", "0", /from 1/],
  ["max.message.bytes", "-1", /from 0/],
  ["max.message.bytes", "67108865", /to 67108864/],
  ["message.timestamp.type", "createtime", /CreateTime or LogAppendTime/],
  ["min.cleanable.dirty.ratio", "1.1", /from 0 to 1/],
  ["min.cleanable.dirty.ratio", "-0.5", /from 0 to 1/],
  ["preallocate", "yes", /true or false/],
  ["cleanup.policy", "compact", /does not compact yet/],
  ["cleanup.policy", "compact,delete", /does not compact yet/],
  ["cleanup.policy", "shred", /must be delete/],
  ["compression.type", "zstd", /stored as they were sent/],
  ["compression.type", "brotli", /must be producer/],
  ["min.insync.replicas", "2", /one replica/],
  ["remote.storage.enable", "true", /no remote storage/],
  ["leader.replication.throttled.replicas", "*", /no replication/],
];
test.each(illegal)("%s=%s is refused with the reason", (name, value, reason) => {
  expect(() => checkTopicConfigs("orders", { [name]: value })).toThrow(reason);
});

test("all problems are named at once, with the nearest name; null is always legal", () => {
  const wrong = { "retention.msec": "1", "segment.ms": "x", nonsense: "1", "retention.bytes": null, gibberish: null };
  expect(() => checkTopicConfigs("orders", wrong)).toThrow(
    /"retention.msec" is not a known topic configuration; did you mean retention.ms\?.*segment.ms=x: .*"nonsense".*"gibberish"/,
  );
  expect(() => checkTopicConfigs("orders", { "retention.ms": null })).not.toThrow();
});

test("names and values of any length make a bounded refusal", () => {
  const many = Object.fromEntries(
    Array.from({ length: 1000 }, (_, index) => [`${index}`.repeat(1000), "x".repeat(1000)]),
  );
  let refusal = "";
  try {
    checkTopicConfigs("orders", many);
  } catch (error) {
    refusal = String(error);
  }
  expect(refusal).toContain("and 950 more");
  expect(refusal.length).toBeLessThan(20_000);
});

test("what is kept of a topic is bounded: a list names each policy once, and no value is long", () => {
  const policy = (value: string) => () => checkTopicConfigs("orders", { "cleanup.policy": value });
  expect(policy("delete")).not.toThrow();
  expect(policy(" delete ")).not.toThrow();
  expect(policy("delete,delete")).toThrow("names delete twice");
  expect(policy("delete".padEnd(MAX_VALUE_CHARS))).not.toThrow();
  expect(policy("delete".padEnd(MAX_VALUE_CHARS + 1))).toThrow(`at most ${MAX_VALUE_CHARS} characters`);
});

test("every row says what it is for, and its default is of its type", () => {
  for (const [name, { type, text, legal: what, default: value }] of topicConfigDefinitions) {
    expect([name, text.length > 10, what.length > 0]).toEqual([name, true, true]);
    if (type === "integer" || type === "number") expect([name, Number.isNaN(Number(value))]).toEqual([name, false]);
    if (type === "boolean") expect(["true", "false"]).toContain(value);
  }
});
