// Batches both ways, and under hostile changes: whatever the bytes are, they are read whole or refused with a ProtocolError.

import fc from "fast-check";
import { expect, test } from "vitest";
import { ProtocolError } from "../../../protocol/src/errors.ts";
import {
  ATTRIBUTES_AT,
  BATCH_HEADER_BYTES,
  BATCH_LENGTH_AT,
  CRC_AT,
  MAGIC_AT,
  readBatchHeader,
  sealBatch,
  setProducer,
  splitBatches,
} from "../../../protocol/src/records/batch.ts";
import { BatchBuilder, encodeBatch, estimateRecordBytes } from "../../../protocol/src/records/builder.ts";
import { checkBatch } from "../../../protocol/src/records/check.ts";
import { decodeBatch } from "../../../protocol/src/records/record.ts";
import { refusal, toHex } from "../../support/bytes.ts";
import { fuzzRuns } from "../../support/fuzz-runs.ts";

const bytesOrNull = fc.option(fc.uint8Array({ maxLength: 200 }), { nil: null });
const headerName = fc.oneof(
  fc.string({ unit: "grapheme", maxLength: 12 }),
  fc.constantFrom("__proto__", "constructor", "hasOwnProperty", ""),
);
const timestamp = fc.oneof(
  fc.integer({ min: -1, max: 10 }),
  fc.integer({ min: 1_700_000_000_000, max: 1_700_000_100_000 }),
  // One less than the greatest: from there to -1 is a delta that is no safe integer.
  fc.nat({ max: Number.MAX_SAFE_INTEGER - 1 }),
);
const record = fc.record({
  key: bytesOrNull,
  value: bytesOrNull,
  headers: fc.array(fc.record({ key: headerName, value: bytesOrNull }), { maxLength: 4 }),
  timestamp,
});
const records = fc.array(record, { minLength: 1, maxLength: 20 });
const producer = fc.option(
  fc.record({
    producerId: fc.maxSafeNat(),
    producerEpoch: fc.nat({ max: 32_767 }),
    baseSequence: fc.nat({ max: 2_147_483_647 }),
    transactional: fc.boolean(),
  }),
  { nil: {} },
);
const batch = fc.tuple(records, producer).map(([items, options]) => encodeBatch(items, options));

/** Runs `read`; it returns, or throws a ProtocolError. */
function survives<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof ProtocolError) return undefined;
    throw error;
  }
}

test("what is encoded passes the check, is decoded to the same, and encoded again to the same bytes", () => {
  fc.assert(
    fc.property(records, producer, fc.nat(), (items, options, baseOffset) => {
      const bytes = encodeBatch(items, { ...options, baseOffset });
      const header = checkBatch(bytes);
      expect(header).toMatchObject({ ...options, baseOffset, recordCount: items.length });
      const stamps = items.map((item) => item.timestamp).filter((stamp) => stamp >= 0);
      expect(header).toEqual({ ...readBatchHeader(bytes), minTimestamp: stamps.length > 0 ? Math.min(...stamps) : -1 });
      const decoded = decodeBatch(bytes);
      expect(decoded).toEqual(items.map((item, index) => ({ offset: baseOffset + index, ...item })));
      expect(toHex(encodeBatch(decoded, { ...options, baseOffset }))).toBe(toHex(bytes));
    }),
  );
});

test("no batch is larger than maxBytes unless one record is, and none than its estimate", () => {
  fc.assert(
    fc.property(records, fc.integer({ min: 0, max: 2_000 }), (items, maxBytes) => {
      const builder = new BatchBuilder({ maxBytes });
      let estimate = BATCH_HEADER_BYTES;
      for (const item of items) {
        const [count, sizeBytes] = [builder.count, builder.sizeBytes];
        if (builder.tryAppend(item)) {
          estimate += estimateRecordBytes(item);
          expect(builder.count).toBe(count + 1);
        } else {
          expect(builder.count).toBe(count);
          expect(builder.sizeBytes).toBe(sizeBytes);
        }
      }
      if (builder.count > 1) expect(builder.sizeBytes).toBeLessThanOrEqual(maxBytes);
      const { sizeBytes, count } = builder;
      const bytes = builder.build();
      expect(bytes.length).toBe(sizeBytes);
      expect(bytes.length).toBeLessThanOrEqual(estimate);
      expect(checkBatch(bytes).recordCount).toBe(count);
    }),
  );
});

test("a run of batches is cut where they were joined", () => {
  fc.assert(
    fc.property(fc.array(batch, { maxLength: 5 }), (batches) => {
      expect(splitBatches(Buffer.concat(batches)).map(toHex)).toEqual(batches.map(toHex));
    }),
  );
});

test("a changed byte from the length on is always refused, and those that the CRC covers as damage", () => {
  fc.assert(
    fc.property(batch, fc.nat(), fc.integer({ min: 1, max: 255 }), (bytes, place, flip) => {
      const at = BATCH_LENGTH_AT + (place % (bytes.length - BATCH_LENGTH_AT));
      // The leader epoch is the broker's to write.
      fc.pre(at < BATCH_LENGTH_AT + 4 || at >= MAGIC_AT);
      bytes[at] = (bytes[at] as number) ^ flip;
      const { code } = refusal(() => checkBatch(bytes));
      expect(code).toBe(at === MAGIC_AT ? "UNSUPPORTED_FOR_MESSAGE_FORMAT" : "CORRUPT_MESSAGE");
      if (at >= ATTRIBUTES_AT || (at >= CRC_AT && at < ATTRIBUTES_AT)) {
        expect(survives(() => decodeBatch(bytes))).toBeUndefined();
      }
    }),
    { numRuns: fuzzRuns(500) },
  );
});

test("every byte of the CRC-covered area, one bit each", () => {
  const bytes = encodeBatch([
    { key: null, value: new Uint8Array(40), headers: [{ key: "h", value: null }], timestamp: 5 },
  ]);
  for (let at = CRC_AT; at < bytes.length; at++) {
    const changed = bytes.with(at, (bytes[at] as number) ^ (1 << (at % 8)));
    expect([at, refusal(() => checkBatch(changed)).code]).toEqual([at, "CORRUPT_MESSAGE"]);
  }
});

test("every truncation is refused", () => {
  fc.assert(
    fc.property(batch, (bytes) => {
      for (let length = 0; length < bytes.length; length++) {
        const cut = bytes.subarray(0, length);
        refusal(() => checkBatch(cut));
        refusal(() => decodeBatch(cut));
        if (length > 0) refusal(() => splitBatches(cut));
      }
    }),
    { numRuns: 20 },
  );
});

test("under any change with a right CRC: refused with a ProtocolError, or whole for everybody", () => {
  const change = fc.record({ place: fc.nat(), byte: fc.nat({ max: 255 }) });
  let accepted = 0;
  fc.assert(
    fc.property(batch, fc.array(change, { minLength: 1, maxLength: 4 }), (bytes, changes) => {
      for (const { place, byte } of changes) {
        const at = ATTRIBUTES_AT + (place % (bytes.length - ATTRIBUTES_AT));
        bytes[at] = byte;
      }
      sealBatch(bytes);
      const header = survives(() => checkBatch(bytes));
      if (header === undefined) {
        survives(() => decodeBatch(bytes));
        return;
      }
      accepted++;
      const decoded = decodeBatch(bytes);
      expect(decoded.map(({ offset }) => offset - header.baseOffset)).toEqual(
        Array.from({ length: header.recordCount }, (_, index) => index),
      );
      expect(Math.max(...decoded.map((item) => item.timestamp))).toBe(header.maxTimestamp);
    }),
    { numRuns: fuzzRuns(2_000) },
  );
  expect(accepted).toBeGreaterThan(50);
});

test("any bytes behind a good header: refused with a ProtocolError, or whole for everybody", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), fc.integer({ min: 1, max: 4 }), (body, count) => {
      const head = encodeBatch(
        Array.from({ length: count }, () => ({ key: null, value: null, headers: [], timestamp: 0 })),
      );
      const bytes = Uint8Array.of(...head.subarray(0, BATCH_HEADER_BYTES), ...body);
      new DataView(bytes.buffer).setInt32(BATCH_LENGTH_AT, bytes.length - 12);
      sealBatch(bytes);
      if (survives(() => checkBatch(bytes)) !== undefined) expect(decodeBatch(bytes)).toHaveLength(count);
      survives(() => decodeBatch(bytes));
    }),
    { numRuns: fuzzRuns(2_000) },
  );
});

test("any bytes at all", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      survives(() => readBatchHeader(bytes));
      survives(() => checkBatch(bytes));
      survives(() => decodeBatch(bytes));
      survives(() => splitBatches(bytes));
      if (bytes.length > MAGIC_AT) {
        bytes[MAGIC_AT] = 2;
        survives(() => readBatchHeader(bytes));
        survives(() => decodeBatch(bytes, { checkCrc: false }));
      }
    }),
    { numRuns: fuzzRuns(2_000) },
  );
});

test("numbering a batch anew changes only its producer fields", () => {
  fc.assert(
    fc.property(
      records,
      fc.maxSafeNat(),
      fc.nat({ max: 32_767 }),
      fc.nat(),
      (items, producerId, producerEpoch, baseSequence) => {
        const bytes = encodeBatch(items, { producerId: 1, producerEpoch: 1, baseSequence: 1 });
        setProducer(bytes, { producerId, producerEpoch, baseSequence });
        expect(toHex(bytes)).toBe(toHex(encodeBatch(items, { producerId, producerEpoch, baseSequence })));
      },
    ),
  );
});
