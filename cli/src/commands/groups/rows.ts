// The commands about consumer groups.

import { type CommandRow, client, json } from "../../options.ts";

export const groupRows: readonly CommandRow[] = [
  {
    name: "groups list",
    arguments: [],
    text: "list groups and their states",
    options: [...client, json],
    examples: [["brooklet groups list", "every group and its state"]],
    load: () => import("./list.ts"),
  },
  {
    name: "groups describe",
    arguments: [{ name: "<group...>", text: "ids of the groups", completes: "group" }],
    text: "show members, assignment, lag and what happened, with reasons",
    options: [...client, json],
    examples: [
      ["brooklet groups describe billing", "who owns what, how far it is, and what happened"],
      ["brooklet groups describe billing --json", "the same, for programs"],
    ],
    load: () => import("./describe.ts"),
  },
];
