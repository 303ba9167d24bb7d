// Every option of SEMANTICS.md 1.1 with its fate; and those of the consumer whose effect shows best at the public class over a real
// broker: what turns bytes into keys and values, what a group needs, and the broker's bounds on what members may ask for. The
// others: test/integration/consumer/; which test shows which: test/contract/mapping/options.ts.

import { ConfigError, Consumer, type ConsumerConfig, json, string } from "@brooklet/client";
import { type Broker, startBroker } from "@brooklet/server";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { consumerOptions } from "../../../client-sdk/src/config/consumer.ts";
import { postJson } from "../../support/raw-client.ts";
import type { shownConsumerOptions } from "../mapping/options.ts";

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

/** Rows of SEMANTICS.md 1.1 that work, with a legal value; the test that shows each effect is in test/contract/mapping/options.ts. */
const working: Readonly<Record<keyof typeof shownConsumerOptions, unknown>> = {
  "bootstrap.servers": "localhost:1",
  "group.id": "g",
  "group.protocol": "Consumer",
  "key.deserializer": string,
  "value.deserializer": string,
  "auto.offset.reset": "by_duration:PT1H",
  "enable.auto.commit": false,
  "auto.commit.interval.ms": 1,
  "max.poll.records": 1,
  "max.poll.interval.ms": 1,
  "session.timeout.ms": 10_000,
  "heartbeat.interval.ms": 1,
  "group.remote.assignor": "range",
  "group.instance.id": "till-1",
  "isolation.level": "read_committed",
  "client.id": "me",
  "fetch.min.bytes": 1,
  "fetch.max.wait.ms": 0,
  "fetch.max.bytes": 1,
  "max.partition.fetch.bytes": 1,
  "default.api.timeout.ms": 1,
  "request.timeout.ms": 1,
  "retry.backoff.ms": 1,
  "retry.backoff.max.ms": 1,
  "reconnect.backoff.ms": 1,
  "reconnect.backoff.max.ms": 1,
  "metadata.max.age.ms": 1,
  "allow.auto.create.topics": false,
  "exclude.internal.topics": false,
  "interceptor.classes": [{ close() {} }],
  "check.crcs": false,
  "socket.connection.setup.timeout.ms": 1,
  "security.protocol": "PLAINTEXT",
  "sasl.mechanism": "PLAIN",
  "sasl.password": "secret",
  "sasl.jaas.config": 'required password="x";',
  token: "secret",
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

  test.each(Object.entries(working))("%s works", (name, value) => {
    const logged: string[] = [];
    const line = (_: object, message: string) => void logged.push(message);
    const config = { "bootstrap.servers": "localhost:1", "group.id": "g", [name]: value };
    new Consumer(config, { logger: { debug: line, info: line, warn: line, error: line } });
    expect(logged.filter((message) => name !== "group.protocol" && message.includes("no effect"))).toEqual([]);
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
