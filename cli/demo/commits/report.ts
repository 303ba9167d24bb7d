// What the demo about commits says of its figures: the table, why they are so, what to learn, and which claims hold.
// Invariant: all of it follows from the figures alone, so that printed figures can be checked again.

import type { Cells } from "../../src/table.ts";
import { type Claim, counted, markdownTable } from "../shared/screen.ts";
import type { Account } from "./account.ts";
import type { WayName } from "./task.ts";

export interface WayFigures extends Account {
  readonly way: WayName;
  /** Told by commitAsync's callback. */
  readonly failedCommits: number;
  /** Whether, before the kill, a stored commit covered every failed one. */
  readonly failedCommitsWereCovered: boolean;
  /** At the end: committed to the end of every partition. */
  readonly lag: number;
}

export interface CommitsFigures {
  readonly reports: number;
  /** max.poll.records. */
  readonly batchRecords: number;
  readonly ways: readonly WayFigures[];
}

export const titles: Readonly<Record<WayName, string>> = {
  autoAwaited: "auto commit, work awaited",
  autoNotAwaited: "auto commit, work not awaited",
  commitAsync: "commitAsync() after each batch",
  commit: "await commit() after each batch",
};

export const tableHead = ["way to commit", "processed", "  lost", "repeated", "failed commits"];

export function tableRows({ ways }: CommitsFigures): readonly Cells[] {
  return ways.map(({ way, processed, lost, repeated, failedCommits }) => [
    titles[way],
    counted(processed).padStart(9),
    counted(lost).padStart(6),
    counted(repeated).padStart(8),
    (way === "commitAsync" ? counted(failedCommits) : "-").padStart(14),
  ]);
}

function figuresOf({ ways }: CommitsFigures, way: WayName): WayFigures {
  const found = ways.find((one) => one.way === way);
  if (found === undefined) throw new Error(`no figures of ${way}`);
  return found;
}

const lastBatch = (repeated: number) =>
  repeated > 0
    ? `its last batch came again, ${counted(repeated)} records.`
    : "the broker had its last commit, only the answer was lost, and nothing came again.";

/** Why the figures are as they are, a paragraph for each way. */
export function reasons(figures: CommitsFigures): readonly [title: string, text: string][] {
  const of = (way: WayName) => figuresOf(figures, way);
  const texts: Readonly<Record<WayName, string>> = {
    autoAwaited:
      `Killed between two automatic commits. The ${counted(of("autoAwaited").repeated)} records since the last one came ` +
      "again; nothing was lost, because a batch was finished before the next poll(), and only poll() commits. A shorter " +
      "auto.commit.interval.ms repeats less, never nothing.",
    autoNotAwaited:
      "poll() was called again while the work was still under way. poll() takes what it handed out before for finished, and " +
      `commits it. When the process died, ${counted(of("autoNotAwaited").lost)} records were committed and not stored. ` +
      "No error, no warning: no consumer of the group will ever see them again.",
    commitAsync:
      `In the first network failure ${counted(of("commitAsync").failedCommits)} commits failed; their callback heard of it. ` +
      "They are not sent again: by then a later commit may be stored, and an older one would set the group back. The next " +
      "commit carried higher offsets and covered them all: nothing to do. In the second failure no later one came: all " +
      `${counted(of("commitAsync").repeated)} records since the last stored commit came again.`,
    commit:
      "In the first failure it waited, sent the commit again until it was stored, and went on. In the second it waited too, " +
      `and was killed waiting: ${lastBatch(of("commit").repeated)} Never more than one batch comes again ` +
      `(max.poll.records ${figures.batchRecords}).`,
  };
  return figures.ways.map(({ way }) => [titles[way], texts[way]]);
}

export const lessons: readonly string[] = [
  "Finish the work before the next poll(), or commit by hand what is finished. Handing records to something that nobody awaits loses them.",
  "Every way repeats after a crash; the way to commit decides how much. Make the work safe to repeat: (topic, partition, offset) names a record.",
  "commitAsync() in the loop, and one awaited commit() at the end and in onPartitionsRevoked: fast, and a failed commit costs repetition only.",
  "Await commit() where repeating is dear: one batch at most, and a pause for each commit.",
];

/** What the demo says, and whether these figures are so. */
export function claimsOf(figures: CommitsFigures): readonly Claim[] {
  const { reports, batchRecords, ways } = figures;
  const of = (way: WayName) => figuresOf(figures, way);
  return [
    { text: "every group has committed to the end, lag 0", holds: ways.every(({ lag }) => lag === 0) },
    {
      text: "every report is either processed or counted as lost",
      holds: ways.every(({ processed, lost }) => processed + lost === reports),
    },
    {
      text: "lost and repeated are exactly what lies between the kill and the last commit that the broker had",
      holds: ways.every((way) => way.lost === way.expected.lost && way.repeated === way.expected.repeated),
    },
    {
      text: "auto commit with the work awaited: nothing lost, some repeated",
      holds: of("autoAwaited").lost === 0 && of("autoAwaited").repeated > 0,
    },
    { text: "auto commit with the work not awaited: records lost", holds: of("autoNotAwaited").lost > 0 },
    {
      text: "commitAsync(): commits failed, and a later one covered them",
      holds: of("commitAsync").failedCommits > 0 && of("commitAsync").failedCommitsWereCovered,
    },
    {
      text: "commitAsync(): nothing lost, more than a batch repeated",
      holds: of("commitAsync").lost === 0 && of("commitAsync").repeated > batchRecords,
    },
    {
      text: "commit(): nothing lost, at most one batch repeated",
      holds: of("commit").lost === 0 && of("commit").repeated <= batchRecords,
    },
  ];
}

/** The figures for docs/guide/figures/. */
export function markdownOf(figures: CommitsFigures): string {
  const table = markdownTable(tableHead, tableRows(figures));
  const why = reasons(figures).map(([title, text]) => `**${title}.** ${text}`);
  return [
    "<!-- Written by: npm run demo -- commits --figures docs/guide/figures -->",
    "# Figures: ways to commit\n",
    `What a crash costs, counted by \`npm run demo -- commits\` on ${counted(figures.reports)} records. Another run has other`,
    "counts; what is zero in *lost* stays zero. *Lost*: committed and never processed. *Repeated*: processed more than once.\n",
    table,
    `\n${why.join("\n\n")}\n`,
  ].join("\n");
}
