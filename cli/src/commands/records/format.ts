// kcat's formats (`-f 'Topic %t [%p] at offset %o: key %k: %s\n'`), read once and then written record by record.
// `formatOf(text)` gives a writer of records for `consume -f` and `cat -C -f`; `parseFormat(text)` its pieces, from which
// format-reader.ts reads records back; `unescaped(text)` the bytes of a delimiter such as `\t` or `\x1e`.
// Invariant: bytes stay bytes; a format adds nothing of its own, not even a new line.
// As in kcat: every token and its text, -1 for the length of null, `\` before any other character for that character.
// Not as in kcat: %k and %s of an empty key or value are never the null text (-Z); `\x` takes at most two hexadecimal
// digits and may begin with a letter, `\x00` is written, and a number above one byte is refused.

import type { ConsumerRecord } from "@brooklet/client";
import { UsageError } from "../../exits.ts";
import type { ByteSink } from "./byte-sink.ts";

export type BytesRecord = ConsumerRecord<Uint8Array, Uint8Array>;

/** What kcat prints for null under -Z, and for a header's null always. */
export const NULL_TEXT = "NULL";

type Writer = (record: BytesRecord, sink: ByteSink, nullText: string) => void;

interface TokenRow {
  readonly text: string;
  readonly write: Writer;
}

const lengthOf = (bytes: Uint8Array | null): number => (bytes === null ? -1 : bytes.length);

function writeBytes(bytes: Uint8Array | null, sink: ByteSink, nullText: string): void {
  if (bytes !== null) sink.bytes(bytes);
  else if (nullText !== "") sink.text(nullText);
}

function writeHeaders({ headers }: BytesRecord, sink: ByteSink): void {
  headers.forEach(({ key, value }, index) => {
    sink.text(`${index === 0 ? "" : ","}${key}=`);
    writeBytes(value, sink, NULL_TEXT);
  });
}

/** Every token, by its letter, in the order of kcat's help. */
export const formatTokens = {
  s: { text: "value", write: ({ value }, sink, nullText) => writeBytes(value, sink, nullText) },
  S: { text: "length of the value in bytes, -1 for null", write: ({ value }, sink) => sink.text(`${lengthOf(value)}`) },
  R: { text: "the same as 4 bytes, big-endian", write: ({ value }, sink) => sink.int32(lengthOf(value)) },
  k: { text: "key", write: ({ key }, sink, nullText) => writeBytes(key, sink, nullText) },
  K: { text: "length of the key in bytes, -1 for null", write: ({ key }, sink) => sink.text(`${lengthOf(key)}`) },
  T: { text: "timestamp in milliseconds since 1970", write: ({ timestamp }, sink) => sink.text(`${timestamp}`) },
  h: { text: "headers as name=value, comma separated", write: writeHeaders },
  t: { text: "topic", write: ({ topic }, sink) => sink.text(topic) },
  p: { text: "partition", write: ({ partition }, sink) => sink.text(`${partition}`) },
  o: { text: "offset", write: ({ offset }, sink) => sink.text(`${offset}`) },
} as const satisfies Record<string, TokenRow>;

export type FormatToken = keyof typeof formatTokens;
export type FormatPiece = FormatToken | Uint8Array;

const isToken = (letter: string): letter is FormatToken => Object.hasOwn(formatTokens, letter);

const ESCAPE = /\\(?:x([0-9a-fA-F]{1,2})|(0[0-7]{0,3}|[1-9][0-9]{0,2})|([\s\S]))/g;
const CONTROLS: ReadonlyMap<string, string> = new Map([
  ["n", "\n"],
  ["r", "\r"],
  ["t", "\t"],
]);

/**
 * The bytes of a text with kcat's escapes: `\n`, `\r`, `\t`, `\xNN`, `\0NNN` (octal), `\NNN` (decimal), `\\`.
 * Errors: UsageError for a number above 255.
 */
export function unescaped(text: string): Uint8Array {
  const parts: Uint8Array[] = [];
  let end = 0;
  for (const match of text.matchAll(ESCAPE)) {
    const [whole, hex, digits, other = ""] = match;
    parts.push(Buffer.from(text.slice(end, match.index)));
    if (hex !== undefined) parts.push(Uint8Array.of(Number.parseInt(hex, 16)));
    else if (digits !== undefined) parts.push(Uint8Array.of(byteOf(digits, whole)));
    else parts.push(Buffer.from(CONTROLS.get(other) ?? other));
    end = match.index + whole.length;
  }
  return Buffer.concat([...parts, Buffer.from(text.slice(end))]);
}

/** As C reads it: a leading 0 makes it octal. */
function byteOf(digits: string, whole: string): number {
  const value = Number.parseInt(digits, digits.startsWith("0") ? 8 : 10);
  if (value > 255) throw new UsageError(`${whole} is no byte: \\NNN goes up to \\255, \\xNN up to \\xff`);
  return value;
}

/**
 * The pieces of a format: letters of tokens, and the bytes between them (never empty, never two in a row).
 * Errors: UsageError for a token that is none, with all there are.
 */
export function parseFormat(text: string): readonly FormatPiece[] {
  const pieces: FormatPiece[] = [];
  let literal: Uint8Array[] = [];
  const endLiteral = () => {
    const bytes = Buffer.concat(literal);
    if (bytes.length > 0) pieces.push(bytes);
    literal = [];
  };
  let start = 0;
  for (let at = text.indexOf("%"); at >= 0; at = text.indexOf("%", start)) {
    literal.push(unescaped(text.slice(start, at)));
    const letter = text.charAt(at + 1);
    if (letter === "%") literal.push(Buffer.from("%"));
    else if (isToken(letter)) {
      endLiteral();
      pieces.push(letter);
    } else throw new UsageError(`the format has no token %${letter}; there are ${tokenNames()} and %%`);
    start = at + 2;
  }
  literal.push(unescaped(text.slice(start)));
  endLiteral();
  return pieces;
}

const tokenNames = (): string =>
  Object.keys(formatTokens)
    .map((letter) => `%${letter}`)
    .join(" ");

/** Puts one record into a sink. */
export type RecordWriter = (record: BytesRecord, sink: ByteSink) => void;

interface WriterOptions {
  /** Stands for a null key or value (-Z: NULL_TEXT); default: nothing. */
  readonly nullText?: string;
}

/** The writer of a format. */
export function formatOf(text: string, options?: WriterOptions): RecordWriter {
  return writerOf(parseFormat(text), options);
}

/** The writer of a format whose pieces are known: `["k", delimiter, "s", newline]`. */
export function writerOf(pieces: readonly FormatPiece[], { nullText = "" }: WriterOptions = {}): RecordWriter {
  const writers = pieces.map((piece): Writer => {
    if (typeof piece === "string") return formatTokens[piece].write;
    return (_record, sink) => sink.bytes(piece);
  });
  return (record, sink) => {
    for (const write of writers) write(record, sink, nullText);
  };
}
