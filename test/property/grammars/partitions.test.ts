// Partitions as people name them on the command line: whatever the text is, it means exactly what it says, or is refused.

import fc from "fast-check";
import { expect, test } from "vitest";
import { UsageError } from "../../../cli/src/exits.ts";
import { merged, parsePartitions } from "../../../cli/src/places.ts";
import { fuzzRuns } from "../../support/fuzz-runs.ts";

test("partitions of a topic: each text means itself, all else is a usage error", () => {
  const pieces = ["orders", ":", ",", "-", "0", "1", "12", "9999", "1000000000", " ", "__proto__", "é"];
  const text = fc.oneof(
    { weight: 4, arbitrary: fc.array(fc.constantFrom(...pieces), { maxLength: 8 }).map((parts) => parts.join("")) },
    { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 40 }) },
  );
  fc.assert(
    fc.property(text, (written) => {
      let named: ReturnType<typeof parsePartitions>;
      try {
        named = parsePartitions(written);
      } catch (error) {
        expect(error).toBeInstanceOf(UsageError);
        return;
      }
      const { topic, partitions } = named;
      if (partitions === undefined) return void expect([topic, written.includes(":")]).toEqual([written, false]);
      expect(written.startsWith(`${topic}:`)).toBe(true);
      expect(partitions.length).toBeGreaterThan(0);
      expect(partitions.length).toBeLessThanOrEqual(10_000);
      expect(partitions).toEqual([...new Set(partitions)].sort((a, b) => a - b));
      // Written out again it means the same.
      expect(parsePartitions(`${topic}:${partitions.join(",")}`)).toEqual(named);
      expect(merged([named, named])).toEqual([named]);
    }),
    { numRuns: fuzzRuns(5_000) },
  );
});
