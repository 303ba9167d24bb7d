// What the demos print: a story with the time beside it, tables, and what was checked. At most 80 columns, and readable at 40.
// With `--json` all of it goes to stderr, because stdout is for the figures.

import { systemClock } from "@brooklet/protocol/world";
import { harmless, type Streams } from "../../src/io.ts";
import { type Cells, tableLines } from "../../src/table.ts";
import { type Environment, type Style, Terminal } from "../../src/terminal.ts";
import { widthOf, wrapped, wrappedOutline } from "../../src/text.ts";

export const MAX_COLUMNS = 80;

/** A sentence about a run, and whether the run was so. */
export interface Claim {
  readonly text: string;
  readonly holds: boolean;
}

export class Screen {
  readonly #stream: Streams["stdout"];
  readonly #terminal: Terminal;
  readonly #gone = new AbortController();
  readonly startMs = systemClock.wallMs();

  constructor(stream: Streams["stdout"], env: Environment) {
    this.#stream = stream;
    this.#terminal = new Terminal(stream, env);
    stream.on("error", () => this.#gone.abort());
  }

  /** Aborted when nobody reads any more (`npm run demo | head`). */
  get gone(): AbortSignal {
    return this.#gone.signal;
  }

  get columns(): number {
    return Math.min(this.#terminal.columns ?? MAX_COLUMNS, MAX_COLUMNS);
  }

  line(text = "", style?: Style): void {
    if (this.#gone.signal.aborted) return;
    const shown = this.#terminal.isTerminal ? harmless(text) : text;
    this.#stream.write(`${this.#terminal.styled(shown, style)}\n`);
  }

  /** Text in whole lines; what is too long is broken, and goes on as far in as it began. */
  text(text: string): void {
    for (const line of text.split("\n"))
      if (widthOf(line) <= this.columns) this.line(line);
      else for (const part of wrappedOutline(line, this.columns)) this.line(part);
  }

  /** What happens now, with the seconds since the start. */
  say(text: string): void {
    this.line(besideTime(systemClock.wallMs() - this.startMs, text, this.columns));
  }

  heading(text: string): void {
    this.line();
    for (const line of wrapped(text, this.columns)) this.line(line, "bold");
    this.line("-".repeat(Math.min(text.length, this.columns)));
  }

  /** A label, and a text beside it; `-` makes an item of a list. */
  item(label: string, text: string): void {
    const width = label.endsWith("-") ? label.length + 1 : LABEL_WIDTH;
    const [first = "", ...more] = wrapped(text, this.columns - width);
    this.line(label.padEnd(width) + first);
    for (const line of more) this.line(" ".repeat(width) + line);
  }

  /** Columns stay as they were padded where there is room for them; else each row is a block. */
  table(head: readonly string[], rows: readonly Cells[]): void {
    const whole = tableLines(head, rows, undefined);
    const fits = whole.every(({ text }) => widthOf(text) <= this.columns);
    const lines = fits ? whole : tableLines(head, rows, this.columns);
    for (const { text, isHead } of lines) this.line(text, isHead ? "bold" : undefined);
  }

  /** Says of each claim whether it held; true if all did. */
  checked(claims: readonly Claim[]): boolean {
    this.heading("Checked");
    for (const { text, holds } of claims) {
      const [first = "", ...more] = wrapped(text, this.columns - CHECK_WIDTH);
      this.line(`  ${(holds ? "ok" : "FAILED").padEnd(CHECK_WIDTH - 2)}${first}`, holds ? undefined : "red");
      for (const line of more) this.line(" ".repeat(CHECK_WIDTH) + line);
    }
    return claims.every(({ holds }) => holds);
  }
}

const CHECK_WIDTH = 9;
const LABEL_WIDTH = 8;
const TIME_WIDTH = 10;

/** `  12.3 s  text`, broken into lines beside the time; `indent` more for what belongs below the line before. */
export function besideTime(sinceStartMs: number, text: string, columns: number, indent = 0): string {
  const [first = "", ...more] = wrapped(text, columns - TIME_WIDTH - indent);
  const at = `${(sinceStartMs / 1000).toFixed(1).padStart(6)} s  `;
  const margin = " ".repeat(TIME_WIDTH + indent);
  return [at + " ".repeat(indent) + first, ...more.map((line) => margin + line)].join("\n");
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

/** `10,000` */
export function counted(number: number): string {
  return number.toLocaleString("en-US");
}

/** A table in Markdown; cells after the first are numbers, and stand on the right. */
export function markdownTable(head: readonly string[], rows: readonly Cells[]): string {
  const line = (cells: Cells) => `| ${cells.map((cell) => String(cell).trim()).join(" | ")} |`;
  return [line(head), line(head.map((_, at) => (at === 0 ? "---" : "---:"))), ...rows.map(line)].join("\n");
}
