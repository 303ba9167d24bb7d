// Latencies of one stage, in milliseconds: percentiles from Node's HdrHistogram, and counts per range for the picture.
// Invariant: memory does not grow with what is recorded.

import { createHistogram, type RecordableHistogram } from "node:perf_hooks";

/** Longer waits count as this long: far above every timeout of a client. */
const MAX_LATENCY_MS = 3_600_000;
const MICROSECONDS = 1_000;
/** Percentiles are exact to a thousandth of their value. */
const SIGNIFICANT_FIGURES = 3;

/** What a report says of a stage; milliseconds with microseconds as decimals. All 0 when nothing was recorded. */
export interface Percentiles {
  readonly count: number;
  readonly mean: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

/** How many latencies lie above the bound before and up to this one. */
export interface Range {
  readonly upToMs: number;
  readonly count: number;
}

/** 0.1, 0.2, 0.5, 1, 2, 5 … up to the longest that is recorded. */
export const rangeBoundsMs: readonly number[] = Array.from({ length: 23 }, (_, step) => {
  const mantissa = [1, 2, 5][step % 3] ?? 1;
  const exponent = Math.floor(step / 3) - 1;
  return exponent < 0 ? mantissa / 10 : mantissa * 10 ** exponent;
}).concat(MAX_LATENCY_MS);

export class Latencies {
  readonly #histogram: RecordableHistogram = createHistogram({
    lowest: 1,
    highest: MAX_LATENCY_MS * MICROSECONDS,
    figures: SIGNIFICANT_FIGURES,
  });
  readonly #counts = rangeBoundsMs.map(() => 0);
  #count = 0;
  #sumMs = 0;
  #maxMs = 0;

  /** What is negative counts as 0: a clock that was read a moment too early. */
  record(latencyMs: number): void {
    const ms = Math.min(Math.max(latencyMs, 0), MAX_LATENCY_MS);
    // The histogram begins at 1.
    this.#histogram.record(Math.max(1, Math.round(ms * MICROSECONDS)));
    const range = rangeBoundsMs.findIndex((bound) => ms <= bound);
    this.#counts[range] = (this.#counts[range] ?? 0) + 1;
    this.#count++;
    this.#sumMs += ms;
    this.#maxMs = Math.max(this.#maxMs, ms);
  }

  get percentiles(): Percentiles {
    const at = (percentile: number) =>
      this.#count === 0 ? 0 : Math.min(this.#histogram.percentile(percentile) / MICROSECONDS, this.#maxMs);
    return {
      count: this.#count,
      mean: this.#count === 0 ? 0 : this.#sumMs / this.#count,
      p50: at(50),
      p90: at(90),
      p99: at(99),
      p999: at(99.9),
      max: this.#maxMs,
    };
  }

  /** From the first range with something in it to the last; empty when nothing was recorded. */
  get ranges(): readonly Range[] {
    const first = this.#counts.findIndex((count) => count > 0);
    const last = this.#counts.findLastIndex((count) => count > 0);
    if (first < 0) return [];
    return rangeBoundsMs
      .slice(first, last + 1)
      .map((upToMs, index) => ({ upToMs, count: this.#counts[first + index] ?? 0 }));
  }
}
