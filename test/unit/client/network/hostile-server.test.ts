// A server that sends nonsense: no crash, no hang, and only what it concerns fails.

import { expect, test } from "vitest";
import { type FakeBroker, type FakeConnection, pass } from "../../../support/fake-broker.ts";
import { watch } from "../../../support/watch.ts";
import { ask, clock, closeAfterEach, fetch, outcome, start, withhold } from "./setup.ts";

closeAfterEach();

const nonsense: [string, (broker: FakeBroker) => void][] = [
  ["an empty message", (broker) => each(broker, (connection) => connection.sendRaw(new Uint8Array(0)))],
  ["a truncated frame", (broker) => each(broker, (connection) => connection.sendRaw(Uint8Array.of(0, 0, 1, 0, 123)))],
  [
    "a header that is no JSON",
    (broker) => each(broker, (connection) => connection.sendRaw(Uint8Array.of(0, 0, 0, 1, 123))),
  ],
  [
    "a header that is an array",
    (broker) => each(broker, (connection) => connection.sendRaw(Uint8Array.of(0, 0, 0, 2, 91, 93))),
  ],
  ["answers to nobody", (broker) => each(broker, (connection) => connection.send({ id: 999, results: null }))],
  ["an id that is no number", (broker) => each(broker, (connection) => connection.send({ id: { valueOf: 1 } }))],
  ["no id", (broker) => each(broker, (connection) => connection.send({}))],
];

function each(broker: FakeBroker, run: (connection: FakeConnection) => void) {
  for (const connection of broker.connections) run(connection);
}

test.each(nonsense)("a hostile server: %s neither crashes nor hangs", async (_, attack) => {
  const { network, client } = start();
  const broker = network.broker("a:1");
  await outcome(ask(client));
  const release = withhold(broker, "metadata");
  const pending = watch(ask(client));
  await clock.advance(10);
  attack(broker);
  await clock.advance(10);
  release();
  await clock.runUntil(() => pending.settled);
  expect((await outcome(ask(client))).value).toBeDefined();
});

test.each([
  ["no fields", {}],
  ["a wrong type", { clusterId: "c", topics: "none" }],
  ["an item of a wrong type", { clusterId: "c", topics: [null] }],
  ["a missing field of an item", { clusterId: "c", topics: [{ topic: "t", topicId: "x" }] }],
  ["an error that is a text", { error: "boom" }],
  ["an error without a code", { error: { message: "boom" } }],
])("a malformed answer (%s) rejects its request and nothing else", async (_, answer) => {
  const { network, client } = start();
  const broker = network.broker("a:1");
  broker.script = ({ api }) => (api === "metadata" ? answer : pass);
  expect((await outcome(ask(client))).error).toMatchObject({ code: "UNKNOWN_SERVER_ERROR", definite: false });
  broker.script = () => pass;
  expect((await outcome(ask(client))).value).toBeDefined();
  expect(broker.hellos).toHaveLength(1);
});

test.each([
  ["no limits", { clusterId: "c", version: 1 }],
  ["limits that are no numbers", { clusterId: "c", version: 1, limits: { maxBatchBytes: "many" } }],
  ["a version that was not offered", "version"],
  ["an event first", "event"],
])("hello answered with %s counts as a server that is down", async (_, answer) => {
  const { network, client } = start({ bootstrapServers: ["a:1", "b:1"] });
  const broker = network.broker("a:1");
  broker.script = (request) => {
    if (request.api !== "hello") return pass;
    if (answer === "event") request.connection.send({ event: "heartbeatNow", groupId: "g" });
    if (answer === "version") return { ...broker.answer(request), version: 9 };
    return typeof answer === "string" ? undefined : answer;
  };
  network.broker("b:1");
  expect((await outcome(ask(client))).value).toBeDefined();
  expect(network.attempts.at(-1)).toBe("b:1");
});

test("fetch answers whose bytes do not add up are malformed", async () => {
  const { network, client } = start();
  const broker = network.broker("a:1");
  const result = { topic: "t", partition: 0, highWatermark: 1, lastStableOffset: 1, logStartOffset: 0, nextOffset: 1 };
  for (const bytes of [5, -1, 1.5]) {
    broker.script = ({ api }) => (api === "fetch" ? { results: [{ ...result, bytes }] } : pass);
    expect((await outcome(fetch(client))).error).toMatchObject({ code: "UNKNOWN_SERVER_ERROR" });
  }
});
