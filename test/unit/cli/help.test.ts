// Help over the whole table: every row, at every width, with examples that can be copied.

import { expect, test } from "vitest";
import { commandSections, commandTable, familyTexts } from "../../../cli/src/command-table.ts";
import { exitCodes } from "../../../cli/src/exits.ts";
import { helpOf, helpTopicOf } from "../../../cli/src/help.ts";
import { environmentRows, firstSteps } from "../../../cli/src/manual.ts";
import { parse } from "../../../cli/src/parser.ts";
import { widthOf } from "../../../cli/src/text.ts";

const topics = [
  [],
  ...[...familyTexts.keys()].map((name) => [name]),
  ...commandTable.map(({ name }) => name.split(" ")),
];

async function helpText(words: readonly string[], columns: number): Promise<string> {
  return (await helpOf(helpTopicOf(words) ?? {}, columns)).map(({ text }) => text).join("\n");
}

/** Without what the layout does to a text. */
const flat = (text: string) => text.replace(/ \\\n|\n +#/g, " ").replace(/\s+/g, " ");

test.each(topics.map((words) => [`brooklet ${words.join(" ")}`, words] as const))(
  "%s --help fits into 80 and 40 columns, whatever is no single word",
  async (_, words) => {
    for (const columns of [80, 40]) {
      const lines = (await helpText(words, columns)).split("\n");
      expect(lines.filter((line) => widthOf(line) > columns && line.trim().includes(" "))).toEqual([]);
    }
  },
);

test.each(commandTable.map((row) => [row.name, row] as const))(
  "%s --help says everything that the row says, at 80 and at 40 columns",
  async (name, row) => {
    for (const columns of [80, 40]) {
      const text = flat(await helpText(name.split(" "), columns));
      expect(text).toContain(flat(row.text));
      for (const option of row.options)
        for (const part of [option.flags, option.text]) expect(text).toContain(flat(part));
      for (const argument of row.arguments) expect(text).toContain(flat(argument.text));
      for (const [line, meaning] of row.examples)
        for (const part of [line, meaning]) expect(text).toContain(flat(part));
    }
  },
);

test.each(commandTable.map((row) => [row.name, row] as const))(
  "%s has examples, and those that are its own parse",
  (name, row) => {
    expect(row.examples.length).toBeGreaterThan(0);
    const calls = row.examples
      .flatMap(([line]) => line.split("|"))
      .map((part) => part.trim())
      .filter((part) => part.startsWith(`brooklet ${name} `) || part === `brooklet ${name}`)
      .map((part) => part.split(/ (?:>>?|<|2>|&)(?: |$)/)[0] ?? "")
      // Quoted words are words.
      .map((part) => (part.match(/(?:'[^']*'|"[^"]*"|[^\s'"])+/g) ?? []).map((word) => word.replaceAll(/['"]/g, "")));
    for (const [, ...words] of calls) expect(parse(words)).toMatchObject({ kind: "call", row: { name } });
  },
);

test("the help of all names every command by its section, the first steps, exit codes and the environment", async () => {
  const text = await helpText([], 80);
  for (const { title, rows } of commandSections) {
    expect(text).toContain(`\n${title}\n`);
    for (const { name } of rows) expect(text).toContain(`\n  ${name} `);
  }
  expect(firstSteps).toHaveLength(3);
  for (const [line] of firstSteps) expect(text).toContain(`\n  ${line}\n`);
  for (const code of Object.values(exitCodes)) expect(text).toMatch(new RegExp(`^  ${code} +\\S`, "m"));
  for (const [name] of environmentRows) expect(text).toContain(`  ${name} `);
});

test("every first word of two is a family with a text, and no family is empty", () => {
  const first = new Set(commandTable.filter(({ name }) => name.includes(" ")).map(({ name }) => name.split(" ")[0]));
  expect([...familyTexts.keys()].sort()).toEqual([...first].sort());
});

test.each([
  [["--help"], {}],
  [["-h"], {}],
  [["help"], {}],
  [["help", "topics"], { family: "topics" }],
  [["topics", "--help"], { family: "topics" }],
  [["help", "produce"], { row: "produce" }],
  [["help", "topics", "create"], { row: "topics create" }],
  [["topics", "create", "-h"], { row: "topics create" }],
  [["produce", "--help"], { row: "produce" }],
  [["consume", "t", "--json", "--help"], { row: "consume" }],
])("%j asks for help about %j", (argv, about) => {
  const parsed = parse(argv);
  const topic = parsed.kind === "help" ? parsed.topic : undefined;
  expect({ ...topic, ...(topic?.row === undefined ? {} : { row: topic.row.name }) }).toEqual(about);
});

test.each([
  [["topcs"], /unknown command 'topcs'; did you mean topics\?/, "brooklet --help"],
  [["topics", "lst"], /unknown command 'topics lst'; did you mean topics list\?/, "brooklet topics --help"],
  [["topics", "frobnicate"], /there are: .*list/, "brooklet topics --help"],
  [["topics"], /topics what\? One of: .*list/, "brooklet topics --help"],
  [["list"], /did you mean topics list or groups list\?/, "brooklet --help"],
  [["help", "produc"], /did you mean produce\?/, "brooklet --help"],
  [["consume", "t", "--jsn"], /unknown option '--jsn'; did you mean --json\?/, "brooklet consume --help"],
  [["--prot", "0"], /unknown option '--prot'; did you mean --port\?/, "brooklet serve --help"],
  [["groups", "list", "surplus"], /too many arguments/, "brooklet groups list --help"],
  [["xyzzy"], /unknown command 'xyzzy'$/, "brooklet --help"],
])("%j is refused with what was meant perhaps, and where more is said", (argv, message, help) => {
  expect(() => parse(argv)).toThrow(expect.objectContaining({ message: expect.stringMatching(message), help }));
});
