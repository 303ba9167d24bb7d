// The option tables: every row of SEMANTICS.md 1.1 and 1.2 has its fate, bad values get the range, contradictions Kafka's rules.

import { ConfigError, json, string } from "@brooklet/client";
import { describe, expect, test } from "vitest";
import { adminOptions, parseAdminConfig } from "../../../../client-sdk/src/config/admin.ts";
import { consumerOptions, parseConsumerConfig } from "../../../../client-sdk/src/config/consumer.ts";
import { camelCase, type OptionTable } from "../../../../client-sdk/src/config/option.ts";
import { parseProducerConfig, producerOptions } from "../../../../client-sdk/src/config/producer.ts";
import { editDistance, nearestName } from "../../../../protocol/src/nearest-name.ts";

const servers = { "bootstrap.servers": "localhost:4092" };
const clients = [
  ["consumer", consumerOptions, parseConsumerConfig],
  ["producer", producerOptions, parseProducerConfig],
  ["admin", adminOptions, parseAdminConfig],
] as const satisfies readonly (readonly [string, OptionTable, (config: object) => object])[];

function problemsOf(parse: (config: object) => unknown, config: object) {
  try {
    parse(config);
  } catch (error) {
    if (ConfigError.is(error)) return error.problems;
    throw error;
  }
  return [];
}

// SEMANTICS.md 1.1, row by row.
const consumerNames = `bootstrap.servers group.id group.protocol key.deserializer value.deserializer auto.offset.reset
  enable.auto.commit auto.commit.interval.ms max.poll.records max.poll.interval.ms session.timeout.ms
  heartbeat.interval.ms partition.assignment.strategy group.remote.assignor group.instance.id isolation.level client.id
  fetch.min.bytes fetch.max.wait.ms fetch.max.bytes max.partition.fetch.bytes default.api.timeout.ms request.timeout.ms
  retry.backoff.ms retry.backoff.max.ms reconnect.backoff.ms reconnect.backoff.max.ms metadata.max.age.ms
  allow.auto.create.topics exclude.internal.topics client.rack interceptor.classes check.crcs connections.max.idle.ms
  send.buffer.bytes receive.buffer.bytes socket.connection.setup.timeout.ms socket.connection.setup.timeout.max.ms
  client.dns.lookup metadata.recovery.strategy metric.reporters enable.metrics.push security.protocol
  fetch.wait.max.ms enable.auto.offset.store enable.partition.eof queued.max.messages.kbytes`.split(/\s+/);
// SEMANTICS.md 1.2, first item.
const producerNames = `acks enable.idempotence retries max.in.flight.requests.per.connection linger.ms batch.size
  buffer.memory max.block.ms max.request.size delivery.timeout.ms request.timeout.ms compression.type transactional.id
  transaction.timeout.ms partitioner.class partitioner.ignore.keys`.split(/\s+/);

test("every option of the reference has a row", () => {
  for (const name of consumerNames) expect(Object.hasOwn(consumerOptions, name), name).toBe(true);
  for (const name of producerNames) expect(Object.hasOwn(producerOptions, name), name).toBe(true);
  for (const name of ["default.api.timeout.ms", "request.timeout.ms", "retries", "bootstrap.controllers"]) {
    expect(Object.hasOwn(adminOptions, name), name).toBe(true);
  }
  for (const name of [
    "ssl.truststore.location",
    "sasl.kerberos.service.name",
    "config.providers",
    "share.acknowledgement.mode",
  ]) {
    expect(problemsOf(parseConsumerConfig, { ...servers, [name]: "x" })[0]?.problem).toMatch(/^is refused: /);
  }
});

describe.each(clients)("%s", (_, table: OptionTable, parse: (config: object) => object) => {
  const rows = Object.entries(table);

  test.each(rows.filter(([, row]) => row.fate === "ignored"))("%s is accepted without effect", (name) => {
    const { ignoredOptions, ...settings } = parse({ ...servers, [name]: "anything" }) as {
      ignoredOptions: { option: string; why: string }[];
    };
    expect(ignoredOptions).toEqual([{ option: name, why: expect.stringMatching(/.{10,}/) }]);
    expect(settings).not.toHaveProperty(camelCase(name));
  });

  test.each(rows.filter(([, row]) => row.fate === "refused"))("%s is refused with the reason", (name, row) => {
    const [problem, ...others] = problemsOf(parse, { ...servers, [name]: "anything" });
    expect(others).toEqual([]);
    expect(problem).toMatchObject({ setting: name, problem: `is refused: ${row.why}` });
    if (row.type === "any" && row.instead !== undefined) {
      expect(problem?.suggestion).toBe(`use ${row.instead}`);
      expect(table[row.instead]?.fate, "what is suggested works").toBe("works");
    }
  });

  test.each(rows.filter(([, row]) => row.type === "integer"))("%s has its range", (name, row) => {
    if (row.type !== "integer") return;
    for (const value of [row.min - 1, 1.5, "5", null, Number.NaN, (row.max ?? Number.MAX_SAFE_INTEGER) + 1]) {
      const [problem] = problemsOf(parse, { ...servers, [name]: value });
      expect(problem?.setting).toBe(name);
      expect(problem?.problem).toContain(`${row.min}`);
    }
  });

  test.each(rows.filter(([, row]) => row.type === "boolean"))("%s is true or false", (name) => {
    expect(problemsOf(parse, { ...servers, [name]: "true" })).toEqual([
      { setting: name, problem: 'must be true or false; it is "true"' },
    ]);
  });

  test.each(rows.filter(([, row]) => row.type === "choice"))("%s is one of its choices", (name, row) => {
    if (row.type !== "choice") return;
    expect(problemsOf(parse, { ...servers, [name]: "nonsense" })[0]?.problem).toContain(String(row.choices[0]));
    for (const choice of Object.keys(row.refused ?? {})) {
      expect(problemsOf(parse, { ...servers, [name]: choice })[0]?.problem).toContain("is refused: ");
    }
    for (const choice of row.choices) {
      expect(problemsOf(parse, { ...servers, token: "t", [name]: choice })).toEqual([]);
    }
  });
});

test("defaults are Kafka's, but for the two named ones", () => {
  expect(parseConsumerConfig(servers)).toMatchObject({
    groupId: undefined,
    autoOffsetReset: "latest",
    autoCommitIntervalMs: 5_000,
    maxPollRecords: 500,
    maxPollIntervalMs: 300_000,
    sessionTimeoutMs: 45_000,
    heartbeatIntervalMs: 3_000,
    isolationLevel: "read_uncommitted",
    fetchMinBytes: 1,
    fetchMaxWaitMs: 500,
    fetchMaxBytes: 52_428_800,
    maxPartitionFetchBytes: 1_048_576,
    defaultApiTimeoutMs: 60_000,
    requestTimeoutMs: 30_000,
    retryBackoffMs: 100,
    retryBackoffMaxMs: 1_000,
    reconnectBackoffMs: 50,
    reconnectBackoffMaxMs: 1_000,
    metadataMaxAgeMs: 300_000,
    allowAutoCreateTopics: true,
    checkCrcs: true,
  });
  expect(parseProducerConfig(servers)).toMatchObject({
    acks: -1,
    enableIdempotence: true,
    retries: 2_147_483_647,
    maxInFlightRequestsPerConnection: 5,
    lingerMs: 0,
    batchSize: 262_144,
    bufferMemory: 33_554_432,
    maxBlockMs: 60_000,
    maxRequestSize: 1_048_576,
    deliveryTimeoutMs: 120_000,
    compressionType: "none",
  });
  expect(parseAdminConfig(servers)).toMatchObject({ defaultApiTimeoutMs: 60_000, requestTimeoutMs: 30_000 });
});

test("auto.offset.reset=by_duration comes with its milliseconds, the others with none", () => {
  const parsed = parseConsumerConfig({ ...servers, "auto.offset.reset": "by_duration:P1DT1S" });
  expect(parsed).toMatchObject({ autoOffsetReset: "by_duration:P1DT1S", resetByDurationMs: 86_401_000 });
  expect(parseConsumerConfig(servers).resetByDurationMs).toBeUndefined();
});

test("client.id is the caller's, or tells the group and a number", () => {
  expect(parseConsumerConfig({ ...servers, "client.id": "mine" }).clientId).toBe("mine");
  expect(parseConsumerConfig({ ...servers, "group.id": "g" }).clientId).toMatch(/^consumer-g-\d+$/);
  expect(parseConsumerConfig({ ...servers, "group.id": "g", "group.instance.id": "till-1" }).clientId).toBe(
    "consumer-g-till-1",
  );
  expect(parseProducerConfig(servers).clientId).toMatch(/^producer-\d+$/);
  expect(parseAdminConfig(servers).clientId).toMatch(/^adminclient-\d+$/);
});

test.each([
  ["localhost:4092", ["localhost:4092"]],
  [" a:1 , b:2,", ["a:1", "b:2"]],
  [
    ["a:1", "b:2,c.example:3"],
    ["a:1", "b:2", "c.example:3"],
  ],
  ["[::1]:4092,127.0.0.1:65535", ["[::1]:4092", "127.0.0.1:65535"]],
])("bootstrap.servers %j are %j", (given, addresses) => {
  expect(parseConsumerConfig({ "bootstrap.servers": given }).bootstrapServers).toEqual(addresses);
});

test.each([
  ["", /empty/],
  [" , ", /empty/],
  [[], /empty/],
  ["localhost", /is not host:port/],
  ["http://localhost:4092", /is not host:port/],
  ["a:0", /port outside/],
  ["a:65536", /port outside/],
  ["a:4092/x", /is not host:port/],
  ["user@a:4092", /is not host:port/],
  ["256.1.1.1:4092", /no name and no IP address/],
  ["1.2.3.4.5:4092", /no name and no IP address/],
  ["[::1::2]:4092", /no name and no IP address/],
  ["a:1,A:1", /twice/],
  [7, /text/],
  [["a:1", null], /text/],
])("bootstrap.servers %j are refused", (given, problem) => {
  const problems = problemsOf(parseConsumerConfig, { "bootstrap.servers": given });
  expect(problems.map(({ setting }) => setting)).toEqual(["bootstrap.servers"]);
  expect(problems[0]?.problem).toMatch(problem);
});

test("all problems come at once, in one message", () => {
  const problems = problemsOf(parseConsumerConfig, {
    "group.id": "",
    groupId: "g",
    "max.poll.records": 0,
    "value.deserializer": "org.apache.kafka.common.serialization.StringDeserializer",
    "key.deserializer": json,
    "heartbeat.interval.ms": 50_000,
    ["__proto__"]: 1,
  });
  expect(problems.map(({ setting }) => setting).sort()).toEqual(
    [
      "__proto__",
      "bootstrap.servers",
      "group.id",
      "groupId",
      "heartbeat.interval.ms",
      "key.deserializer",
      "max.poll.records",
      "value.deserializer",
    ].sort(),
  );
  expect(problems.find(({ setting }) => setting === "key.deserializer")?.problem).toContain("json()");
  expect(new ConfigError(problems).message.split("\n")).toHaveLength(9);
});

test.each([
  ["groupId", "group.id"],
  ["group_id", "group.id"],
  ["auto.ofset.reset", "auto.offset.reset"],
  ["session.timeout", "session.timeout.ms"],
  ["max.poll.record", "max.poll.records"],
  ["enableAutoCommit", "enable.auto.commit"],
])("%s: did you mean %s?", (name, nearest) => {
  expect(problemsOf(parseConsumerConfig, { ...servers, [name]: 1 })).toEqual([
    { setting: name, problem: "is not an option", suggestion: `did you mean ${nearest}?` },
  ]);
});

test("what resembles no option gets no suggestion", () => {
  for (const name of ["constructor", "__proto__", "nonsense", "qwertz", "???"]) {
    expect(problemsOf(parseConsumerConfig, { ...servers, [name]: 1 }), name).toEqual([
      { setting: name, problem: "is not an option" },
    ]);
  }
});

test("near is at most four edits in ten characters; neighbours that changed places are one", () => {
  expect(editDistance("kitten", "sitting")).toBe(3);
  expect(editDistance("prot", "port")).toBe(1);
  expect(editDistance("", "ab")).toBe(2);
  expect(nearestName("abcdef1234", ["abcdef5678"])).toBe("abcdef5678");
  expect(nearestName("abcde12345", ["abcde67890"])).toBeUndefined();
  expect(nearestName("prot", ["host", "port"])).toBe("port");
  expect(nearestName("", ["port"])).toBeUndefined();
});

test("a name as long as a book costs no time", () => {
  expect(nearestName("x".repeat(10_000_000), ["group.id"])).toBeUndefined();
});

test.each([[null], [undefined], ["localhost:4092"], [[]]])("a configuration that is %j is refused", (config) => {
  expect(problemsOf(parseConsumerConfig, config as unknown as object)).toHaveLength(1);
});

test("an option that is undefined is not given", () => {
  expect(problemsOf(parseConsumerConfig, { ...servers, "group.id": undefined, nonsense: undefined })).toEqual([]);
});

describe("contradictions", () => {
  const named = (parse: (config: object) => unknown, config: object) =>
    problemsOf(parse, { ...servers, ...config }).map(({ setting }) => setting);

  test("the heartbeat interval is below the session timeout", () => {
    const config = { "session.timeout.ms": 6_000, "heartbeat.interval.ms": 6_000 };
    expect(named(parseConsumerConfig, config)).toEqual(["heartbeat.interval.ms"]);
    expect(named(parseConsumerConfig, { ...config, "heartbeat.interval.ms": 5_999 })).toEqual([]);
  });

  test("auto commit needs a group only when asked for", () => {
    expect(parseConsumerConfig(servers).enableAutoCommit).toBe(false);
    expect(parseConsumerConfig({ ...servers, "group.id": "g" }).enableAutoCommit).toBe(true);
    expect(named(parseConsumerConfig, { "enable.auto.commit": true })).toEqual(["enable.auto.commit"]);
    expect(named(parseConsumerConfig, { "enable.auto.commit": true, "group.id": "g" })).toEqual([]);
  });

  test("idempotence asked for excludes weaker acks and no retries; merely defaulted it gives way", () => {
    expect(named(parseProducerConfig, { "enable.idempotence": true, acks: 1 })).toEqual(["acks"]);
    expect(named(parseProducerConfig, { "enable.idempotence": true, retries: 0 })).toEqual(["retries"]);
    expect(parseProducerConfig({ ...servers, acks: 1 })).toMatchObject({ acks: 1, enableIdempotence: false });
    expect(parseProducerConfig({ ...servers, acks: 0 })).toMatchObject({ acks: 0, enableIdempotence: false });
    expect(parseProducerConfig({ ...servers, retries: 0 }).enableIdempotence).toBe(false);
    expect(parseProducerConfig({ ...servers, acks: "all" })).toMatchObject({ acks: -1, enableIdempotence: true });
  });

  test("more than five requests in flight exclude idempotence", () => {
    const config = { "max.in.flight.requests.per.connection": 6 };
    expect(named(parseProducerConfig, config)).toEqual(["max.in.flight.requests.per.connection"]);
    expect(named(parseProducerConfig, { ...config, "enable.idempotence": false })).toEqual([]);
  });

  test("the delivery timeout covers linger and one request", () => {
    const config = { "linger.ms": 100, "request.timeout.ms": 1_000, "delivery.timeout.ms": 1_099 };
    expect(named(parseProducerConfig, config)).toEqual(["delivery.timeout.ms"]);
    expect(named(parseProducerConfig, { ...config, "delivery.timeout.ms": 1_100 })).toEqual([]);
    expect(parseProducerConfig({ ...servers, "request.timeout.ms": 200_000 }).deliveryTimeoutMs).toBe(200_000);
  });

  test("a rule is silent about a value that is wrong by itself", () => {
    expect(named(parseConsumerConfig, { "heartbeat.interval.ms": 1e12 })).toEqual(["heartbeat.interval.ms"]);
  });
});

test("serdes are objects of the caller", () => {
  const settings = parseConsumerConfig({ ...servers, "key.deserializer": string });
  expect(settings.keyDeserializer).toBe(string);
});
