// Tables for people. On a terminal that is too narrow the last column is broken into lines, or each row becomes a block of its
// own; nothing is cut away. Files and pipes get one row a line, however long.

import { padded, widthOf, wrapped, wrappedCommand } from "./text.ts";

export type Cells = readonly (string | number)[];

/** The last column is broken into lines only if at least so much is left for it. */
const MIN_LAST_COLUMN = 24;
const GAP = "  ";

/** A line of a table; heads can be told from rows. */
export interface TableLine {
  readonly text: string;
  readonly isHead: boolean;
}

/** Columns of equal width, two spaces apart; the last one is not padded. */
export function table(head: readonly string[], rows: readonly Cells[]): string {
  return tableLines(head, rows, undefined)
    .map(({ text }) => text)
    .join("\n");
}

/** The same as lines of at most `columns` (undefined: as long as they are). */
export function tableLines(head: readonly string[], rows: readonly Cells[], columns: number | undefined): TableLine[] {
  const all = [head, ...rows].map((row) => row.map(String));
  const widths = head.map((_, column) => Math.max(...all.map((line) => widthOf(line[column] ?? ""))));
  const before = widths.slice(0, -1).reduce((sum, width) => sum + width + GAP.length, 0);
  const left = columns === undefined ? Number.POSITIVE_INFINITY : columns - before;
  if (left >= Math.min(widths.at(-1) ?? 0, MIN_LAST_COLUMN))
    return all.flatMap((line, at) => columned(line, widths, left).map((text) => ({ text, isHead: at === 0 })));
  const rest = all.slice(1);
  if (head.length === 2) return pairs(rest, columns);
  return stacked(head, rest, columns ?? 0);
}

/** What two columns say needs no heads. */
function pairs(rows: readonly (readonly string[])[], columns: number | undefined): TableLine[] {
  const fields = rows.map(([name = "", value = ""]) => ({ name, value }));
  return fieldLines(fields, columns, "").map((text) => ({ text, isHead: false }));
}

function columned(line: readonly string[], widths: readonly number[], left: number): string[] {
  const first = line.slice(0, -1).map((cell, column) => padded(cell, widths[column] ?? 0) + GAP);
  const margin = " ".repeat(first.reduce((sum, cell) => sum + widthOf(cell), 0));
  const last = line.at(-1) ?? "";
  const parts = left === Number.POSITIVE_INFINITY ? [last] : wrapped(last, left);
  return parts.map((part, at) => `${at === 0 ? first.join("") : margin}${part}`.trimEnd());
}

/** Each row as a block: its first cell, and below it the others with the names of their columns. */
function stacked(head: readonly string[], rows: readonly (readonly string[])[], columns: number): TableLine[] {
  const names = head.map((name) => name.trim());
  const nameWidth = Math.max(...names.slice(1).map(widthOf));
  return rows.flatMap((row) => {
    const indent = /^ */.exec(row[0] ?? "")?.[0] ?? "";
    const lines: TableLine[] = [{ text: row[0] ?? "", isHead: true }];
    for (const [column, cell] of row.entries()) {
      if (column === 0 || cell === "") continue;
      const before = `${indent}${GAP}${padded(names[column] ?? "", nameWidth)}${GAP}`;
      const parts = wrapped(cell, Math.max(1, columns - widthOf(before)));
      for (const [at, part] of parts.entries())
        lines.push({ text: `${at === 0 ? before : " ".repeat(widthOf(before))}${part}`.trimEnd(), isHead: false });
    }
    return lines;
  });
}

/** What a thing is, property by property; a `command` is for a shell, and stays what can be copied. */
export interface Field {
  readonly name: string;
  readonly value: string;
  readonly isCommand?: boolean;
}

/** Names with their values beside them; a value that does not fit there stands below its name. */
export function fieldLines(fields: readonly Field[], columns: number | undefined, indent = GAP): string[] {
  const nameColumns = Math.max(...fields.map(({ name }) => widthOf(name)));
  const beside = indent.length + nameColumns + GAP.length;
  const below = indent.length + GAP.length;
  return fields.flatMap(({ name, value, isCommand = false }) => {
    const before = `${indent}${padded(name, nameColumns)}${GAP}`;
    const left = columns === undefined ? Number.POSITIVE_INFINITY : columns - beside;
    const widest = isCommand ? widthOf(value) : Math.max(...value.split(" ").map(widthOf));
    if (widest <= left)
      return wrapped(value, left).map((part, at) => `${at === 0 ? before : " ".repeat(beside)}${part}`);
    const parts = isCommand
      ? wrappedCommand(value, (columns ?? 0) - below, GAP)
      : wrapped(value, (columns ?? 0) - below);
    return [`${indent}${name}`, ...parts.map((part) => " ".repeat(below) + part)];
  });
}
