// The end of a broker: what was begun is answered, what waits is let go, sockets hear why; and a failing storage.

import { encodeBatch } from "@brooklet/protocol";
import { systemClock, systemRandom } from "@brooklet/protocol/world";
import { type OpenedStorage, startBroker } from "@brooklet/server";
import { expect, test } from "vitest";
import { openStorage } from "../../../server/src/storage/open.ts";
import { FaultyStorage } from "../../support/faulty-storage.ts";
import { http, postJson, RawSocket, until } from "../../support/raw-client.ts";

const silent = { debug() {}, info() {}, warn() {}, error() {} };

/** A memory storage whose turns fail when told to. */
async function faultyMemory(): Promise<OpenedStorage & { storage: FaultyStorage }> {
  const { storage, state } = await openStorage({
    ephemeral: true,
    durability: "memory",
    clock: systemClock,
    random: systemRandom,
    logger: silent,
  });
  return { storage: new FaultyStorage(storage, { clock: systemClock }), state };
}

const read = (offset: number) => ({
  maxWaitMs: 50_000,
  minBytes: 1,
  maxBytes: 1_000_000,
  isolation: "read_uncommitted",
  partitions: [{ topic: "t", partition: 0, offset }],
});
const batch = encodeBatch([{ key: null, value: Buffer.from("v"), headers: [], timestamp: 1 }]);
const produceOne = { acks: -1, partitions: [{ topic: "t", partition: 0, bytes: batch.length }] };

test("close lets parked fetches go, tells sockets why, and frees the port", async () => {
  const broker = await startBroker();
  await postJson(broker.url, "/v1/topics/t/records", { records: [{ valueText: "0" }] });
  const socket = await RawSocket.greeted(broker.url);
  const overSocket = socket.request("fetch", read(1));
  const overHttp = http(broker.url, "/v1/topics/t/partitions/0/records?offset=1&maxWaitMs=50000");
  await until(async () => {
    const status = await postJson(broker.url, "/v1/status", {});
    return status.json?.parkedFetches === 2;
  }, "both fetches are parked");
  await broker.close();
  expect((await overSocket).header).toHaveProperty("id");
  expect([200, 503]).toContain((await overHttp).status);
  expect(await socket.closed).toEqual({ code: 1001, reason: "the broker is stopping" });
  await broker.closed;
  await using again = await startBroker({ port: broker.port });
  expect(again.port).toBe(broker.port);
});

test("what was sent before close is answered; close twice is close once", async () => {
  const broker = await startBroker();
  await postJson(broker.url, "/v1/createTopics", { topics: [{ topic: "t" }] });
  const socket = await RawSocket.greeted(broker.url);
  const produced = Array.from({ length: 50 }, () => socket.request("produce", produceOne, [batch]));
  await socket.request("status");
  await Promise.all([broker.close(), broker.close()]);
  const offsets = (await Promise.all(produced)).map(
    ({ header }) => (header.results as [{ baseOffset: number }])[0].baseOffset,
  );
  expect(offsets).toEqual(Array.from({ length: 50 }, (_, index) => index));
});

test("while a broker drains, connections that are open are told that it stops", async () => {
  const opened = await faultyMemory();
  const broker = await startBroker({ world: { openStorage: async () => opened } });
  await postJson(broker.url, "/v1/createTopics", { topics: [{ topic: "t" }] });
  const socket = await RawSocket.greeted(broker.url);
  opened.storage.hold();
  const before = opened.storage.turns.length;
  const produced = socket.request("produce", produceOne, [batch]);
  await until(() => opened.storage.turns.length === before + 1, "the turn is on its way");
  const closing = broker.close();
  expect((await socket.request("produce", produceOne, [batch])).header).toMatchObject({
    error: { code: "BROKER_NOT_AVAILABLE", retriable: true, definite: true },
  });
  await expect(RawSocket.connect(broker.url)).rejects.toThrow();
  opened.storage.release();
  expect((await produced).header).toMatchObject({ results: [{ baseOffset: 0 }] });
  await closing;
});

test("close waits for every turn: for those on their way, and for what waits behind them", async () => {
  const opened = await faultyMemory();
  const broker = await startBroker({ world: { openStorage: async () => opened } });
  await postJson(broker.url, "/v1/createTopics", { topics: [{ topic: "t" }] });
  const socket = await RawSocket.greeted(broker.url);
  opened.storage.hold();
  const produced: Promise<{ header: Record<string, unknown> }>[] = [];
  // More than may be on their way at once, each in a turn of its own.
  for (let count = 0; count < 8; count++) {
    produced.push(socket.request("produce", produceOne, [batch]));
    await socket.request("status");
  }
  const closing = broker.close();
  await expect(RawSocket.connect(broker.url)).rejects.toThrow();
  opened.storage.release();
  const answers = await Promise.all(produced);
  expect(answers.map(({ header }) => header.results)).toEqual(
    answers.map((_answer, offset) => [{ topic: "t", partition: 0, baseOffset: offset }]),
  );
  await closing;
});

test("close waits for a read that has begun", async () => {
  const opened = await faultyMemory();
  const broker = await startBroker({
    settings: { "tail.cache.bytes": 0 },
    world: { openStorage: async () => opened },
  });
  await postJson(broker.url, "/v1/topics/t/records", { records: [{ valueText: "0" }] });
  const socket = await RawSocket.greeted(broker.url);
  opened.storage.delayMs = 200;
  const byTime = { isolation: "read_uncommitted", partitions: [{ topic: "t", partition: 0, at: 1 }] };
  const overSocket = socket.request("listOffsets", byTime);
  const overHttp = postJson(broker.url, "/v1/listOffsets", byTime);
  await socket.request("status");
  await postJson(broker.url, "/v1/status", {});
  await broker.close();
  expect((await overSocket).header).toMatchObject({ results: [{ offset: 0 }] });
  expect((await overHttp).json).toMatchObject({ results: [{ offset: 0 }] });
});

test("when the storage fails the broker tells the truth, closes, and rejects closed", async () => {
  const opened = await faultyMemory();
  const lines: string[] = [];
  const logger = { ...silent, error: (_fields: object, message: string) => void lines.push(message) };
  const broker = await startBroker({ logger, world: { openStorage: async () => opened } });
  await postJson(broker.url, "/v1/createTopics", { topics: [{ topic: "t" }] });
  const socket = await RawSocket.greeted(broker.url);
  opened.storage.failTurn((opened.storage.turns.at(-1)?.number ?? 0) + 1, "failed");
  const produced = await socket.request("produce", produceOne, [batch]);
  expect(produced.header).toMatchObject({ results: [{ error: { code: "KAFKA_STORAGE_ERROR", definite: false } }] });
  await expect(broker.closed).rejects.toThrow();
  expect((await socket.closed).reason).toBe("the broker's storage failed");
  expect(lines).toContain("the storage failed; the broker stops");
  await expect(http(broker.url, "/healthz")).rejects.toThrow();
  await broker.close();
});

test("a storage that fails harms nobody who does not look", async () => {
  const opened = await faultyMemory();
  const broker = await startBroker({ world: { openStorage: async () => opened } });
  opened.storage.failTurn(1, "failed");
  await postJson(broker.url, "/v1/createTopics", { topics: [{ topic: "t" }] }).catch(() => {});
  await until(
    () =>
      http(broker.url, "/healthz").then(
        () => false,
        () => true,
      ),
    "the broker has stopped",
  );
});
