// The command's own streams: data on stdout, everything else on stderr, quiet when the reader of a pipe goes away.
// Invariants: a write waits while the pipe is full, so memory stays bounded however slow the reader is; a terminal gets no
// control character but tab and new line, because names and records are other people's text; pipes get every byte.

import type { Readable, Writable } from "node:stream";
import { type Cells, type Field, fieldLines, tableLines } from "./table.ts";
import { type Environment, type Style, Terminal } from "./terminal.ts";
import { clipped, wrappedOutline } from "./text.ts";

export { table } from "./table.ts";

export interface Streams {
  readonly stdin: Readable & { readonly isTTY?: boolean };
  readonly stdout: Writable & { readonly isTTY?: boolean; readonly columns?: number; readonly rows?: number };
  readonly stderr: Writable & { readonly isTTY?: boolean; readonly columns?: number };
}

/** Thrown by writes after the reader of stdout has gone; ends a command without a word. */
export class BrokenPipe extends Error {
  override name = "BrokenPipe";
}

/** What moves the cursor, changes the title or turns the text around; also as C1 and in Unicode. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
const STEERING = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g;

/** Text for a terminal: what would steer it stands there as `\u001b`. */
export function harmless(text: string): string {
  return text.replace(STEERING, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

const utf8 = new TextDecoder();
const ERASE_LINE = "\r\u001b[K";

/** Where a command writes. */
export class Output {
  readonly #streams: Streams;
  readonly #broken = new AbortController();
  /** Broken, or given up: nothing waits for stdout any more. */
  readonly #ended: AbortSignal;
  /** What stdout is. */
  readonly stdout: Terminal;
  /** What stderr is. */
  readonly stderr: Terminal;
  /** What stands in the last line of stderr and is written again in place; "" for nothing. */
  #status = "";

  /** `givenUp`: aborted when nobody waits for a full pipe any more. */
  constructor(streams: Streams, env: Environment = {}, givenUp?: AbortSignal) {
    this.#streams = streams;
    this.#ended = givenUp === undefined ? this.#broken.signal : AbortSignal.any([this.#broken.signal, givenUp]);
    this.stdout = new Terminal(streams.stdout, env);
    this.stderr = new Terminal(streams.stderr, env);
    streams.stdout.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EPIPE" || error.code === "ERR_STREAM_DESTROYED") this.#broken.abort(new BrokenPipe());
      else this.#broken.abort(error);
    });
    // Nobody is left to tell.
    streams.stderr.on("error", () => undefined);
  }

  /** Aborted when nobody reads stdout any more. */
  get broken(): AbortSignal {
    return this.#broken.signal;
  }

  /** Writes data; resolves when there is room for more. */
  async write(data: string | Uint8Array): Promise<void> {
    const text = () => (typeof data === "string" ? data : utf8.decode(data));
    await this.#write(this.stdout.isTerminal ? harmless(text()) : data);
  }

  async #write(shown: string | Uint8Array): Promise<void> {
    this.#broken.signal.throwIfAborted();
    // Both are the same terminal, as a rule: data does not begin behind a status.
    if (this.stdout.isTerminal) this.#eraseStatus();
    if (this.#streams.stdout.write(shown)) return;
    this.#ended.throwIfAborted();
    await new Promise<void>((resolve, reject) => {
      const onDrain = () => {
        this.#ended.removeEventListener("abort", onEnded);
        resolve();
      };
      const onEnded = () => {
        this.#streams.stdout.off("drain", onDrain);
        reject(this.#ended.reason);
      };
      this.#streams.stdout.once("drain", onDrain);
      this.#ended.addEventListener("abort", onEnded, { once: true });
    });
  }

  /** A line of data; the style is seen on terminals only. */
  async line(text: string, style?: Style): Promise<void> {
    const shown = this.stdout.isTerminal ? harmless(text) : text;
    await this.#write(`${this.stdout.styled(shown, style)}\n`);
  }

  /** A table as data, laid out for the terminal; `style` says how a row's lines look. */
  async table(head: readonly string[], rows: readonly Cells[], style?: Style): Promise<void> {
    for (const { text, isHead } of tableLines(head, rows, this.stdout.columns))
      await this.line(text, isHead ? "bold" : style);
  }

  /** Names with values as data, laid out for the terminal. */
  async fields(fields: readonly Field[]): Promise<void> {
    for (const text of fieldLines(fields, this.stdout.columns)) await this.line(text);
  }

  /** JSON as data: one document. */
  async json(value: unknown): Promise<void> {
    await this.line(JSON.stringify(value, null, 2));
  }

  /** For people: progress, hints, errors. On a terminal long lines are broken between words. */
  note(text: string, style?: Style): void {
    const { stderr } = this.#streams;
    const columns = this.stderr.columns;
    if (columns === undefined) return void stderr.write(`${text}\n`);
    this.#eraseStatus();
    for (const line of wrappedOutline(harmless(text), columns)) stderr.write(`${this.stderr.styled(line, style)}\n`);
  }

  /** Shows a line that the next one replaces, "" for none; only where `stderr.movesCursor`. Notes and data push it aside. */
  status(text: string): void {
    if (!this.stderr.movesCursor) return;
    // The last column stays free: a full line would wrap, and could not be erased.
    const line = clipped(harmless(text.replaceAll("\n", " ")), (this.stderr.columns ?? 1) - 1);
    if (line === this.#status) return;
    this.#eraseStatus();
    this.#status = line;
    this.#streams.stderr.write(this.stderr.styled(line, "dim"));
  }

  #eraseStatus(): void {
    if (this.#status === "") return;
    this.#status = "";
    this.#streams.stderr.write(ERASE_LINE);
  }

  /** Resolves when everything written has left the process, or never will, or is given up. */
  async finish(): Promise<void> {
    this.#eraseStatus();
    if (this.#ended.aborted) return;
    await new Promise<void>((resolve) => {
      this.#ended.addEventListener("abort", () => resolve(), { once: true });
      this.#streams.stdout.write("", () => resolve());
    });
  }
}
