// Records read back from what a format wrote (`produce -f '%k,%s\n'` beside `consume -f '%k,%s\n'`).
// A field ends where the literal behind it first stands, or after as many bytes as a length before it says (%S, %R, %K): with
// lengths every byte, and null against empty, come back as they were.
// Invariant: a format that could be read in two ways is refused before anything is read.

import { UsageError } from "../../exits.ts";
import { type FormatPiece, type FormatToken, parseFormat } from "./format.ts";
import { bytesOf, type Chunks, checkPieceBytes } from "./lines.ts";

/** What stands in a piece of input; what it does not say stays open. */
export interface RecordParts {
  key: Uint8Array | null;
  value: Uint8Array | null;
  partition?: number;
  timestamp?: number;
}

interface Lengths {
  k: number | undefined;
  s: number | undefined;
}

/** One record being read: how far, what it says so far, and the lengths that were said ahead. */
interface Cursor {
  readonly bytes: Buffer;
  at: number;
  readonly parts: RecordParts;
  readonly lengths: Lengths;
}

/** Reads on; false: the record is not complete yet. */
type Step = (cursor: Cursor) => boolean;

const LENGTH_OF: ReadonlyMap<FormatToken, keyof Lengths> = new Map([
  ["K", "k"],
  ["S", "s"],
  ["R", "s"],
]);
const INT32_BYTES = 4;

const shown = (bytes: Uint8Array): string => JSON.stringify(Buffer.from(bytes).toString());

/** The reader of a format; `emptyIsNull` (-Z) holds for fields without a length. Errors: UsageError with what to change. */
export function formatReader(
  text: string,
  { emptyIsNull }: { readonly emptyIsNull: boolean },
): (chunks: Chunks) => AsyncGenerator<readonly RecordParts[]> {
  const pieces = parseFormat(text);
  const steps = stepsOf(pieces, emptyIsNull);
  const last = pieces.at(-1);
  return (chunks) => recordsOf(chunks, steps, last instanceof Uint8Array ? last : undefined);
}

async function* recordsOf(
  chunks: Chunks,
  steps: readonly Step[],
  ending: Uint8Array | undefined,
): AsyncGenerator<readonly RecordParts[]> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of chunks) {
    const bytes = rest.length === 0 ? bytesOf(chunk) : Buffer.concat([rest, bytesOf(chunk)]);
    const { records, end, error } = readRecords(bytes, steps);
    if (records.length > 0) yield records;
    if (error !== undefined) throw error;
    rest = bytes.subarray(end);
    checkPieceBytes(rest.length, "a record");
  }
  if (rest.length === 0) return;
  // The last record may lack its last new line, as the last line of a file may.
  const { records, end, error } = readRecords(Buffer.concat([rest, ending ?? Buffer.alloc(0)]), steps);
  if (error !== undefined) throw error;
  if (end < rest.length) throw new UsageError("the input ends in the middle of a record");
  yield records;
}

function readRecords(bytes: Buffer, steps: readonly Step[]) {
  const records: RecordParts[] = [];
  let end = 0;
  try {
    while (end < bytes.length) {
      const cursor: Cursor = {
        bytes,
        at: end,
        parts: { key: null, value: null },
        lengths: { k: undefined, s: undefined },
      };
      if (!steps.every((step) => step(cursor))) break;
      records.push(cursor.parts);
      end = cursor.at;
    }
  } catch (error) {
    return { records, end, error };
  }
  return { records, end, error: undefined };
}

/** What each piece of the format does. */
function stepsOf(pieces: readonly FormatPiece[], emptyIsNull: boolean): Step[] {
  checkTokens(pieces);
  const steps: Step[] = [];
  const lengthKnown = new Set<keyof Lengths>();
  for (let index = 0; index < pieces.length; index++) {
    const piece = pieces[index] as FormatPiece;
    if (typeof piece !== "string") {
      steps.push(literal(piece));
      continue;
    }
    const field = LENGTH_OF.get(piece);
    if (piece === "R") steps.push(binaryLength);
    else if ((piece === "k" || piece === "s") && lengthKnown.has(piece)) steps.push(counted(piece));
    else {
      const next = pieces[index + 1];
      if (!(next instanceof Uint8Array)) throw unbounded(piece, next);
      steps.push(piece === "k" || piece === "s" ? delimited(piece, next, emptyIsNull) : delimitedText(piece, next));
      // The literal was read with the field before it.
      index++;
    }
    if (field !== undefined) lengthKnown.add(field);
  }
  return steps;
}

function checkTokens(pieces: readonly FormatPiece[]): void {
  const tokens = pieces.filter((piece) => typeof piece === "string");
  const twice = tokens.find((token, index) => tokens.indexOf(token) !== index);
  if (twice !== undefined) throw new UsageError(`the format reads %${twice} twice; once is enough`);
  if (!tokens.includes("s")) throw new UsageError("the format has no %s: no value could be read");
  if (tokens.includes("h"))
    throw new UsageError(
      "%h cannot be read back: values of headers may contain commas. `--json` copies headers exactly",
    );
  for (const [length, field] of LENGTH_OF)
    if (tokens.includes(length) && !(tokens.indexOf(length) < tokens.indexOf(field)))
      throw new UsageError(`%${length} says how long %${field} is, so it must stand before it`);
}

function unbounded(token: FormatToken, next: FormatPiece | undefined): UsageError {
  const lengths =
    token === "k"
      ? "; or say its length before it: %K,%k"
      : token === "s"
        ? "; or say its length before it: %S,%s"
        : "";
  return new UsageError(
    next === undefined
      ? `nothing ends the %${token} at the end of the format: end it with \\n, for example${lengths}`
      : `%${token} and %${String(next)} stand side by side: nothing says where one ends. Put something between, \\t for example${lengths}`,
  );
}

function literal(expected: Uint8Array): Step {
  return (cursor) => {
    const { bytes, at } = cursor;
    const there = bytes.subarray(at, at + expected.length);
    if (!there.equals(expected.subarray(0, there.length)))
      throw new UsageError(`it does not fit the format: where ${shown(expected)} should stand is ${shown(there)}`);
    cursor.at += expected.length;
    return there.length === expected.length;
  };
}

/** The bytes before `mark`, and past it; undefined while it has not come. */
function upTo(cursor: Cursor, mark: Uint8Array): Buffer | undefined {
  const end = cursor.bytes.indexOf(mark, cursor.at);
  if (end < 0) return undefined;
  const found = cursor.bytes.subarray(cursor.at, end);
  cursor.at = end + mark.length;
  return found;
}

const FIELD = { k: "key", s: "value" } as const;

function delimited(token: "k" | "s", mark: Uint8Array, emptyIsNull: boolean): Step {
  return (cursor) => {
    const found = upTo(cursor, mark);
    if (found === undefined) return false;
    cursor.parts[FIELD[token]] = emptyIsNull && found.length === 0 ? null : found;
    return true;
  };
}

function counted(token: "k" | "s"): Step {
  return (cursor) => {
    const length = cursor.lengths[token] ?? 0;
    if (length >= 0) cursor.parts[FIELD[token]] = cursor.bytes.subarray(cursor.at, cursor.at + length);
    cursor.at += Math.max(0, length);
    return cursor.at <= cursor.bytes.length;
  };
}

const binaryLength: Step = (cursor) => {
  if (cursor.at + INT32_BYTES > cursor.bytes.length) return false;
  setLength(cursor, "s", cursor.bytes.readInt32BE(cursor.at));
  cursor.at += INT32_BYTES;
  return true;
};

function setLength({ lengths }: Cursor, field: keyof Lengths, length: number): void {
  if (length < -1) throw new UsageError(`it does not fit the format: ${length} is no length`);
  checkPieceBytes(length, `the ${FIELD[field]}`);
  lengths[field] = length;
}

/** Numbers, and the topic and offset that say where a record came from. */
function delimitedText(token: FormatToken, mark: Uint8Array): Step {
  const isNumber = token !== "t";
  if (isNumber && /^[-\d]/.test(Buffer.from(mark).toString("latin1")))
    throw new UsageError(`behind the number %${token} stands ${shown(mark)}: nothing says where the number ends`);
  return (cursor) => {
    const found = upTo(cursor, mark);
    if (found === undefined) return false;
    if (!isNumber) return true;
    const text = found.toString("latin1");
    if (!/^(-1|\d{1,15})$/.test(text))
      throw new UsageError(
        `it does not fit the format: %${token} is a number; there stands ${shown(found.subarray(0, 40))}`,
      );
    const value = Number(text);
    const field = LENGTH_OF.get(token);
    if (field !== undefined) setLength(cursor, field, value);
    else if (token === "p" && value >= 0) cursor.parts.partition = value;
    else if (token === "T" && value >= 0) cursor.parts.timestamp = value;
    return true;
  };
}
