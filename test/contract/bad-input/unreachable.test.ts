// What the SDK says when its time runs out: whom it could not reach, why, and whether it may have happened nevertheless.

import { type AddressInfo, createServer } from "node:net";
import { type BrookletError, Consumer, Producer, string } from "@brooklet/client";
import { startBroker } from "@brooklet/server";
import { expect, onTestFinished, test } from "vitest";
import { eventually } from "../../support/eventually.ts";

const nobody = "127.0.0.1:1";
const p0 = { topic: "t", partition: 0 };

function producer(server: string, options: object = {}) {
  const made = new Producer<string, string>({
    "bootstrap.servers": server,
    "key.serializer": string,
    "value.serializer": string,
    "max.block.ms": 300,
    "request.timeout.ms": 300,
    "delivery.timeout.ms": 500,
    ...options,
  });
  onTestFinished(() => made.close({ timeoutMs: 0 }));
  return made;
}

function consumer(server: string, options: object = {}) {
  const made = new Consumer({ "bootstrap.servers": server, "default.api.timeout.ms": 300, ...options });
  onTestFinished(() => made.close({ timeoutMs: 0 }));
  return made;
}

async function caught(promise: Promise<unknown>): Promise<BrookletError> {
  return await promise.then(
    () => expect.unreachable("it succeeded"),
    (error: BrookletError) => error,
  );
}

const times = (text: string, part: string) => text.split(part).length - 1;

/** Takes connections and never answers. */
async function silentServer(): Promise<string> {
  const sockets = new Set<{ destroy(): void }>();
  const server = createServer((socket) => void sockets.add(socket)).listen(0, "127.0.0.1");
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  await new Promise((resolve) => server.once("listening", resolve));
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test("nobody there: every call names the server once, and why", async () => {
  const reader = consumer(nobody);
  reader.assign([p0]);
  const member = consumer(nobody, { "group.id": "g" });
  member.subscribe(["t"]);
  const calls = [
    producer(nobody).send({ topic: "t", value: "v" }),
    reader.position(p0),
    consumer(nobody).endOffsets([p0]),
    member.ready(),
  ];
  for (const error of await Promise.all(calls.map(caught))) {
    expect(error).toMatchObject({ name: "TimeoutError", retriable: true, definite: true });
    expect(error.message).toContain(`no connection to ${nobody}: connect ECONNREFUSED`);
    expect(times(error.message, nobody), error.message).toBe(1);
  }
  expect((await caught(producer(nobody).partitionsFor("t"))).message).toBe(
    `partitionsFor t did not finish within 300 ms: there was no connection to ${nobody}: connect ECONNREFUSED`,
  );
  const assigned = consumer(nobody);
  assigned.assign([p0]);
  const notReady = await caught(assigned.ready());
  expect(notReady).toMatchObject({ name: "TimeoutError", definite: true });
  expect(notReady.message).toContain(
    `positions of t-0 are not known; no connection to ${nobody}: connect ECONNREFUSED`,
  );
});

test("of several servers, the last one that was tried", async () => {
  const reader = consumer("localhost:1,127.0.0.1:1");
  reader.assign([p0]);
  expect((await caught(reader.position(p0))).message).toMatch(
    /no connection to localhost:1, 127\.0\.0\.1:1: the last attempt, at (localhost|127\.0\.0\.1):1: .*ECONNREFUSED/,
  );
});

test("a server that takes the connection and is silent", async () => {
  const server = await silentServer();
  const sending = producer(server, { "socket.connection.setup.timeout.ms": 100, "max.block.ms": 500 });
  const error = await caught(sending.send({ topic: "t", value: "v" }));
  expect(error).toMatchObject({ name: "TimeoutError", definite: true });
  expect(error.message).toMatch(new RegExp(`no connection to ${server}: .*(within 100 ms|timed out)`));
});

test("a broker that has gone: what was never sent is certainly not stored after delivery.timeout.ms, and says why", async () => {
  const broker = await startBroker();
  const server = `127.0.0.1:${broker.port}`;
  // On a busy machine the first answers may take longer than the time of a delivery.
  const known = producer(server, { "max.block.ms": 10_000 });
  const isStored = () =>
    known.send({ topic: "t", value: "stored" }).then(
      () => true,
      () => false,
    );
  await eventually(isStored, "a first record is stored");
  const fresh = producer(server, { "max.block.ms": 10_000 });
  await fresh.partitionsFor("t");
  await broker.close();
  // The one has its producer id and waits in a request, the other still needs one.
  for (const sending of [known, fresh]) {
    const error = await caught(sending.send({ topic: "t", value: "v" }));
    expect(error).toMatchObject({ name: "TimeoutError", code: "TIMEOUT", definite: true });
    expect(error.message).toContain("delivery.timeout.ms (500 ms): certainly not stored");
    expect(error.message).toContain(`no connection to ${server}: connect ECONNREFUSED`);
    expect(times(error.message, server), error.message).toBe(1);
  }
});

test("a broker that refuses until the time is over: its refusal is the cause", async () => {
  await using broker = await startBroker({ settings: { "auto.create.topics.enable": false } });
  const server = `127.0.0.1:${broker.port}`;
  // Long enough for an answer on a busy machine.
  const reader = consumer(server, { "default.api.timeout.ms": 1_000 });
  reader.assign([p0]);
  const member = consumer(server, { "group.id": "g", "default.api.timeout.ms": 1_000 });
  member.assign([p0]);
  const waits = [
    reader.position(p0),
    consumer(server, { "default.api.timeout.ms": 1_000 }).endOffsets([p0]),
    member.commit([{ ...p0, offset: 1 }]),
    producer(server, { "max.block.ms": 1_000 }).send({ topic: "t", value: "v" }),
  ];
  for (const error of await Promise.all(waits.map(caught))) {
    expect(error).toMatchObject({ name: "TimeoutError", code: "TIMEOUT", definite: true });
    expect(error).toMatchObject({
      cause: { code: "UNKNOWN_TOPIC_OR_PARTITION" },
      context: { lastError: expect.any(String) },
    });
    expect(error.message).toContain("UNKNOWN_TOPIC_OR_PARTITION");
    expect(error.hint).toMatch(/Create the topic.*auto\.create\.topics\.enable.*allow\.auto\.create\.topics/);
  }
  const assigned = consumer(server, { "default.api.timeout.ms": 1_000 });
  assigned.assign([p0]);
  const notReady = await caught(assigned.ready());
  expect(notReady).toMatchObject({ cause: { code: "UNKNOWN_TOPIC_OR_PARTITION" } });
  expect(notReady.hint).toContain("Create the topic");
  expect(notReady.message).toContain("UNKNOWN_TOPIC_OR_PARTITION");
});
