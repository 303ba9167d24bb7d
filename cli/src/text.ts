// Text in columns: how wide it stands on a terminal, and how it is broken into lines.
// Invariant: nothing is cut away; what is one word stays one word, so that it can be copied, even if it is wider than a line.

/** Code points that take two columns: East Asian wide and full-width ones, emoji. */
const WIDE: readonly (readonly [from: number, to: number])[] = [
  [0x1100, 0x115f],
  [0x2e80, 0x303e],
  [0x3041, 0xa4cf],
  [0xac00, 0xd7a3],
  [0xf900, 0xfaff],
  [0xfe30, 0xfe6f],
  [0xff00, 0xff60],
  [0xffe0, 0xffe6],
  [0x1f300, 0x1f64f],
  [0x1f680, 0x1f6ff],
  [0x1f900, 0x1f9ff],
  [0x20000, 0x3fffd],
];
const PLAIN = /^[\u0020-\u007e]*$/;
const NO_WIDTH = /[\p{Mn}\p{Me}\p{Cf}]/u;

/** Columns that the text takes on a terminal; control characters count as none. */
export function widthOf(text: string): number {
  if (PLAIN.test(text)) return text.length;
  let width = 0;
  for (const character of text) width += widthOfCharacter(character);
  return width;
}

function widthOfCharacter(character: string): number {
  const code = character.codePointAt(0) ?? 0;
  if (code < 0x20 || (code >= 0x7f && code < 0xa0) || NO_WIDTH.test(character)) return 0;
  return WIDE.some(([from, to]) => code >= from && code <= to) ? 2 : 1;
}

/** Filled up with spaces to `width` columns. */
export function padded(text: string, width: number): string {
  return text + " ".repeat(Math.max(0, width - widthOf(text)));
}

/** As much of the text as `width` columns hold, with `…` where something is missing: for lines that come and go. */
export function clipped(text: string, width: number): string {
  if (widthOf(text) <= width) return text;
  let taken = "";
  let left = width - 1;
  for (const character of text) {
    left -= widthOfCharacter(character);
    if (left < 0) break;
    taken += character;
  }
  return width < 1 ? "" : `${taken}…`;
}

/** The text in lines of at most `width` columns, broken at spaces; the text's own line breaks stay. */
export function wrapped(text: string, width: number): string[] {
  return text.split("\n").flatMap((line) => filled(line.split(/ +/), width));
}

/**
 * Each line of the text by itself in lines of at most `width` columns: what is broken goes on as far in as it began.
 * For text with an outline, as the broker's settings in the help.
 */
export function wrappedOutline(text: string, width: number): string[] {
  return text.split("\n").flatMap((line) => {
    const margin = /^ */.exec(line)?.[0] ?? "";
    return wrapped(line.trim(), Math.max(1, width - margin.length)).map((part) => `${margin}${part}`.trimEnd());
  });
}

/** A line for a shell, broken between its words with a backslash, so that it can be copied as it stands. */
export function wrappedCommand(line: string, width: number, margin = "    "): string[] {
  if (widthOf(line) <= width) return [line];
  // Spaces inside quotes belong to a word.
  const words = line.match(/(?:'[^']*'|"(?:\\.|[^"\\])*"|\\.|[^\s'"\\])+/gs) ?? [line];
  const lines = filled(words, width - 2, width - 2 - margin.length);
  return lines.map((part, at) => `${at === 0 ? "" : margin}${part}${at === lines.length - 1 ? "" : " \\"}`);
}

function filled(words: readonly string[], width: number, laterWidth = width): string[] {
  const lines: string[] = [];
  let line: string | undefined;
  for (const word of words) {
    const limit = lines.length === 0 ? width : laterWidth;
    if (line === undefined) line = word;
    else if (widthOf(line) + 1 + widthOf(word) <= limit) line = `${line} ${word}`;
    else {
      lines.push(line);
      line = word;
    }
  }
  return [...lines, line ?? ""];
}
