// Compressed batches from the producer's send to the consumer's poll, over real sockets and files: each codec, all mixed,
// across kill and restart, at the HTTP door; the bytes between are the producer's own.

import { Consumer, type ConsumerRecord, Producer, string } from "@brooklet/client";
import {
  BATCH_HEADER_BYTES,
  type CodecName,
  compressBatch,
  decodeFrame,
  encodeBatch,
  encodeFrame,
  FRAME_CONTENT_TYPE,
  MAX_HEADER_BYTES,
  ProtocolError,
  readBatchHeader,
  splitBatches,
} from "@brooklet/protocol";
import { type Broker, startBroker } from "@brooklet/server";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { ProducerBatch } from "../../../client-sdk/src/producer/batch.ts";
import { sealBatch } from "../../../protocol/src/records/batch.ts";
import { startChildBroker } from "../../support/child-broker.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

const codecs = ["gzip", "snappy", "lz4", "zstd"] as const;
const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function start(options: Parameters<typeof startBroker>[0] = {}) {
  const broker = await startBroker(options);
  cleanups.push(() => broker.close());
  return broker;
}

/** For tests that need no settings; each has topics of its own. */
let broker: Broker;
beforeAll(async () => {
  broker = await startBroker();
});
afterAll(() => broker.close());

const address = (url: string) => url.slice("http://".length);

function producer(url: string, config: object = {}): Producer<string, string> {
  const made = new Producer<string, string>({
    "bootstrap.servers": address(url),
    "key.serializer": string,
    "value.serializer": string,
    ...config,
  });
  cleanups.push(() => made.close({ timeoutMs: 1_000 }));
  return made;
}

function consumer(url: string, config: object = {}): Consumer<string, string> {
  const made = new Consumer<string, string>({
    "bootstrap.servers": address(url),
    "key.deserializer": string,
    "value.deserializer": string,
    "auto.offset.reset": "earliest",
    ...config,
  });
  cleanups.push(() => made.close({ timeoutMs: 1_000 }));
  return made;
}

async function readAll(from: Consumer<string, string>, topic: string, count: number) {
  from.assign([{ topic, partition: 0 }]);
  const records: ConsumerRecord<string, string>[] = [];
  while (records.length < count) records.push(...(await from.poll(5_000)));
  return records;
}

/** The stored bytes, as a fetch gives them. */
async function batchesOf(url: string, topic: string, partition = 0): Promise<Uint8Array[]> {
  const partitions = [{ topic, partition, offset: 0, maxBytes: 50_000_000 }];
  const response = await fetch(`${url}/v1/fetch`, {
    method: "POST",
    headers: { "content-type": FRAME_CONTENT_TYPE },
    body: encodeFrame(
      { maxWaitMs: 0, minBytes: 0, maxBytes: 50_000_000, isolation: "read_uncommitted", partitions },
      [],
    ),
  });
  const { payload } = decodeFrame(new Uint8Array(await response.arrayBuffer()), { maxHeaderBytes: MAX_HEADER_BYTES });
  return splitBatches(payload);
}

async function produceFrame(url: string, topic: string, batch: Uint8Array) {
  const response = await fetch(`${url}/v1/produce`, {
    method: "POST",
    headers: { "content-type": FRAME_CONTENT_TYPE },
    body: encodeFrame({ acks: -1, partitions: [{ topic, partition: 0, bytes: batch.length }] }, [batch]),
  });
  const { header } = decodeFrame(new Uint8Array(await response.arrayBuffer()), { maxHeaderBytes: MAX_HEADER_BYTES });
  const { results } = header as { results: { baseOffset: number; error?: { code: string; message: string } }[] };
  return results[0];
}

const value = (index: number) => `value ${index} ${"abc ".repeat(index % 50)}`;

test.each(codecs)("%s: produced, stored as it came, consumed in order", async (codec) => {
  const sender = producer(broker.url, { "compression.type": codec, "batch.size": 4_096 });
  const sent = Array.from({ length: 500 }, (_, index) =>
    sender.send({
      topic: `round-${codec}`,
      partition: 0,
      key: `k${index}`,
      value: value(index),
      timestamp: 1_000 + index,
    }),
  );
  expect((await Promise.all(sent)).map(({ offset }) => offset)).toEqual(Array.from({ length: 500 }, (_, at) => at));

  const batches = await batchesOf(broker.url, `round-${codec}`);
  expect(batches.length).toBeGreaterThan(5);
  expect(new Set(batches.map((batch) => readBatchHeader(batch).compression))).toEqual(new Set([codec]));
  const plain = encodeBatch(
    Array.from({ length: 500 }, (_, at) => ({ key: null, value: Buffer.from(value(at)), headers: [], timestamp: 1 })),
  );
  expect(batches.reduce((sum, { length }) => sum + length, 0)).toBeLessThan(plain.length / 1.5);

  const records = await readAll(consumer(broker.url), `round-${codec}`, 500);
  expect(records.map(({ key, value, offset, timestamp }) => [key, value, offset, timestamp])).toEqual(
    Array.from({ length: 500 }, (_, index) => [`k${index}`, value(index), index, 1_000 + index]),
  );
});

test("compressed and uncompressed producers of one partition: the order of each is kept, nothing is doubled", async () => {
  const senders = (["none", ...codecs] as const).map((codec) => ({
    codec,
    sender: producer(broker.url, { "compression.type": codec, "batch.size": 1_024 }),
  }));
  await Promise.all(
    senders.map(async ({ codec, sender }) => {
      for (let round = 0; round < 10; round++) {
        const sent = Array.from({ length: 20 }, (_, at) => {
          const index = round * 20 + at;
          return sender.send({ topic: "mixed", partition: 0, key: codec, value: `${index} ${"x".repeat(60)}` });
        });
        await Promise.all(sent);
      }
    }),
  );
  const records = await readAll(consumer(broker.url, { "max.poll.records": 37 }), "mixed", 1_000);
  expect(records.map(({ offset }) => offset)).toEqual(Array.from({ length: 1_000 }, (_, at) => at));
  for (const { codec } of senders) {
    const own = records.filter(({ key }) => key === codec).map((record) => Number.parseInt(record.value ?? "", 10));
    expect(own).toEqual(Array.from({ length: 200 }, (_, at) => at));
  }
});

test("compression.gzip.level and compression.zstd.level: a higher one stores fewer bytes", async () => {
  const words = Array.from({ length: 4_000 }, (_, at) => `w${(at * 7_919) % 977}`).join(" ");
  for (const [codec, option, low, high] of [
    ["gzip", "compression.gzip.level", 1, 9],
    ["zstd", "compression.zstd.level", -100, 19],
  ] as const) {
    const sizes: number[] = [];
    for (const level of [low, high]) {
      const topic = `level-${codec}-${level}`.replaceAll("--", "-m");
      await producer(broker.url, { "compression.type": codec, [option]: level }).send({ topic, value: words });
      sizes.push((await batchesOf(broker.url, topic)).reduce((sum, { length }) => sum + length, 0));
    }
    expect(sizes[1], codec).toBeLessThan(sizes[0] ?? 0);
  }
});

test("what does not shrink goes as it is", async () => {
  const sender = producer(broker.url, { "compression.type": "zstd" });
  await sender.send({ topic: "tiny", value: "x" });
  const [batch] = await batchesOf(broker.url, "tiny");
  expect(readBatchHeader(batch as Uint8Array).compression).toBe("none");
  expect((await readAll(consumer(broker.url), "tiny", 1))[0]?.value).toBe("x");
});

test("what cannot be packed fails its records, certainly, says what to do, and leaves no gap in the sequences", async () => {
  const sender = producer(broker.url, { "compression.type": "snappy" });
  const missing = new ProtocolError("UNSUPPORTED_COMPRESSION_TYPE", "the package snappy could not be loaded", {
    hint: "npm install snappy",
  });
  const spy = vi.spyOn(ProducerBatch.prototype, "pack").mockRejectedValueOnce(missing);
  const refused = sender.send({ topic: "missing", partition: 0, value: "a" });
  await expect(refused).rejects.toMatchObject({
    code: "UNSUPPORTED_COMPRESSION_TYPE",
    definite: true,
    hint: "npm install snappy",
  });
  spy.mockRestore();
  expect(await sender.send({ topic: "missing", partition: 0, value: "b" })).toMatchObject({ offset: 0 });
  expect(readBatchHeader((await batchesOf(broker.url, "missing"))[0] as Uint8Array).baseSequence).toBe(0);
});

test("a full batch does not linger because it has become small", async () => {
  const sender = producer(broker.url, { "compression.type": "gzip", "linger.ms": 600_000, "batch.size": 1_000 });
  const sent = sender.send({ topic: "full", partition: 0, value: "x".repeat(2_000) });
  expect(await sent).toMatchObject({ offset: 0 });
});

test("a record above message.max.bytes passes when it shrinks below it", async () => {
  const broker = await start({ settings: { "message.max.bytes": 4_096 } });
  const long = "long ".repeat(10_000);
  await producer(broker.url, { "compression.type": "gzip" }).send({ topic: "t", partition: 0, value: long });
  expect((await readAll(consumer(broker.url), "t", 1))[0]?.value).toBe(long);
  const refused = producer(broker.url).send({ topic: "t", partition: 0, value: long });
  await expect(refused).rejects.toMatchObject({ code: "MESSAGE_TOO_LARGE", definite: true });
});

test("a compressed batch that is too large for the broker is halved until it fits, each record once", async () => {
  // What is compressed is at most half of that, and the records of a batch more than the bound unpacked.
  const broker = await start({ settings: { "max.decompressed.batch.bytes": 8_192 } });
  const sender = producer(broker.url, { "compression.type": "lz4", "linger.ms": 50 });
  const sent = Array.from({ length: 60 }, (_, index) =>
    sender.send({ topic: "t", partition: 0, value: `${index} `.repeat(200) }),
  );
  expect((await Promise.all(sent)).map(({ offset }) => offset)).toEqual(Array.from({ length: 60 }, (_, at) => at));
  const batches = await batchesOf(broker.url, "t");
  expect(batches.length).toBeGreaterThan(4);
  const records = await readAll(consumer(broker.url), "t", 60);
  expect(records.map((record) => Number.parseInt(record.value ?? "", 10))).toEqual(
    Array.from({ length: 60 }, (_, at) => at),
  );
});

test("a bomb is refused, by name of the bound, and the broker goes on", async () => {
  const broker = await start({ settings: { "max.decompressed.batch.bytes": 1_048_576 } });
  const record = { key: null, value: new Uint8Array(32 * 1024 * 1024), headers: [], timestamp: 1 };
  for (const codec of ["gzip", "zstd"] as const) {
    const bomb = await compressBatch(encodeBatch([record]), codec);
    expect(bomb.length).toBeLessThan(40_000);
    const result = await produceFrame(broker.url, "bomb", bomb);
    expect(result?.error).toMatchObject({ code: "MESSAGE_TOO_LARGE", definite: true });
    expect(result?.error?.message).toContain(`1048576 bytes`);
  }
  const good = await compressBatch(encodeBatch([{ ...record, value: new Uint8Array(1000) }]), "gzip");
  expect(await produceFrame(broker.url, "bomb", good)).toMatchObject({ baseOffset: 0 });
});

test.each(codecs)("%s: records that were changed on their way are refused, whatever the CRC says", async (codec) => {
  const records = Array.from({ length: 30 }, (_, at) => ({
    key: null,
    value: Buffer.from(value(at)),
    headers: [],
    timestamp: 1,
  }));
  const packed = await compressBatch(encodeBatch(records), codec);
  const changed = Uint8Array.from(packed);
  const middle = (BATCH_HEADER_BYTES + packed.length) >> 1;
  changed.fill(0xff, middle, middle + 8);
  sealBatch(changed);
  expect((await produceFrame(broker.url, `changed-${codec}`, changed))?.error).toMatchObject({
    code: "CORRUPT_MESSAGE",
  });
  expect(await produceFrame(broker.url, `changed-${codec}`, packed)).toMatchObject({ baseOffset: 0 });
});

test("an idempotent batch that is sent twice is stored once, and answered alike", async () => {
  const records = Array.from({ length: 5 }, () => ({
    key: null,
    value: Buffer.from(value(9)),
    headers: [],
    timestamp: 1,
  }));
  const numbers = { producerId: 5, producerEpoch: 0, baseSequence: 0 };
  const packed = await compressBatch(encodeBatch(records, numbers), "snappy");
  const answers = await Promise.all([
    produceFrame(broker.url, "twice", packed),
    produceFrame(broker.url, "twice", packed),
    produceFrame(broker.url, "twice", packed),
  ]);
  expect(answers.map((answer) => answer?.baseOffset)).toEqual([0, 0, 0]);
  expect(await batchesOf(broker.url, "twice")).toHaveLength(1);
});

test("a kill loses nothing that was acknowledged, and a consumer reads it from the restarted broker", async () => {
  const data = temporaryFolder();
  const first = await startChildBroker({ data });
  const sender = producer(first.url, { "compression.type": "zstd", "batch.size": 2_048 });
  const sent = Array.from({ length: 300 }, (_, index) =>
    sender.send({ topic: "t", partition: 0, value: value(index) }),
  );
  await Promise.all(sent);
  first.process.kill("SIGKILL");
  await first.ended;
  const second = await startChildBroker({ data });
  try {
    const batches = await batchesOf(second.url, "t");
    expect(new Set(batches.map((batch) => readBatchHeader(batch).compression))).toEqual(new Set(["zstd"]));
    const reader = new Consumer<string, string>({
      "bootstrap.servers": address(second.url),
      "value.deserializer": string,
      "key.deserializer": string,
      "auto.offset.reset": "earliest",
    });
    const records = await readAll(reader, "t", 300);
    expect(records.map((record) => record.value)).toEqual(Array.from({ length: 300 }, (_, at) => value(at)));
    await reader.close();
  } finally {
    second.process.kill();
    await second.ended;
  }
});

test("times are found inside compressed batches, and readable records come uncompressed", async () => {
  const broker = await start({ data: temporaryFolder() });
  const sender = producer(broker.url, { "compression.type": "gzip", "linger.ms": 20 });
  const sent = Array.from({ length: 40 }, (_, index) =>
    sender.send({ topic: "t", partition: 0, value: `{"n": ${index}}`, timestamp: 1_000 + index }),
  );
  await Promise.all(sent);
  const response = await fetch(`${broker.url}/v1/listOffsets`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      isolation: "read_uncommitted",
      partitions: [
        { topic: "t", partition: 0, at: 1_017 },
        { topic: "t", partition: 0, at: "maxTimestamp" },
      ],
    }),
  });
  const { results } = (await response.json()) as { results: object[] };
  expect(results).toMatchObject([
    { offset: 17, timestamp: 1_017 },
    { offset: 39, timestamp: 1_039 },
  ]);
  const read = await fetch(`${broker.url}/v1/topics/t/partitions/0/records?offset=38&maxRecords=5`);
  expect(await read.json()).toMatchObject({
    records: [
      { offset: 38, value: { n: 38 } },
      { offset: 39, value: { n: 39 } },
    ],
    nextOffset: 40,
  });
});

test.each(codecs)("%s: `for await`, pause and seek see the same records", async (codec: CodecName) => {
  const sender = producer(broker.url, { "compression.type": codec, "batch.size": 512 });
  await Promise.all(
    Array.from({ length: 100 }, (_, index) =>
      sender.send({ topic: `moved-${codec}`, partition: 0, value: `${index} ${"y".repeat(80)}` }),
    ),
  );
  const reader = consumer(broker.url);
  reader.assign([{ topic: `moved-${codec}`, partition: 0 }]);
  const seen: number[] = [];
  for await (const record of reader) {
    seen.push(record.offset);
    if (seen.length === 50) reader.seek({ topic: `moved-${codec}`, partition: 0 }, 20);
    if (record.offset === 99) break;
  }
  expect(seen).toEqual([
    ...Array.from({ length: 50 }, (_, at) => at),
    ...Array.from({ length: 80 }, (_, at) => at + 20),
  ]);
});
