// docs/reference/command.md: every command with its arguments, options and examples; exit codes; the environment. From the table
// that the parser, `--help` and the completion of shells follow.

import { commandSections } from "../../cli/src/command-table.ts";
import { exitCodes, exitTexts } from "../../cli/src/exits.ts";
import { usageOf } from "../../cli/src/help.ts";
import { environmentRows, firstSteps, purpose } from "../../cli/src/manual.ts";
import { type CommandRow, client, type OptionRow } from "../../cli/src/options.ts";
import { wrappedOutline } from "../../cli/src/text.ts";
import { code, page, table } from "./markdown.ts";

const TEXT_COLUMNS = 100;
/** Theirs is a page of its own: configuration.md. */
const WITHOUT_EPILOGUE = ["serve"];

const epilogues = new Map<string, string>();
for (const { rows } of commandSections)
  for (const { name, epilogue } of rows)
    if (epilogue !== undefined && !WITHOUT_EPILOGUE.includes(name)) epilogues.set(name, await epilogue());

const intro = `\`brooklet\`: ${purpose} Data goes to stdout, everything else to stderr; \`--json\` is on everything that reads. \`brooklet --help\` and
\`brooklet COMMAND --help\` say the same as this page. The settings behind \`brooklet serve --set\` are on [their page](configuration.md#broker-settings).`;

const whichBroker =
  "Every command that speaks to a broker has these options. It waits for an answer for as long as `--timeout-ms` says, and says so after a second.";

const completion = `Commands, options, and the names of topics and groups, which come from the broker that the line names (or the environment, or this
machine's). \`brooklet completion fish > ~/.config/fish/completions/brooklet.fish\` for fish; for bash and zsh this line in \`~/.bashrc\` or
\`~/.zshrc\`: \`source <(brooklet completion bash)\`, \`source <(brooklet completion zsh)\`.
Where brooklet is an alias, zsh also needs \`setopt complete_aliases\`.`;

/** The page. */
export function commandPage(): string {
  return page(
    "The command",
    "cli/src/command-table.ts",
    intro,
    ["## First steps", examples(firstSteps)].join("\n\n"),
    ...commandSections.map(({ title, rows }) => [`## ${title}`, ...rows.map(commandSection)].join("\n\n")),
    ["## Which broker", whichBroker, optionTable(client)].join("\n\n"),
    [
      "## Exit codes",
      table(
        ["code", "name", "when"],
        Object.entries(exitCodes).map(([name, number]) => [
          code(String(number)),
          name,
          exitTexts[name as keyof typeof exitTexts],
        ]),
      ),
    ].join("\n\n"),
    [
      "## Environment",
      table(
        ["variable", "what it is"],
        environmentRows.map(([name, text]) => [code(name), text]),
      ),
    ].join("\n\n"),
    ["## Completion in shells", completion].join("\n\n"),
  );
}

function commandSection(row: CommandRow): string {
  const own = row.options.filter((option) => !client.includes(option));
  const epilogue = epilogues.get(row.name);
  return [
    `### ${row.name}`,
    `${row.text.slice(0, 1).toUpperCase()}${row.text.slice(1)}.`,
    code(usageOf(row)),
    ...(row.arguments.length === 0
      ? []
      : [
          table(
            ["argument", "what it is"],
            row.arguments.map(({ name, text }) => [code(name), text]),
          ),
        ]),
    ...(own.length === 0 ? [] : [optionTable(own)]),
    ...(row.options.length > own.length ? ["And those of [which broker](#which-broker)."] : []),
    examples(row.examples),
    ...(epilogue === undefined ? [] : [block("text", wrappedOutline(epilogue.trim(), TEXT_COLUMNS))]),
  ].join("\n\n");
}

function optionTable(options: readonly OptionRow[]): string {
  return table(
    ["option", "what it does"],
    options.map(({ flags, text }) => [code(flags), text]),
  );
}

function examples(rows: CommandRow["examples"]): string {
  return block(
    "sh",
    rows.flatMap(([line, meaning]) => [`# ${meaning}`, line]),
  );
}

function block(language: string, lines: readonly string[]): string {
  return [`\`\`\`${language}`, ...lines, "```"].join("\n");
}
