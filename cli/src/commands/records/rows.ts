// The commands that write and read records.

import { parseInteger } from "../../call.ts";
import { type CommandRow, client, type OptionRow } from "../../options.ts";

const keyDelimiter: OptionRow = {
  flags: "-k, --key-delimiter <text>",
  text: "what stands between key and value, such as , or \\t",
};

export const recordRows: readonly CommandRow[] = [
  {
    name: "produce",
    arguments: [
      { name: "<topic>", text: "where the records go; created if it is not there", completes: "topic" },
      { name: "[file...]", text: "what is sent, a record per line (default, and -: stdin)", completes: "file" },
    ],
    text: "send records: lines of files or stdin, JSON lines, or what `consume -f` wrote",
    options: [
      ...client,
      { ...keyDelimiter, text: `${keyDelimiter.text}; a line without it has no key` },
      { flags: "-f, --format <format>", text: "read what `consume -f` printed, such as %k:%s\\n" },
      { flags: "--json", text: "read lines of JSON, as `consume --json` prints them" },
      { flags: "--whole", text: "each file is one record" },
      { flags: "-Z, --null-on-empty", text: "an empty key or value is null (a tombstone)" },
      {
        flags: "-H, --header <name=value>",
        text: "a header of every record; several with several -H",
        repeatable: true,
      },
      {
        flags: "-p, --partition <n>",
        text: "this partition; key: by the key, whatever a record says (default: as the record says, else by the key)",
        completes: ["key"],
      },
      {
        flags: "-z, --compression <type>",
        text: "none | gzip | snappy | lz4 | zstd (default: none)",
        completes: ["none", "gzip", "snappy", "lz4", "zstd"],
      },
    ],
    examples: [
      ["echo hello | brooklet produce orders", "one record, without a key"],
      ["printf 'anna,2 apples\\nben,1 pear\\n' | brooklet produce orders -k ,", "the key stands before the comma"],
      ["brooklet produce orders monday.txt tuesday.txt", "every line of two files"],
      ["printf 'anna,\\n' | brooklet produce orders -k , -Z", "deletes anna, where the topic is compacted"],
      ["brooklet consume orders -e --json | brooklet produce copy --json -p key", "copies byte for byte"],
    ],
    epilogue: async () => (await import("./format-help.ts")).readingHelp(),
    load: () => import("./produce.ts"),
  },
  {
    name: "consume",
    arguments: [{ name: "<topic...>", text: "where the records are", completes: "topic" }],
    text: "print records: one value per line, or as -f or --json says",
    options: [
      ...client,
      {
        flags: "-o, --offset <where>",
        text: "start | end | N | +N (after the start of each partition) | -N (before its end) | @time | stored (default: start; with -g: stored)",
        completes: ["start", "end", "stored"],
      },
      {
        flags: "--until <where>",
        text: "end before this place of each partition: as -o; what is not there yet is not waited for",
        completes: ["end"],
      },
      { flags: "-e, --exit", text: "end at the end of the topic instead of waiting for more" },
      {
        flags: "-c, --count <n>",
        text: "end after n records",
        parse: (value) => parseInteger("--count", value, 1),
      },
      { flags: "-p, --partition <list>", text: "these partitions: 0,2,5 (default: all)" },
      {
        flags: "-g, --group <id>",
        text: "as a member of this group, which shares the partitions and remembers offsets",
        completes: "group",
      },
      { flags: "-f, --format <format>", text: "print this per record, such as %t-%p@%o %k: %s\\n" },
      { ...keyDelimiter, text: "print the key, this, and the value" },
      { flags: "-Z, --print-null", text: "print NULL for a key or value that is null (default: nothing)" },
      { flags: "--json", text: "print one JSON object per record, exact to the byte" },
    ],
    examples: [
      ["brooklet consume orders", "from the start, then what comes; Ctrl-C ends"],
      ["brooklet consume orders -o -10 -e", "the last ten of each partition"],
      ["brooklet consume orders -o @-1h -f '%T %k: %s\\n'", "the last hour and what comes, with time and key"],
      ["brooklet consume orders -o @2026-01-31 --until @2026-02-01 --json", "one day, as JSON"],
      ["brooklet consume orders -g billing", "as a member of a group, which remembers where it is"],
    ],
    epilogue: async () => (await import("./format-help.ts")).writingHelp(),
    load: () => import("./consume.ts"),
  },
];
