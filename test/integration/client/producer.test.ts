// Producer and Admin over real sockets: a restart of the broker under load, failover, a foreign log, both WebSocket transports.

import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Admin, Producer, type RecordMetadata, string } from "@brooklet/client";
import { decodeBatch, splitBatches } from "@brooklet/protocol";
import { systemClock, systemRandom, type Transport } from "@brooklet/protocol/world";
import { type Broker, startBroker } from "@brooklet/server";
import { afterEach, expect, test } from "vitest";
import { createBrokerClient } from "../../../client-sdk/src/network/broker-client.ts";
import { webSocketTransport as nodeTransport } from "../../../client-sdk/src/network/websocket.node.ts";
import { webSocketTransport as globalTransport } from "../../../client-sdk/src/network/websocket.ts";

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const silent = { debug() {}, info() {}, warn() {}, error() {} };

async function start(options: Parameters<typeof startBroker>[0] = {}): Promise<Broker> {
  const broker = await startBroker(options);
  cleanups.push(() => broker.close());
  return broker;
}

function client(port: number, transport: Transport = nodeTransport) {
  const made = createBrokerClient({
    bootstrapServers: [`127.0.0.1:${port}`],
    clientId: "test",
    requestTimeoutMs: 10_000,
    reconnectBackoffMs: 20,
    reconnectBackoffMaxMs: 200,
    connectTimeoutMs: 5_000,
    pinCluster: true,
    world: { clock: systemClock, random: systemRandom, transport },
    logger: silent,
  });
  cleanups.push(() => made.close());
  return made;
}

function producer(servers: number[], config = {}) {
  const made = new Producer<string, string>({
    "bootstrap.servers": servers.map((port) => `127.0.0.1:${port}`),
    "key.serializer": string,
    "value.serializer": string,
    "reconnect.backoff.ms": 20,
    "reconnect.backoff.max.ms": 200,
    ...config,
  });
  cleanups.push(() => made.close({ timeoutMs: 1_000 }));
  return made;
}

/** Every value of a partition, in the order of the offsets. */
async function valuesOf(port: number, topic: string, partition: number): Promise<string[]> {
  const reader = client(port);
  const values: string[] = [];
  for (let offset = 0; ; ) {
    const { header, payload } = await reader.request("fetch", {
      maxWaitMs: 0,
      minBytes: 0,
      maxBytes: 1_000_000,
      isolation: "read_uncommitted",
      partitions: [{ topic, partition, offset }],
    });
    const [result] = header.results;
    if (result === undefined || result.error !== undefined) throw new Error(JSON.stringify(result));
    for (const batch of splitBatches(payload)) {
      for (const record of decodeBatch(batch)) {
        if (record.offset >= offset && record.value !== null) values.push(new TextDecoder().decode(record.value));
      }
    }
    if (result.nextOffset >= result.highWatermark) return values;
    offset = result.nextOffset;
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

test("an idempotent producer loses and doubles nothing across restarts of the broker", async () => {
  const data = await mkdtemp(join(tmpdir(), "brooklet-producer-"));
  cleanups.push(() => rm(data, { recursive: true, force: true }));
  let broker = await startBroker({ data });
  const { port } = broker;
  const admin = new Admin({ "bootstrap.servers": `127.0.0.1:${port}` });
  await admin.createTopics([{ topic: "t", partitions: 3 }]);
  await admin.close();
  const sending = producer([port]);
  const sends: Promise<RecordMetadata>[] = [];
  const count = 3_000;
  for (let number = 0; number < count; number++) {
    sends.push(sending.send({ topic: "t", partition: number % 3, value: String(number) }));
    if (number % 100 === 99) await sends[number - 99];
    if (number % 1_000 === 500) {
      // What is on its way now meets a broker that stops; the sends above wait for the next one.
      await broker.close();
      broker = await startBroker({ data, port });
    }
  }
  cleanups.push(() => broker.close());
  const stored = await Promise.all(sends);
  for (const partition of [0, 1, 2]) {
    const expected = Array.from({ length: count / 3 }, (_, index) => String(index * 3 + partition));
    expect(await valuesOf(port, "t", partition)).toEqual(expected);
    const offsets = stored.filter((metadata) => metadata.partition === partition).map(({ offset }) => offset);
    expect(offsets).toEqual(expected.map((_, index) => index));
  }
});

test("the next of bootstrap.servers is tried when one is down", async () => {
  const dead = await freePort();
  const broker = await start();
  const sending = producer([dead, broker.port]);
  expect((await sending.send({ topic: "t", value: "a" })).offset).toBe(0);
});

test("another broker's log behind the next server is never written to", async () => {
  const first = await startBroker();
  const foreign = await start();
  const sending = producer([first.port, foreign.port], { "request.timeout.ms": 500, "delivery.timeout.ms": 1_500 });
  await sending.send({ topic: "t", value: "mine" });
  await first.close();
  const error: unknown = await sending.send({ topic: "t", value: "lost" }).catch((reason: unknown) => reason);
  expect(error).toMatchObject({ definite: true });
  expect(String(error)).toMatch(/delivery\.timeout\.ms|INCONSISTENT_CLUSTER_ID/);
  const reader = client(foreign.port);
  expect((await reader.request("metadata", {})).header.topics.map(({ topic }) => topic)).not.toContain("t");
});

test("a memory broker that comes back is another log: fatal, naming both", async () => {
  const first = await startBroker();
  const { port } = first;
  const sending = producer([port]);
  await sending.send({ topic: "t", value: "a" });
  await first.close();
  await start({ port });
  await expect(sending.send({ topic: "t", value: "b" })).rejects.toMatchObject({
    code: "INCONSISTENT_CLUSTER_ID",
    fatal: true,
  });
});

test.each([
  ["ws", nodeTransport],
  ["the global WebSocket", globalTransport],
])("over %s: requests, a batch of a megabyte, a refused port, close", async (_, transport) => {
  const broker = await start();
  const speaking = client(broker.port, transport);
  expect((await speaking.request("metadata", {})).header.clusterId).toMatch(/^[\w-]{22}$/);
  const sending = producer([broker.port], { "max.request.size": 1_048_576 });
  const value = "x".repeat(1_000_000);
  expect((await sending.send({ topic: "big", value })).offset).toBe(0);
  const { payload } = await speaking.request("fetch", {
    maxWaitMs: 0,
    minBytes: 0,
    maxBytes: 10,
    isolation: "read_uncommitted",
    partitions: [{ topic: "big", partition: 0, offset: 0 }],
  });
  expect(payload.constructor).toBe(Uint8Array);
  expect(payload.length).toBeGreaterThan(1_000_000);
  const nobody = client(await freePort(), transport);
  await expect(nobody.request("metadata", {}, { timeoutMs: 300 })).rejects.toMatchObject({ definite: true });
  await speaking.close();
  await expect(speaking.request("metadata", {})).rejects.toMatchObject({ name: "ClosedError" });
});

test("an aborted fetch is cancelled at the broker: its place is free at once", async () => {
  const broker = await start();
  const sending = producer([broker.port]);
  await sending.send({ topic: "t", value: "a" });
  const reader = client(broker.port);
  const controller = new AbortController();
  const parked = reader.request(
    "fetch",
    {
      maxWaitMs: 25_000,
      minBytes: 1,
      maxBytes: 1_000,
      isolation: "read_uncommitted",
      partitions: [{ topic: "t", partition: 0, offset: 1 }],
    },
    { signal: controller.signal, timeoutMs: 30_000 },
  );
  const parkedFetches = async () => (await reader.request("status", {})).header.parkedFetches;
  while ((await parkedFetches()) === 0);
  controller.abort();
  await expect(parked).rejects.toMatchObject({ code: "ABORTED", definite: false });
  while ((await parkedFetches()) > 0);
});
