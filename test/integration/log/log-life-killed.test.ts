// SIGKILL of a broker whose logs expire and are cut while records come in, and of one whose newest commits are lost with it.

import { copyFileSync, existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { encodeBatch } from "@brooklet/protocol";
import { expect, test } from "vitest";
import { startChildBroker } from "../../support/child-broker.ts";
import { eventually } from "../../support/eventually.ts";
import { postJson, RawSocket } from "../../support/raw-client.ts";
import { testFolder } from "../../support/storage-on-file.ts";

const topic = "orders";
const CYCLES = 2;

interface Result {
  readonly baseOffset: number;
  readonly offset: number;
  readonly logStartOffset: number;
  readonly highWatermark: number;
  readonly nextOffset: number;
  readonly error?: { readonly code: string; readonly context?: object };
}

async function ask(socket: RawSocket, api: string, fields: object, payload: Uint8Array[] = []): Promise<Result> {
  const { header } = await socket.request(api, fields, payload);
  return (header.results as Result[])[0] as Result;
}

function produce(socket: RawSocket, value: string): Promise<Result> {
  const record = { key: null, value: Buffer.from(value.padEnd(200, ".")), headers: [], timestamp: 1 };
  const batch = encodeBatch([record]);
  return ask(socket, "produce", { acks: -1, partitions: [{ topic, partition: 0, bytes: batch.length }] }, [batch]);
}

function fetch(socket: RawSocket, offset: number, more: object = {}): Promise<Result> {
  const fields = { maxWaitMs: 0, minBytes: 1, maxBytes: 10_000_000, isolation: "read_uncommitted" };
  return ask(socket, "fetch", {
    ...fields,
    partitions: [{ topic, partition: 0, offset, maxBytes: 10_000_000, ...more }],
  });
}

test("SIGKILL during retention and deleteRecords: log starts that were answered hold, what is behind them is whole", async () => {
  const data = testFolder();
  const settings = { "log.segment.bytes": 5000, "log.retention.check.interval.ms": 20, "log.retention.ms": -1 };
  let acknowledged = 0;
  let cut = 0;
  for (let cycle = 0; cycle < CYCLES; cycle++) {
    const broker = await startChildBroker({ data, settings });
    const configs = { "retention.bytes": "20000" };
    if (cycle === 0) await postJson(broker.url, "/v1/createTopics", { topics: [{ topic, partitions: 1, configs }] });
    const socket = await RawSocket.greeted(broker.url);
    const first = await fetch(socket, acknowledged);
    expect(first.logStartOffset).toBeGreaterThanOrEqual(cut);
    expect(first.highWatermark).toBeGreaterThanOrEqual(acknowledged);
    // Gapless from the log start to the end.
    let next = first.logStartOffset;
    while (next < first.highWatermark) {
      const { nextOffset, error } = await fetch(socket, next);
      expect(error?.code === "OFFSET_OUT_OF_RANGE" ? undefined : error).toBeUndefined();
      // Retention goes on while this reads.
      next = error === undefined ? nextOffset : (await fetch(socket, first.highWatermark)).logStartOffset;
    }
    const target = acknowledged + 150 + 40 * cycle;
    const workers = [0, 1, 2].map(async (worker) => {
      while (broker.process.signalCode === null) {
        const { baseOffset, error } = await produce(socket, "x");
        expect(error).toBeUndefined();
        acknowledged = Math.max(acknowledged, baseOffset + 1);
        if (worker === 0 && baseOffset % 20 === 0) {
          const cutting = { partitions: [{ topic, partition: 0, offset: baseOffset - 5 }] };
          const { logStartOffset } = await ask(socket, "deleteRecords", cutting);
          expect(logStartOffset).toBeGreaterThanOrEqual(baseOffset - 5);
          cut = Math.max(cut, logStartOffset);
        }
        if (acknowledged >= target) broker.process.kill("SIGKILL");
      }
    });
    await Promise.allSettled(workers);
    expect(await broker.ended).toMatchObject({ signal: "SIGKILL" });
    expect(cut).toBeGreaterThan(0);
  }
});

test("a log that lost its newest commits tells positions behind them so, also when others took their places", async () => {
  const data = testFolder();
  const file = join(data, "brooklet.db");
  const options = { data, durability: "process" as const };
  const broker = await startChildBroker(options);
  await postJson(broker.url, "/v1/createTopics", { topics: [{ topic, partitions: 1 }] });
  const socket = await RawSocket.greeted(broker.url);
  for (let index = 0; index < 10; index++) await produce(socket, `old ${index}`);
  // What a power loss would leave: the file as of now, with the log that stood beside it.
  for (const suffix of ["", "-wal"])
    if (existsSync(file + suffix)) copyFileSync(file + suffix, `${file}.copy${suffix}`);
  for (let index = 10; index < 20; index++) await produce(socket, `old ${index}`);
  expect(await fetch(socket, 0, { leaderEpoch: 0 })).toMatchObject({ nextOffset: 20 });
  broker.process.kill("SIGKILL");
  await broker.ended;
  for (const suffix of ["", "-wal", "-shm"]) rmSync(file + suffix, { force: true });
  for (const suffix of ["", "-wal"])
    if (existsSync(`${file}.copy${suffix}`)) copyFileSync(`${file}.copy${suffix}`, file + suffix);

  const again = await startChildBroker(options);
  const reader = await RawSocket.greeted(again.url);
  const truncated = { code: "FENCED_LEADER_EPOCH", context: { leaderEpoch: 0, endOffset: 10 } };
  expect((await fetch(reader, 20, { leaderEpoch: 0 })).error).toMatchObject(truncated);
  for (let index = 0; index < 15; index++) await produce(reader, `new ${index}`);
  for (const offset of [11, 20, 25])
    expect((await fetch(reader, offset, { leaderEpoch: 0 })).error).toMatchObject(truncated);
  expect(await fetch(reader, 10, { leaderEpoch: 0 })).toMatchObject({ nextOffset: 25 });
  expect(await fetch(reader, 20, { leaderEpoch: 1 })).toMatchObject({ nextOffset: 25 });
  expect((await fetch(reader, 20, { leaderEpoch: 2 })).error?.code).toBe("UNKNOWN_LEADER_EPOCH");
  const { header } = await reader.request("offsetForLeaderEpoch", {
    partitions: [{ topic, partition: 0, leaderEpoch: 0 }],
  });
  expect(header.results).toMatchObject([{ leaderEpoch: 0, endOffset: 10 }]);
  again.process.kill("SIGTERM");
  await eventually(() => again.process.exitCode !== null || again.process.signalCode !== null, "the broker's end");
});
