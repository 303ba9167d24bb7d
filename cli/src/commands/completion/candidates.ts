// What may stand where the cursor is, from the words before it and the table of commands. Pure: names that only the broker knows
// are asked for by whoever calls.
// Invariant: reads a command line as the parser does: `-k,`, `--json`, `--offset=5`, `--`, options before and after arguments.

import { commandTable, familyTexts } from "../../command-table.ts";
import { helpTopicOf } from "../../help.ts";
import { type CommandRow, type Completes, client, type OptionRow } from "../../options.ts";

export interface Candidate {
  readonly value: string;
  /** What it is, for shells that show it. */
  readonly text: string;
}

export interface Wanted {
  /** What may stand here, all of it: words of the command line itself. */
  readonly candidates: readonly Candidate[];
  /** What may stand here by the row of an option or argument. */
  readonly completes?: Completes;
  /** Stands before the value in the same word: `--offset=`. */
  readonly prefix: string;
  /** Words that are here already and need not be offered again. */
  readonly taken: readonly string[];
  /** The values of the options before the cursor, by the options' flags. */
  readonly given: ReadonlyMap<string, string>;
}

const HELP: Candidate = { value: "--help", text: "show help" };
const nothing: Wanted = { candidates: [], prefix: "", taken: [], given: new Map() };

/** What is wanted in place of `current`, behind the words `before` (without `brooklet`). */
export function wantedAt(before: readonly string[], current: string): Wanted {
  const [first, second] = before;
  if (first === "help") return { ...nothing, candidates: namesAfter(before.slice(1)) };
  if (first === undefined && !current.startsWith("-"))
    return { ...nothing, candidates: [...namesAfter([]), { value: "help", text: "help about a command" }] };
  if (first !== undefined && second === undefined && familyTexts.has(first))
    return { ...nothing, candidates: current.startsWith("-") ? [HELP] : namesAfter([first]) };
  // Options alone are those of the broker.
  const words = first === undefined || first.startsWith("-") ? ["serve", ...before] : before;
  const row = helpTopicOf(words)?.row;
  if (row === undefined) return nothing;
  const wanted = wantedBy(row, words.slice(row.name.split(" ").length), current);
  const version = { value: "--version", text: "show the version" };
  return first === undefined ? { ...wanted, candidates: [...wanted.candidates, version] } : wanted;
}

/** Commands and families that go on from these words. */
function namesAfter(words: readonly string[]): Candidate[] {
  if (words.length > 1) return [];
  const [family] = words;
  if (family !== undefined)
    return commandTable
      .filter(({ name }) => name.startsWith(`${family} `))
      .map(({ name, text }) => ({ value: name.slice(family.length + 1), text }));
  const families = [...familyTexts].map(([value, text]) => ({ value, text }));
  const commands = commandTable
    .filter(({ name }) => !name.includes(" "))
    .map(({ name, text }) => ({ value: name, text }));
  return [...commands, ...families];
}

function wantedBy(row: CommandRow, words: readonly string[], current: string): Wanted {
  const options = row.options.map(optionOf);
  const { pending, used, given, positional, onlyPositional } = scanned(options, words);
  if (pending !== undefined) return { ...nothing, ...completing(pending.row.completes), given };
  const equals = current.indexOf("=");
  if (!onlyPositional && current.startsWith("--") && equals > 0) {
    const option = options.find(({ names }) => names.includes(current.slice(0, equals)));
    return { ...nothing, ...completing(option?.row.completes), prefix: current.slice(0, equals + 1), given };
  }
  // Its own before those that every command has.
  const sorted = [
    ...options.filter(({ row }) => !client.includes(row)),
    ...options.filter(({ row }) => client.includes(row)),
  ];
  const unused = sorted.filter((option) => option.row.repeatable === true || !used.has(option));
  const flags = [...unused.map(({ names, row: { text } }) => ({ value: names.at(-1) ?? "", text })), HELP];
  if (!onlyPositional && current.startsWith("-")) return { ...nothing, candidates: flags, given };
  const last = row.arguments.at(-1);
  const argument = row.arguments[positional.length] ?? (last?.name.includes("...") === true ? last : undefined);
  if (argument?.completes !== undefined)
    return { ...nothing, ...completing(argument.completes), taken: positional, given };
  // Nothing else can stand here: the options can.
  return argument === undefined && !onlyPositional && current === ""
    ? { ...nothing, candidates: flags, given }
    : nothing;
}

function completing(completes: Completes | undefined): { completes?: Completes } {
  return completes === undefined ? {} : { completes };
}

interface KnownOption {
  readonly row: OptionRow;
  /** `-o`, `--offset`; the longest last. */
  readonly names: readonly string[];
  readonly takesValue: boolean;
}

function optionOf(row: OptionRow): KnownOption {
  const names = row.flags.split(/[ ,|]+/).filter((word) => word.startsWith("-"));
  return { row, names, takesValue: row.flags.includes("<") };
}

/** The words before the cursor, sorted into options with values and arguments. */
function scanned(options: readonly KnownOption[], words: readonly string[]) {
  const given = new Map<string, string>();
  const used = new Set<KnownOption>();
  const positional: string[] = [];
  let pending: KnownOption | undefined;
  let onlyPositional = false;
  const known = (name: string) => options.find(({ names }) => names.includes(name));
  const take = (option: KnownOption, value: string | undefined) => {
    used.add(option);
    if (!option.takesValue) return;
    if (value === undefined) pending = option;
    else given.set(option.row.flags, value);
  };
  for (const word of words) {
    if (pending !== undefined) {
      given.set(pending.row.flags, word);
      pending = undefined;
    } else if (onlyPositional || !word.startsWith("-") || word === "-") positional.push(word);
    else if (word === "--") onlyPositional = true;
    else if (word.startsWith("--")) {
      const [name = "", ...value] = word.split("=");
      const option = known(name);
      if (option !== undefined) take(option, value.length === 0 ? undefined : value.join("="));
    }
    // `-eo5`: letters without a value until one that takes the rest.
    else
      for (let at = 1; at < word.length; at++) {
        const option = known(`-${word[at]}`);
        if (option === undefined) break;
        take(option, word.slice(at + 1) || undefined);
        if (option.takesValue) break;
      }
  }
  return { pending, used, given, positional, onlyPositional };
}

/** The words of a line as a shell reads them, up to its end: the last one is the one being typed, "" after a space. */
export function wordsOf(line: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  let quote = "";
  for (let at = 0; at < line.length; at++) {
    const character = line[at] ?? "";
    if (quote !== "" && character === quote) quote = "";
    else if (quote !== "'" && character === "\\") word = (word ?? "") + (line[++at] ?? "");
    else if (quote !== "") word = (word ?? "") + character;
    else if (character === "'" || character === '"') {
      quote = character;
      word ??= "";
    } else if (/\s/.test(character)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else word = (word ?? "") + character;
  }
  return [...words, word ?? ""];
}
