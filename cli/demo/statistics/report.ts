// What the demo of the strike statistics prints at its end: standstills, repeated records, offsets and the result.

import type { Cells } from "../../src/table.ts";
import type { Aggregate } from "../shared/birdstrikes.ts";
import type { Move, Repetition } from "../shared/ledger.ts";
import type { Place } from "../shared/messages.ts";
import { ranges } from "../shared/screen.ts";

export const standstillHead = ["  partition", "from -> to", "stood still", "at", "because"];

export function standstillRows(
  moves: readonly Move[],
  startMs: number,
  reasonOf: (move: Move) => string,
): readonly Cells[] {
  return moves.map((move) => [
    `  ${move.partition}`,
    `${move.from} -> ${move.to}`,
    `${move.stoodStillMs} ms`,
    `${((move.atMs - startMs) / 1000).toFixed(1)} s`,
    reasonOf(move),
  ]);
}

/** Each partition's repeated offsets. */
export function repeated(repetitions: readonly Repetition[]): string {
  const byPartition = new Map<number, number[]>();
  for (const { partition, offset } of repetitions)
    byPartition.set(partition, [...(byPartition.get(partition) ?? []), offset]);
  return [...byPartition]
    .sort(([a], [b]) => a - b)
    .map(([partition, offsets]) => `  partition ${partition}: offsets ${ranges(offsets)} (${offsets.length} records)`)
    .join("\n");
}

export const committedHead = ["  partition", "committed offset", "lag"];

export function committedRows(offsets: readonly (Place & { readonly lag: number })[]): readonly Cells[] {
  return [...offsets]
    .sort((a, b) => a.partition - b.partition)
    .map(({ partition, offset, lag }) => [`  ${partition}`, offset, lag]);
}

const TOP = 5;

/** The busiest airports, and the cost of every year. */
export function result(aggregate: Aggregate): string {
  const airports = [...aggregate.strikesByAirport].sort((a, b) => b[1] - a[1]);
  const years = [...aggregate.costByYear].sort(([a], [b]) => (a < b ? -1 : 1));
  const dollars = years.map(([year, cost]) => `${year}: $${cost.toLocaleString("en-US")}`);
  const columns: string[] = [];
  for (let index = 0; index < dollars.length; index += 3)
    columns.push(
      `  ${dollars
        .slice(index, index + 3)
        .map((cell) => cell.padEnd(24))
        .join("")
        .trimEnd()}`,
    );
  return [
    `Strikes per airport (the first ${TOP} of ${airports.length}):`,
    ...airports.slice(0, TOP).map(([airport, strikes]) => `  ${String(strikes).padStart(5)}  ${airport}`),
    "Cost per year:",
    ...columns,
  ].join("\n");
}
