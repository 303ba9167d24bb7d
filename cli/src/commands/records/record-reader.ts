// How the bytes of an input become records to send: cut into pieces as they come, and each piece read by itself.
// One reader per kind of input: lines with or without a key, JSON lines, formats (format-reader.ts), whole inputs.

import type { Header } from "@brooklet/client";
import { UsageError } from "../../exits.ts";
import { formatReader, type RecordParts } from "./format-reader.ts";
import { type Chunks, linesOf, NEWLINE, wholeOf } from "./lines.ts";
import { recordOfLine } from "./readable.ts";

/** A record before it has a topic; what it does not say, the command does. */
export interface Draft extends RecordParts {
  headers?: readonly Header[];
}

/** Records that have come together; each is read when its turn is. */
export interface Batch {
  readonly count: number;
  /** Undefined: passed over. Errors: UsageError for what is no record. */
  read(index: number): Draft | undefined;
}

export interface RecordReader {
  /** What is counted in messages: `line 3`, `record 3`. */
  readonly unit: "line" | "record" | "file";
  /** Errors: UsageError for input that cannot be cut into records; what stands before that has come. */
  batches(chunks: Chunks): AsyncIterable<Batch>;
}

/** A reader that cuts an input into pieces and then reads each by itself. */
export function readerOf<Piece>(
  unit: RecordReader["unit"],
  cut: (chunks: Chunks) => AsyncIterable<readonly Piece[]>,
  read: (piece: Piece) => Draft | undefined,
): RecordReader {
  return {
    unit,
    async *batches(chunks) {
      for await (const pieces of cut(chunks))
        yield { count: pieces.length, read: (index) => read(pieces[index] as Piece) };
    },
  };
}

export interface LineOptions {
  readonly delimiter?: Uint8Array;
  /** What stands between key and value; a line without it has no key. */
  readonly keyDelimiter?: Uint8Array;
  /** -Z: an empty key or value is null. */
  readonly emptyIsNull?: boolean;
}

/** Lines as values, or as keys and values. */
export function lineReader(options: LineOptions = {}): RecordReader {
  const { delimiter = NEWLINE, keyDelimiter, emptyIsNull = false } = options;
  for (const given of [delimiter, keyDelimiter])
    if (given?.length === 0) throw new UsageError("a delimiter must not be empty");
  const part = (bytes: Uint8Array) => (emptyIsNull && bytes.length === 0 ? null : bytes);
  const read = (line: Uint8Array): Draft => {
    const at =
      keyDelimiter === undefined ? -1 : Buffer.from(line.buffer, line.byteOffset, line.length).indexOf(keyDelimiter);
    if (at < 0) return { key: null, value: part(line) };
    return { key: part(line.subarray(0, at)), value: part(line.subarray(at + (keyDelimiter?.length ?? 0))) };
  };
  return readerOf("line", (chunks) => linesOf(chunks, delimiter), read);
}

/** Lines of JSON, as `consume --json` prints them. */
export const jsonReader = readerOf("line", linesOf, recordOfLine);

/** What `consume -f` has written. Errors: UsageError for a format that could be read in two ways. */
export function formattedReader(format: string, emptyIsNull: boolean): RecordReader {
  return readerOf("record", formatReader(format, { emptyIsNull }), (parts): Draft => parts);
}

/** Every input is one value; an empty one is no record, as in kcat. */
export const wholeReader = readerOf("file", wholeOf, (value): Draft => ({ key: null, value }));
