import fc from "fast-check";
import { expect, test } from "vitest";
import {
  Cursor,
  varintSizeBytes,
  varlongSizeBytes,
  writeVarint,
  writeVarlong,
} from "../../../protocol/src/records/varint.ts";
import { fuzzRuns } from "../../support/fuzz-runs.ts";

/** Zigzag and base 128 by the book, over BigInt. */
function reference(value: bigint): number[] {
  let raw = value >= 0n ? value * 2n : -value * 2n - 1n;
  const bytes: number[] = [];
  for (; raw >= 128n; raw >>= 7n) bytes.push(Number(raw & 127n) | 128);
  return [...bytes, Number(raw)];
}

const anywhere = fc
  .tuple(fc.maxSafeInteger(), fc.nat({ max: 52 }))
  .map(([value, shift]) => Math.trunc(value / 2 ** shift));

test("64-bit varints, both ways", () => {
  fc.assert(
    fc.property(anywhere, (value) => {
      const buffer = new Uint8Array(10);
      const end = writeVarlong(buffer, 0, value);
      expect([...buffer.subarray(0, end)]).toEqual(reference(BigInt(value)));
      expect(varlongSizeBytes(value)).toBe(end);
      const cursor = new Cursor(buffer, 0, end);
      expect(cursor.readVarlong()).toBe(value === 0 ? 0 : value);
      expect(cursor.at).toBe(end);
    }),
    { numRuns: fuzzRuns(2_000) },
  );
});

test("32-bit varints, both ways", () => {
  fc.assert(
    fc.property(fc.integer(), (value) => {
      const buffer = new Uint8Array(5);
      const end = writeVarint(buffer, 0, value);
      expect([...buffer.subarray(0, end)]).toEqual(reference(BigInt(value)));
      expect(varintSizeBytes(value)).toBe(end);
      const cursor = new Cursor(buffer, 0, end);
      expect(cursor.readVarint()).toBe(value);
      expect(cursor.at).toBe(end);
    }),
    { numRuns: fuzzRuns(1_000) },
  );
});
