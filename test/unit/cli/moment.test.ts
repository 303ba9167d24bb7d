// Moments as people write them: the same as Date.parse where that takes them, UTC without a zone.

import fc from "fast-check";
import { expect, test } from "vitest";
import { parseMoment } from "../../../cli/src/moment.ts";

const NOW = 1_800_000_000_000;

test.each([
  ["0", 0],
  ["1700000000000", 1_700_000_000_000],
  ["1970-01-01", 0],
  ["2026-11-22T17:30", Date.UTC(2026, 10, 22, 17, 30)],
  ["2026-11-22 17:30:05", Date.UTC(2026, 10, 22, 17, 30, 5)],
  ["2026-11-22T17:30:05.25Z", Date.UTC(2026, 10, 22, 17, 30, 5, 250)],
  ["2026-11-22T17:30:05.123456789+02:00", Date.UTC(2026, 10, 22, 15, 30, 5, 123)],
  ["2024-02-29T00:00:00-0530", Date.UTC(2024, 1, 29, 5, 30)],
  ["2026-11-22t17:30z", Date.UTC(2026, 10, 22, 17, 30)],
  ["-90s", NOW - 90_000],
  ["-2h", NOW - 7_200_000],
  ["-7d", NOW - 7 * 86_400_000],
  ["-500ms", NOW - 500],
  ["-999999d", 0],
])("%s", (text, expected) => {
  expect(parseMoment(text, NOW)).toBe(expected);
});

test.each([
  "",
  "yesterday",
  "-5",
  "-5w",
  "2026-13-01",
  "2026-02-29",
  "2026-00-10",
  "2026-1-1",
  "2026-11-22T24:00",
  "2026-11-22T17",
  "2026-11-22T17:30+19:00",
  "1969-12-31T23:59",
  "9".repeat(16),
  "1.5",
])("%j is no moment", (text) => {
  expect(parseMoment(text, NOW)).toBeUndefined();
});

test("every date of four centuries is the one that Date says", () => {
  const from = Date.UTC(1970, 0, 1);
  fc.assert(
    fc.property(fc.integer({ min: from, max: Date.UTC(2400, 11, 31) }), (moment) => {
      expect(parseMoment(new Date(moment).toISOString(), NOW)).toBe(moment);
    }),
    { numRuns: 1_000 },
  );
});
