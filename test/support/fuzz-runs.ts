// How many inputs a fuzz test tries: 20,000 in `npm run torture`; in `npm test` as many as its two seconds have room for.

const ALL = 20_000;

/** `inTests`: the number for `npm test`. */
export function fuzzRuns(inTests: number): number {
  return process.env.TORTURE_SHARE === undefined ? Math.min(inTests, ALL) : ALL;
}
