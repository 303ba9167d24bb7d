// Record batches made by Apache Kafka's own classes (test/fixtures/kafka): our decoder reads in them what Kafka's reads, and our
// encoder makes the same bytes.

import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import {
  type BatchHeader,
  readBatchHeader,
  setLogAppendTime,
  splitBatches,
} from "../../../protocol/src/records/batch.ts";
import { encodeBatch } from "../../../protocol/src/records/builder.ts";
import { checkBatch } from "../../../protocol/src/records/check.ts";
import { compressBatch, unpackBatch, unpackBatchSync } from "../../../protocol/src/records/packing.ts";
import { decodeBatch } from "../../../protocol/src/records/record.ts";
import { fromHex, refusal, toHex } from "../../support/bytes.ts";

interface Fixture {
  name: string;
  header: BatchHeader;
  records: {
    offset: number;
    timestamp: number;
    key: string | null;
    value: string | null;
    headers: { key: string; value: string | null }[];
  }[];
  bytes: string;
}

const fixtures: Fixture[] = JSON.parse(
  readFileSync(new URL("../../fixtures/kafka/batches.json", import.meta.url), "utf8"),
);
const named = fixtures.map((fixture) => [fixture.name, fixture] as const);
const isCompressed = ({ header }: Fixture) => header.compression !== "none";

const bytesOrNull = (hex: string | null) => (hex === null ? null : fromHex(hex));
const recordsOf = ({ records }: Fixture) =>
  records.map((record) => ({
    ...record,
    key: bytesOrNull(record.key),
    value: bytesOrNull(record.value),
    headers: record.headers.map(({ key, value }) => ({ key, value: bytesOrNull(value) })),
  }));

test("there is a batch of every shape", () => {
  const names = fixtures.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  expect(names.length).toBeGreaterThanOrEqual(23);
});

test.each(named)("the header of: %s", (_, { header, bytes }) => {
  expect(readBatchHeader(fromHex(bytes))).toEqual(header);
});

test.each(named.filter(([, fixture]) => !isCompressed(fixture)))("the records of: %s", (_, fixture) => {
  // Kafka hands control records to whoever iterates a batch; a consumer leaves them out, and so does decodeBatch.
  expect(decodeBatch(fromHex(fixture.bytes))).toEqual(fixture.header.control ? [] : recordsOf(fixture));
});

const made = new Set(["compacted, with gaps", "with a delete horizon", "compacted, empty"]);

test.each(named.filter(([name, fixture]) => !isCompressed(fixture) && !made.has(name)))(
  "the same bytes from our encoder: %s",
  (_, fixture) => {
    const { header } = fixture;
    const appendTime = header.timestampType === "LogAppendTime";
    // Under LogAppendTime Kafka's decoder shows the append time; the deltas inside are the producer's.
    const producerTimes = [0, 2, 4].map((delta) => header.baseTimestamp + delta);
    const records = recordsOf(fixture).map((record, index) => ({
      ...record,
      timestamp: appendTime ? (producerTimes[index] ?? 0) : record.timestamp,
    }));
    const batch = encodeBatch(records, {
      baseOffset: header.baseOffset,
      leaderEpoch: header.partitionLeaderEpoch,
      producerId: header.producerId,
      producerEpoch: header.producerEpoch,
      baseSequence: header.baseSequence,
      transactional: header.transactional,
      control: header.control,
    });
    if (appendTime) setLogAppendTime(batch, header.maxTimestamp);
    expect(toHex(batch)).toBe(fixture.bytes);
  },
);

/** What the broker says to those that a producer may not send; all others pass. */
const refusals: Record<string, string> = {
  LogAppendTime: "INVALID_TIMESTAMP",
  "compacted, with gaps": "CORRUPT_MESSAGE",
  "compacted, empty": "CORRUPT_MESSAGE",
  "with a delete horizon": "INVALID_RECORD",
  "control: commit": "INVALID_RECORD",
  "control: abort": "INVALID_RECORD",
};

test.each(named)("the broker's verdict on: %s", (name, { header, bytes }) => {
  const code = refusals[name];
  if (code === undefined) expect(checkBatch(fromHex(bytes))).toEqual(header);
  else expect(refusal(() => checkBatch(fromHex(bytes))).code).toBe(code);
});

describe.each(named.filter(([, fixture]) => isCompressed(fixture)))("%s", (_, fixture) => {
  const { header, bytes } = fixture;

  test("it is not decoded unpacked, by accident", () => {
    const error = refusal(() => decodeBatch(fromHex(bytes)));
    expect(error.code).toBe("UNSUPPORTED_COMPRESSION_TYPE");
    expect(error.message).toContain(header.compression);
  });

  test("unpacked, its records are those that Kafka reads, and its header says the same", async () => {
    const unpacked = await unpackBatch(fromHex(bytes));
    expect(decodeBatch(unpacked)).toEqual(recordsOf(fixture));
    expect(unpackBatchSync(fromHex(bytes))).toEqual(unpacked);
    const { batchLength, crc } = readBatchHeader(unpacked);
    expect(readBatchHeader(unpacked)).toEqual({ ...header, compression: "none", batchLength, crc });
  });

  test("compressed by us it is a batch of the same codec and records", async () => {
    const packed = await compressBatch(await unpackBatch(fromHex(bytes)), header.compression);
    const { batchLength, crc } = readBatchHeader(packed);
    expect(checkBatch(packed)).toEqual({ ...header, batchLength, crc });
    expect(decodeBatch(await unpackBatch(packed))).toEqual(recordsOf(fixture));
  });
});

test("all of them in one run of bytes are cut where Kafka's end", () => {
  const run = fromHex(fixtures.map(({ bytes }) => bytes).join(""));
  expect(splitBatches(run).map(toHex)).toEqual(fixtures.map(({ bytes }) => bytes));
});
