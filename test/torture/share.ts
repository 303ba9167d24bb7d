// How much of a long run to do: all of it, or the share that `npm run torture -- --ci` has 20 minutes for.

const isCi = process.env.TORTURE_SHARE !== "full";

/** The number of cycles, seeds or inputs for this run. */
export function times({ full, ci }: { readonly full: number; readonly ci: number }): number {
  return isCi ? ci : full;
}
