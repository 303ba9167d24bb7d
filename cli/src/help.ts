// Help as lines, from the table of commands: the whole command, a family (`topics`), one command. Teaches by example.
// Invariant: at most `columns` wide, but for what is one word; examples can be copied as they stand, also where they are broken.

import { commandSections, commandTable, familyTexts } from "./command-table.ts";
import { exitCodes, exitTexts } from "./exits.ts";
import { environmentRows, firstSteps, purpose } from "./manual.ts";
import { type CommandRow, client, type OptionRow } from "./options.ts";
import type { Style } from "./terminal.ts";
import { padded, widthOf, wrapped, wrappedCommand, wrappedOutline } from "./text.ts";

export interface HelpLine {
  readonly text: string;
  readonly style?: Style;
}

/** What help is about: everything, the commands of a family, one command. */
export type HelpTopic = { readonly family?: string; readonly row?: CommandRow };

const INDENT = "  ";
/** Names wider than this stand on a line of their own. */
const MAX_NAME_COLUMNS = 30;
/** With less beside the names, texts stand below them. */
const MIN_TEXT_COLUMNS = 36;
/** Longer lines are hard to read. */
const MAX_COLUMNS = 100;

/** The words of a command line that name a family or a command; undefined when they name nothing. */
export function helpTopicOf(words: readonly string[]): HelpTopic | undefined {
  if (words.length === 0) return {};
  const [first = ""] = words;
  const row = commandTable.find(({ name }) => name === words.slice(0, name.split(" ").length).join(" "));
  if (row !== undefined) return { row };
  return words.length === 1 && familyTexts.has(first) ? { family: first } : undefined;
}

/** The lines of help; what a row says below its options is loaded for it. */
export async function helpOf({ family, row }: HelpTopic, terminalColumns: number): Promise<HelpLine[]> {
  const columns = Math.min(terminalColumns, MAX_COLUMNS);
  if (row !== undefined) return [...helpOfRow(row, columns), ...(await epilogueOf(row, columns))];
  return family === undefined ? helpOfAll(columns) : helpOfFamily(family, columns);
}

function helpOfAll(columns: number): HelpLine[] {
  const exits = Object.entries(exitTexts).map(([name, text]): [string, string] => [
    String(exitCodes[name as keyof typeof exitCodes]),
    text,
  ]);
  const nameColumns = Math.max(...commandTable.map(({ name }) => name.length));
  return [
    ...plain(wrapped(`brooklet: ${purpose}`, columns)),
    ...usage("brooklet [command] [options]", columns),
    ...section("Start here", examples(firstSteps, columns)),
    ...commandSections.flatMap(({ title, rows }) => section(title, commandList(rows, columns, nameColumns))),
    ...section("Exit codes", definitions(exits, columns)),
    ...section("Environment", definitions(environmentRows, columns)),
    { text: "" },
    ...plain(wrapped("`brooklet COMMAND --help` has the options and examples of a command.", columns)),
  ];
}

function helpOfFamily(family: string, columns: number): HelpLine[] {
  const rows = commandTable.filter(({ name }) => name.startsWith(`${family} `));
  return [
    ...plain(wrapped(`brooklet ${family}: ${familyTexts.get(family)}`, columns)),
    ...usage(`brooklet ${family} <command> [options]`, columns),
    ...section("Commands", commandList(rows, columns)),
    ...section(
      "Examples",
      examples(
        rows.flatMap((row) => row.examples.slice(0, 1)),
        columns,
      ),
    ),
  ];
}

function helpOfRow(row: CommandRow, columns: number): HelpLine[] {
  const own = row.options.filter((option) => !client.includes(option));
  const shared = row.options.filter((option) => client.includes(option));
  const rows = (options: readonly OptionRow[]) => options.map(({ flags, text }): [string, string] => [flags, text]);
  return [
    ...plain(wrapped(`brooklet ${row.name}: ${row.text}`, columns)),
    ...usage(usageOf(row), columns),
    ...section("Examples", examples(row.examples, columns)),
    ...section(
      "Arguments",
      definitions(
        row.arguments.map(({ name, text }) => [name, text]),
        columns,
      ),
    ),
    ...section("Options", definitions([...rows(own), ["-h, --help", "show this"]], columns)),
    ...section("Which broker", definitions(rows(shared), columns)),
  ];
}

async function epilogueOf(row: CommandRow, columns: number): Promise<HelpLine[]> {
  const text = await row.epilogue?.();
  return text === undefined ? [] : plain(["", ...wrappedOutline(text.replace(/^\n+/, ""), columns)]);
}

/** `brooklet consume <topic> [options]`. */
export function usageOf({ name, arguments: args }: CommandRow): string {
  return ["brooklet", name, ...args.map((argument) => argument.name), "[options]"].join(" ");
}

function usage(line: string, columns: number): HelpLine[] {
  return [{ text: "" }, ...plain(wrapped(`Usage: ${line}`, columns))];
}

function section(title: string, lines: readonly HelpLine[]): HelpLine[] {
  return lines.length === 0 ? [] : [{ text: "" }, { text: title, style: "bold" }, ...lines];
}

function commandList(rows: readonly CommandRow[], columns: number, nameColumns?: number): HelpLine[] {
  return definitions(
    rows.map(({ name, text }) => [name, text]),
    columns,
    nameColumns,
  );
}

/** Names with their texts beside them, or below where there is no room. */
function definitions(
  rows: readonly (readonly [name: string, text: string])[],
  columns: number,
  nameColumns = Math.min(MAX_NAME_COLUMNS, Math.max(0, ...rows.map(([name]) => widthOf(name)))),
): HelpLine[] {
  const beside = INDENT.length + nameColumns + INDENT.length;
  const isBeside = columns - beside >= MIN_TEXT_COLUMNS || nameColumns <= INDENT.length * 2;
  const margin = " ".repeat(isBeside ? beside : INDENT.length * 3);
  return rows.flatMap(([name, text]) => {
    const lines = wrapped(text, columns - margin.length).map((line) => margin + line);
    const [first = "", ...others] = lines;
    if (isBeside && widthOf(name) <= nameColumns)
      return plain([INDENT + padded(name, nameColumns) + first.slice(INDENT.length + nameColumns), ...others]);
    return plain([...wrapped(name, columns - INDENT.length).map((line) => INDENT + line), ...lines]);
  });
}

/** Each with what it does above it, as a shell's comment. */
function examples(rows: CommandRow["examples"], columns: number): HelpLine[] {
  return rows.flatMap(([line, meaning]) => [
    ...wrapped(meaning, columns - INDENT.length * 2).map(
      (text): HelpLine => ({ text: `${INDENT}# ${text}`, style: "dim" }),
    ),
    ...plain(wrappedCommand(line, columns - INDENT.length).map((text) => INDENT + text)),
  ]);
}

function plain(lines: readonly string[]): HelpLine[] {
  return lines.map((text) => ({ text }));
}
