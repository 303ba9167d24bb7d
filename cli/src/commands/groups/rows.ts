// The commands about consumer groups.

import { parseInteger } from "../../call.ts";
import { yes } from "../../confirm.ts";
import { type ArgumentRow, type CommandRow, client, json, MAX_TIMEOUT_MS, type OptionRow } from "../../options.ts";

const MIN_INTERVAL_MS = 100;

const groups: ArgumentRow = { name: "<group...>", text: "ids of the groups", completes: "group" };
const group: ArgumentRow = { name: "<group>", text: "the group's id", completes: "group" };
const topic: OptionRow = {
  flags: "-t, --topic <topic>",
  text: "a topic, whole (orders) or some partitions (orders:0,2-4); may be repeated",
  repeatable: true,
  completes: "topic",
};

export const groupRows: readonly CommandRow[] = [
  {
    name: "groups list",
    arguments: [],
    text: "list groups with their states, members and lag",
    options: [...client, json],
    examples: [["brooklet groups list", "every group, and how far it is behind"]],
    load: () => import("./list.ts"),
  },
  {
    name: "groups describe",
    arguments: [groups],
    text: "show members, assignment, lag and what happened, with reasons",
    options: [
      ...client,
      { flags: "--commits", text: "the latest commits instead: recorded, and refused ones with the reason" },
      json,
    ],
    examples: [
      ["brooklet groups describe billing", "who owns what, how far it is, and what happened"],
      ["brooklet groups describe billing --commits", "which commits were recorded, which were refused and why"],
      ["brooklet groups describe billing --json", "all of it, for programs"],
    ],
    load: () => import("./describe.ts"),
  },
  {
    name: "groups watch",
    arguments: [groups],
    text: "show lag and rebalances as they happen, until Ctrl-C (exit code 130); in a pipe a line for each change",
    options: [
      ...client,
      {
        flags: "--interval-ms <n>",
        text: `how often to look (default: 1000, at least ${MIN_INTERVAL_MS})`,
        parse: (value) => parseInteger("--interval-ms", value, MIN_INTERVAL_MS, MAX_TIMEOUT_MS),
      },
      { flags: "--json", text: "print one JSON object for each change" },
    ],
    examples: [
      ["brooklet groups watch billing", "a screen that is drawn again every second"],
      ["brooklet groups watch billing --json | jq 'select(.change == \"event\")'", "every rebalance, for programs"],
    ],
    load: () => import("./watch.ts"),
  },
  {
    name: "groups reset-offsets",
    arguments: [group],
    text: "move a group's committed offsets while it has no members; shows old, new and the lag, and asks first",
    options: [
      ...client,
      topic,
      { flags: "--all-topics", text: "every partition that the group (or --from-group's) has committed" },
      {
        flags: "--to <place>",
        text: "start, end, an offset N, +N (N after the start), -N (N before the end) or @time (2026-01-31T12:00:00Z, milliseconds, -2h)",
        completes: ["start", "end"],
      },
      { flags: "--shift <n>", text: "+N or -N from what is committed: forth or back" },
      { flags: "--from-group <group>", text: "to where another group is", completes: "group" },
      { flags: "--dry-run", text: "show only, change nothing" },
      yes,
      json,
    ],
    examples: [
      ["brooklet groups reset-offsets billing --all-topics --to start --dry-run", "what reading all again would be"],
      ["brooklet groups reset-offsets billing -t orders:0,2 --shift -100", "two partitions, 100 records back"],
      [
        "brooklet groups reset-offsets billing -t orders --to @2026-01-31T12:00:00Z --yes",
        "to a time, without a question",
      ],
      ["brooklet groups reset-offsets test --from-group billing --all-topics", "where billing is"],
    ],
    load: () => import("./reset-offsets.ts"),
  },
  {
    name: "groups delete-offsets",
    arguments: [group],
    text: "forget what a group has committed of topics that it does not subscribe to; asks first",
    options: [...client, topic, yes, json],
    examples: [["brooklet groups delete-offsets billing -t old-orders", "it begins there by auto.offset.reset"]],
    load: () => import("./delete-offsets.ts"),
  },
  {
    name: "groups delete",
    arguments: [groups],
    text: "delete groups without members, with what they have committed; asks first",
    options: [...client, yes, json],
    examples: [
      ["brooklet groups delete billing", "after a question"],
      ["brooklet groups delete billing audit --yes", "two groups, without a question"],
    ],
    load: () => import("./delete.ts"),
  },
];
