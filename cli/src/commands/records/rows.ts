// The commands that write and read records.

import { parseInteger } from "../../call.ts";
import { type CommandRow, client } from "../../options.ts";

export const recordRows: readonly CommandRow[] = [
  {
    name: "produce",
    arguments: [{ name: "<topic>", text: "where the records go", completes: "topic" }],
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
    examples: [
      ["echo hello | brooklet produce orders", "one record, without a key"],
      ["printf 'anna,2 apples\\nben,1 pear\\n' | brooklet produce orders -k ,", "the key stands before the comma"],
      ["brooklet consume orders -e --json | brooklet produce copy --json", "copies byte for byte"],
    ],
    load: () => import("./produce.ts"),
  },
  {
    name: "consume",
    arguments: [{ name: "<topic>", text: "where the records are", completes: "topic" }],
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
    examples: [
      ["brooklet consume orders", "from the start, then what comes; Ctrl-C ends"],
      ["brooklet consume orders -o -10 -e", "the last ten of each partition"],
      ["brooklet consume orders -g billing", "as a member of a group, which remembers where it is"],
    ],
    load: () => import("./consume.ts"),
  },
];
