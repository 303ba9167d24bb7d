import { expect, test } from "vitest";
import {
  Cursor,
  varintSizeBytes,
  varlongSizeBytes,
  writeVarint,
  writeVarlong,
} from "../../../protocol/src/records/varint.ts";
import { fromHex, refusal, toHex } from "../../support/bytes.ts";

const read32 = (hex: string) => {
  const bytes = fromHex(hex);
  return new Cursor(bytes, 0, bytes.length).readVarint();
};
const read64 = (hex: string) => {
  const bytes = fromHex(hex);
  return new Cursor(bytes, 0, bytes.length).readVarlong();
};

const vectors: [number, string][] = [
  [0, "00"],
  [-1, "01"],
  [1, "02"],
  [63, "7e"],
  [-64, "7f"],
  [64, "8001"],
  [-65, "8101"],
  [8191, "fe7f"],
  [-8192, "ff7f"],
  [8192, "808001"],
  [1_048_575, "feff7f"],
  [1_048_576, "80808001"],
  [134_217_727, "feffff7f"],
  [134_217_728, "8080808001"],
  [2_147_483_647, "feffffff0f"],
  [-2_147_483_648, "ffffffff0f"],
];

test.each(vectors)("varint and varlong %i are %s", (value, hex) => {
  const bytes = new Uint8Array(5);
  expect(toHex(bytes.subarray(0, writeVarint(bytes, 0, value)))).toBe(hex);
  expect(varintSizeBytes(value)).toBe(hex.length / 2);
  expect(read32(hex)).toBe(value);
  bytes.fill(0);
  expect(toHex(bytes.subarray(0, writeVarlong(bytes, 0, value)))).toBe(hex);
  expect(varlongSizeBytes(value)).toBe(hex.length / 2);
  expect(read64(hex)).toBe(value);
});

test.each([
  [2_147_483_648, "8080808010"],
  [-2_147_483_649, "8180808010"],
  [2 ** 34 - 1, "feffffff7f"],
  [2 ** 34, "808080808001"],
  [2 ** 48, "80808080808080 01".replace(" ", "")],
  [Number.MAX_SAFE_INTEGER, "feffffffffffff1f"],
  [Number.MIN_SAFE_INTEGER, "fdffffffffffff1f"],
])("varlong %i is %s", (value, hex) => {
  const bytes = new Uint8Array(10);
  expect(toHex(bytes.subarray(0, writeVarlong(bytes, 0, value)))).toBe(hex);
  expect(varlongSizeBytes(value)).toBe(hex.length / 2);
  expect(read64(hex)).toBe(value);
});

test("longer than needed is still a number, as for Kafka", () => {
  expect(read32("8000")).toBe(0);
  expect(read32("8280808000")).toBe(1);
  expect(read64("82808080808080808000")).toBe(1);
  expect(read64("81808080808080808000")).toBe(-1);
});

test.each([
  ["six bytes for 32 bits", read32, "808080808001", /more than 32 bits/],
  ["33 bits in five bytes", read32, "ffffffff1f", /more than 32 bits/],
  ["eleven bytes for 64 bits", read64, "8080808080808080808001", /more than 64 bits/],
  ["65 bits in ten bytes", read64, "ffffffffffffffffff02", /more than 64 bits/],
  ["the smallest 64-bit number", read64, "ffffffffffffffffff01", /outside ±\(2\^53 - 1\)/],
  ["the largest 64-bit number", read64, "feffffffffffffffff01", /outside ±\(2\^53 - 1\)/],
  ["2^53", read64, "8080808080808020", /outside ±\(2\^53 - 1\)/],
  ["-2^53", read64, "ffffffffffffff1f", /outside ±\(2\^53 - 1\)/],
  ["2^55, all in the ninth byte", read64, "808080808080808001", /outside ±\(2\^53 - 1\)/],
  ["2^62, all in the tenth byte", read64, "80808080808080808001", /outside ±\(2\^53 - 1\)/],
  ["nothing", read32, "", /middle of a field/],
  ["a cut varint", read32, "80", /middle of a field/],
  ["a cut varlong", read64, "808080808080808080", /middle of a field/],
])("refused: %s", (_, read, hex, message) => {
  const error = refusal(() => read(hex));
  expect(error.code).toBe("CORRUPT_MESSAGE");
  expect(error.message).toMatch(message);
});

test("the cursor stays within its end, though the bytes go on", () => {
  const cursor = new Cursor(fromHex("020406"), 0, 1);
  expect(cursor.readVarint()).toBe(1);
  expect(refusal(() => cursor.readVarint()).code).toBe("CORRUPT_MESSAGE");
});
