// The screen of `groups watch`: the groups' states, partitions with lag, and what happened last, in so many rows and columns.
// Pure. Invariant: never more lines than there are rows, and no line wider than the columns; what does not fit is counted.

import { counted, timeOfDay } from "../../format.ts";
import { clipped, padded, widthOf, wrapped } from "../../text.ts";
import { behind, lagOf } from "./lag.ts";
import { type Share, sharesOf } from "./shares.ts";
import { eventText, namingOf } from "./timeline.ts";
import type { Seen } from "./watch-changes.ts";

export interface FrameLine {
  readonly text: string;
  readonly style?: "bold" | "dim";
}

export interface Size {
  readonly rows: number;
  readonly columns: number;
}

type Column = readonly [head: string, cell: (share: Share) => string];

/** The share of a group's rows that partitions may take when there is more to tell than fits. */
const PARTITIONS_SHARE = 0.6;
/** From so many rows on a group's title may take more than one. */
const ROOMY = 8;

/** `status`: what stands in the first line, beside the time of the look. */
export function frameOf(groups: readonly Seen[], status: string, { rows, columns }: Size): FrameLine[] {
  // The last column stays free: terminals differ in what a full line does.
  const width = Math.max(1, columns - 1);
  const rooms = roomsOf(groups, rows - 1);
  const lines: FrameLine[] = [
    { text: status, style: "dim" },
    ...groups.flatMap((group, at) => groupLines(group, rooms[at] ?? 0, width)),
  ];
  return lines.slice(0, Math.max(1, rows)).map(({ text, style }) => ({
    text: clipped(text, width),
    ...(style === undefined ? {} : { style }),
  }));
}

/** The rows of each group: even shares, but for those that need less. */
function roomsOf(groups: readonly Seen[], rows: number): number[] {
  const needs = groups.map((group, at) => ({ at, need: 4 + sharesOf(group).length + group.timeline.length }));
  const rooms = groups.map(() => 0);
  let left = rows;
  let groupsLeft = groups.length;
  for (const { at, need } of needs.sort((a, b) => a.need - b.need)) {
    const room = Math.min(need, Math.floor(left / groupsLeft--));
    rooms[at] = room;
    left -= room;
  }
  return rooms;
}

function groupLines(group: Seen, room: number, width: number): FrameLine[] {
  if (room < 1) return [];
  // A title that is too long takes more lines where there are enough.
  const titles = room < ROOMY ? [titleOf(group)] : wrapped(titleOf(group), width);
  const title = titles.map((text, at): FrameLine => ({ text: at === 0 ? text : `  ${text}`, style: "bold" }));
  // One is free between groups.
  const inside = room - titles.length - 1;
  if (inside < 1) return title;
  const shares = sharesOf(group);
  const { timeline } = group;
  const share = timeline.length === 0 ? inside : Math.max(2, Math.floor(inside * PARTITIONS_SHARE));
  const partitions = partitionLines(shares, Math.min(inside, Math.max(share, inside - timeline.length)), width);
  const eventRows = Math.max(0, inside - partitions.length);
  const naming = namingOf(group);
  return [
    ...title,
    ...partitions,
    // The newest is at the bottom, where the eye looks for it.
    ...timeline
      .slice(timeline.length - Math.min(eventRows, timeline.length))
      .map((event) => ({ text: `  ${timeOfDay(event.atMs)} ${eventText(event, naming)}` })),
    { text: "" },
  ];
}

function titleOf(group: Seen): string {
  const { groupId, state, epoch, members } = group;
  if (state === "Dead") return `${groupId}: there is no such group yet`;
  const { lag, lagSeconds } = lagOf(group);
  const waits = behind(lagSeconds);
  return `${groupId}: ${state}, lag ${lag}${waits === "" ? "" : ` (${waits})`}, ${counted(members.length, "member")}, epoch ${epoch}`;
}

const columnsOfShares: readonly Column[] = [
  ["PARTITION", ({ topic, partition }) => `${topic}-${partition}`],
  ["LAG", ({ committed }) => String(committed?.lag ?? "?")],
  ["BEHIND", ({ committed }) => (committed === undefined ? "" : behind(committed.lagSeconds))],
  ["COMMITTED", ({ committed }) => String(committed?.offset ?? "none")],
  ["END", ({ committed }) => String(committed?.highWatermark ?? "")],
  ["OWNER", ({ owner }) => owner ?? "nobody"],
];

/** A head and the partitions; when they do not all fit, those with the most to read, and a line that counts the others. */
function partitionLines(shares: readonly Share[], room: number, width: number): FrameLine[] {
  if (shares.length === 0) return [];
  if (shares.length < room) return laidOut(columnsOfShares, shares, width);
  // Without room for a single one beside the head and the count there is no use in either.
  if (room < 3) return [];
  const lagOfShare = ({ committed }: Share) => committed?.lag ?? 0;
  const shown = [...shares].sort((a, b) => lagOfShare(b) - lagOfShare(a)).slice(0, room - 2);
  const left = shares.length - shown.length;
  return [
    ...laidOut(columnsOfShares, shown, width),
    { text: `  … and ${counted(left, "partition")} with less to read`, style: "dim" },
  ];
}

/** Narrow screens go without what can be worked out from the rest: first END, then COMMITTED, then BEHIND. */
function laidOut(columns: readonly Column[], shares: readonly Share[], width: number): FrameLine[] {
  const dispensable = ["END", "COMMITTED", "BEHIND"];
  let kept = [...columns];
  for (;;) {
    const cells = [kept.map(([head]) => head), ...shares.map((share) => kept.map(([, cell]) => cell(share)))];
    const widths = kept.map((_, column) => Math.max(...cells.map((row) => widthOf(row[column] ?? ""))));
    const needed = widths.reduce((sum, columnWidth) => sum + columnWidth + 2, 0);
    const next = dispensable.shift();
    if (needed > width && next !== undefined) {
      kept = kept.filter(([head]) => head !== next);
      continue;
    }
    return cells.map((row, at) => ({
      text: `  ${row.map((cell, column) => padded(cell, widths[column] ?? 0)).join("  ")}`.trimEnd(),
      ...(at === 0 ? { style: "dim" as const } : {}),
    }));
  }
}
