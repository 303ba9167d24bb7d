// `npm run bench`: the hot poll path against bare Fastify, produce and consume through the SDK, and the second member's join.
// Usage: npm run bench -- [--quick] [--json] [--only hot-poll|throughput|join] [--durability disk|process|memory]. Figures go to stdout, progress to stderr.
// Invariant: a figure is printed only if every record was counted; loss, a duplicate or a wrong order ends the run with 1.

import { cpus, release, type } from "node:os";
import { parseArgs } from "node:util";
import { hotPoll } from "./hot-poll.ts";
import { type JoinRow, join } from "./join.ts";
import { hotPollTable, joinTable, throughputTable } from "./tables.ts";
import { type ThroughputRow, throughput } from "./throughput.ts";

const SECTIONS = ["hot-poll", "throughput", "join"] as const;
const DURABILITIES = ["disk", "process", "memory"] as const;

const { values } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    only: { type: "string" },
    durability: { type: "string", default: "disk" },
  },
});
const chosen = SECTIONS.filter((section) => values.only === undefined || values.only === section);
if (chosen.length === 0) {
  console.error(`bench: --only takes one of ${SECTIONS.join(", ")}`);
  process.exit(2);
}

const durability = DURABILITIES.find((level) => level === values.durability);
if (durability === undefined) {
  console.error(`bench: --durability takes one of ${DURABILITIES.join(", ")}`);
  process.exit(2);
}

const progress = (text: string) => console.error(`  ${text}`);
const machine = `${cpus().length} × ${cpus()[0]?.model.trim() ?? "unknown processor"}, ${type()} ${release()}, Node ${process.version}`;
const report: Record<string, unknown> = { machine, quick: values.quick };
const print = (text: string) => {
  if (!values.json) console.log(text);
};

print(machine);
print(
  values.quick
    ? "Quick: a smoke run; the figures mean little.\n"
    : "Medians, with the smallest and largest in brackets.\n",
);
if (chosen.includes("hot-poll")) {
  const rows = await hotPoll(
    values.quick ? { rounds: 2, seconds: 1, warmUpSeconds: 1 } : { rounds: 5, seconds: 5, warmUpSeconds: 5 },
    progress,
  );
  report.hotPoll = rows;
  print(hotPollTable(rows));
}
if (chosen.includes("throughput")) {
  const rows: ThroughputRow[] = await throughput(
    values.quick ? { rounds: 1, megabytes: 4, durability } : { rounds: 5, megabytes: 64, durability },
    progress,
  );
  report.throughput = rows;
  print(throughputTable(rows));
}
if (chosen.includes("join")) {
  const rows: JoinRow[] = await join(values.quick ? { rounds: 1 } : { rounds: 5 }, progress);
  report.join = rows;
  print(joinTable(rows));
}
if (values.json) console.log(JSON.stringify(report, null, 2));
