// Interceptors of the producer: what they see and change, in which order, and that nothing they do hurts a send.

import { Producer, type ProducerConfig, type ProducerInterceptor, type ProducerRecord, string } from "@brooklet/client";
import { afterEach, expect, test } from "vitest";
import { type FakeBroker, FakeNetwork, pass, wireError } from "../../../support/fake-broker.ts";
import { SimulatedClock } from "../../../support/simulated-clock.ts";
import { simulatedRandom } from "../../../support/simulated-random.ts";
import { outcomeOf, watch } from "../../../support/watch.ts";

type Interceptor = ProducerInterceptor<string, string>;

let clock = new SimulatedClock();
let started: Producer<string, string> | undefined;

afterEach(async () => {
  const closed = watch(started?.close({ timeoutMs: 100 }) ?? Promise.resolve());
  await clock.runUntil(() => closed.settled);
  await clock.advance(50);
  expect(clock.liveTimers, "timers left").toBe(0);
});

function start(
  interceptors: Interceptor[],
  config: Partial<ProducerConfig<string, string>> = {},
  broker: Partial<FakeBroker> = {},
) {
  clock = new SimulatedClock();
  const warnings: { error: unknown; method: string }[] = [];
  const logger = { debug() {}, info() {}, warn: (fields: never) => void warnings.push(fields), error() {} };
  const network = new FakeNetwork(clock);
  const fake = network.broker("broker:1", broker);
  started = new Producer<string, string>(
    {
      "bootstrap.servers": "broker:1",
      "key.serializer": string,
      "value.serializer": string,
      "interceptor.classes": interceptors,
      ...config,
    },
    { logger, world: { clock, random: simulatedRandom(1), transport: network } },
  );
  return { fake, producer: started, warnings };
}

const outcome = <T>(promise: Promise<T>) => outcomeOf(clock, promise);
const add = (text: string): Interceptor => ({ onSend: (record) => ({ ...record, value: `${record.value}${text}` }) });

test("onSend changes the record, one after the other; onAcknowledgement hears where it went, before the caller", async () => {
  const heard: unknown[] = [];
  const seen: Interceptor = { onAcknowledgement: (metadata, error) => void heard.push({ metadata, error }) };
  const { fake, producer } = start([add("1"), seen, add("2")]);
  const sent = producer.send({ topic: "t", value: "v", timestamp: 7 }).then((metadata) => void heard.push(metadata));
  await outcome(sent);
  expect(fake.values("t")).toEqual(["v12"]);
  const metadata = { topic: "t", partition: 0, offset: 0, timestamp: 7 };
  expect(heard).toEqual([{ metadata, error: null }, metadata]);
});

test("a record may go to another topic and partition", async () => {
  const { fake, producer } = start(
    [{ onSend: (record) => ({ ...record, topic: "u", partition: 1 }) }],
    {},
    { partitionCount: 2 },
  );
  expect((await outcome(producer.send({ topic: "t", value: "v" }))).value).toMatchObject({ topic: "u", partition: 1 });
  expect(fake.values("u", 1)).toEqual(["v"]);
});

test("what throws, rejects or gives nonsense is logged, and the record goes on as it was", async () => {
  const boom = new Error("boom");
  const nonsense: unknown[] = [undefined, null, 5, "record", {}, Promise.resolve({ topic: "x" }), Promise.reject(boom)];
  const wrong = nonsense.map((result): Interceptor => ({ onSend: () => result as ProducerRecord<string, string> }));
  const throwing: Interceptor = {
    onSend() {
      throw boom;
    },
    onAcknowledgement() {
      throw boom;
    },
    close() {
      throw boom;
    },
  };
  const rejecting: Interceptor = {
    onAcknowledgement: () => Promise.reject(boom) as unknown as undefined,
    close: () => Promise.reject(boom) as unknown as undefined,
  };
  const { fake, producer, warnings } = start([add("1"), ...wrong, throwing, rejecting, add("2")]);
  expect((await outcome(producer.send({ topic: "t", value: "v" }))).value?.offset).toBe(0);
  expect(fake.values("t")).toEqual(["v12"]);
  await outcome(producer.close());
  const count = (method: string) => warnings.filter((warning) => warning.method === method).length;
  expect([count("onSend"), count("onAcknowledgement"), count("close")]).toEqual([nonsense.length + 1, 2, 2]);
});

test("failures are heard too: before sending, by the broker, and by close", async () => {
  const heard: unknown[] = [];
  const { fake, producer } = start([
    {
      onAcknowledgement: ({ topic, partition, offset }, error) =>
        void heard.push([topic, partition, offset, error?.code]),
    },
  ]);
  await outcome(producer.send({ topic: "a/b", value: "v" }));
  await outcome(producer.send({ topic: "t", partition: 3, value: 5 as unknown as string }));
  fake.script = ({ api }) =>
    api === "produce"
      ? { results: [{ topic: "t", partition: 0, baseOffset: -1, error: wireError("INVALID_RECORD") }] }
      : pass;
  await outcome(producer.send({ topic: "t", value: "v" }));
  fake.script = ({ api }) => (api === "produce" ? undefined : pass);
  const last = watch(producer.send({ topic: "t", value: "v" }));
  await clock.advance(50);
  await outcome(producer.close({ timeoutMs: 0 }));
  expect(last.error).toMatchObject({ code: "CLOSED" });
  await outcome(producer.send({ topic: "t", value: "v" }));
  expect(heard).toEqual([
    ["a/b", -1, -1, "INVALID_TOPIC_EXCEPTION"],
    ["t", 3, -1, "RECORD_SERIALIZATION"],
    ["t", -1, -1, "INVALID_RECORD"],
    ["t", -1, -1, "CLOSED"],
    ["t", -1, -1, "CLOSED"],
  ]);
});

test("close is called once, after the last record", async () => {
  const heard: string[] = [];
  const { producer } = start([
    { onAcknowledgement: () => void heard.push("acknowledged"), close: () => void heard.push("closed") },
  ]);
  void producer.send({ topic: "t", value: "v" });
  await outcome(Promise.all([producer.close(), producer.close()]));
  expect(heard).toEqual(["acknowledged", "closed"]);
});

test.each([
  ["a class name", "org.example.Interceptor"],
  ["an array of names", ["org.example.Interceptor"]],
  ["an object without any of its methods", [{ onConsume() {} }]],
  ["null", [null]],
])("%s is refused at construction", (_, interceptors) => {
  expect(() => new Producer({ "bootstrap.servers": "a:1", "interceptor.classes": interceptors as never })).toThrow(
    /interceptor\.classes: must be an array of objects with one of onSend\(\), onAcknowledgement\(\), close\(\)/,
  );
});
