// The guide as the tests read it: pages, their fenced blocks, and what is said around a block.
//
// A fence's language says how it is tested. `ts`, `js`: run against a broker, and type-checked. `sh`: run, with `brooklet` the
// command. `json`, `properties`: read by what reads them. `text` right below a block: what that block prints; `…` stands for
// anything. `html`: opened in a browser, by test/browser. `js kafkajs`: must parse. `java`: for the eye. `not-run: why` after the language: as it says, and counted.
// `<!-- given: … -->` right above a block is code that the reader has already; `<!-- then: … -->` right below it ends it.

import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

export const repository = fileURLToPath(new URL("../../..", import.meta.url));
const folder = new URL("../../../docs/guide/", import.meta.url);

export interface Block {
  readonly page: string;
  /** Of the opening fence. */
  readonly line: number;
  readonly language: string;
  /** What follows the language. */
  readonly info: string;
  readonly code: string;
  readonly given: string;
  readonly then: string;
  /** Of the `text` block below it. */
  readonly output: string | undefined;
}

export interface Page {
  readonly name: string;
  readonly text: string;
  readonly blocks: readonly Block[];
}

export const pages: readonly Page[] = readdirSync(folder)
  .filter((name) => name.endsWith(".md"))
  .sort()
  .map((name) => {
    const text = readFileSync(new URL(name, folder), "utf8");
    return { name, text, blocks: blocksOf(name, text) };
  });

/** Everything but fenced blocks and comments. */
export function prose({ text }: Page): string {
  return text.replace(/^```[\s\S]*?^```$/gm, "").replace(/<!--[\s\S]*?-->/g, "");
}

export function notRun({ info }: Block): string | undefined {
  return /not-run: (.+)$/.exec(info)?.[1];
}

/** The lines that `// prints:` comments promise. */
export function promised(code: string): string[] {
  return [...code.matchAll(/\/\/ prints: ?(.*)$/gm)].map((match) => match[1] ?? "");
}

/** Whether the lines are those: `…` stands for anything in a line, alone in its line for any lines. */
export function printed(lines: readonly string[], expected: readonly string[]): boolean {
  const pattern = expected
    .map((line) =>
      line.trim() === "…"
        ? "(?:.*\n)*?"
        : `${line.trimEnd().split("…").map(escaped).join(".*?").replaceAll(/ +/g, " +")}\\s*\n`,
    )
    .join("");
  return new RegExp(`^${pattern}$`).test(lines.map((line) => `${line}\n`).join(""));
}

/** The first column of the table at a page's end: what the program says, as one or more texts with `…` for what varies. */
export function symptomsOf({ text }: Page): string[][] {
  const last = text.split(/^## /m).at(-1) ?? "";
  return [...last.matchAll(/^\| (`.*?`) \| /gm)].map((match) =>
    (match[1] ?? "").split("` `").map((part) => part.replaceAll("`", "")),
  );
}

/** Matches what a symptom is about; `gap` is what may stand for `…`. */
export function symptomPattern(symptom: string, gap: string): RegExp {
  const parts = symptom
    .split("…")
    .map((part) => part.trim().replace(/[.]$/, ""))
    .filter((part) => part !== "");
  return new RegExp(parts.map((part) => escaped(part).replaceAll('"', '\\\\?"')).join(gap));
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}

function blocksOf(page: string, text: string): Block[] {
  const given = String.raw`(?:<!-- given:\n(?<given>[\s\S]*?)-->\n)?`;
  const fence = String.raw`^${"```"}(?<language>\w+) ?(?<info>[^\n]*)\n(?<code>[\s\S]*?)^${"```"}$`;
  const then = String.raw`(?:\n<!-- then:\n(?<then>[\s\S]*?)-->)?`;
  const output = String.raw`(?:\n\n?${"```"}text\n(?<output>[\s\S]*?)^${"```"}$)?`;
  return [...text.matchAll(new RegExp(`${given}${fence}${then}${output}`, "gm"))].map((match) => {
    const { language = "", info = "", code = "", given = "", then = "", output } = match.groups ?? {};
    const opening = match.index + match[0].search(/^```/m);
    return { page, line: text.slice(0, opening).split("\n").length, language, info, code, given, then, output };
  });
}
