// Which seeds the stories run with: a few by default, `SIMULATION_SEEDS=100-199` for others. A failing run repeats with its seed.

/** The seeds asked for, or those from 1 to `count`. */
export function seeds(count: number): number[] {
  const [from = 1, to = count] = (process.env.SIMULATION_SEEDS ?? "").split("-").filter(Boolean).map(Number);
  return Array.from({ length: to - from + 1 }, (_, index) => from + index);
}
