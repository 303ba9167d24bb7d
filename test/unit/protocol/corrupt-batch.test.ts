// What a producer may send that is no good batch, each with its exact code. Where the CRC is not the point it is made right again,
// so that the check behind it must refuse.

import { expect, test } from "vitest";
import { writeInt16, writeInt32, writeInt64 } from "../../../protocol/src/integers.ts";
import {
  ATTRIBUTES_AT,
  BASE_SEQUENCE_AT,
  BASE_TIMESTAMP_AT,
  BATCH_HEADER_BYTES,
  BATCH_LENGTH_AT,
  CRC_AT,
  LAST_OFFSET_DELTA_AT,
  MAGIC_AT,
  MAX_TIMESTAMP_AT,
  PRODUCER_EPOCH_AT,
  PRODUCER_ID_AT,
  RECORD_COUNT_AT,
  readBatchHeader,
  sealBatch,
} from "../../../protocol/src/records/batch.ts";
import { encodeBatch } from "../../../protocol/src/records/builder.ts";
import { checkBatch, checkCrc } from "../../../protocol/src/records/check.ts";
import { decodeBatch } from "../../../protocol/src/records/record.ts";
import { refusal, utf8 } from "../../support/bytes.ts";

const record = (value: string) => ({
  key: utf8("k"),
  value: utf8(value),
  headers: [{ key: "h", value: utf8("1") }],
  timestamp: 1_000,
});

/** Two records of 13 bytes each: length, attributes, timestamp, offset, key (2), value (2), headers (5). */
function goodBatch(): Uint8Array {
  return encodeBatch([record("a"), record("b")], { producerId: 7, producerEpoch: 0, baseSequence: 0 });
}
const FIRST = BATCH_HEADER_BYTES;
const SECOND = FIRST + 13;

/** A good batch, changed, and its CRC made right again. */
function resealed(change: (bytes: Uint8Array) => void): Uint8Array {
  const bytes = goodBatch();
  change(bytes);
  sealBatch(bytes);
  return bytes;
}

function longer(extra: number[]): Uint8Array {
  const bytes = Uint8Array.of(...goodBatch(), ...extra);
  writeInt32(bytes, BATCH_LENGTH_AT, bytes.length - 12);
  sealBatch(bytes);
  return bytes;
}

test("the batch that is changed below is good, and laid out as the cases expect", () => {
  const batch = goodBatch();
  expect(batch.length).toBe(BATCH_HEADER_BYTES + 26);
  expect(checkBatch(batch)).toMatchObject({ recordCount: 2, producerId: 7 });
  expect(batch[SECOND]).toBe(24);
});

const corrupt: [string, () => Uint8Array, RegExp][] = [
  ["CRC", () => goodBatch().with(CRC_AT, 0), /CRC-32C is [0-9a-f]{8} where its header says [0-9a-f]{8}/],
  ["a changed value", () => goodBatch().with(FIRST + 7, 0x78), /CRC-32C/],
  ["nothing", () => new Uint8Array(0), /ends after 0 bytes/],
  ["eleven bytes", () => goodBatch().slice(0, 11), /ends after 11 bytes/],
  ["a header cut off", () => goodBatch().slice(0, 40), /length field/],
  ["a missing last byte", () => goodBatch().slice(0, -1), /87 bytes in all, and 86 are there/],
  ["a byte too many", () => Uint8Array.of(...goodBatch(), 0), /87 bytes in all, and 88 came/],
  ["length 0", () => resealed((bytes) => writeInt32(bytes, BATCH_LENGTH_AT, 0)), /hold no header/],
  ["length -1", () => resealed((bytes) => writeInt32(bytes, BATCH_LENGTH_AT, -1)), /hold no header/],
  ["length of a header less one", () => resealed((bytes) => writeInt32(bytes, BATCH_LENGTH_AT, 48)), /hold no header/],
  ["the largest length", () => resealed((bytes) => writeInt32(bytes, BATCH_LENGTH_AT, 0x7fff_ffff)), /are there/],
  [
    "count too small",
    () => resealed((bytes) => writeInt32(bytes, RECORD_COUNT_AT, 1)),
    /1 records and a lastOffsetDelta of 1/,
  ],
  [
    "count too large",
    () => resealed((bytes) => writeInt32(bytes, RECORD_COUNT_AT, 3)),
    /3 records and a lastOffsetDelta/,
  ],
  ["count 0", () => resealed((bytes) => writeInt32(bytes, RECORD_COUNT_AT, 0)), /says it has 0 records/],
  ["count -1", () => resealed((bytes) => writeInt32(bytes, RECORD_COUNT_AT, -1)), /says it has -1 records/],
  [
    "lastOffsetDelta too small",
    () => resealed((bytes) => writeInt32(bytes, LAST_OFFSET_DELTA_AT, 0)),
    /lastOffsetDelta of 0/,
  ],
  [
    "lastOffsetDelta too large",
    () => resealed((bytes) => writeInt32(bytes, LAST_OFFSET_DELTA_AT, 2)),
    /lastOffsetDelta of 2/,
  ],
  [
    "lastOffsetDelta -1",
    () => resealed((bytes) => writeInt32(bytes, LAST_OFFSET_DELTA_AT, -1)),
    /lastOffsetDelta of -1/,
  ],
  [
    "count and lastOffsetDelta agree on one record, two are there",
    () =>
      resealed((bytes) => {
        writeInt32(bytes, LAST_OFFSET_DELTA_AT, 0);
        writeInt32(bytes, RECORD_COUNT_AT, 1);
      }),
    /13 bytes follow its 1 records/,
  ],
  [
    "count and lastOffsetDelta agree on three records, two are there",
    () =>
      resealed((bytes) => {
        writeInt32(bytes, LAST_OFFSET_DELTA_AT, 2);
        writeInt32(bytes, RECORD_COUNT_AT, 3);
      }),
    /middle of a field/,
  ],
  [
    "two thousand million records",
    () =>
      resealed((bytes) => {
        writeInt32(bytes, LAST_OFFSET_DELTA_AT, 0x7fff_fffe);
        writeInt32(bytes, RECORD_COUNT_AT, 0x7fff_ffff);
      }),
    /middle of a field/,
  ],
  ["a record's length too small", () => resealed((bytes) => bytes.fill(22, FIRST, FIRST + 1)), /damaged/],
  ["a record's length too large", () => resealed((bytes) => bytes.fill(26, FIRST, FIRST + 1)), /1 bytes too many/],
  [
    "a record's length beyond the batch",
    () => resealed((bytes) => bytes.fill(0x7e, SECOND, SECOND + 1)),
    /63 bytes, and 12 are left/,
  ],
  ["a record's length negative", () => resealed((bytes) => bytes.fill(1, FIRST, FIRST + 1)), /-1 bytes/],
  ["an empty record", () => resealed((bytes) => bytes.fill(0, FIRST, FIRST + 1)), /middle of a field/],
  [
    "offset delta out of order",
    () => resealed((bytes) => bytes.fill(0, SECOND + 3, SECOND + 4)),
    /record 1 has offset delta 0/,
  ],
  [
    "first offset delta not 0",
    () => resealed((bytes) => bytes.fill(2, FIRST + 3, FIRST + 4)),
    /record 0 has offset delta 1/,
  ],
  [
    "key length beyond the record",
    () => resealed((bytes) => bytes.fill(0x7e, FIRST + 4, FIRST + 5)),
    /63 bytes, and 8 are left/,
  ],
  ["key length -2", () => resealed((bytes) => bytes.fill(3, FIRST + 4, FIRST + 5)), /-2 bytes/],
  [
    "value length beyond the record",
    () => resealed((bytes) => bytes.fill(0x20, FIRST + 6, FIRST + 7)),
    /16 bytes, and 6 are left/,
  ],
  ["value length -2", () => resealed((bytes) => bytes.fill(3, FIRST + 6, FIRST + 7)), /-2 bytes/],
  ["header count negative", () => resealed((bytes) => bytes.fill(1, FIRST + 8, FIRST + 9)), /-1 headers/],
  ["header count too large", () => resealed((bytes) => bytes.fill(0x7e, FIRST + 8, FIRST + 9)), /63 headers/],
  ["header count too small", () => resealed((bytes) => bytes.fill(0, FIRST + 8, FIRST + 9)), /4 bytes too many/],
  ["a header without a name", () => resealed((bytes) => bytes.fill(1, FIRST + 9, FIRST + 10)), /-1 bytes/],
  [
    "header value length beyond the record",
    () => resealed((bytes) => bytes.fill(4, FIRST + 11, FIRST + 12)),
    /2 bytes, and 1 are left/,
  ],
  ["bytes behind the records", () => longer([0]), /1 bytes follow/],
  ["a third record that is not counted", () => longer([12, 0, 0, 4, 1, 1, 0]), /7 bytes follow/],
  [
    "maxTimestamp too early",
    () => resealed((bytes) => writeInt64(bytes, MAX_TIMESTAMP_AT, 999)),
    /maxTimestamp is 999/,
  ],
  [
    "maxTimestamp too late",
    () => resealed((bytes) => writeInt64(bytes, MAX_TIMESTAMP_AT, 1_001)),
    /newest record is of 1000/,
  ],
  [
    "a timestamp beyond 2^53",
    () => resealed((bytes) => bytes.fill(0x7f, BASE_TIMESTAMP_AT, BASE_TIMESTAMP_AT + 1)),
    /baseTimestamp/,
  ],
  [
    "timestamps that add up beyond 2^53",
    () =>
      resealed((bytes) => {
        writeInt64(bytes, BASE_TIMESTAMP_AT, Number.MAX_SAFE_INTEGER);
        bytes.fill(2, SECOND + 2, SECOND + 3);
        writeInt64(bytes, MAX_TIMESTAMP_AT, Number.MAX_SAFE_INTEGER);
      }),
    /newest record is of 9007199254740992/,
  ],
  [
    "maxTimestamp beyond 2^53",
    () => resealed((bytes) => bytes.fill(0x80, MAX_TIMESTAMP_AT, MAX_TIMESTAMP_AT + 1)),
    /maxTimestamp/,
  ],
  [
    "a producer id beyond 2^53",
    () => resealed((bytes) => bytes.fill(0x7f, PRODUCER_ID_AT, PRODUCER_ID_AT + 1)),
    /producerId/,
  ],
  ["a base offset beyond 2^53", () => resealed((bytes) => bytes.fill(0x7f, 0, 1)), /baseOffset/],
  ["attribute bit 7", () => resealed((bytes) => writeInt16(bytes, ATTRIBUTES_AT, 0x80)), /unknown bits \(0x80\)/],
  ["attribute bit 15", () => resealed((bytes) => writeInt16(bytes, ATTRIBUTES_AT, 0x8000)), /unknown bits \(0x8000\)/],
];

test.each(corrupt)("CORRUPT_MESSAGE: %s", (_, make, message) => {
  const error = refusal(() => checkBatch(make()));
  expect(error.message).toMatch(message);
  expect(error.code).toBe("CORRUPT_MESSAGE");
});

test("no records, and counts that agree on it", () => {
  const batch = resealed((bytes) => {
    writeInt32(bytes, LAST_OFFSET_DELTA_AT, -1);
    writeInt32(bytes, RECORD_COUNT_AT, 0);
  });
  expect(refusal(() => checkBatch(batch)).message).toMatch(/says it has 0 records/);
});

/** What a consumer must refuse too; whoever stored it. */
const undecodable: [string, () => Uint8Array, RegExp][] = [
  ["two batches", () => Uint8Array.of(...goodBatch(), ...goodBatch()), /174 bytes are not one batch/],
  ["count -1", () => resealed((bytes) => writeInt32(bytes, RECORD_COUNT_AT, -1)), /follow its -1 records/],
  ["no records, and a count of -1", () => encodedEmpty(-1), /0 bytes follow its -1 records/],
  ["bytes behind the records", () => longer([0]), /1 bytes follow/],
  ["an offset twice", () => resealed((bytes) => bytes.fill(0, SECOND + 3, SECOND + 4)), /offset delta 0 after 0/],
  [
    "an offset before the first",
    () => resealed((bytes) => bytes.fill(1, FIRST + 3, FIRST + 4)),
    /offset delta -1 after -1/,
  ],
  [
    "an offset beyond the last",
    () => resealed((bytes) => bytes.fill(4, SECOND + 3, SECOND + 4)),
    /offset delta 2 after 0/,
  ],
  [
    "offsets beyond 2^53",
    () => resealed((bytes) => writeInt64(bytes, 0, Number.MAX_SAFE_INTEGER)),
    /last offset is beyond/,
  ],
  [
    "a timestamp beyond 2^53",
    () =>
      resealed((bytes) => {
        writeInt64(bytes, BASE_TIMESTAMP_AT, Number.MAX_SAFE_INTEGER);
        bytes.fill(2, SECOND + 2, SECOND + 3);
      }),
    /record 1 has a timestamp outside/,
  ],
];

/** A header without records. */
function encodedEmpty(recordCount: number): Uint8Array {
  const bytes = goodBatch().slice(0, BATCH_HEADER_BYTES);
  writeInt32(bytes, BATCH_LENGTH_AT, BATCH_HEADER_BYTES - 12);
  writeInt32(bytes, RECORD_COUNT_AT, recordCount);
  sealBatch(bytes);
  return bytes;
}

test.each(undecodable)("a consumer refuses: %s", (_, make, message) => {
  const error = refusal(() => decodeBatch(make()));
  expect(error.message).toMatch(message);
  expect(error.code).toBe("CORRUPT_MESSAGE");
});

test("a header that is cut off cannot be read", () => {
  for (const length of [0, 16, 17, 60]) {
    const cut = goodBatch().slice(0, length);
    expect(refusal(() => readBatchHeader(cut)).code).toBe("CORRUPT_MESSAGE");
    // Nothing has the CRC 0, and nothing would say that it is 0.
    expect(refusal(() => checkCrc(cut)).code).toBe("CORRUPT_MESSAGE");
  }
  expect(readBatchHeader(goodBatch().slice(0, BATCH_HEADER_BYTES)).recordCount).toBe(2);
});

const refused: [string, () => Uint8Array, string][] = [
  ["magic 0", () => goodBatch().with(MAGIC_AT, 0), "UNSUPPORTED_FOR_MESSAGE_FORMAT"],
  ["magic 1", () => goodBatch().with(MAGIC_AT, 1), "UNSUPPORTED_FOR_MESSAGE_FORMAT"],
  ["magic 3", () => goodBatch().with(MAGIC_AT, 3), "UNSUPPORTED_FOR_MESSAGE_FORMAT"],
  // offset 0, size 14, CRC 0, magic 0, attributes 0, null key, null value
  [
    "a message of format v0, shorter than a v2 header",
    () => Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 14, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255),
    "UNSUPPORTED_FOR_MESSAGE_FORMAT",
  ],
  ["control bit", () => resealed((bytes) => writeInt16(bytes, ATTRIBUTES_AT, 0x20)), "INVALID_RECORD"],
  ["a delete horizon", () => resealed((bytes) => writeInt16(bytes, ATTRIBUTES_AT, 0x40)), "INVALID_RECORD"],
  ["LogAppendTime", () => resealed((bytes) => writeInt16(bytes, ATTRIBUTES_AT, 0x08)), "INVALID_TIMESTAMP"],
  [
    "a transaction without a producer",
    () =>
      resealed((bytes) => {
        writeInt16(bytes, ATTRIBUTES_AT, 0x10);
        writeInt64(bytes, PRODUCER_ID_AT, -1);
      }),
    "INVALID_RECORD",
  ],
  ["producer id -2", () => resealed((bytes) => writeInt64(bytes, PRODUCER_ID_AT, -2)), "INVALID_RECORD"],
  [
    "a producer without a sequence",
    () => resealed((bytes) => writeInt32(bytes, BASE_SEQUENCE_AT, -1)),
    "INVALID_RECORD",
  ],
  [
    "a producer without an epoch",
    () => resealed((bytes) => writeInt16(bytes, PRODUCER_EPOCH_AT, -1)),
    "INVALID_RECORD",
  ],
  ["gzip that is none", () => resealed((bytes) => writeInt16(bytes, ATTRIBUTES_AT, 1)), "CORRUPT_MESSAGE"],
  ["compression 5", () => resealed((bytes) => writeInt16(bytes, ATTRIBUTES_AT, 5)), "UNSUPPORTED_COMPRESSION_TYPE"],
  [
    "timestamp -2",
    () =>
      resealed((bytes) => {
        writeInt64(bytes, BASE_TIMESTAMP_AT, -2);
        writeInt64(bytes, MAX_TIMESTAMP_AT, -2);
      }),
    "INVALID_TIMESTAMP",
  ],
];

test.each(refused)("%s", (_, make, code) => {
  expect(refusal(() => checkBatch(make())).code).toBe(code);
});

test("an unsupported codec is refused by name", () => {
  const zstd = resealed((bytes) => writeInt16(bytes, ATTRIBUTES_AT, 4));
  expect(refusal(() => checkBatch(zstd)).message).toMatch(/zstd/);
  expect(refusal(() => decodeBatch(zstd)).message).toMatch(/zstd/);
});

test("null and negative-one lengths are told apart from damage: a batch of nothing but null and empty is good", () => {
  const batch = encodeBatch([
    { key: null, value: null, headers: [], timestamp: -1 },
    { key: new Uint8Array(0), value: new Uint8Array(0), headers: [{ key: "", value: null }], timestamp: -1 },
  ]);
  expect(checkBatch(batch)).toMatchObject({ recordCount: 2, maxTimestamp: -1 });
});
