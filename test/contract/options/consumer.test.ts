// Every option of SEMANTICS.md 1.1 with its fate and the test that shows it; and those of the consumer whose effect shows best at the public class over a real broker: what turns bytes into keys and
// values, what a group needs, and the broker's bounds on what members may ask for. The others: test/integration/consumer/.

import { ConfigError, Consumer, type ConsumerConfig, json, string } from "@brooklet/client";
import { type Broker, startBroker } from "@brooklet/server";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { consumerOptions } from "../../../client-sdk/src/config/consumer.ts";
import { postJson } from "../../support/raw-client.ts";
import { type Shown, shownProblem } from "../mapping/shown.ts";

let broker: Broker;
beforeAll(async () => {
  broker = await startBroker({
    settings: { "group.min.session.timeout.ms": 5000, "group.max.session.timeout.ms": 20_000 },
  });
  await postJson(broker.url, "/v1/topics/orders/records", {
    records: [{ partition: 0, key: "k", valueText: '{"amount":3}' }],
  });
});
afterAll(() => broker.close());

function consumer<K, V>(config: Partial<ConsumerConfig<K, V>>): Consumer<K, V> {
  const made = new Consumer<K, V>({
    "bootstrap.servers": `127.0.0.1:${broker.port}`,
    "auto.offset.reset": "earliest",
    ...config,
  });
  onTestFinished(() => made.close({ timeoutMs: 1000 }).catch(() => {}));
  return made;
}

async function first<K, V>(from: Consumer<K, V>) {
  for (;;) {
    const [record] = await from.poll(200);
    if (record !== undefined) return record;
  }
}

const p0 = { topic: "orders", partition: 0 };

test("key.deserializer and value.deserializer make what the application gets, each on its own; without them it is bytes", async () => {
  const plain = consumer<Uint8Array, Uint8Array>({});
  plain.assign([p0]);
  const bytes = await first(plain);
  expect(bytes.key).toEqual(new Uint8Array(Buffer.from("k")));
  expect(bytes.value).toEqual(new Uint8Array(Buffer.from('{"amount":3}')));

  const typed = consumer({ "key.deserializer": string, "value.deserializer": json<{ amount: number }>() });
  typed.assign([p0]);
  expect(await first(typed)).toMatchObject({ key: "k", value: { amount: 3 } });

  const picky = consumer({ "key.deserializer": json(), "value.deserializer": string });
  picky.assign([p0]);
  await expect(first(picky)).rejects.toMatchObject({ name: "RecordDeserializationError", part: "key", offset: 0 });
});

test("group.id: subscribe and commit need one and say so; without it there is assign, and auto commit is off", async () => {
  const alone = consumer({});
  for (const refused of [() => alone.subscribe(["orders"]), () => alone.subscribe(/orders/)])
    expect(refused).toThrow(
      expect.objectContaining({ code: "INVALID_GROUP_ID", hint: expect.stringContaining("group.id") }),
    );
  alone.assign([p0]);
  expect((await first(alone)).offset).toBe(0);
  await expect(alone.commit()).rejects.toMatchObject({ code: "INVALID_GROUP_ID" });
  await alone.close();
  expect((await postJson(broker.url, "/v1/listGroups", {})).json).toEqual({ groups: [] });
  expect(() => consumer({ "enable.auto.commit": true })).toThrow("group.id");
  expect(() => consumer({ "group.id": "" })).toThrow("group.id");
});

test.each([
  ["below group.min.session.timeout.ms", 4999, 1000],
  ["above group.max.session.timeout.ms", 20_001, 1000],
])(
  "session.timeout.ms %s is refused with both bounds; at them it is taken",
  async (_, sessionTimeoutMs, intervalMs) => {
    const join = (timeoutMs: number) => {
      const member = consumer({
        "group.id": "bounded",
        "session.timeout.ms": timeoutMs,
        "heartbeat.interval.ms": intervalMs,
      });
      member.subscribe(["orders"]);
      return member.ready();
    };
    const refused = expect(join(sessionTimeoutMs)).rejects;
    await refused.toMatchObject({ code: "INVALID_SESSION_TIMEOUT", fatal: true });
    await expect(join(sessionTimeoutMs)).rejects.toThrow(
      /5000 to 20000 \(group\.min\.session\.timeout\.ms, group\.max/,
    );
    await join(sessionTimeoutMs < 5000 ? 5000 : 20_000);
  },
);

test("isolation.level takes Kafka's two values, and reads the same while there are no transactions", async () => {
  for (const level of ["read_uncommitted", "read_committed"] as const) {
    const reading = consumer<Uint8Array, Uint8Array>({ "isolation.level": level });
    reading.assign([p0]);
    expect((await first(reading)).offset).toBe(0);
    expect(await reading.endOffsets([p0])).toMatchObject([{ offset: 1 }]);
  }
  expect(() => consumer({ "isolation.level": "serializable" as never })).toThrow("isolation.level");
});

const at = (file: string) => (title: string) => ({ file, title });
const here = at("contract/options/consumer.test.ts");
const effects = at("integration/consumer/options.test.ts");
const limits = at("unit/consumer/fetch-limits.test.ts");
const subscriptions = at("integration/consumer/subscriptions.test.ts");
const tokens = at("unit/client/config/token.test.ts");

const SERDES =
  "key.deserializer and value.deserializer make what the application gets, each on its own; without them it is bytes";
const HELD_BACK = "fetch.min.bytes and fetch.max.wait.ms: an answer is held back until there is so much, or so long";
const BOUNDED = "max.partition.fetch.bytes and fetch.max.bytes bound an answer, but for its first batch";
const BACK_OFF =
  "retry.backoff.ms and retry.backoff.max.ms: refused fetches (%s) are repeated ever later, with jitter, and start over";
const RECONNECT =
  "reconnect.backoff.ms and reconnect.backoff.max.ms: attempts come ever later, with jitter, up to the maximum";

/** Rows of SEMANTICS.md 1.1 that work: a legal value, and the test that shows the effect. */
const working: Record<string, readonly [value: unknown, shown: Shown]> = {
  "bootstrap.servers": [
    "localhost:1",
    at("integration/processes/bootstrap-servers.test.ts")(
      "clients follow their broker from one of bootstrap.servers to the next, and accept no other log",
    ),
  ],
  "group.id": [
    "g",
    here("group.id: subscribe and commit need one and say so; without it there is assign, and auto commit is off"),
  ],
  "group.protocol": [
    "Consumer",
    here(
      "group.protocol takes both of Kafka's values in any case, says in a debug line that there is one protocol, and no third",
    ),
  ],
  "key.deserializer": [string, here(SERDES)],
  "value.deserializer": [string, here(SERDES)],
  "auto.offset.reset": [
    "by_duration:PT1H",
    effects("auto.offset.reset: earliest reads from the beginning, latest only what comes, none is an error"),
  ],
  "enable.auto.commit": [false, effects("enable.auto.commit: what was read is committed by itself, or not")],
  "auto.commit.interval.ms": [1, effects("auto.commit.interval.ms: how soon what earlier polls returned is committed")],
  "max.poll.records": [1, effects("max.poll.records bounds what one poll returns")],
  "max.poll.interval.ms": [
    1,
    effects(
      "max.poll.interval.ms: who does not poll gives its partitions to the others, with a reason they can see, and comes back",
    ),
  ],
  "session.timeout.ms": [
    10_000,
    effects("session.timeout.ms: a member that falls silent is put out after it, and the reason says so"),
  ],
  "heartbeat.interval.ms": [
    1,
    effects("heartbeat.interval.ms: how often the member is heard, if that is less than the broker's interval"),
  ],
  "group.remote.assignor": [
    "range",
    subscriptions(
      "group.remote.assignor=range gives co-partitions of two topics to the same member; uniform is the group's choice without a vote",
    ),
  ],
  "group.instance.id": [
    "till-1",
    at("integration/consumer/static-members.test.ts")(
      "a static member that is closed and made again keeps its partitions, and the other never stops reading",
    ),
  ],
  "isolation.level": [
    "read_committed",
    here("isolation.level takes Kafka's two values, and reads the same while there are no transactions"),
  ],
  "client.id": ["me", effects("client.id names the member in the group's description")],
  "fetch.min.bytes": [1, effects(HELD_BACK)],
  "fetch.max.wait.ms": [0, effects(HELD_BACK)],
  "fetch.max.bytes": [1, effects(BOUNDED)],
  "max.partition.fetch.bytes": [1, effects(BOUNDED)],
  "default.api.timeout.ms": [
    1,
    effects("default.api.timeout.ms: a call before a broker that is not there ends after it"),
  ],
  "request.timeout.ms": [
    1,
    effects("request.timeout.ms: a request that is lost on the way is given up after it and made again"),
  ],
  "retry.backoff.ms": [1, limits(BACK_OFF)],
  "retry.backoff.max.ms": [1, limits(BACK_OFF)],
  "reconnect.backoff.ms": [1, at("unit/consumer/unreachable.test.ts")(RECONNECT)],
  "reconnect.backoff.max.ms": [1, at("unit/consumer/unreachable.test.ts")(RECONNECT)],
  "metadata.max.age.ms": [
    1,
    at("unit/consumer/subscriptions.test.ts")(
      "metadata.max.age.ms: how soon new topics are noticed and deleted ones leave, also by a poll that waits",
    ),
  ],
  "allow.auto.create.topics": [false, limits("allow.auto.create.topics=%s: whether naming a topic may create it")],
  "exclude.internal.topics": [
    false,
    subscriptions("exclude.internal.topics: whether a RegExp matches __consumer_offsets"),
  ],
  "interceptor.classes": [
    [{ close() {} }],
    at("unit/consumer/interceptors.test.ts")(
      "onConsume sees what poll hands out, in the order of the list, each what the one before returned",
    ),
  ],
  "check.crcs": [false, limits("check.crcs=%s: whether a wrong checksum stands in the way")],
  "socket.connection.setup.timeout.ms": [
    1,
    at("contract/bad-input/unreachable.test.ts")("a server that takes the connection and is silent"),
  ],
  "security.protocol": ["PLAINTEXT", tokens("%s: every client reads the token")],
  "sasl.mechanism": ["PLAIN", tokens("%s: every client reads the token")],
  "sasl.password": ["secret", tokens("%s: every client reads the token")],
  "sasl.jaas.config": ['required password="x";', tokens("%s: every client reads the token")],
  token: ["secret", tokens("%s: every client reads the token")],
};
/** Accepted, with one debug line that says why nothing happens. */
const ignored = [
  "partition.assignment.strategy",
  "client.rack",
  "connections.max.idle.ms",
  "send.buffer.bytes",
  "receive.buffer.bytes",
  "socket.connection.setup.timeout.max.ms",
  "client.dns.lookup",
  "metadata.recovery.strategy",
  "metadata.recovery.rebootstrap.trigger.ms",
  "metric.reporters",
  "metrics.num.samples",
  "metrics.recording.level",
  "metrics.sample.window.ms",
  "enable.metrics.push",
  "sasl.username",
];
/** Refused; with what to use instead where there is something. */
const refused: Record<string, string | undefined> = {
  "ssl.truststore.location": undefined,
  "sasl.kerberos.service.name": undefined,
  "config.providers": undefined,
  "security.providers": undefined,
  "share.acknowledgement.mode": undefined,
  "statistics.interval.ms": undefined,
  "enable.partition.eof": undefined,
  "fetch.wait.max.ms": "fetch.max.wait.ms",
  "fetch.message.max.bytes": "max.partition.fetch.bytes",
  "enable.auto.offset.store": "enable.auto.commit",
  "queued.max.messages.kbytes": "fetch.max.bytes",
  "queued.min.messages": "max.poll.records",
  "auto.commit.enable": "enable.auto.commit",
  "metadata.broker.list": "bootstrap.servers",
  "socket.timeout.ms": "request.timeout.ms",
  "topic.metadata.refresh.interval.ms": "metadata.max.age.ms",
  "socket.connection.setup.timeout": "socket.connection.setup.timeout.ms",
  "sasl.mechanisms": "sasl.mechanism",
};

describe("every option has its fate", () => {
  const named = new Set([...Object.keys(working), ...ignored, ...Object.keys(refused)]);

  test("no row of the table is left out here", () => {
    expect(Object.keys(consumerOptions).filter((name) => !named.has(name))).toEqual([]);
  });

  test.each(Object.entries(working))("%s works, and a test shows it", (name, [value, shown]) => {
    const logged: string[] = [];
    const line = (_: object, message: string) => void logged.push(message);
    const config = { "bootstrap.servers": "localhost:1", "group.id": "g", [name]: value };
    new Consumer(config, { logger: { debug: line, info: line, warn: line, error: line } });
    expect(logged.filter((message) => name !== "group.protocol" && message.includes("no effect"))).toEqual([]);
    expect(shownProblem(shown)).toBeUndefined();
  });

  test.each(ignored)("%s is accepted with one debug line", (name) => {
    const logged: string[] = [];
    const debug = (_: object, message: string) => void logged.push(message);
    const silent = () => {};
    new Consumer(
      { "bootstrap.servers": "localhost:1", [name]: "anything" },
      { logger: { debug, info: silent, warn: silent, error: silent } },
    );
    expect(logged).toEqual([expect.stringMatching(`^${name} has no effect: .{10,}`)]);
  });

  test.each(Object.entries(refused))("%s is refused with the reason", (name, instead) => {
    const config = { "bootstrap.servers": "localhost:1", [name]: "anything" };
    const error = (() => {
      try {
        return new Consumer(config);
      } catch (thrown) {
        return thrown;
      }
    })();
    if (!ConfigError.is(error)) throw new Error(`${name} was accepted`);
    expect(error.problems).toEqual([
      {
        setting: name,
        problem: expect.stringMatching(/^is refused: .{10,}/),
        ...(instead === undefined ? {} : { suggestion: `use ${instead}` }),
      },
    ]);
  });
});

test("group.protocol takes both of Kafka's values in any case, says in a debug line that there is one protocol, and no third", () => {
  for (const protocol of ["classic", "consumer", "CONSUMER", "Classic"]) {
    const logged: string[] = [];
    const debug = (_: object, message: string) => void logged.push(message);
    const silent = () => {};
    const options = { logger: { debug, info: silent, warn: silent, error: silent } };
    new Consumer({ "bootstrap.servers": "localhost:1", "group.protocol": protocol }, options);
    expect(logged).toEqual([expect.stringContaining("group.protocol has no effect: there is one protocol")]);
  }
  expect(() => consumer({ "group.protocol": "share" })).toThrow("must be classic or consumer");
});

test("the assignor's old option points to the new one", () => {
  const logged: string[] = [];
  const debug = (_: object, message: string) => void logged.push(message);
  const silent = () => {};
  new Consumer(
    {
      "bootstrap.servers": "localhost:1",
      "partition.assignment.strategy": ["org.apache.kafka.clients.consumer.RangeAssignor"],
    },
    { logger: { debug, info: silent, warn: silent, error: silent } },
  );
  expect(logged).toEqual([expect.stringContaining("group.remote.assignor (uniform or range)")]);
});

test.each([
  ["auto.offset.reset", "by_duration:", "ISO-8601"],
  ["auto.offset.reset", "by_duration:PT-1H", "negative"],
  ["auto.offset.reset", "by_duration:1h", "ISO-8601"],
  ["auto.offset.reset", "by_duration", "must be one of"],
  ["auto.offset.reset", "EARLIEST", "must be one of"],
  ["group.instance.id", "", "must not be empty"],
  ["group.instance.id", "till 1", "consists of letters"],
  ["group.instance.id", "x".repeat(250), "at most 249"],
  ["group.instance.id", "..", "must not be"],
  ["group.remote.assignor", "sticky", '"uniform", "range"'],
  ["interceptor.classes", "org.example.Tracing", "array of objects"],
  ["interceptor.classes", [{ onSend() {} }], "onConsume()"],
])("%s=%j is refused: %s", (name, value, why) => {
  const config = { "bootstrap.servers": "localhost:1", "group.id": "g", [name as string]: value };
  expect(() => new Consumer(config)).toThrow(why as string);
});
