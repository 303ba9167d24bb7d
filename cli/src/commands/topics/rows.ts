// The commands about topics.

import { parseInteger } from "../../call.ts";
import { yes } from "../../confirm.ts";
import { type ArgumentRow, type CommandRow, client, json, type OptionRow } from "../../options.ts";

const topics: ArgumentRow = { name: "<topic...>", text: "names of the topics", completes: "topic" };
const dryRun: OptionRow = { flags: "--dry-run", text: "check and show only, change nothing" };

export const topicRows: readonly CommandRow[] = [
  {
    name: "topics list",
    arguments: [],
    text: "list topics with their partitions, records and size",
    options: [...client, json, { flags: "--internal", text: "internal topics too" }],
    examples: [
      ["brooklet topics list", "every topic"],
      ["brooklet topics list --json --internal", "as JSON, __consumer_offsets too"],
    ],
    load: () => import("./list.ts"),
  },
  {
    name: "topics describe",
    arguments: [topics],
    text: "show each partition's offsets and size, and the configurations with where they come from",
    options: [...client, { flags: "--configs", text: "configurations with defaults too" }, json],
    examples: [
      ["brooklet topics describe orders", "offsets and configurations"],
      ["brooklet topics describe orders --configs", "all configurations, the defaults too"],
      ["brooklet topics describe orders audit --json", "of two topics, for programs"],
    ],
    load: () => import("./describe.ts"),
  },
  {
    name: "topics create",
    arguments: [{ name: "<topic...>", text: "names of the topics" }],
    text: "create topics",
    options: [
      ...client,
      {
        flags: "-p, --partitions <n>",
        text: "number of partitions (default: the broker's num.partitions)",
        parse: (value) => parseInteger("--partitions", value, 1),
      },
      {
        flags: "--config <name=value>",
        text: "a topic setting by Kafka's name; may be repeated",
        repeatable: true,
      },
      json,
    ],
    examples: [
      ["brooklet topics create orders -p 6", "six partitions"],
      ["brooklet topics create events --config retention.ms=3600000", "records stay for an hour"],
    ],
    load: () => import("./create.ts"),
  },
  {
    name: "topics alter",
    arguments: [topics],
    text: "change configurations of topics while they are in use; shows old and new values",
    options: [
      ...client,
      {
        flags: "--set <name=value>",
        text: "a topic setting by Kafka's name; may be repeated",
        repeatable: true,
      },
      {
        flags: "--unset <name>",
        text: "return a setting to its default; may be repeated",
        repeatable: true,
      },
      dryRun,
      json,
    ],
    examples: [
      ["brooklet topics alter events --set retention.ms=60000", "records stay for a minute from now on"],
      ["brooklet topics alter events orders --unset retention.ms", "two topics back to the default"],
    ],
    load: () => import("./alter.ts"),
  },
  {
    name: "topics add-partitions",
    arguments: [topics],
    text: "give topics more partitions; keys move, and there is no way back",
    options: [
      ...client,
      {
        flags: "-p, --partitions <total>",
        text: "how many there are afterwards, in all",
        parse: (value) => parseInteger("--partitions", value, 1),
      },
      dryRun,
      json,
    ],
    examples: [["brooklet topics add-partitions orders -p 12", "twelve partitions instead of six"]],
    load: () => import("./add-partitions.ts"),
  },
  {
    name: "topics trim",
    arguments: [
      { name: "<topic...>", text: "topics, whole (orders) or some partitions (orders:0,2-4)", completes: "topic" },
    ],
    text: "delete the oldest records of topics, for good; shows what goes and asks first",
    options: [
      ...client,
      {
        flags: "--before <place>",
        text: "what is before it goes: an offset N; @time (2026-01-31T12:00:00Z, milliseconds, -2h); -N to keep the newest N of each partition, +N for the oldest N to go; end for all records",
        completes: ["end"],
      },
      dryRun,
      yes,
      json,
    ],
    examples: [
      ["brooklet topics trim orders --before @-7d --dry-run", "what is older than a week, shown only"],
      ["brooklet topics trim orders:0 --before 1500", "partition 0 begins at offset 1500 then"],
      ["brooklet topics trim events --before end --yes", "every record, without a question"],
    ],
    load: () => import("./trim.ts"),
  },
  {
    name: "topics delete",
    arguments: [topics],
    text: "delete topics with their records and committed offsets, for good; asks first",
    options: [...client, yes, json],
    examples: [
      ["brooklet topics delete orders", "after a question"],
      ["brooklet topics delete orders audit --yes", "two topics, without a question"],
    ],
    load: () => import("./delete.ts"),
  },
];
