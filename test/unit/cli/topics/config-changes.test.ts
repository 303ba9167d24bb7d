// What alter is to change, and how it shows old and new.

import { expect, test } from "vitest";
import { movesOf, shownValue, wantedConfigs } from "../../../../cli/src/commands/topics/config-changes.ts";
import { UsageError } from "../../../../cli/src/exits.ts";

const before = [
  { name: "retention.ms", value: "604800000", source: "default" as const },
  { name: "segment.bytes", value: "1000", source: "topic" as const },
];

test("set and unset are one change; none, and both for a name, are usage errors", () => {
  expect([...wantedConfigs(["a=1", "b=x=y"], ["c"])]).toEqual([
    ["a", "1"],
    ["b", "x=y"],
    ["c", null],
  ]);
  expect(() => wantedConfigs([], [])).toThrow(UsageError);
  expect(() => wantedConfigs(["a=1"], ["a"])).toThrow(/exclude each other for a/);
  expect(() => wantedConfigs(["a"], [])).toThrow(/name=value/);
});

test("old and new come from the broker; a dry run shows what was asked for", () => {
  const wanted = wantedConfigs(["retention.ms=5"], ["segment.bytes"]);
  const after = [
    { name: "segment.bytes", value: "1073741824", source: "default" as const },
    { name: "retention.ms", value: "5", source: "topic" as const },
  ];
  const shown = (now?: typeof after) =>
    movesOf(wanted, before, now).map((move) => [move.name, shownValue(move.old), shownValue(move.new)]);
  expect(shown(after)).toEqual([
    ["retention.ms", "604800000 (default)", "5"],
    ["segment.bytes", "1000", "1073741824 (default)"],
  ]);
  expect(shown()).toEqual([
    ["retention.ms", "604800000 (default)", "5"],
    ["segment.bytes", "1000", "(default)"],
  ]);
  expect(shownValue({ value: "", source: "topic" })).toBe('""');
});
