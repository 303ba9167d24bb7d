// Where `consume -o` begins.

import { expect, test } from "vitest";
import { parseConsumeFrom } from "../../../cli/src/commands/records/consume-from.ts";

test.each([
  ["start", { kind: "start" }],
  ["end", { kind: "end" }],
  ["stored", { kind: "stored" }],
  ["0", { kind: "offset", value: 0 }],
  ["42", { kind: "offset", value: 42 }],
  ["-5", { kind: "last", value: 5 }],
  ["@1700000000000", { kind: "time", value: 1_700_000_000_000 }],
])("%s", (text, expected) => {
  expect(parseConsumeFrom(text)).toEqual(expected);
});

test.each(["", "begin", "1.5", "--5", "@yesterday", "9".repeat(20)])("%j is refused with what is possible", (text) => {
  expect(() => parseConsumeFrom(text)).toThrow(/--offset takes start, end, stored, N, -N or @ms/);
});
