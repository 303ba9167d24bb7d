// What a trim takes away of a partition with offsets 100 to 200.

import { expect, test } from "vitest";
import { trimOf } from "../../../../cli/src/commands/topics/trim-plan.ts";
import { logPlaceOf } from "../../../../cli/src/places.ts";

const range = { logStartOffset: 100, highWatermark: 200 };
const trim = (before: string, found = -1) =>
  trimOf({ topic: "orders", partition: 2 }, range, logPlaceOf("--before", before, 0), found);

test.each([
  ["150", 150],
  ["-30", 170],
  ["+30", 130],
  ["end", 200],
  ["start", 100],
])("--before %s: the log begins at %i", (before, newStart) => {
  expect(trim(before)).toEqual({
    topic: "orders",
    partition: 2,
    oldStart: 100,
    newStart,
    records: newStart - 100,
  });
});

test("before a time: up to its first record, and everything when no record is that new", () => {
  expect(trim("@7", 120)).toMatchObject({ newStart: 120, records: 20 });
  expect(trim("@7", -1)).toMatchObject({ newStart: 200, records: 100 });
  expect(trim("@7", -1)).not.toHaveProperty("note");
});

test("offsets outside of the log take nothing, or all, and say so", () => {
  expect(trim("3")).toMatchObject({ newStart: 100, records: 0, note: "nothing is before it" });
  expect(trim("500")).toMatchObject({ newStart: 200, records: 100, note: "500 is beyond the log: its end, 200" });
});
