// Which partitions are meant, and what a place comes to in a log.

import { expect, test } from "vitest";
import { UsageError } from "../../../cli/src/exits.ts";
import { clamped, logPlaceOf, merged, parsePartitions, placed } from "../../../cli/src/places.ts";

test.each([
  ["orders", { topic: "orders" }],
  ["orders:3", { topic: "orders", partitions: [3] }],
  ["orders:2,0,2", { topic: "orders", partitions: [0, 2] }],
  ["orders:7,0-3", { topic: "orders", partitions: [0, 1, 2, 3, 7] }],
  ["__proto__:0", { topic: "__proto__", partitions: [0] }],
])("%s", (text, named) => {
  expect(parsePartitions(text)).toEqual(named);
});

test.each([
  "",
  ":",
  ":1",
  "orders:",
  "orders:1,",
  "orders:-1",
  "orders:a",
  "orders:3-1",
  "orders:0-10000",
  "a:1:2",
  "a: 1",
])("%j is refused by what is wrong with it", (text) => {
  expect(() => parsePartitions(text)).toThrow(UsageError);
  expect(() => parsePartitions(text)).toThrow(/orders:0,2/);
});

test("a topic that is named several times is one, whole when it is named whole once", () => {
  const named = (...texts: string[]) => merged(texts.map(parsePartitions));
  expect(named("a:1", "b", "a:0,1")).toEqual([{ topic: "a", partitions: [0, 1] }, { topic: "b" }]);
  expect(named("a:1", "a", "a:2")).toEqual([{ topic: "a" }]);
});

const range = { logStartOffset: 100, highWatermark: 200 };
const at = (text: string, found = -1) => placed(logPlaceOf("--to", text, 0), range, found);

test.each([
  ["start", 100],
  ["end", 200],
  ["150", 150],
  ["-30", 170],
  ["+30", 130],
  // All there are: no more was asked for.
  ["-500", 100],
  ["+500", 200],
])("%s is offset %i of a log from 100 to 200", (text, offset) => {
  expect(at(text)).toEqual({ offset });
});

test("what lies outside of the log is the nearest end of it, and that is said", () => {
  expect(at("99")).toEqual({ offset: 100, note: "99 is before the log: its start, 100" });
  expect(at("201")).toEqual({ offset: 200, note: "201 is beyond the log: its end, 200" });
  expect(clamped(200, range)).toEqual({ offset: 200 });
});

test("a time is its first record, or the end, which is said", () => {
  expect(at("@5", 120)).toEqual({ offset: 120 });
  expect(at("@5", -1)).toEqual({ offset: 200, note: "no record is that new: the end" });
});

test("stored is no place in a log", () => {
  expect(() => logPlaceOf("--before", "stored", 0)).toThrow(/--before takes a place in the log/);
  expect(() => logPlaceOf("--before", "sideways", 0)).toThrow(/--before takes/);
});
