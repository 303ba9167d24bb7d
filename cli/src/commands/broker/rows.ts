// The commands about a broker as a whole.

import { type CommandRow, client, json, type OptionRow } from "../../options.ts";
import { durabilities, logLevels } from "./levels.ts";

/** The options of a broker; every other setting goes by `--set`. */
const brokerOptions: readonly OptionRow[] = [
  {
    flags: "--port <n>",
    text: "port to listen on; 0 takes a free one (BROOKLET_PORT; default: 4092)",
  },
  { flags: "--host <address>", text: "address to listen on (BROOKLET_HOST; default: 127.0.0.1)" },
  {
    flags: "--data <folder>",
    text: "where the data lies; made if it is not there (BROOKLET_DATA; default: brooklet-data in this folder)",
    completes: "file",
  },
  { flags: "--ephemeral", text: "keep everything in memory: gone when the broker stops (BROOKLET_EPHEMERAL=true)" },
  {
    flags: "--durability <level>",
    text: "a write is acknowledged after the sync (disk), the write to the file (process), or at once (memory) (BROOKLET_DURABILITY; default: disk; with --ephemeral memory)",
    completes: durabilities,
  },
  {
    flags: "--token-file <file>",
    text: "tokens, one a line, of which clients must show one; only you should be able to read it (BROOKLET_TOKEN_FILE)",
    completes: "file",
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
    completes: "file",
  },
  {
    flags: "--log-level <level>",
    text: "from which level on events are told on stderr: debug, info, warn, error, silent (BROOKLET_LOG_LEVEL; default: info)",
    completes: logLevels,
  },
  {
    flags: "--set <name=value>",
    text: "a broker setting by Kafka's name, e.g. num.partitions=6 (BROOKLET_NUM_PARTITIONS); may be repeated",
    repeatable: true,
    completes: async () => (await import("./settings-help.ts")).settingNames(),
  },
];

export const brokerRows: readonly CommandRow[] = [
  {
    name: "serve",
    arguments: [],
    text: "start a broker (what `brooklet` alone does)",
    options: brokerOptions,
    epilogue: async () => (await import("./settings-help.ts")).settingsHelp(),
    examples: [
      ["brooklet", "a broker on 127.0.0.1:4092, data in ./brooklet-data"],
      ["brooklet --ephemeral --port 0", "everything in memory, on a free port"],
      ["brooklet serve --data /var/lib/brooklet --set num.partitions=6", "data elsewhere; a setting by its Kafka name"],
      [
        "brooklet serve --host 0.0.0.0 --token-file tokens.txt --allowed-hosts broker.example",
        "for other machines: who comes must show a token",
      ],
    ],
    load: () => import("./serve.ts"),
  },
  {
    name: "status",
    arguments: [],
    text: "show what the broker is and holds: address, version, data file, durability, topics, groups, memory",
    options: [...client, json],
    examples: [
      ["brooklet status", "of the broker on this machine"],
      ["brooklet status -b broker.example:4092 --token-file tokens.txt", "of another one, which wants a token"],
      ["brooklet status --json | jq -r .dataFile", "one property, for scripts"],
    ],
    load: () => import("./status.ts"),
  },
];
