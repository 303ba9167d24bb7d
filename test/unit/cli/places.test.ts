// The places that `consume -o` and `--until` name.

import { expect, test } from "vitest";
import { parsePlace } from "../../../cli/src/places.ts";

const NOW = 1_800_000_000_000;

test.each([
  ["start", { kind: "start" }],
  ["end", { kind: "end" }],
  ["stored", { kind: "stored" }],
  ["0", { kind: "offset", value: 0 }],
  ["42", { kind: "offset", value: 42 }],
  ["+5", { kind: "first", value: 5 }],
  ["-5", { kind: "last", value: 5 }],
  ["@1700000000000", { kind: "time", value: 1_700_000_000_000 }],
  ["@1970-01-02", { kind: "time", value: 86_400_000 }],
  ["@-1h", { kind: "time", value: NOW - 3_600_000 }],
])("%s", (text, expected) => {
  expect(parsePlace("--offset", text, NOW)).toEqual(expected);
});

test.each(["", "begin", "1.5", "--5", "+-5", "s@1", "9".repeat(20)])("%j is refused with what is possible", (text) => {
  expect(() => parsePlace("--until", text, NOW)).toThrow(/--until takes start, end, N, \+N, -N, @time or stored/);
});

test.each(["@", "@yesterday", "@2026-02-30", "@-5"])("%j is refused with what a time may be", (text) => {
  expect(() => parsePlace("--offset", text, NOW)).toThrow(/--offset takes a time behind @: .*2026-01-31T12:00:00Z/);
});
