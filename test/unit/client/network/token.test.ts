// A token on its way: only in `hello`, once refused never again by the same object, and in nothing that anybody reads.

import { inspect } from "node:util";
import { Admin, Consumer, Producer, string } from "@brooklet/client";
import { afterEach, expect, test } from "vitest";
import { FakeNetwork, pass, wireError } from "../../../support/fake-broker.ts";
import { SimulatedClock } from "../../../support/simulated-clock.ts";
import { simulatedRandom } from "../../../support/simulated-random.ts";
import { outcomeOf, watch } from "../../../support/watch.ts";

const CANARY = "canary-4092/+=";

let clock = new SimulatedClock();
afterEach(() => {
  expect(clock.liveTimers, "timers left").toBe(0);
});

/** All three clients with a token, everything that they log, and the network they are in. */
function start() {
  clock = new SimulatedClock();
  const network = new FakeNetwork(clock);
  const fake = network.broker("broker:1");
  const log: unknown[] = [];
  const note = (...line: unknown[]) => void log.push(line);
  const logger = { debug: note, info: note, warn: note, error: note };
  const config = { "bootstrap.servers": "broker:1", token: CANARY };
  const serdes = { "key.serializer": string, "value.serializer": string };
  const world = () => ({ clock, random: simulatedRandom(1), transport: network });
  const clients = {
    admin: new Admin(config, { logger, world: world() }),
    producer: new Producer<string, string>({ ...config, ...serdes }, { logger, world: world() }),
    consumer: new Consumer({ ...config, "group.id": "g" }, { logger, world: world() }),
  };
  return { network, fake, log, world, logger, ...clients, clients: Object.values(clients) };
}

const outcome = <T>(promise: Promise<T>) => outcomeOf(clock, promise);

/** Errors with their causes, contexts and stacks; objects with all that inspection reaches. */
const shown = (things: readonly unknown[]) =>
  things.map((thing) => inspect(thing, { showHidden: true, depth: null, getters: true })).join("\n");

async function closeAll(clients: readonly { close(): Promise<void> }[]) {
  await outcome(Promise.all(clients.map((client) => client.close())));
  await clock.advance(50);
}

test("each client says its token in hello, and in no other frame", async () => {
  const { fake, network, clients, admin, producer, consumer, log } = start();
  await outcome(admin.describeTopics(["t"]));
  await outcome(producer.send({ topic: "t", key: CANARY.slice(0, 3), value: "v" }));
  await outcome(consumer.endOffsets([{ topic: "t", partition: 0 }]));
  expect(fake.hellos).toHaveLength(3);
  for (const hello of fake.hellos) expect(hello.token).toBe(CANARY);
  expect(JSON.stringify(fake.requests.map(({ header }) => header))).not.toContain(CANARY);
  expect(network.attempts.join()).not.toContain(CANARY);
  await closeAll(clients);
  expect(shown([log, ...clients])).not.toContain(CANARY);
});

test("without a token there is none in hello", async () => {
  const { fake, world, clients } = start();
  const admin = new Admin({ "bootstrap.servers": "broker:1" }, { world: world() });
  await outcome(admin.listTopics());
  expect(fake.hellos.at(-1)).not.toHaveProperty("token");
  await closeAll([admin, ...clients]);
});

test("a refused token is fatal for every call of every client, after one attempt; a new object may try again", async () => {
  const { fake, network, clients, admin, producer, consumer, log, world } = start();
  const refusal = { ...wireError("SASL_AUTHENTICATION_FAILED", `the token ${CANARY} is not one of ours`) };
  fake.script = ({ api }) => (api === "hello" ? { error: { ...refusal, hint: CANARY, context: { CANARY } } } : pass);
  consumer.subscribe(["t"]);
  const calls: (() => Promise<unknown>)[] = [
    () => admin.listTopics(),
    () => admin.createTopics([{ topic: "t" }]),
    () => admin.status(),
    () => producer.send({ topic: "t", value: "v" }),
    () => producer.partitionsFor("t"),
    () => producer.flush(),
    () => consumer.poll(60_000),
    () => consumer.committed([{ topic: "t", partition: 0 }]),
  ];
  const errors: unknown[] = [];
  // The second time each is refused without another attempt.
  for (const call of [...calls, ...calls]) {
    const seen = await outcome(call());
    expect(seen.error, String(call)).toMatchObject({ code: "SASL_AUTHENTICATION_FAILED", fatal: true });
    errors.push(seen.error);
  }
  await clock.advance(120_000);
  expect(network.attempts, "one attempt of each client").toHaveLength(3);
  expect(String(errors[0])).toContain("the token [secret] is not one of ours");

  fake.script = () => pass;
  const again = new Admin({ "bootstrap.servers": "broker:1", token: CANARY }, { world: world() });
  expect((await outcome(again.listTopics())).value).toEqual([]);
  await closeAll([again, ...clients]);
  expect(shown([log, errors, ...clients])).not.toContain(CANARY);
});

test("a server that says the token back in the error of an answer, or of an item of it, is not quoted either", async () => {
  const { fake, clients, admin, log } = start();
  const said = `nobody knows ${CANARY} here`;
  const error = { ...wireError("INVALID_REQUEST", said), hint: said, context: { deep: [{ said }] } };
  const item = { topic: "t", topicId: "", error, partitions: [] };
  fake.script = ({ api, header }) => {
    if (api === "hello") return pass;
    return header.topics === undefined ? { error } : { clusterId: "c", topics: [item] };
  };
  const errors = [(await outcome(admin.listTopics())).error, (await outcome(admin.describeTopics(["t"]))).error];
  const text = shown([errors, log, ...clients]);
  expect(text.match(/nobody knows \[secret\] here/g)?.length).toBeGreaterThanOrEqual(6);
  expect(text).not.toContain(CANARY);
  await closeAll(clients);
});

test("a token that leaves the machine unencrypted is warned of, once; on the loopback it is not", async () => {
  const { fake, clients, admin, log, network, logger, world } = start();
  await outcome(admin.listTopics());
  fake.cut();
  await outcome(admin.listTopics());
  const warnings = () => log.filter((line) => JSON.stringify(line).includes("unencrypted"));
  expect(warnings()).toHaveLength(1);
  network.broker("127.0.0.1:1");
  const local = new Admin(
    { "bootstrap.servers": "127.0.0.1:1", token: CANARY },
    { logger, world: { ...world(), transport: network } },
  );
  await outcome(local.listTopics());
  expect(warnings()).toHaveLength(1);
  await closeAll([local, ...clients]);
});

test.each([
  ["in the reason of a close", (said: string) => ({ close: said })],
  ["in the error of hello", (said: string) => ({ error: { ...wireError("BROKER_NOT_AVAILABLE"), message: said } })],
])("a server that says the token back, %s, does not get it into what the SDK tells", async (_, say) => {
  const { fake, clients, admin, producer, log } = start();
  fake.script = ({ api, connection }) => {
    if (api !== "hello") return pass;
    const said = say(`nobody knows ${CANARY} here`);
    if ("error" in said) return { error: said.error };
    connection.end(1011, said.close);
    return undefined;
  };
  const seen = [
    watch(admin.listTopics({})),
    watch(producer.send({ topic: "t", value: "v" })),
    watch(producer.partitionsFor("t")),
  ];
  await clock.runUntil(() => seen.every(({ settled }) => settled), 200_000);
  const text = shown([seen, log, ...clients]);
  expect(text).toContain("nobody knows [secret] here");
  expect(text).not.toContain(CANARY);
  await closeAll(clients);
});
