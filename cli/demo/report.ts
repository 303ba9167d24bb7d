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

/** Breaks `text` at spaces; its own indentation stays, further lines begin with `indent`. */
export function wrap(text: string, indent: string): string {
  const lines: string[] = [];
  let line = text.slice(0, text.length - text.trimStart().length);
  let empty = true;
  for (const word of text.trim().split(" ")) {
    if (!empty && line.length + 1 + word.length > WIDTH) {
      lines.push(line);
      line = indent + word;
    } else line += empty ? word : ` ${word}`;
    empty = false;
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

/** What an event is called, and whether its reason says more than the epoch's line does. */
const events: Readonly<Record<string, { verb: string; withReason: boolean }>> = {
  join: { verb: "joins", withReason: false },
  leave: { verb: "leaves, holding", withReason: true },
  eviction: { verb: "is removed, holding", withReason: true },
  assignment: { verb: "gets", withReason: false },
  refusedCommit: { verb: "is refused a commit of", withReason: true },
};

/** The broker names a member by its id, and beside it once its client.id; people want the latter. */
function namesOf(timeline: readonly TimelineEntry[]): (text: string) => string {
  const names = new Map<string, string>();
  for (const { reason = "" } of timeline)
    for (const [, id = "", name = ""] of reason.matchAll(/(\S{22}) \((\w+)\)/g)) names.set(id, name);
  return (text) => {
    let named = text;
    for (const [id, name] of names) named = named.replaceAll(`${id} (${name})`, name).replaceAll(id, name);
    return named;
  };
}

/** The timeline, epoch by epoch: who got and gave back which partitions, and why. */
export function epochs(timeline: readonly TimelineEntry[], startMs: number): string {
  const named = namesOf(timeline);
  const lines: string[] = [];
  for (const { atMs, event, epoch, member = "the group", partitions = [], reason = "" } of timeline) {
    const at = `${((atMs - startMs) / 1000).toFixed(1).padStart(6)} s  `;
    if (event === "epoch") {
      lines.push(wrap(`${at}epoch ${epoch}: ${named(reason)}`, " ".repeat(10)));
      continue;
    }
    const asked = event === "revocation" && reason.startsWith("to give up");
    const { verb, withReason } = events[event] ?? {
      verb: event !== "revocation" ? event : asked ? "is asked for" : "gives back",
      withReason: event !== "revocation",
    };
    const which = partitions.length === 0 ? "" : ` ${ranges(partitions.map(({ partition }) => partition))}`;
    const why = withReason && reason !== "" ? ` (${named(reason)})` : "";
    lines.push(
      wrap(
        `${at}  ${named(member)} ${verb}${which || (verb.endsWith("holding") ? " nothing" : "")}${why}`,
        " ".repeat(14),
      ),
    );
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
