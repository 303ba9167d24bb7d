// Record batches made by Apache Kafka's own classes (test/fixtures/kafka): our decoder reads in them what Kafka's reads, and our
// encoder makes the same bytes; and what Kafka read in batches that we compressed.

import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { crc32c } from "../../../protocol/src/index.ts";
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
import { brookletBatches } from "../../fixtures/kafka/write-batches.ts";
import { fromHex, refusal, toHex } from "../../support/bytes.ts";

interface Fixture {
  name: string;
  header: BatchHeader;
  records: {
    offset: number;
    timestamp: number;
    key: string | null;
    /** Hex, or what stands for a very large one. */
    value: string | { length: number; crc32c: number } | null;
    headers: { key: string; value: string | null }[];
  }[];
  bytes: string;
}

/** Larger values stand in the fixtures by their length and checksum. */
const MAX_SHOWN_BYTES = 32 * 1024;

function read(file: string): Fixture[] {
  return JSON.parse(readFileSync(new URL(`../../fixtures/kafka/${file}`, import.meta.url), "utf8"));
}

const fixtures = read("batches.json");
const verdicts = read("brooklet-batches.json");
const named = fixtures.map((fixture) => [fixture.name, fixture] as const);
const isCompressed = ({ header }: Fixture) => header.compression !== "none";

const bytesOrNull = (hex: string | null) => (hex === null ? null : fromHex(hex));
const recordsOf = ({ records }: Fixture) =>
  records.map((record) => ({
    ...record,
    key: bytesOrNull(record.key),
    value: bytesOrNull(record.value as string | null),
    headers: record.headers.map(({ key, value }) => ({ key, value: bytesOrNull(value) })),
  }));

/** Our decoder's records, and a fixture's, in the way in which fixtures show them. */
const decoded = (batch: Uint8Array) =>
  decodeBatch(batch).map((record) => {
    const { value } = record;
    if (value === null || value.length <= MAX_SHOWN_BYTES) return record;
    return { ...record, value: { length: value.length, crc32c: crc32c(value) } };
  });
const shownOf = ({ records, ...fixture }: Fixture) =>
  records.flatMap((record) => {
    const isShort = record.value === null || typeof record.value === "string";
    const [read] = recordsOf({ ...fixture, records: [isShort ? record : { ...record, value: null }] });
    return [isShort ? read : { ...read, value: record.value }];
  });

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
  if (code === undefined) expect(checkBatch(fromHex(bytes))).toMatchObject(header);
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
    expect(decoded(unpacked)).toEqual(shownOf(fixture));
    expect(unpackBatchSync(fromHex(bytes))).toEqual(unpacked);
    const { batchLength, crc } = readBatchHeader(unpacked);
    expect(readBatchHeader(unpacked)).toEqual({ ...header, compression: "none", batchLength, crc });
  });

  test("compressed by us it is a batch of the same codec and records", async () => {
    const packed = await compressBatch(await unpackBatch(fromHex(bytes)), header.compression);
    const { batchLength, crc } = readBatchHeader(packed);
    expect(checkBatch(packed)).toMatchObject({ ...header, batchLength, crc });
    expect(decoded(await unpackBatch(packed))).toEqual(shownOf(fixture));
  });
});

describe.each(verdicts.map((verdict) => [verdict.name, verdict] as const))(
  "Kafka's verdict on our %s",
  (name, verdict) => {
    test("our decoder reads in the same bytes what Kafka read, and the broker takes them", async () => {
      const bytes = fromHex(verdict.bytes);
      expect(readBatchHeader(bytes)).toEqual(verdict.header);
      expect(decoded(await unpackBatch(bytes))).toEqual(shownOf(verdict));
      expect(checkBatch(bytes)).toMatchObject(verdict.header);
    });

    test("what we write today is the same batch", async () => {
      const fresh = (await brookletBatches()).get(name) as Uint8Array;
      const { batchLength, crc } = readBatchHeader(fresh);
      expect(readBatchHeader(fresh)).toEqual({ ...verdict.header, batchLength, crc });
      expect(decoded(await unpackBatch(fresh))).toEqual(shownOf(verdict));
    });
  },
);

test("Kafka has judged all of them", async () => {
  expect(verdicts.map(({ name }) => name)).toEqual([...(await brookletBatches()).keys()]);
});

test("all of them in one run of bytes are cut where Kafka's end", () => {
  const run = fromHex(fixtures.map(({ bytes }) => bytes).join(""));
  expect(splitBatches(run).map(toHex)).toEqual(fixtures.map(({ bytes }) => bytes));
});
