// JSON as text that is not to be changed: where a value begins and ends, and whether bytes are JSON at all. Values are cut
// out of a request and put into answers as they stand, so that 64-bit integers, spellings like 1.0 and 1e400, names that
// repeat, escapes and `__proto__` survive byte for byte.
//
// Invariants: linear time, nesting counted and never recursed into beyond the path of names asked for; what this calls JSON
// is what JSON.parse takes (RFC 8259), except for deeper nesting. UTF-8 is checked where a request is cut.

import { ProtocolError } from "../errors.ts";
import { MAX_JSON_DEPTH } from "../limits.ts";

/** In a path: every element of a list. */
export const EACH = Symbol("each element");

const QUOTE = 0x22;
const COMMA = 0x2c;
const MINUS = 0x2d;
const DOT = 0x2e;
const ZERO = 0x30;
const COLON = 0x3a;
const OPEN_BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_BRACKET = 0x5d;
const SMALL_E = 0x65;
const SMALL_U = 0x75;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const SPACE = 0x20;

const LITERALS = ["true", "false", "null"].map((word) => new TextEncoder().encode(word));
const NULL = LITERALS[2] as Uint8Array;
/** What may follow a backslash, but `u`. */
const ESCAPED = new Set([...'"\\/bfnrt'].map((character) => character.charCodeAt(0)));

const encoder = new TextEncoder();
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Scanning gives the place behind what was read, or one of these: nested too deep, or -1 - the place where it is no JSON. */
const TOO_DEEP = -(2 ** 31);

/** A request without the values at a path, and those values. */
export interface CutJson {
  /** The JSON with each value replaced by its number among `values`; null stays null. */
  readonly rest: Uint8Array;
  readonly values: RawValues;
}

/** The texts of values, as views into the request they stand in. */
export class RawValues {
  readonly #json: Uint8Array;
  /** Begin and end of each in turn. */
  readonly #spans: readonly number[];

  constructor(json: Uint8Array, spans: readonly number[]) {
    this.#json = json;
    this.#spans = spans;
  }

  get count(): number {
    return this.#spans.length / 2;
  }

  at(index: number): Uint8Array | undefined {
    const start = this.#spans[2 * index];
    return start === undefined ? undefined : this.#json.subarray(start, this.#spans[2 * index + 1]);
  }
}

/**
 * Cuts the values at `path` out of a JSON text, to be kept as they stand.
 *
 * Shape: a name that repeats is cut each time; parsing the rest decides which one counts. What does not have the shape of
 * the path stays where it is.
 * Units: at most `maxValues` values, each nested at most MAX_JSON_DEPTH deep.
 * Errors: INVALID_REQUEST when it is no JSON in UTF-8, or beyond the bounds.
 */
export function cutValues(
  json: Uint8Array,
  path: readonly (string | typeof EACH)[],
  { maxValues }: { readonly maxValues: number },
): CutJson {
  try {
    utf8.decode(json);
  } catch (cause) {
    throw unreadable("it is not UTF-8", cause);
  }
  const spans: number[] = [];
  const steps = path.map((step) => (typeof step === "string" ? { name: step, bytes: encoder.encode(step) } : step));

  const visit = (at: number, level: number): number => {
    const step = steps[level];
    if (step === undefined) {
      const end = skipValue(json, at);
      if (end >= 0 && !isWord(json, at, NULL)) {
        spans.push(at, end);
        if (spans.length > 2 * maxValues) throw unreadable(`it has more than ${maxValues} values`);
      }
      return end;
    }
    const opening = typeof step === "symbol" ? OPEN_BRACKET : OPEN_BRACE;
    if (json[at] !== opening) return skipValue(json, at);
    const closing = opening + 2;
    let next = skipSpace(json, at + 1);
    if (json[next] === closing) return next + 1;
    for (;;) {
      let inside = true;
      if (typeof step !== "symbol") {
        const nameAt = next;
        next = skipString(json, nameAt);
        if (next < 0) return next;
        inside = isName(json, nameAt + 1, next - 1, step);
        next = skipSpace(json, next);
        if (json[next] !== COLON) return -1 - next;
        next = skipSpace(json, next + 1);
      }
      next = inside ? visit(next, level + 1) : skipValue(json, next);
      if (next < 0) return next;
      next = skipSpace(json, next);
      if (json[next] === closing) return next + 1;
      if (json[next] !== COMMA) return -1 - next;
      next = skipSpace(json, next + 1);
    }
  };

  const start = skipSpace(json, 0);
  const end = visit(start, 0);
  const behind = end < 0 ? end : skipSpace(json, end);
  if (behind === TOO_DEEP) throw unreadable(`it is nested more than ${MAX_JSON_DEPTH} deep`);
  if (behind !== json.length) {
    const at = behind < 0 ? -1 - behind : behind;
    throw unreadable(at < json.length ? `byte ${at} does not belong there` : "it ends too early");
  }
  return { rest: withoutValues(json, spans), values: new RawValues(json, spans) };
}

/**
 * Whether the bytes, which are UTF-8, can stand inside another JSON text as they are, and come back out of it as they are:
 * a JSON value without control characters, without white space around it, not `null` (which says that there is no value),
 * nested at most MAX_JSON_DEPTH deep.
 */
export function isSpliceable(bytes: Uint8Array): boolean {
  const end = skipValue(bytes, 0);
  if (end !== bytes.length || isWord(bytes, 0, NULL)) return false;
  // A control character in a string is no JSON; between tokens it is white space.
  for (let at = 0; at < end; at++) if ((bytes[at] as number) < SPACE) return false;
  return true;
}

function withoutValues(json: Uint8Array, spans: readonly number[]): Uint8Array {
  if (spans.length === 0) return json;
  const numberBytes = String(spans.length / 2).length;
  const rest = new Uint8Array(json.length + (numberBytes * spans.length) / 2);
  let from = 0;
  let to = 0;
  for (let index = 0; index < spans.length; index += 2) {
    const start = spans[index] as number;
    rest.set(json.subarray(from, start), to);
    to += start - from;
    to += encoder.encodeInto(String(index / 2), rest.subarray(to)).written;
    from = spans[index + 1] as number;
  }
  rest.set(json.subarray(from), to);
  return rest.subarray(0, to + json.length - from);
}

function isName(json: Uint8Array, start: number, end: number, name: { name: string; bytes: Uint8Array }): boolean {
  for (let at = start; at < end; at++) {
    // Rare: a name that is written with escapes.
    if (json[at] === BACKSLASH) return JSON.parse(`"${utf8.decode(json.subarray(start, end))}"`) === name.name;
  }
  return end - start === name.bytes.length && isWord(json, start, name.bytes);
}

/** Reads one value that begins at `at`. */
function skipValue(json: Uint8Array, start: number): number {
  let at = start;
  let depth = 0;
  /** Bit `depth - 1` is set where that level is an object. */
  let objects = 0;
  for (;;) {
    const byte = json[at];
    if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
      if (depth === MAX_JSON_DEPTH) return TOO_DEEP;
      const bit = 1 << depth++;
      at = skipSpace(json, at + 1);
      if (json[at] !== byte + 2) {
        if (byte === OPEN_BRACKET) {
          objects &= ~bit;
        } else {
          objects |= bit;
          at = skipName(json, at);
          if (at < 0) return at;
        }
        continue;
      }
      at++;
      depth--;
    } else {
      at = skipPlain(json, at, byte);
      if (at < 0) return at;
    }
    // A value has ended here, and with it perhaps those around it.
    for (;;) {
      if (depth === 0) return at;
      at = skipSpace(json, at);
      const inObject = (objects & (1 << (depth - 1))) !== 0;
      const next = json[at];
      if (next === COMMA) {
        at = skipSpace(json, at + 1);
        if (inObject) at = skipName(json, at);
        if (at < 0) return at;
        break;
      }
      if (next !== (inObject ? CLOSE_BRACE : CLOSE_BRACKET)) return -1 - at;
      at++;
      depth--;
    }
  }
}

/** A string, number or word. */
function skipPlain(json: Uint8Array, at: number, byte: number | undefined): number {
  if (byte === QUOTE) return skipString(json, at);
  if (byte === MINUS || isDigit(byte)) return skipNumber(json, at);
  for (const word of LITERALS) if (byte === word[0] && isWord(json, at, word)) return at + word.length;
  return -1 - at;
}

/** A name, its colon and the white space around; gives where its value begins. */
function skipName(json: Uint8Array, at: number): number {
  const end = skipString(json, at);
  if (end < 0) return end;
  const colon = skipSpace(json, end);
  return json[colon] === COLON ? skipSpace(json, colon + 1) : -1 - colon;
}

function skipString(json: Uint8Array, start: number): number {
  if (json[start] !== QUOTE) return -1 - start;
  for (let at = start + 1; at < json.length; at++) {
    const byte = json[at] as number;
    if (byte === QUOTE) return at + 1;
    if (byte < SPACE) return -1 - at;
    if (byte !== BACKSLASH) continue;
    const escaped = json[++at];
    if (escaped === SMALL_U) {
      for (let digit = 0; digit < 4; digit++) if (!isHex(json[++at])) return -1 - at;
    } else if (escaped === undefined || !ESCAPED.has(escaped)) return -1 - at;
  }
  return -1 - json.length;
}

function skipNumber(json: Uint8Array, start: number): number {
  let at = json[start] === MINUS ? start + 1 : start;
  if (json[at] === ZERO) at++;
  else {
    const digits = skipDigits(json, at);
    if (digits === at) return -1 - at;
    at = digits;
  }
  if (json[at] === DOT) {
    const digits = skipDigits(json, at + 1);
    if (digits === at + 1) return -1 - digits;
    at = digits;
  }
  if (((json[at] as number) | SPACE) === SMALL_E) {
    at++;
    if (json[at] === MINUS || json[at] === 0x2b) at++;
    const digits = skipDigits(json, at);
    if (digits === at) return -1 - at;
    at = digits;
  }
  return at;
}

function skipDigits(json: Uint8Array, start: number): number {
  let at = start;
  while (isDigit(json[at])) at++;
  return at;
}

function skipSpace(json: Uint8Array, start: number): number {
  let at = start;
  for (;;) {
    const byte = json[at];
    if (byte !== SPACE && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return at;
    at++;
  }
}

function isWord(json: Uint8Array, at: number, word: Uint8Array): boolean {
  for (let index = 0; index < word.length; index++) if (json[at + index] !== word[index]) return false;
  return true;
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= ZERO && byte <= 0x39;
}

function isHex(byte: number | undefined): boolean {
  if (byte === undefined) return false;
  const letter = byte | SPACE;
  return isDigit(byte) || (letter >= 0x61 && letter <= 0x66);
}

function unreadable(problem: string, cause?: unknown): ProtocolError {
  return new ProtocolError(
    "INVALID_REQUEST",
    `The JSON cannot be read: ${problem}.`,
    cause === undefined ? {} : { cause },
  );
}
