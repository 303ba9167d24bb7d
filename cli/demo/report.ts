// What the demo prints at its end: the group's epochs with reasons, standstills, repeated records, offsets and the result.
// Everything fits a terminal of 80 columns.

import type { Aggregate } from "./birdstrikes.ts";
import type { Move, Repetition } from "./ledger.ts";

export interface TimelineEntry {
  readonly atMs: number;
  readonly event: string;
  readonly epoch: number;
  readonly member?: string;
  readonly partitions?: readonly { readonly partition: number }[];
  readonly reason?: string;
}

const WIDTH = 80;

/** Breaks `text` at spaces; further lines begin with `indent`. */
export function wrap(text: string, indent: string): string {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > WIDTH) {
      lines.push(line);
      line = indent + word;
    } else line = line === "" && lines.length === 0 ? word : `${line} ${word}`;
  }
  return [...lines, line].join("\n");
}

export function heading(text: string): string {
  return `\n${text}\n${"-".repeat(text.length)}`;
}

/** `0-3 7 9-12` */
export function ranges(numbers: readonly number[]): string {
  const sorted = [...new Set(numbers)].sort((a, b) => a - b);
  const parts: [number, number][] = [];
  for (const number of sorted) {
    const last = parts.at(-1);
    if (last !== undefined && last[1] === number - 1) last[1] = number;
    else parts.push([number, number]);
  }
  return parts.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`)).join(" ");
}

const verbs: Readonly<Record<string, string>> = {
  join: "joins",
  leave: "leaves",
  eviction: "is removed",
  assignment: "gets",
  revocation: "gives back",
  refusedCommit: "is refused a commit",
};

/** The timeline, epoch by epoch: who got and gave back which partitions, and why. */
export function epochs(timeline: readonly TimelineEntry[], startMs: number): string {
  const lines: string[] = [];
  for (const { atMs, event, epoch, member, partitions, reason } of timeline) {
    const at = `${((atMs - startMs) / 1000).toFixed(1).padStart(6)} s `;
    if (event === "epoch") {
      lines.push(wrap(`${at} epoch ${epoch}: ${reason ?? ""}`, " ".repeat(10)));
      continue;
    }
    const which =
      partitions === undefined || partitions.length === 0 ? "" : ` ${ranges(partitions.map((p) => p.partition))}`;
    const why = event === "assignment" || reason === undefined ? "" : ` (${reason})`;
    lines.push(wrap(`${at}     ${member ?? "the group"} ${verbs[event] ?? event}${which}${why}`, " ".repeat(16)));
  }
  return lines.join("\n");
}

export function standstills(moves: readonly Move[], startMs: number, reasons: (move: Move) => string): string {
  return [
    "  partition   from -> to   stood still   at       because",
    ...moves.map((move) => {
      const at = `${((move.atMs - startMs) / 1000).toFixed(1)} s`;
      const still = `${move.stoodStillMs} ms`;
      return `  ${String(move.partition).padEnd(12)}${`${move.from} -> ${move.to}`.padEnd(13)}${still.padEnd(14)}${at.padEnd(9)}${reasons(move)}`;
    }),
  ].join("\n");
}

/** Each partition's repeated offsets. */
export function repeated(repetitions: readonly Repetition[]): string {
  const byPartition = new Map<number, number[]>();
  for (const { partition, offset } of repetitions)
    byPartition.set(partition, [...(byPartition.get(partition) ?? []), offset]);
  return [...byPartition]
    .sort(([a], [b]) => a - b)
    .map(([partition, offsets]) =>
      wrap(`  partition ${partition}: offsets ${ranges(offsets)} (${offsets.length} records)`, " ".repeat(14)),
    )
    .join("\n");
}

export function committed(offsets: readonly { partition: number; offset: number; lag: number }[]): string {
  return [
    "  partition   committed offset   lag",
    ...[...offsets]
      .sort((a, b) => a.partition - b.partition)
      .map(
        ({ partition, offset, lag }) => `  ${String(partition).padEnd(12)}${String(offset).padEnd(19)}${String(lag)}`,
      ),
  ].join("\n");
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
