// What stands below the help of `produce` and `consume`: the tokens of a format, from their table, and how times are written.

import { MOMENTS } from "../../moment.ts";
import { formatTokens } from "./format.ts";

function tokenLines(): string[] {
  return [...Object.entries(formatTokens).map(([letter, { text }]) => `  %${letter}  ${text}`), "  %%  a percent sign"];
}

const ESCAPES = "  \\n \\r \\t \\xNN \\\\  new line, return, tab, any byte, a backslash";

export function writingHelp(): string {
  return ["", "Formats (-f)", ...tokenLines(), ESCAPES, "", "Times (@time)", `  ${MOMENTS}`].join("\n");
}

export function readingHelp(): string {
  return [
    "",
    "Formats (-f)",
    "  Those of `brooklet consume`. A field ends where the text behind it begins (%k,%s\\n), or after as many bytes as were said before it (%K,%S,%k%s), which also tells null from empty.",
    "  %t and %o are read and passed over; %p and %T hold, unless -p says otherwise. A format that could be read in two ways is refused.",
  ].join("\n");
}
