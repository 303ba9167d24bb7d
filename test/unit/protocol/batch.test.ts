import { expect, test } from "vitest";
import {
  BATCH_HEADER_BYTES,
  batchSizeBytes,
  patchBatch,
  readBatchHeader,
  setLogAppendTime,
  setProducer,
  splitBatches,
} from "../../../protocol/src/records/batch.ts";
import { BatchBuilder, encodeBatch, estimateRecordBytes } from "../../../protocol/src/records/builder.ts";
import { checkBatch } from "../../../protocol/src/records/check.ts";
import { decodeBatch } from "../../../protocol/src/records/record.ts";
import { refusal, toHex, utf8 } from "../../support/bytes.ts";

const plain = (value: string, timestamp = 1_000) => ({ key: null, value: utf8(value), headers: [], timestamp });

test("golden batch", () => {
  const batch = encodeBatch(
    [
      { key: utf8("k"), value: utf8("v"), headers: [{ key: "h", value: null }], timestamp: 1_700_000_000_000 },
      { key: null, value: new Uint8Array(0), headers: [], timestamp: 1_699_999_999_999 },
    ],
    { producerId: 5, producerEpoch: 1, baseSequence: 7, baseOffset: 42, leaderEpoch: 3 },
  );
  expect(toHex(batch)).toBe(
    "000000000000002a" + // baseOffset
      "00000044" + // batchLength
      "00000003" + // partitionLeaderEpoch
      "02" + // magic
      "274f2060" + // CRC-32C
      "0000" + // attributes
      "00000001" + // lastOffsetDelta
      "0000018bcfe56800" + // baseTimestamp
      "0000018bcfe56800" + // maxTimestamp
      "0000000000000005" + // producerId
      "0001" + // producerEpoch
      "00000007" + // baseSequence
      "00000002" + // recordCount
      "16" +
      "00" +
      "00" +
      "00" +
      "026b" +
      "0276" +
      "02" +
      "0268" +
      "01" +
      "0c" +
      "00" +
      "01" +
      "02" +
      "01" +
      "00" +
      "00",
  );
});

test("what the broker writes lies outside the CRC; what it must cover is sealed again", () => {
  const batch = encodeBatch([plain("a", 5), plain("b", 9)]);
  patchBatch(batch, { baseOffset: 9_007_199_254_740_000, leaderEpoch: 12 });
  expect(checkBatch(batch)).toMatchObject({ baseOffset: 9_007_199_254_740_000, partitionLeaderEpoch: 12 });

  setProducer(batch, { producerId: 77, producerEpoch: 2, baseSequence: 2_147_483_647 });
  expect(checkBatch(batch)).toMatchObject({ producerId: 77, producerEpoch: 2, baseSequence: 2_147_483_647 });

  setLogAppendTime(batch, 1_234);
  expect(readBatchHeader(batch)).toMatchObject({ timestampType: "LogAppendTime", maxTimestamp: 1_234 });
  expect(decodeBatch(batch).map(({ timestamp, offset }) => [offset, timestamp])).toEqual([
    [9_007_199_254_740_000, 1_234],
    [9_007_199_254_740_001, 1_234],
  ]);
});

test("options reach the header", () => {
  const batch = encodeBatch([plain("a")], {
    transactional: true,
    control: true,
    timestampType: "LogAppendTime",
    producerId: 1,
    producerEpoch: 0,
    baseSequence: -1,
  });
  expect(readBatchHeader(batch)).toMatchObject({
    transactional: true,
    control: true,
    timestampType: "LogAppendTime",
    hasDeleteHorizon: false,
    compression: "none",
    magic: 2,
  });
});

test("names of objects and repeated names are ordinary header keys", () => {
  const names = ["__proto__", "constructor", "hasOwnProperty", "toString", "a", "a", "", "ü😀"];
  const headers = names.map((key, index) => ({ key, value: index % 2 === 0 ? utf8(`${index}`) : null }));
  const [record] = decodeBatch(encodeBatch([{ ...plain("v"), headers }]));
  expect(record?.headers).toEqual(headers);
  expect(Object.getPrototypeOf(record?.headers[0])).toBe(Object.prototype);
});

test("null and empty are different, for keys, values and header values", () => {
  const empty = new Uint8Array(0);
  const records = [null, empty].flatMap((key) =>
    [null, empty].map((value) => ({ key, value, headers: [{ key: "h", value }], timestamp: 1 })),
  );
  const decoded = decodeBatch(encodeBatch(records));
  expect(decoded.map(({ key, value, headers }) => ({ key, value, headers, timestamp: 1 }))).toEqual(records);
});

test("decoded keys and values are views into the batch", () => {
  const batch = encodeBatch([{ key: utf8("k"), value: utf8("v"), headers: [], timestamp: 1 }]);
  const [record] = decodeBatch(batch);
  expect(record?.key?.buffer).toBe(batch.buffer);
  expect(record?.value?.buffer).toBe(batch.buffer);
});

test("decoding a Buffer gives plain Uint8Arrays", () => {
  const [record] = decodeBatch(Buffer.from(encodeBatch([plain("v")])));
  expect(Buffer.isBuffer(record?.value)).toBe(false);
  expect(record?.value).toEqual(utf8("v"));
});

test("a batch in shared memory is checked and decoded as any other", () => {
  const bytes = encodeBatch([{ ...plain("v".repeat(500)), headers: [{ key: "ü", value: utf8("1") }] }]);
  const shared = new Uint8Array(new SharedArrayBuffer(bytes.length + 10), 5, bytes.length);
  shared.set(bytes);
  expect(checkBatch(shared)).toEqual(checkBatch(bytes));
  const [record] = decodeBatch(shared);
  expect(record?.headers.map(({ key }) => key)).toEqual(["ü"]);
  expect(record?.value?.buffer).toBe(shared.buffer);
});

test("decoding checks the CRC unless told not to", () => {
  const batch = encodeBatch([plain("value")]);
  batch[batch.length - 2] = 0x21;
  expect(refusal(() => decodeBatch(batch)).code).toBe("CORRUPT_MESSAGE");
  expect(refusal(() => decodeBatch(batch, { checkCrc: true })).code).toBe("CORRUPT_MESSAGE");
  expect(decodeBatch(batch, { checkCrc: false })).toHaveLength(1);
});

test("header names that are not UTF-8 come with replacement characters", () => {
  const batch = encodeBatch([{ ...plain("v"), headers: [{ key: "ab", value: null }] }]);
  const at = Buffer.from(batch).indexOf("ab");
  batch[at] = 0xff;
  expect(decodeBatch(batch, { checkCrc: false })[0]?.headers).toEqual([{ key: "\ufffdb", value: null }]);
});

test("a control batch holds nothing for the application", () => {
  expect(decodeBatch(encodeBatch([plain("marker")], { control: true }))).toEqual([]);
});

test("splitBatches cuts a run of batches into views", () => {
  const batches = ["a", "bb", "ccc"].map((value) => encodeBatch([plain(value)]));
  const run = Buffer.concat(batches);
  const split = splitBatches(run);
  expect(split.map(toHex)).toEqual(batches.map(toHex));
  expect(split.every(({ buffer }) => buffer === run.buffer)).toBe(true);
  expect(splitBatches(new Uint8Array(0))).toEqual([]);
  expect(batchSizeBytes(run, batches[0]?.length ?? 0)).toBe(batches[1]?.length);
});

test("splitBatches refuses a rest that is no batch", () => {
  const batch = encodeBatch([plain("a")]);
  for (const rest of [1, 11, 12, 60, batch.length - 1]) {
    const run = Buffer.concat([batch, batch.subarray(0, rest)]);
    expect(refusal(() => splitBatches(run)).code).toBe("CORRUPT_MESSAGE");
  }
  const looping = Buffer.concat([batch, batch]);
  looping.writeInt32BE(-12, batch.length + 8);
  expect(refusal(() => splitBatches(looping)).code).toBe("CORRUPT_MESSAGE");
});

test("the builder takes what fits, and always the first record", () => {
  const builder = new BatchBuilder({ maxBytes: BATCH_HEADER_BYTES + 40 });
  expect(builder.count).toBe(0);
  expect(builder.tryAppend(plain("x".repeat(500)))).toBe(true);
  expect(builder.tryAppend(plain(""))).toBe(false);
  expect(builder.count).toBe(1);
  const size = builder.sizeBytes;
  expect(builder.build().length).toBe(size);

  const exact = new BatchBuilder({ maxBytes: BATCH_HEADER_BYTES + 2 * 8 });
  expect([1, 2, 3].map(() => exact.tryAppend(plain("a")))).toEqual([true, true, false]);
  expect(checkBatch(exact.build())).toMatchObject({ recordCount: 2 });
});

test("a builder gives one batch, of one record at least", () => {
  expect(() => new BatchBuilder({ maxBytes: 100 }).build()).toThrow(/at least one record/);
  expect(() => encodeBatch([])).toThrow(/at least one record/);
  const builder = new BatchBuilder({ maxBytes: 1_000 });
  builder.tryAppend(plain("a"));
  builder.build();
  expect(() => builder.build()).toThrow(/built once/);
  expect(() => builder.tryAppend(plain("b"))).toThrow(/no more records/);
});

test("a batch grows over many buffers and stays whole", () => {
  const values = Array.from({ length: 5_000 }, (_, index) => `value ${index}`);
  const builder = new BatchBuilder({ maxBytes: 1_000_000 });
  for (const value of values) expect(builder.tryAppend(plain(value))).toBe(true);
  const batch = builder.build();
  expect(checkBatch(batch).recordCount).toBe(5_000);
  expect(decodeBatch(batch).map((record) => Buffer.from(record.value ?? []).toString())).toEqual(values);
});

test("the estimate is never below what a record takes", () => {
  const heavy = { key: utf8("k"), value: utf8("v"), headers: [{ key: "ü😀", value: utf8("1") }], timestamp: 2 ** 52 };
  const both = encodeBatch([plain("", 0), heavy]).length - encodeBatch([plain("", 0)]).length;
  expect(estimateRecordBytes(heavy)).toBeGreaterThanOrEqual(both);
});
