// The command's own streams: data on stdout, everything else on stderr, quiet when the reader of a pipe goes away.
// Invariants: a write waits while the pipe is full, so memory stays bounded however slow the reader is; a terminal gets no
// control character but tab and new line, because names and records are other people's text; pipes get every byte.

import type { Readable, Writable } from "node:stream";

export interface Streams {
  readonly stdin: Readable & { readonly isTTY?: boolean };
  readonly stdout: Writable & { readonly isTTY?: boolean };
  readonly stderr: Writable & { readonly isTTY?: boolean };
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

/** Where a command writes. */
export class Output {
  readonly #streams: Streams;
  readonly #broken = new AbortController();

  constructor(streams: Streams) {
    this.#streams = streams;
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
    this.#broken.signal.throwIfAborted();
    const { stdout } = this.#streams;
    const shown = stdout.isTTY === true ? harmless(typeof data === "string" ? data : utf8.decode(data)) : data;
    if (stdout.write(shown)) return;
    await new Promise<void>((resolve, reject) => {
      const onDrain = () => {
        this.#broken.signal.removeEventListener("abort", onBroken);
        resolve();
      };
      const onBroken = () => {
        this.#streams.stdout.off("drain", onDrain);
        reject(this.#broken.signal.reason);
      };
      this.#streams.stdout.once("drain", onDrain);
      this.#broken.signal.addEventListener("abort", onBroken, { once: true });
    });
  }

  async line(text: string): Promise<void> {
    await this.write(`${text}\n`);
  }

  /** JSON as data: one document. */
  async json(value: unknown): Promise<void> {
    await this.line(JSON.stringify(value, null, 2));
  }

  /** For people: progress, hints, errors. */
  note(text: string): void {
    const { stderr } = this.#streams;
    stderr.write(`${stderr.isTTY === true ? harmless(text) : text}\n`);
  }

  /** Resolves when everything written has left the process, or never will. */
  async finish(): Promise<void> {
    if (this.#broken.signal.aborted) return;
    await new Promise<void>((resolve) => {
      this.#broken.signal.addEventListener("abort", () => resolve(), { once: true });
      this.#streams.stdout.write("", () => resolve());
    });
  }
}

/** Columns of equal width, two spaces apart; the last one is not padded. */
export function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const lines = [head, ...rows].map((row) => row.map(String));
  const widths = head.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  return lines
    .map((line) =>
      line
        .map((cell, column) => (column === line.length - 1 ? cell : cell.padEnd(widths[column] ?? 0)))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}
