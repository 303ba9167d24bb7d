// Every command as a row: its name, arguments, options and where its code is. The parser, the help, the completion of shells,
// docs/reference/command.md and tests follow it; the code of a command is loaded only when it is called, so that `--help` starts fast.

import { benchRows } from "./commands/bench/rows.ts";
import { brokerRows } from "./commands/broker/rows.ts";
import { catRows } from "./commands/cat/rows.ts";
import { completionRows } from "./commands/completion/rows.ts";
import { groupRows } from "./commands/groups/rows.ts";
import { recordRows } from "./commands/records/rows.ts";
import { topicRows } from "./commands/topics/rows.ts";
import type { CommandRow } from "./options.ts";

/** Rows that stand together in the help. */
export interface CommandSection {
  readonly title: string;
  readonly rows: readonly CommandRow[];
}

export const commandSections: readonly CommandSection[] = [
  { title: "Broker", rows: brokerRows },
  { title: "Topics", rows: topicRows },
  { title: "Records", rows: [...recordRows, ...catRows] },
  { title: "Consumer groups", rows: groupRows },
  { title: "Measuring", rows: benchRows },
  { title: "Shell", rows: completionRows },
];

export const commandTable: readonly CommandRow[] = commandSections.flatMap(({ rows }) => rows);

/** What the first word of two-word commands is about. */
export const familyTexts: ReadonlyMap<string, string> = new Map([
  ["topics", "create, look at, change and delete topics"],
  ["groups", "look at consumer groups: members, lag, rebalances; move and delete their offsets"],
]);
