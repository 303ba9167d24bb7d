// Durations counted into buckets: what the hot path touches is one small array, and whoever scrapes does the rest.

/** From a memory hit to a parked fetch. Upper bounds in seconds; above the last there is one more bucket. */
export const DURATION_BUCKETS_S = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60,
];

export class Histogram {
  /** Per bucket, not added up. */
  readonly #counts = new Float64Array(DURATION_BUCKETS_S.length + 1);
  #sum = 0;

  observe(seconds: number): void {
    let bucket = 0;
    while (bucket < DURATION_BUCKETS_S.length && seconds > (DURATION_BUCKETS_S[bucket] as number)) bucket++;
    this.#counts[bucket] = (this.#counts[bucket] as number) + 1;
    this.#sum += seconds;
  }

  get sum(): number {
    return this.#sum;
  }

  get count(): number {
    return this.#counts.reduce((sum, count) => sum + count, 0);
  }

  /** How many were at most this long, per bound; the last one, `+Inf`, counts all. */
  cumulative(): { readonly le: number | "+Inf"; readonly count: number }[] {
    let count = 0;
    return [...this.#counts].map((own, index) => {
      count += own;
      return { le: DURATION_BUCKETS_S[index] ?? "+Inf", count };
    });
  }
}
