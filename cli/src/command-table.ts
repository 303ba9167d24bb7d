// Every command as a row: its name, arguments, options and where its code is. main.ts builds the parser from it, README and
// tests follow it; the code of a command is loaded only when it is called, so that `--help` starts fast.

import { brokerRows } from "./commands/broker/rows.ts";
import { groupRows } from "./commands/groups/rows.ts";
import { recordRows } from "./commands/records/rows.ts";
import { topicRows } from "./commands/topics/rows.ts";
import type { CommandRow } from "./options.ts";

export const commandTable: readonly CommandRow[] = [...brokerRows, ...topicRows, ...recordRows, ...groupRows];
