// The bench's figures as tables for people.

import type { HotPollRow } from "./hot-poll.ts";
import type { JoinRow } from "./join.ts";
import { type Spread, spreadText } from "./statistics.ts";
import type { ThroughputRow } from "./throughput.ts";

/** Columns padded to their widest cell. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map((row) => row[column]?.length ?? 0)));
  return [head, ...rows]
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

const size = (bytes: number) => (bytes >= 1024 ? `${bytes / 1024} KiB` : `${bytes} B`);
const whole = (value: Spread) => spreadText(value, 0);

export function hotPollTable(rows: readonly HotPollRow[]): string {
  return `Hot poll path: POST /v1/fetch, one partition, answered from memory (durability memory), against a bare
Fastify route that moves the same bytes. Requests per second; p50 and p99 are medians of the rounds, in ms
(autocannon rounds them to whole ones). CPU is processor time per request of the program under test in µs, and
Fastify's by brooklet's: it does not depend on what else the machine does.

${table(
  ["answer", "tool", "brooklet req/s", "Fastify req/s", "ratio", "CPU b/F", "CPU ratio", "p50 b/F", "p99 b/F"],
  rows.map((row) => [
    size(row.answerBytes),
    row.tool,
    whole(row.brooklet.requestsPerSecond),
    whole(row.fastify.requestsPerSecond),
    spreadText(row.ratio, 2),
    `${row.brooklet.cpuMicrosecondsPerRequest.median.toFixed(0)}/${row.fastify.cpuMicrosecondsPerRequest.median.toFixed(0)}`,
    spreadText(row.cpuRatio, 2),
    `${row.brooklet.p50Ms.median}/${row.fastify.p50Ms.median}`,
    `${row.brooklet.p99Ms.median}/${row.fastify.p99Ms.median}`,
  ]),
)}
`;
}

export function throughputTable(rows: readonly ThroughputRow[]): string {
  return `Through the SDK, sends not awaited one by one; consuming timed from the consumer's construction.
Nothing lost, doubled or out of order in any run.

${table(
  ["durability", "record", "partitions", "records", "produce rec/s", "MB/s", "consume rec/s", "MB/s"],
  rows.map((row) => [
    row.durability,
    size(row.recordBytes),
    String(row.partitions),
    row.records.toLocaleString("en-US"),
    whole(row.produce.recordsPerSecond),
    spreadText(row.produce.megabytesPerSecond, 1),
    whole(row.consume.recordsPerSecond),
    spreadText(row.consume.megabytesPerSecond, 1),
  ]),
)}
`;
}

export function joinTable(rows: readonly JoinRow[]): string {
  return `A second member joins while records flow (durability memory). The pause is the longest time without a record
of a partition that stayed with the first member; "before" is the same in the second before the join.
Nothing lost, doubled or out of order in any run.

${table(
  ["records/s", "partitions", "to its first record ms", "longest pause ms", "before ms"],
  rows.map((row) => [
    String(row.recordsPerSecond),
    String(row.partitions),
    spreadText(row.firstRecordMs, 0),
    spreadText(row.longestPauseMs, 0),
    spreadText(row.longestPauseBeforeMs, 0),
  ]),
)}
`;
}
