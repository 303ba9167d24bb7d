// The command for fingers that know kcat: its flags, and what to use instead of those that it has not.

import { parseInteger } from "../../call.ts";
import { type CommandRow, client } from "../../options.ts";

/** kcat's other flags. */
const instead: ReadonlyMap<string, string> = new Map([
  ["-d", "there is no debug log of the client; `brooklet groups describe` shows what a group did, and why"],
  ["-E", "leave it out: what passes by itself is tried again anyway"],
  ["-F", "options go into -X name=value; where the broker is and the token into the environment (`brooklet --help`)"],
  ["-l", "give the file on stdin: brooklet cat -P -t TOPIC < FILE"],
  ["-m", "--timeout-ms, in milliseconds"],
  ["-M", "`brooklet --ephemeral` is a whole broker in memory"],
  ["-O", "-f '%o:%s\\n' prints the offset"],
  ["-Q", "-C -o s@TIME -c 1 -f '%o\\n' prints the offset at a time"],
  ["-r", "there is no schema registry; values are bytes"],
  ["-s", "values are printed as bytes: unpack them behind a pipe"],
  ["-T", "`tee` before it: … | tee /dev/stderr | brooklet cat -P -t TOPIC"],
  ["-U", "kcat's own tests"],
  ["-v", "leave it out: what goes wrong is always said"],
  ["-V", "brooklet --version"],
]);

const DIFFERENCES = `Where it differs from kcat 1.7
  -b may be left out, and so may its port: 4092. -X takes the client options of brooklet, which bear Kafka's names; what is unknown is refused with the nearest name, and a token goes into --token-file, never into -X.
  -C reads from the beginning unless -o says otherwise, as kcat does; -o stored needs -X group.id=NAME, and -C commits nothing. -o e@TIME ends at what is there now, and does not wait for younger records. Times may also be dates (s@2026-01-31) or so long ago (s@-2h).
  -G commits what it has printed; its -o is where to begin while nothing is committed: beginning, end, or stored (which is end, too). It takes names of topics, no ^patterns.
  -Z prints NULL for null only, never for what is empty. -J of bytes that are no UTF-8 shows U+FFFD: \`brooklet consume --json\` is exact.
  -p -1 without a key keeps to one partition for a while, as Kafka's own producer does; with a key it goes by murmur2, as in Java, where kcat goes by CRC32.
  -D and -K are bytes: a %s in them is no token. A file that cannot be read is said before anything is sent.
  -L tells one broker, number 1, and the partitions of a topic; a topic that is not there is an error.
  -u changes nothing: each answer of the broker is written at once.
  Exit codes are those of \`brooklet --help\`; a wrong command line is 2, where kcat has 1.
  Not taken: ${[...instead].map(([flag, text]) => `\n    ${flag}  ${text}`).join("")}`;

export const catRows: readonly CommandRow[] = [
  {
    name: "cat",
    arguments: [
      {
        name: "[name...]",
        text: "with -P: files, each of which is one record; with -G: topics",
        completes: "file",
      },
    ],
    text: "kcat's flags, for fingers that know them: produce (-P), consume (-C, -G), list (-L)",
    options: [
      ...client,
      { flags: "-P", text: "produce what stands on stdin, or files" },
      { flags: "-C", text: "consume" },
      { flags: "-L", text: "list topics and partitions" },
      { flags: "-G <group>", text: "consume topics as a member of a group", completes: "group" },
      { flags: "-t <topic>", text: "the topic", completes: "topic" },
      { flags: "-p <partition>", text: "this partition; -1 (default): all, and with -P by the key" },
      {
        flags: "-o <offset>",
        text: "beginning | end | stored | N | -N (before the end) | s@TIME (from) | e@TIME (until)",
        repeatable: true,
        completes: ["beginning", "end", "stored"],
      },
      { flags: "-e", text: "end at the end of each partition" },
      {
        flags: "-c <count>",
        text: "end after so many records",
        parse: (value) => parseInteger("-c", value, 1),
      },
      {
        flags: "-f <format>",
        text: "print this per record, as the formats below say",
      },
      { flags: "-J", text: "print each record, or with -L the list, as JSON" },
      { flags: "-D <delimiter>", text: "what stands between records, in and out (default: \\n)" },
      { flags: "-K <delimiter>", text: "what stands between key and value, in and out" },
      { flags: "-k <key>", text: "the key of every record that has none of its own" },
      { flags: "-H <name=value>", text: "a header of every record; several with several -H", repeatable: true },
      {
        flags: "-z <codec>",
        text: "compress: gzip | snappy | lz4 | zstd",
        completes: ["none", "gzip", "snappy", "lz4", "zstd"],
      },
      { flags: "-Z", text: "in: an empty key or value is null; out: null is printed as NULL" },
      { flags: "-X <name=value>", text: "an option of the client, by Kafka's name", repeatable: true },
      { flags: "-q", text: "say nothing but errors" },
      { flags: "-u", text: "write at once, which is so anyway" },
    ],
    examples: [
      ["echo anna:2 | brooklet cat -P -t orders -K:", "a record with a key"],
      ["brooklet cat -C -t orders -o beginning -e -f '%k\\t%s\\n'", "all there is, key and value"],
      ["brooklet cat -C -t orders -o -5 -e -J | jq .payload", "the last five of each partition as JSON"],
      ["brooklet cat -G billing -X auto.offset.reset=earliest orders", "as a member of a group"],
      ["brooklet cat -L", "topics and partitions"],
    ],
    instead,
    epilogue: async () => `${(await import("../records/format-help.ts")).writingHelp()}\n\n${DIFFERENCES}`,
    load: () => import("./cat.ts"),
  },
];
