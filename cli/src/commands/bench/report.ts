// What a run came to, as JSON and for people, and what its figures are limited by.
// Invariant: every figure that is printed stands in the JSON too.

import { byteSize, duration } from "../../format.ts";
import type { Latencies, Percentiles, Range } from "./latencies.ts";
import type { Load } from "./load.ts";
import type { Schedule } from "./schedule.ts";
import { dueMs } from "./schedule.ts";
import type { Tally } from "./tally.ts";

/** What was asked for. */
export interface Asked {
  readonly servers: string;
  readonly topic: string;
  readonly partitions: number;
  readonly recordBytes: number;
  readonly schedule: Schedule;
}

/** All that was stored, read once more from the beginning, as fast as it goes. */
export interface ReadAgain {
  readonly tally: Tally;
  readonly durationMs: number;
}

interface Counts {
  readonly lost: number;
  readonly duplicates: number;
  readonly outOfOrder: number;
}

/** `brooklet bench --json`. Times in milliseconds, rates in records per second. */
export interface Report {
  readonly broker: { readonly servers: string; readonly version: string; readonly durability: string };
  readonly asked: {
    readonly topic: string;
    readonly partitions: number;
    readonly recordBytes: number;
    readonly recordsPerSecond: number;
    readonly records: number;
    readonly warmUpRecords: number;
  };
  readonly interrupted: boolean;
  /** Whether the broker still answers at the end; if not, nobody knows whether what is missing is lost. */
  readonly brokerAnswers: boolean;
  readonly sent: { readonly records: number; readonly recordsPerSecond: number; readonly durationMs: number };
  readonly acknowledged: number;
  readonly failed: number;
  readonly firstError: string | null;
  readonly arrived: Counts & { readonly records: number };
  readonly readAgain: (Counts & { readonly records: number; readonly recordsPerSecond: number }) | null;
  /** Since a record was due, those of the warm-up left out. */
  readonly latencyMs: {
    readonly sent: Percentiles;
    readonly acknowledged: Percentiles;
    readonly arrived: Percentiles;
  };
  readonly histogram: { readonly acknowledged: readonly Range[]; readonly arrived: readonly Range[] };
  /** What these figures do not show, or were held back by. */
  readonly limits: readonly string[];
}

const MICROSECONDS = 1_000;
const perSecond = (records: number, durationMs: number) =>
  durationMs > 0 ? Math.round((records * 1_000) / durationMs) : 0;
const toMicroseconds = (ms: number) => Math.round(ms * MICROSECONDS) / MICROSECONDS;

function percentilesOf({ percentiles }: Latencies): Percentiles {
  const { count, mean, p50, p90, p99, p999, max } = percentiles;
  return {
    count,
    mean: toMicroseconds(mean),
    p50: toMicroseconds(p50),
    p90: toMicroseconds(p90),
    p99: toMicroseconds(p99),
    p999: toMicroseconds(p999),
    max: toMicroseconds(max),
  };
}

function countsOf({ missing, duplicates, outOfOrder, arrived }: Tally): Counts & { records: number } {
  return { records: arrived, lost: missing, duplicates, outOfOrder };
}

export function reportOf(
  asked: Asked,
  broker: { readonly version: string; readonly durability: string },
  load: Load,
  again: ReadAgain | undefined,
  end: { readonly interrupted: boolean; readonly brokerAnswers: boolean },
): Report {
  const { servers, topic, partitions, recordBytes, schedule } = asked;
  const { tally, sent, failed, firstError } = load;
  return {
    broker: { servers, version: broker.version, durability: broker.durability },
    asked: { topic, partitions, recordBytes, ...schedule },
    ...end,
    sent: {
      records: sent,
      recordsPerSecond: perSecond(sent, sendingTimeMs(load, schedule)),
      durationMs: Math.round(load.sendingMs),
    },
    acknowledged: tally.acknowledged,
    failed,
    firstError: firstError === undefined ? null : firstError instanceof Error ? firstError.message : String(firstError),
    arrived: countsOf(tally),
    readAgain:
      again === undefined
        ? null
        : { ...countsOf(again.tally), recordsPerSecond: perSecond(again.tally.arrived, again.durationMs) },
    latencyMs: {
      sent: percentilesOf(load.sending),
      acknowledged: percentilesOf(load.acknowledging),
      arrived: percentilesOf(load.arriving),
    },
    histogram: { acknowledged: load.acknowledging.ranges, arrived: load.arriving.ranges },
    limits: limitsOf(load, asked),
  };
}

/** From the first due time to the end of the last record's place in the schedule, or to its send if that was later. */
function sendingTimeMs({ sent, sendingMs }: Load, schedule: Schedule): number {
  return Math.max(sendingMs, dueMs(schedule, sent));
}

/** A last record so much later than due means that the generator could not keep up. */
const BEHIND_MS = 100;
/** How late a timer of an idle process comes at most, as a rule. */
const TIMER_MS = 2;
/** Below so many measured records the last percentile is a handful of them. */
const ENOUGH_FOR_P999 = 10_000;
const LOCAL = /^(localhost|127\.|\[::1\])/;

/** What a reader of the figures has to know about them. */
export function limitsOf(load: Load, { servers, schedule }: Asked): string[] {
  const limits: string[] = [];
  if (load.acknowledging.percentiles.count === 0)
    return ["nothing was measured: no record was acknowledged after the warm-up."];
  const { sending, acknowledging, sent, sendingMs, waitsForRoom } = load;
  const behindMs = sent === 0 ? 0 : sendingMs - dueMs(schedule, sent - 1);
  if (behindMs > BEHIND_MS)
    limits.push(
      `the load fell behind its schedule: the last record was sent ${duration(behindMs)} late. The latencies are those of an overload: ${
        waitsForRoom > 0
          ? "the broker did not acknowledge as fast as was asked"
          : "this process (or its machine) could not send as fast as was asked"
      }. A lower --rate shows what the broker does without it.`,
    );
  else {
    const own = sending.percentiles;
    const all = acknowledging.percentiles;
    if (own.p50 > all.p50 / 2)
      limits.push(
        own.p50 <= TIMER_MS
          ? `timers go by the millisecond: of ${inMs(all.p50)} ms to the acknowledgement, half of the records waited ${inMs(own.p50)} ms or more to be sent. Row "sent" is this process's share.`
          : `this process is slower than the broker: half of the records were sent ${inMs(own.p50)} ms late or more. A lower --rate shows what the broker does.`,
      );
    if (own.p999 > all.p999 / 2 && own.p999 > 2 * own.p50)
      limits.push(
        `the tail is this process's own in part: one record in a thousand was sent ${inMs(own.p999)} ms late or more.`,
      );
  }
  const { count } = acknowledging.percentiles;
  if (count < ENOUGH_FOR_P999)
    limits.push(
      `p99.9 stands for ${Math.ceil(count / 1_000)} of ${count.toLocaleString("en-US")} records: run longer for a firm one.`,
    );
  if (servers.split(",").some((server) => LOCAL.test(server)))
    limits.push("broker and load share this machine and its disk.");
  return limits;
}

/** `0.56`, `12.3`, `1,234`: three digits or a little more. */
export function inMs(ms: number): string {
  const digits = ms < 10 ? 2 : ms < 100 ? 1 : 0;
  return ms.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

const whole = (value: number) => value.toLocaleString("en-US");

/** What was measured, and on what. */
export function titleLines({ broker, asked, interrupted, sent }: Report): string[] {
  const { records, warmUpRecords, recordBytes, partitions } = asked;
  return [
    `Broker ${broker.servers}, version ${broker.version}, durability ${broker.durability}`,
    `${whole(records - warmUpRecords)} records of ${byteSize(recordBytes)}, ${partitions === 1 ? "1 partition" : `${whole(partitions)} partitions`}${warmUpRecords === 0 ? "" : `; ${whole(warmUpRecords)} before them to warm up`}`,
    ...(interrupted ? [`Interrupted after ${whole(sent.records)} of ${whole(records)} records`] : []),
  ];
}

/** What must not happen in any run; empty when it was sound. */
export function wrongs({ failed, firstError, arrived, readAgain, brokerAnswers }: Report): string[] {
  const wrong: string[] = [];
  const lost = Math.max(arrived.lost, readAgain?.lost ?? 0);
  const duplicates = Math.max(arrived.duplicates, readAgain?.duplicates ?? 0);
  if (!brokerAnswers) wrong.push(`the broker does not answer any more: what is stored cannot be read again`);
  if (lost > 0)
    wrong.push(
      brokerAnswers
        ? `acknowledged and lost: ${whole(lost)} records`
        : `acknowledged and not arrived: ${whole(lost)} records, which may be stored`,
    );
  if (duplicates > 0) wrong.push(`arrived once too often: ${whole(duplicates)} records`);
  if (arrived.outOfOrder > 0) wrong.push(`out of order: ${whole(arrived.outOfOrder)} records`);
  if (failed > 0) wrong.push(`not acknowledged: ${whole(failed)} records, the first because ${firstError}`);
  return wrong;
}

/** Names and values. */
export function countRows({
  sent,
  acknowledged,
  failed,
  arrived,
  readAgain,
  asked,
  brokerAnswers,
}: Report): [string, string][] {
  const rows: [string, string][] = [
    ["sent", `${whole(sent.records)} (${whole(sent.recordsPerSecond)}/s of ${whole(asked.recordsPerSecond)}/s)`],
    ["acknowledged", whole(acknowledged)],
  ];
  if (failed > 0) rows.push(["failed", whole(failed)]);
  rows.push(
    ["arrived", whole(arrived.records)],
    [brokerAnswers ? "lost" : "missing", whole(arrived.lost)],
    ["duplicates", whole(arrived.duplicates)],
  );
  rows.push(["out of order", whole(arrived.outOfOrder)]);
  if (readAgain !== null) {
    const { lost, duplicates } = readAgain;
    const wrong = lost + duplicates === 0 ? "" : `; ${whole(lost)} lost, ${whole(duplicates)} duplicates`;
    rows.push(["read again", `${whole(readAgain.records)} (${whole(readAgain.recordsPerSecond)}/s${wrong})`]);
  }
  return rows;
}

const PERCENTILES = [
  ["p50", "p50"],
  ["p90", "p90"],
  ["p99", "p99"],
  ["p99.9", "p999"],
  ["max", "max"],
] as const;

/** `-` where nothing was recorded. */
function cellsOf(percentiles: Percentiles): string[] {
  return PERCENTILES.map(([, name]) => (percentiles.count === 0 ? "-" : inMs(percentiles[name])));
}

/** A line for each percentile, a column for each stage; numbers end under each other. At most 40 columns. */
export function latencyLines({ latencyMs }: Report): string[] {
  const columns = [
    ["MS", ...PERCENTILES.map(([name]) => name.padEnd(5))],
    ["SENT", ...cellsOf(latencyMs.sent)],
    ["ACKED", ...cellsOf(latencyMs.acknowledged)],
    ["ARRIVED", ...cellsOf(latencyMs.arrived)],
  ].map((cells) => {
    const width = Math.max(...cells.map((cell) => cell.length));
    return cells.map((cell) => cell.padStart(width));
  });
  return ["", ...PERCENTILES].map((_, line) => columns.map((cells) => cells[line] ?? "").join("  "));
}

/** Longer bars say no more. */
const MAX_BAR = 40;
const MIN_BAR = 8;

/** Lines of at most `columns`: how many records took how long, the largest range with the longest bar. */
export function histogramLines(ranges: readonly Range[], columns: number): string[] {
  const most = Math.max(1, ...ranges.map(({ count }) => count));
  const labels = ranges.map(({ upToMs }) => `<= ${upToMs.toLocaleString("en-US")} ms`);
  const counts = ranges.map(({ count }) => whole(count));
  const labelWidth = Math.max(...labels.map((label) => label.length));
  const countWidth = Math.max(...counts.map((count) => count.length));
  const width = Math.max(MIN_BAR, Math.min(MAX_BAR, columns - labelWidth - countWidth - 4));
  return ranges.map(({ count }, index) => {
    // What is there at all is seen.
    const length = count === 0 ? 0 : Math.max(1, Math.round((count / most) * width));
    return `${labels[index]?.padStart(labelWidth)}  ${counts[index]?.padStart(countWidth)}  ${"#".repeat(length)}`.trimEnd();
  });
}
