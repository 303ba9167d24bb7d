import { bytes, double, int64, json, type Serde, string } from "@brooklet/client";
import fc from "fast-check";
import { expect, test } from "vitest";

function roundTrip<T>(serde: Serde<T>, value: T): T {
  const data = serde.serialize("t", value, []);
  if (data === null) throw new Error("the serde gave null");
  return serde.deserialize("t", data, []);
}

test("what goes in comes out", () => {
  fc.assert(fc.property(fc.string({ unit: "grapheme" }), (value) => roundTrip(string, value) === value));
  fc.assert(
    fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (value) => roundTrip(int64, value) === value),
  );
  fc.assert(fc.property(fc.double(), (value) => Object.is(roundTrip(double, value), value)));
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      expect(roundTrip(json(), value)).toEqual(JSON.parse(JSON.stringify(value)));
    }),
  );
  expect(roundTrip(string, "\ufeffbom")).toBe("\ufeffbom");
});

test("numbers have Kafka's bytes", () => {
  expect([...(int64.serialize("t", -2n, []) ?? [])]).toEqual([255, 255, 255, 255, 255, 255, 255, 254]);
  expect([...(double.serialize("t", 1.5, []) ?? [])]).toEqual([0x3f, 0xf8, 0, 0, 0, 0, 0, 0]);
});

test("what does not fit is refused, not changed", () => {
  expect(() => string.serialize("t", 5 as unknown as string, [])).toThrow("expected a string, got number");
  expect(() => string.deserialize("t", Uint8Array.of(0xff), [])).toThrow();
  expect(() => bytes.serialize("t", "text" as unknown as Uint8Array, [])).toThrow("name a serializer");
  expect(() => json().serialize("t", undefined, [])).toThrow("no JSON form");
  expect(() => json().deserialize("t", Uint8Array.of(0x7b), [])).toThrow();
  expect(() => int64.serialize("t", 2n ** 63n, [])).toThrow("does not fit 64 bits");
  expect(() => int64.deserialize("t", new Uint8Array(7), [])).toThrow("an int64 has 8 bytes; these are 7");
  expect(() => double.deserialize("t", new Uint8Array(9), [])).toThrow("8 bytes");
});

test("a view into a larger buffer is read from its own place", () => {
  const data = int64.serialize("t", 7n, []) ?? new Uint8Array();
  const larger = new Uint8Array(20);
  larger.set(data, 5);
  expect(int64.deserialize("t", larger.subarray(5, 13), [])).toBe(7n);
});

test("no two texts share their bytes, however many and however long", () => {
  const texts = Array.from({ length: 5_000 }, (_, index) =>
    String.fromCodePoint(0x1f600 + (index % 50)).repeat(index % 97),
  );
  texts.push("x".repeat(100_000), "\ud800", "");
  const encoded = texts.map((text) => string.serialize("t", text, []));
  const expected = texts.map((text) => new TextEncoder().encode(text));
  encoded.forEach((data, index) => {
    expect(Buffer.compare(data ?? new Uint8Array(), expected[index] ?? new Uint8Array())).toBe(0);
  });
});
