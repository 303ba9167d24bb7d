// The commands about topics.

import { parseInteger } from "../../call.ts";
import { type CommandRow, client, json } from "../../options.ts";

export const topicRows: readonly CommandRow[] = [
  {
    name: "topics list",
    arguments: [],
    text: "list topics with their partitions and records",
    options: [...client, json, { flags: "--internal", text: "internal topics too" }],
    examples: [
      ["brooklet topics list", "every topic"],
      ["brooklet topics list --json --internal", "as JSON, __consumer_offsets too"],
    ],
    load: () => import("./list.ts"),
  },
  {
    name: "topics create",
    arguments: [{ name: "<topic...>", text: "names of the topics", completes: "topic" }],
    text: "create topics",
    options: [
      ...client,
      {
        flags: "-p, --partitions <n>",
        text: "number of partitions (default: the broker's num.partitions)",
        parse: (value) => parseInteger("--partitions", value, 1),
      },
      { flags: "--config <name=value>", text: "a topic setting by Kafka's name; may be repeated", repeatable: true },
      json,
    ],
    examples: [
      ["brooklet topics create orders -p 6", "six partitions"],
      ["brooklet topics create events --config retention.ms=3600000", "records stay for an hour"],
    ],
    load: () => import("./create.ts"),
  },
  {
    name: "topics describe",
    arguments: [{ name: "<topic...>", text: "names of the topics", completes: "topic" }],
    text: "show each partition's offsets",
    options: [...client, json],
    examples: [["brooklet topics describe orders", "the offsets of each partition"]],
    load: () => import("./describe.ts"),
  },
];
