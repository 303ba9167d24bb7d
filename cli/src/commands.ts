// Every command as a row: its name, arguments, options and where its code is. main.ts builds the parser from it, README and
// tests follow it; the code of a command is loaded only when it is called, so that `--help` starts fast.

import { type Call, parseInteger } from "./call.ts";
import type { ExitCode } from "./exits.ts";

export interface OptionRow {
  readonly flags: string;
  readonly text: string;
  readonly parse?: (value: string) => number | string;
  readonly repeatable?: boolean;
}

export interface CommandRow {
  /** One or two words: `produce`, `topics create`. */
  readonly name: string;
  readonly arguments: readonly (readonly [name: string, text: string])[];
  readonly text: string;
  readonly options: readonly OptionRow[];
  /** Printed below its options. */
  readonly epilogue?: () => Promise<string>;
  readonly load: () => Promise<{ run(call: Call): Promise<ExitCode | undefined> }>;
}

const bootstrap: OptionRow = {
  flags: "-b, --bootstrap-servers <list>",
  text: "where the broker is, host:port, comma separated (BROOKLET_BOOTSTRAP_SERVERS; default: 127.0.0.1 and BROOKLET_PORT or 4092)",
};
const timeout: OptionRow = {
  flags: "--timeout-ms <n>",
  text: "how long to wait for the broker (default: 10000)",
  parse: (value) => parseInteger("--timeout-ms", value, 1),
};
const json: OptionRow = { flags: "--json", text: "print JSON" };
/** Never the token itself: a command line can be read by every process of the machine. */
const token: OptionRow = {
  flags: "--token-file <file>",
  text: "the token to show to the broker (BROOKLET_TOKEN_FILE)",
};
const client = [bootstrap, token, timeout];

/** The options of a broker; every other setting goes by `--set`. */
const brokerOptions: readonly OptionRow[] = [
  {
    flags: "--port <n>",
    text: "port to listen on; 0 takes a free one (BROOKLET_PORT; default: 4092)",
  },
  { flags: "--host <address>", text: "address to listen on (BROOKLET_HOST; default: 127.0.0.1)" },
  { flags: "--data <folder>", text: "where the data lies (BROOKLET_DATA; default: brooklet-data)" },
  { flags: "--ephemeral", text: "keep everything in memory: gone when the broker stops (BROOKLET_EPHEMERAL=true)" },
  {
    flags: "--durability <level>",
    text: "when a write is acknowledged: disk, process or memory (BROOKLET_DURABILITY; default: disk, memory with --ephemeral)",
  },
  {
    flags: "--token-file <file>",
    text: "tokens, one a line, of which clients must show one; only you should be able to read it (BROOKLET_TOKEN_FILE)",
  },
  {
    flags: "--allow-anonymous-network",
    text: "listen beyond this machine although nobody has to show a token (BROOKLET_ALLOW_ANONYMOUS_NETWORK=true)",
  },
  {
    flags: "--allowed-hosts <list>",
    text: "hosts that clients may address the broker by beside loopback ones, comma separated (BROOKLET_ALLOWED_HOSTS)",
  },
  {
    flags: "--allowed-origins <list>",
    text: "web origins whose pages may use the broker, comma separated (BROOKLET_ALLOWED_ORIGINS)",
  },
  {
    flags: "--config <file>",
    text: "name=value lines in the form of Kafka's server.properties: settings, and these options by name (BROOKLET_CONFIG)",
  },
  { flags: "--log-level <level>", text: "debug, info, warn, error or silent (BROOKLET_LOG_LEVEL; default: info)" },
  {
    flags: "--set <name=value>",
    text: "a broker setting by Kafka's name, e.g. num.partitions=6 (BROOKLET_NUM_PARTITIONS); may be repeated",
    repeatable: true,
  },
];

export const commandTable: readonly CommandRow[] = [
  {
    name: "serve",
    arguments: [],
    text: "start a broker (what `brooklet` alone does)",
    options: brokerOptions,
    epilogue: async () => (await import("./settings-help.ts")).settingsHelp(),
    load: () => import("./commands/serve.ts"),
  },
  {
    name: "topics list",
    arguments: [],
    text: "list topics with their partitions and records",
    options: [...client, json, { flags: "--internal", text: "internal topics too" }],
    load: () => import("./commands/topics-list.ts"),
  },
  {
    name: "topics create",
    arguments: [["<topic...>", "names of the topics"]],
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
    load: () => import("./commands/topics-create.ts"),
  },
  {
    name: "topics describe",
    arguments: [["<topic...>", "names of the topics"]],
    text: "show each partition's offsets",
    options: [...client, json],
    load: () => import("./commands/topics-describe.ts"),
  },
  {
    name: "produce",
    arguments: [["<topic>", "where the records go"]],
    text: "produce one record per line of stdin",
    options: [
      ...client,
      {
        flags: "-k, --key-delimiter <text>",
        text: "what stands between key and value; a line without it has no key",
      },
      {
        flags: "-p, --partition <n>",
        text: "this partition (default: by the key)",
        parse: (value) => parseInteger("--partition", value, 0),
      },
      { flags: "--json", text: "lines are records as JSON, as `consume --json` prints them" },
    ],
    load: () => import("./commands/produce.ts"),
  },
  {
    name: "consume",
    arguments: [["<topic>", "where the records are"]],
    text: "print one record's value per line",
    options: [
      ...client,
      {
        flags: "-o, --offset <where>",
        text: "start | end | N | -N (the last N of each partition) | @ms (since 1970) | stored (default: start; with -g: stored)",
      },
      { flags: "-e, --exit", text: "end at the end of the topic instead of waiting for more" },
      {
        flags: "-c, --count <n>",
        text: "end after n records",
        parse: (value) => parseInteger("--count", value, 1),
      },
      {
        flags: "-g, --group <id>",
        text: "as a member of this group, which shares the partitions and remembers offsets",
      },
      { flags: "--json", text: "one JSON object per record: offset, key, headers, value" },
    ],
    load: () => import("./commands/consume.ts"),
  },
  {
    name: "groups list",
    arguments: [],
    text: "list groups and their states",
    options: [...client, json],
    load: () => import("./commands/groups-list.ts"),
  },
  {
    name: "groups describe",
    arguments: [["<group...>", "ids of the groups"]],
    text: "show members, assignment, lag and what happened, with reasons",
    options: [...client, json],
    load: () => import("./commands/groups-describe.ts"),
  },
  {
    name: "status",
    arguments: [],
    text: "show what the broker is and holds",
    options: [...client, json],
    load: () => import("./commands/status.ts"),
  },
];
