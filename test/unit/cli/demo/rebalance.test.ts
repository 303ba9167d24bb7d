// The figures of the demo about rebalances: what moved and what stayed, and that each of its claims can fail.

import { expect, test } from "vitest";
import {
  claimsOf,
  type EventFigures,
  type EventName,
  movement,
  type RebalanceFigures,
  reasonOf,
  repetitionReason,
  tableRows,
} from "../../../../cli/demo/rebalance/report.ts";

function happening(
  event: EventName,
  epochs: [number, number],
  ownersBefore: string,
  moves: readonly [partition: number, from: string, to: string][],
  pausesMs: readonly number[],
): EventFigures {
  const handovers = moves.map(([partition, from, to]) => ({ partition, from, to, atMs: 0 }));
  return { event, epochs, handovers, pausesMs, ownersBefore: [...ownersBefore], tookMs: 100 };
}

const good: RebalanceFigures = {
  sessionTimeoutMs: 6_000,
  maxPollIntervalMs: 3_000,
  stallMs: 5_000,
  quietMs: [20, 21, 22, 23, 24, 25],
  events: [
    happening(
      "join",
      [2, 3],
      "AAABBB",
      [
        [2, "A", "C"],
        [5, "B", "C"],
      ],
      [30, 30, 60, 30, 30, 61],
    ),
    happening(
      "leave",
      [3, 4],
      "AACBBC",
      [
        [2, "C", "A"],
        [5, "C", "B"],
      ],
      [30, 30, 40, 30, 30, 41],
    ),
    happening(
      "kill",
      [4, 5],
      "AAABBB",
      [
        [3, "B", "A"],
        [4, "B", "A"],
        [5, "B", "A"],
      ],
      [30, 31, 32, 5_200, 5_201, 5_202],
    ),
    happening(
      "replace",
      [5, 6],
      "AAAAAA",
      [
        [3, "A", "D"],
        [4, "A", "D"],
        [5, "A", "D"],
      ],
      [30, 30, 30, 40, 40, 40],
    ),
    happening(
      "slowPoll",
      [6, 8],
      "AAADDD",
      [
        [3, "D", "A"],
        [4, "D", "A"],
        [5, "D", "A"],
        [0, "A", "D"],
        [4, "A", "D"],
        [5, "A", "D"],
      ],
      [40, 30, 30, 3_040, 3_041, 3_042],
    ),
    happening("staticRestart", [8, 8], "DAAADD", [], [30, 700, 701, 702, 30, 30]),
  ],
  processed: 5_000,
  lost: 0,
  repeated: [
    { first: "B", again: "A", records: 4 },
    { first: "A", again: "D", records: 3 },
  ],
  failedCommits: [{ member: "D", text: "out" }],
};

const failing = (figures: RebalanceFigures) =>
  claimsOf(figures)
    .filter(({ holds }) => !holds)
    .map(({ text }) => text);

const changed = (event: EventName, change: Partial<EventFigures>): RebalanceFigures => ({
  ...good,
  events: good.events.map((one) => (one.event === event ? { ...one, ...change } : one)),
});

const eventOf = (event: EventName): EventFigures => {
  const found = good.events.find((one) => one.event === event);
  if (found === undefined) throw new Error(event);
  return found;
};

test("figures as they should be satisfy every claim", () => {
  expect(failing(good)).toEqual([]);
});

test("the table marks what moved, and has a row to compare with", () => {
  const rows = tableRows(good).map((row) => row.map((cell) => String(cell).trim()));
  expect(rows[0]).toEqual(["(no event)", "20", "21", "22", "23", "24", "25"]);
  expect(rows[1]).toEqual(["C joins", "30", "30", "60*", "30", "30", "61*"]);
  expect(rows.at(-1)).toEqual(["A restarts (static)", "30", "700", "701", "702", "30", "30"]);
});

test("what moved is told by its way, what stayed by its owner, each with its pause", () => {
  expect(movement(eventOf("join"))).toEqual([
    ["moved:", "2 (A -> C), 5 (B -> C), paused 60 to 61 ms"],
    ["stayed:", "0-1 (A), paused 30 ms; 3-4 (B), paused 30 ms"],
    ["epoch:", "2 -> 3"],
  ]);
  expect(movement(eventOf("replace"))[0]).toEqual(["moved:", "3-5 (A -> D), paused 40 ms"]);
  expect(movement(eventOf("staticRestart"))).toEqual([
    ["moved:", "nothing"],
    ["stayed:", "0 4-5 (D), paused 30 ms; 1-3 (A), paused 700 to 702 ms"],
    ["epoch:", "8, as before"],
  ]);
});

test("reasons name the times that were set, and every repetition has one", () => {
  expect(reasonOf("kill", good)).toContain("session.timeout.ms (6 s)");
  expect(reasonOf("slowPoll", good)).toContain("max.poll.interval.ms (3 s)");
  expect([repetitionReason("B", "A"), repetitionReason("D", "A"), repetitionReason("A", "D")]).not.toContain(
    "unexpected",
  );
  expect(repetitionReason("A", "C")).toBe("unexpected");
});

const without = (event: EventName, at: number) => ({ handovers: eventOf(event).handovers.toSpliced(at, 1) });
const withOne = (event: EventName, partition: number, from: string, to: string) => ({
  handovers: [...eventOf(event).handovers, { partition, from, to, atMs: 0 }],
});

test.each<[EventName, Partial<EventFigures>, string]>([
  ["join", without("join", 0), "a join moves only"],
  ["join", withOne("join", 0, "A", "B"), "a join moves only"],
  ["replace", withOne("replace", 0, "D", "A"), "a join moves only"],
  ["leave", without("leave", 0), "a leave moves only"],
  ["leave", withOne("leave", 0, "A", "B"), "a leave moves only"],
  ["kill", withOne("kill", 0, "A", "B"), "a kill moves only"],
  ["kill", { pausesMs: [30, 31, 32, 2_999, 5_201, 5_202] }, "waited for its session"],
  ["kill", { pausesMs: [5_300, 31, 32, 5_200, 5_201, 5_202] }, "waited for its session"],
  ["slowPoll", { pausesMs: [40, 30, 30, 2_999, 3_041, 3_042] }, "who polls too late"],
  ["slowPoll", { handovers: [] }, "who polls too late"],
  ["slowPoll", { handovers: eventOf("slowPoll").handovers.toReversed() }, "who polls too late"],
  ["staticRestart", { epochs: [8, 9] }, "a static restart moves nothing"],
  ["staticRestart", withOne("staticRestart", 1, "A", "D"), "a static restart moves nothing"],
])("%s otherwise is seen (%#)", (event, change, claim) => {
  const failed = failing(changed(event, change));
  expect(failed).toHaveLength(1);
  expect(failed[0]).toContain(claim);
});

test.each<[Partial<RebalanceFigures>, string]>([
  [{ lost: 1 }, "no acknowledged record was lost"],
  [{ repeated: [] }, "made records come again"],
  [{ repeated: [{ first: "A", again: "C", records: 1 }] }, "made records come again"],
  [{ failedCommits: [] }, "its late commit failed"],
  [{ failedCommits: [{ member: "A", text: "" }] }, "its late commit failed"],
])("%j is seen", (change, claim) => {
  const failed = failing({ ...good, ...change });
  expect(failed).toHaveLength(1);
  expect(failed[0]).toContain(claim);
});
