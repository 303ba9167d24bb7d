// Old, new and the lag that it makes, for a partition with offsets 100 to 200.

import { expect, test } from "vitest";
import { moving, type ResetTo, resetOf } from "../../../../cli/src/commands/groups/reset-plan.ts";
import { logPlaceOf } from "../../../../cli/src/places.ts";

const range = { logStartOffset: 100, highWatermark: 200 };
const orders = { topic: "orders", partition: 0 };

function reset(to: ResetTo, more: { committed?: number; others?: number; found?: number } = {}) {
  const { committed, others, found = -1 } = { committed: 150, ...more };
  return resetOf(orders, { range, committed, others, found }, to);
}

const place = (text: string): ResetTo => ({ kind: "place", place: logPlaceOf("--to", text, 0) });

test.each([
  ["start", 100, 100],
  ["end", 200, 0],
  ["120", 120, 80],
  ["-10", 190, 10],
  ["+10", 110, 90],
])("--to %s: offset %i, lag %i", (to, newOffset, lag) => {
  expect(reset(place(to))).toEqual({ ...orders, oldOffset: 150, newOffset, lag });
});

test("a time is where its first record is", () => {
  expect(reset(place("@9"), { found: 160 })).toMatchObject({ newOffset: 160, lag: 40 });
  expect(reset(place("@9"))).toMatchObject({ newOffset: 200, lag: 0, note: "no record is that new: the end" });
});

test("a shift goes from what is committed, stays in the log, and needs a commit", () => {
  expect(reset({ kind: "shift", by: -20 })).toEqual({ ...orders, oldOffset: 150, newOffset: 130, lag: 70 });
  expect(reset({ kind: "shift", by: 500 })).toMatchObject({
    newOffset: 200,
    note: "650 is beyond the log: its end, 200",
  });
  expect(
    resetOf(orders, { range, committed: undefined, others: undefined, found: -1 }, { kind: "shift", by: 1 }),
  ).toEqual({ ...orders, note: "nothing is committed that could be shifted" });
});

test("another group's place is taken as it is, within the log; where it has none, nothing moves", () => {
  const to: ResetTo = { kind: "group", groupId: "billing" };
  expect(reset(to, { others: 170 })).toMatchObject({ oldOffset: 150, newOffset: 170, lag: 30 });
  expect(reset(to, { others: 50 })).toMatchObject({ newOffset: 100, note: "50 is before the log: its start, 100" });
  expect(reset(to)).toEqual({ ...orders, oldOffset: 150, lag: 50, note: "billing has committed nothing of it" });
});

test("only what changes moves; the lag of what lies before the log counts from its start", () => {
  const same = reset(place("150"));
  const stays = reset({ kind: "group", groupId: "g" }, { committed: 20 });
  const moved = reset(place("end"));
  expect(moving([same, stays, moved])).toEqual([moved]);
  expect(stays.lag).toBe(100);
});
