// A producer's batch that is compressed: closed by packing, numbered as often as needed, split with its own records.

import {
  checkBatch,
  decodeBatch,
  encodeBatch,
  estimateRecordBytes,
  readBatchHeader,
  unpackBatchSync,
} from "@brooklet/protocol";
import { describe, expect, test } from "vitest";
import { parseProducerConfig } from "../../../../client-sdk/src/config/producer.ts";
import { ProducerBatch } from "../../../../client-sdk/src/producer/batch.ts";

const records = Array.from({ length: 9 }, (_, index) => ({
  key: null,
  value: new TextEncoder().encode(`value ${index} ${"x".repeat(80)}`),
  headers: [],
  timestamp: 1_000 + index,
}));
const waiter = { resolve: () => {}, reject: () => {} };

function batchOf(count = records.length): ProducerBatch {
  const times = { createdAtMs: 0, deadlineMs: 1_000 };
  const batch = new ProducerBatch({ topic: "t", partition: 0 }, times, 1_000_000);
  for (const record of records.slice(0, count)) batch.tryAppend(record, waiter, estimateRecordBytes(record));
  return batch;
}

test("it takes no more records from the moment it is packed, and counts what will travel once that is done", async () => {
  const batch = batchOf(8);
  const plainBytes = batch.sizeBytes;
  const packing = batch.pack("gzip", undefined);
  expect([batch.isClosed, batch.isPacked]).toEqual([true, false]);
  expect(batch.tryAppend(records[8] as (typeof records)[0], waiter, 100)).toBe(false);
  await packing;
  expect(batch.isPacked).toBe(true);
  expect(batch.sizeBytes).toBeLessThan(plainBytes / 2);
});

test("its number may change after it was packed: header and CRC follow, the records stay", async () => {
  const batch = batchOf();
  await batch.pack("zstd", 3);
  for (const sequence of [4, 13]) {
    batch.sequence = sequence;
    const bytes = batch.encode({ producerId: 7, producerEpoch: sequence });
    expect(checkBatch(bytes)).toMatchObject({
      producerId: 7,
      producerEpoch: sequence,
      baseSequence: sequence,
      compression: "zstd",
    });
    expect(decodeBatch(unpackBatchSync(bytes)).map(({ value }) => value)).toEqual(records.map(({ value }) => value));
  }
});

test("halves have the records of the whole, uncompressed and still to be packed, and what was reserved", async () => {
  const batch = batchOf();
  await batch.pack("lz4", undefined);
  batch.encode(undefined);
  const halves = batch.split();
  expect(halves.map(({ recordCount }) => recordCount)).toEqual([4, 5]);
  expect(halves.map(({ isClosed }) => isClosed)).toEqual([false, false]);
  expect(halves.reduce((sum, { reservedBytes }) => sum + reservedBytes, 0)).toBe(batch.reservedBytes);
  const values = [];
  for (const half of halves) {
    await half.pack("lz4", undefined);
    values.push(...decodeBatch(unpackBatchSync(half.encode(undefined))).map(({ value }) => value));
  }
  expect(values).toEqual(records.map(({ value }) => value));
});

test("one that does not shrink stays as it is, and can be numbered and halved all the same", async () => {
  const batch = new ProducerBatch({ topic: "t", partition: 0 }, { createdAtMs: 0, deadlineMs: 1 }, 1_000);
  for (const value of [1, 2])
    batch.tryAppend({ key: null, value: Uint8Array.of(value), headers: [], timestamp: 1 }, waiter, 90);
  await batch.pack("snappy", undefined);
  batch.sequence = 3;
  const bytes = batch.encode({ producerId: 1, producerEpoch: 0 });
  expect(readBatchHeader(bytes)).toMatchObject({ compression: "none", baseSequence: 3 });
  expect(batch.split().map(({ recordCount }) => recordCount)).toEqual([1, 1]);
});

test("a higher level makes fewer bytes", async () => {
  const words = Array.from({ length: 4_000 }, (_, at) => `w${(at * 7_919) % 977}`).join(" ");
  const sizes: number[] = [];
  for (const [codec, level] of [
    ["gzip", 1],
    ["gzip", 9],
    ["zstd", -100],
    ["zstd", 19],
  ] as const) {
    const batch = batchOf(1);
    batch.tryAppend({ key: null, value: new TextEncoder().encode(words), headers: [], timestamp: 1 }, waiter, 90);
    await batch.pack(codec, level);
    sizes.push(batch.sizeBytes);
  }
  expect(sizes[1]).toBeLessThan(sizes[0] as number);
  expect(sizes[3]).toBeLessThan(sizes[2] as number);
});

describe("options", () => {
  const servers = { "bootstrap.servers": "a:1" };

  test.each(["none", "gzip", "snappy", "lz4", "zstd"])("compression.type=%s", (type) => {
    expect(parseProducerConfig({ ...servers, "compression.type": type })).toMatchObject({ compressionType: type });
  });

  test("levels have Kafka's ranges and defaults", () => {
    expect(parseProducerConfig(servers)).toMatchObject({ compressionGzipLevel: -1, compressionZstdLevel: 3 });
    for (const level of [-1, 1, 9]) parseProducerConfig({ ...servers, "compression.gzip.level": level });
    for (const level of [-131_072, 0, 22]) parseProducerConfig({ ...servers, "compression.zstd.level": level });
    for (const wrong of [
      { "compression.gzip.level": 0 },
      { "compression.gzip.level": 10 },
      { "compression.zstd.level": 23 },
      { "compression.type": "brotli" },
    ])
      expect(() => parseProducerConfig({ ...servers, ...wrong })).toThrow(Object.keys(wrong)[0]);
  });
});

test("what encodeBatch makes is what a packed batch holds", async () => {
  const batch = batchOf();
  await batch.pack("gzip", undefined);
  const unpacked = unpackBatchSync(batch.encode(undefined));
  expect(unpacked).toEqual(encodeBatch(records));
});
