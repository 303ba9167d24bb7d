// The demo's book and its input: what it says must be right, because it is what a newcomer believes.

import { expect, test } from "vitest";
import { Aggregate, readReports } from "../../../cli/demo/birdstrikes.ts";
import { Ledger } from "../../../cli/demo/ledger.ts";
import { epochs, ranges, wrap } from "../../../cli/demo/report.ts";

const delivery = (partition: number, offset: number) => ({
  partition,
  offset,
  airport: "A",
  flightDate: "1999-01-01",
  costDollars: 2,
});

test("the file is the one the demo was written for", () => {
  const reports = readReports();
  expect(reports).toHaveLength(10_000);
  expect(
    reports.every((report, index) => index === 0 || (reports[index - 1]?.flightDate ?? "") <= report.flightDate),
  ).toBe(true);
});

test("a record counts once, however often it is delivered, and the repetition is known", () => {
  const ledger = new Ledger();
  ledger.processed("A", [delivery(0, 0), delivery(0, 1)], 10);
  ledger.committed([{ partition: 0, offset: 1 }]);
  expect(ledger.uncommitted("A")).toEqual([{ partition: 0, offset: 1 }]);
  ledger.processed("B", [delivery(0, 1), delivery(0, 2)], 500);
  expect(ledger.recordCount).toBe(3);
  expect(ledger.repetitions).toEqual([{ partition: 0, offset: 1, first: "A", again: "B" }]);
  expect(ledger.aggregate.strikesByAirport.get("A")).toBe(3);
  expect(ledger.moves).toEqual([{ partition: 0, from: "A", to: "B", stoodStillMs: 490, atMs: 500 }]);
  expect(ledger.uncommitted("A")).toEqual([]);
  expect(ledger.inOrder(0)).toBe(true);
  ledger.processed("B", [delivery(0, 2)], 600);
  expect(ledger.inOrder(0)).toBe(false);
});

test("an aggregate names every difference", () => {
  const [one, other] = [new Aggregate(), new Aggregate()];
  one.add({ airport: "X", flightDate: "2000-01-01", costDollars: 5 });
  expect(one.differences(other)).toEqual(["strikes at X: 1 instead of 0", "cost in 2000: 5 instead of 0"]);
  other.add({ airport: "X", flightDate: "2000-12-31", costDollars: 5 });
  expect(one.differences(other)).toEqual([]);
});

test("ranges, lines of 80 columns, epochs with reasons", () => {
  expect(ranges([3, 1, 2, 7, 2])).toBe("1-3 7");
  expect(
    wrap("word ".repeat(40).trim(), "  ")
      .split("\n")
      .every((line) => line.length <= 80),
  ).toBe(true);
  const text = epochs(
    [
      { atMs: 1_500, event: "epoch", epoch: 2, reason: "B joined" },
      { atMs: 1_600, event: "assignment", epoch: 2, member: "B", partitions: [{ partition: 3 }, { partition: 4 }] },
    ],
    1_000,
  );
  expect(text).toContain("epoch 2: B joined");
  expect(text).toContain("B gets 3-4");
});
