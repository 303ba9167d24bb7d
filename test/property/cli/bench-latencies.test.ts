// Percentiles of `brooklet bench` against a sorted list.

import fc from "fast-check";
import { expect, test } from "vitest";
import { Latencies } from "../../../cli/src/commands/bench/latencies.ts";

/** Three significant figures, above the microsecond that latencies are rounded to. */
const PRECISION = 0.001;

test("each percentile is the value of its rank (rounded, as HdrHistogram does), to a thousandth, and the ranges hold every value once", () => {
  const latency = fc.oneof(
    fc.double({ min: 0.001, max: 10, noNaN: true }),
    fc.double({ min: 1, max: 60_000, noNaN: true }),
  );
  fc.assert(
    fc.property(fc.array(latency, { minLength: 1, maxLength: 300 }), (values) => {
      const latencies = new Latencies();
      for (const value of values) latencies.record(value);
      const sorted = [...values].sort((a, b) => a - b);
      const { count, mean, max, ...percentiles } = latencies.percentiles;
      expect(count).toBe(values.length);
      expect(max).toBe(sorted.at(-1));
      expect(mean).toBeCloseTo(values.reduce((sum, value) => sum + value, 0) / values.length, 6);
      for (const [name, percent] of Object.entries({ p50: 50, p90: 90, p99: 99, p999: 99.9 })) {
        const exact = sorted[Math.max(0, Math.round((percent / 100) * values.length) - 1)] ?? Number.NaN;
        const measured = percentiles[name as keyof typeof percentiles];
        expect(Math.abs(measured - exact)).toBeLessThanOrEqual(exact * PRECISION + 0.002);
      }
      expect(latencies.ranges.reduce((sum, range) => sum + range.count, 0)).toBe(values.length);
      let below = 0;
      for (const { upToMs, count: within } of latencies.ranges) {
        expect(within).toBe(values.filter((value) => value > below && value <= upToMs).length);
        below = upToMs;
      }
    }),
  );
});
