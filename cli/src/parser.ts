// From the words of a command line to the row that is called, or the help that is wanted. The parser is built from the table.
// Invariant: says nothing and runs nothing; what is wrong is a UsageError that names the nearest thing that exists.

import { nearestName } from "@brooklet/protocol";
import { Command, CommanderError, Option } from "commander";
import { Options } from "./call.ts";
import { commandTable, familyTexts } from "./command-table.ts";
import { UsageError } from "./exits.ts";
import { type HelpTopic, helpTopicOf } from "./help.ts";
import type { CommandRow, OptionRow } from "./options.ts";

export type Parsed =
  | { readonly kind: "call"; readonly row: CommandRow; readonly args: readonly string[]; readonly options: Options }
  | { readonly kind: "help"; readonly topic: HelpTopic }
  | { readonly kind: "version" };

const DEFAULT_COMMAND = "serve";
const HELP = ["-h", "--help"];
const VERSION = ["-V", "--version"];

/**
 * What the words ask for.
 *
 * Errors: UsageError, whose `help` is the command line that explains more.
 */
export function parse(argv: readonly string[]): Parsed {
  const [first] = argv;
  if (first !== undefined && VERSION.includes(first)) return { kind: "version" };
  if (first === "help") return helpFor(argv.slice(1).filter((word) => !HELP.includes(word)));
  let parsed: Parsed | undefined;
  const parser = parserOf((found) => {
    parsed = found;
  });
  const words = withCommand(argv);
  const within = (helpTopicOf(words)?.row?.name ?? words.slice(0, familyTexts.has(words[0] ?? "") ? 1 : 0).join(" "))
    .split(" ")
    .filter((word) => word !== "");
  try {
    if (first !== undefined && HELP.includes(first)) return { kind: "help", topic: {} };
    checkNames(words);
    parser.parse(words, { from: "user" });
  } catch (error) {
    if (error instanceof CommanderError) {
      if (error.code === "commander.helpDisplayed") return { kind: "help", topic: helpTopicOf(within) ?? {} };
      const message = error.message.replace(/^error: /, "").replace(/\n\((Did you mean .*)\)/, "; $1");
      throw new UsageError(insteadOf(message, within) ?? message.replace("; Did", "; did"), helpLine(within));
    }
    if (error instanceof UsageError) throw new UsageError(error.message, error.help ?? helpLine(within));
    throw error;
  }
  if (parsed === undefined) throw new UsageError("nothing is called", helpLine([]));
  return parsed;
}

/** A flag of another tool is refused with what to use instead. */
function insteadOf(message: string, words: readonly string[]): string | undefined {
  const flag = /^unknown option '(-.)/.exec(message)?.[1] ?? "";
  const instead = helpTopicOf(words)?.row?.instead?.get(flag);
  return instead === undefined ? undefined : `${flag} is not taken; instead: ${instead}`;
}

function helpLine(words: readonly string[]): string {
  return ["brooklet", ...words, "--help"].join(" ");
}

/** `brooklet` alone, and with options only, starts the broker. */
function withCommand(argv: readonly string[]): string[] {
  const [first] = argv;
  return first !== undefined && (!first.startsWith("-") || HELP.includes(first))
    ? [...argv]
    : [DEFAULT_COMMAND, ...argv];
}

function helpFor(words: readonly string[]): Parsed {
  const topic = helpTopicOf(words);
  if (topic !== undefined) return { kind: "help", topic };
  checkNames(words);
  throw new UsageError(`there is no help about ${JSON.stringify(words.join(" "))}`, helpLine([]));
}

/** Refuses words that begin no command, with those that were meant perhaps: `list` may be `topics list`. */
function checkNames([first = "", second]: readonly string[]): void {
  const families = [...familyTexts.keys()];
  if (families.includes(first)) {
    const members = commandTable.flatMap(({ name }) =>
      name.startsWith(`${first} `) ? [name.split(" ")[1] ?? ""] : [],
    );
    if (second === undefined) throw new UsageError(`${first} what? One of: ${members.join(", ")}`, helpLine([first]));
    if (members.includes(second) || HELP.includes(second)) return;
    const nearest = nearestName(second, members);
    throw new UsageError(
      `unknown command '${first} ${second}'; ${nearest === undefined ? `there are: ${members.join(", ")}` : `did you mean ${first} ${nearest}?`}`,
      helpLine([first]),
    );
  }
  if (commandTable.some(({ name }) => name === first)) return;
  const inFamilies = commandTable.filter(({ name }) => name.split(" ")[1] === first).map(({ name }) => name);
  const words = [...families, ...commandTable.map(({ name }) => name).filter((name) => !name.includes(" ")), "help"];
  const nearest = inFamilies.length > 0 ? inFamilies.join(" or ") : nearestName(first, words);
  throw new UsageError(
    `unknown command '${first}'${nearest === undefined ? "" : `; did you mean ${nearest}?`}`,
    helpLine([]),
  );
}

/** The parser of the whole table; `onCall` gets the row that was called. */
function parserOf(onCall: (call: Parsed) => void): Command {
  const configured = (command: Command) =>
    command
      .exitOverride()
      .helpCommand(false)
      .configureOutput({ writeOut: () => undefined, writeErr: () => undefined });
  const program = configured(new Command("brooklet"));
  const families = new Map<string, Command>();
  for (const row of commandTable) {
    const words = row.name.split(" ");
    const [first = ""] = words;
    let parent = program;
    if (words.length > 1) {
      parent = families.get(first) ?? configured(program.command(first));
      families.set(first, parent);
    }
    const command = configured(parent.command(words.at(-1) ?? first));
    for (const { name, text } of row.arguments) command.argument(name, text);
    for (const option of row.options) command.addOption(optionOf(option));
    command.action(() => onCall({ kind: "call", row, args: command.args, options: new Options(command.opts()) }));
  }
  return program;
}

function optionOf(row: OptionRow): Option {
  const option = new Option(row.flags, row.text);
  if (row.repeatable === true) option.argParser((value: string, previous: string[] = []) => [...previous, value]);
  else if (row.parse !== undefined) option.argParser(row.parse);
  return option;
}
