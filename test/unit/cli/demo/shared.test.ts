// The demos' book, input and text: what they say must be right, because it is what a newcomer believes.

import { Writable } from "node:stream";
import { expect, test } from "vitest";
import { Aggregate, readReports } from "../../../../cli/demo/shared/birdstrikes.ts";
import { Ledger } from "../../../../cli/demo/shared/ledger.ts";
import { besideTime, ranges, Screen } from "../../../../cli/demo/shared/screen.ts";
import { epochs } from "../../../../cli/demo/shared/timeline.ts";

const places = (partition: number, ...offsets: number[]) => offsets.map((offset) => ({ partition, offset }));

test("the file is the one the demo was written for", () => {
  const reports = readReports();
  expect(reports).toHaveLength(10_000);
  expect(
    reports.every((report, index) => index === 0 || (reports[index - 1]?.flightDate ?? "") <= report.flightDate),
  ).toBe(true);
});

test("a record counts once, however often it is delivered, and the repetition is known", () => {
  const ledger = new Ledger();
  expect(ledger.processed("A", places(0, 0, 1), 10)).toEqual(places(0, 0, 1));
  ledger.committed([{ partition: 0, offset: 1 }]);
  expect(ledger.uncommitted("A")).toEqual([{ partition: 0, offset: 1 }]);
  expect(ledger.processed("B", places(0, 1, 2), 500)).toEqual(places(0, 2));
  expect(ledger.recordCount).toBe(3);
  expect(ledger.repetitions).toEqual([{ partition: 0, offset: 1, first: "A", again: "B" }]);
  expect(ledger.moves).toEqual([{ partition: 0, from: "A", to: "B", stoodStillMs: 490, atMs: 500 }]);
  expect(ledger.uncommitted("A")).toEqual([]);
  expect(ledger.inOrder(0)).toBe(true);
  ledger.processed("B", places(0, 2), 600);
  expect(ledger.inOrder(0)).toBe(false);
});

test("what nobody has processed is missing, and each worker's way through a partition is known", () => {
  const ledger = new Ledger();
  ledger.processed("A", [...places(0, 0, 1), ...places(1, 0)], 10);
  ledger.processed("B", places(0, 1, 2), 20);
  const ends = new Map([
    [0, 5],
    [1, 1],
    [2, 1],
  ]);
  expect(ledger.missing(ends)).toEqual([...places(0, 3, 4), ...places(2, 0)]);
  expect(ledger.positions("A")).toEqual(
    new Map([
      [0, 2],
      [1, 1],
    ]),
  );
  expect(ledger.beginnings("B")).toEqual(new Map([[0, 1]]));
});

test("a partition's longest gap counts from record to record, whoever processed them, if it touches the window", () => {
  const ledger = new Ledger();
  for (const [worker, atMs, offset] of [
    ["A", 100, 0],
    ["A", 900, 1],
    ["B", 1_400, 2],
    ["A", 1_450, 0],
    ["B", 3_000, 3],
  ] as const)
    ledger.processed(worker, places(0, offset), atMs);
  expect(ledger.longestGapMs(0, 1_000, 1_420)).toBe(500);
  expect(ledger.longestGapMs(0, 500, 1_000)).toBe(800);
  expect(ledger.longestGapMs(0, 1_460, 2_000)).toBe(1_550);
  expect(ledger.longestGapMs(0, 4_000, 5_000)).toBe(0);
  expect(ledger.longestGapMs(7, 0, 5_000)).toBe(0);
  expect(ledger.lastAtMs(0)).toBe(3_000);
});

test("an aggregate names every difference", () => {
  const [one, other] = [new Aggregate(), new Aggregate()];
  one.add({ airport: "X", flightDate: "2000-01-01", costDollars: 5 });
  expect(one.differences(other)).toEqual(["strikes at X: 1 instead of 0", "cost in 2000: 5 instead of 0"]);
  other.add({ airport: "X", flightDate: "2000-12-31", costDollars: 5 });
  expect(one.differences(other)).toEqual([]);
});

test("ranges, text beside the time, epochs with reasons and names", () => {
  expect(ranges([3, 1, 2, 7, 2])).toBe("1-3 7");
  expect(besideTime(1_234, "one two three", 18)).toBe("   1.2 s  one two\n          three");
  const [b, c] = ["BBBBBBBBBBBBBBBBBBBBBB", "CCCCCCCCCCCCCCCCCCCCCC"];
  const timeline = [
    { atMs: 1_500, event: "epoch", epoch: 2, reason: `${b} (B) joined` },
    { atMs: 1_600, event: "assignment", epoch: 2, member: b, partitions: [{ partition: 3 }, { partition: 4 }] },
    { atMs: 1_700, event: "join", epoch: 2, member: c },
  ];
  const text = epochs(timeline, 1_000, { names: new Map([[c, "C"]]) });
  expect(text.split("\n")).toEqual(["   0.5 s  epoch 2: B joined", "   0.6 s    B gets 3-4", "   0.7 s    C joins"]);
  expect(epochs(timeline, 1_000, { isShown: ({ atMs }) => atMs === 1_600 })).toBe("   0.6 s    B gets 3-4");
});

/** A screen of so many columns, and what it shows. */
function screenOf(columns: number | undefined, env: Record<string, string> = {}) {
  let shown = "";
  const stream = Object.assign(
    new Writable({
      write(chunk, _encoding, done) {
        shown += String(chunk);
        done();
      },
    }),
    columns === undefined ? {} : { isTTY: true, columns },
  );
  return { screen: new Screen(stream, env), lines: () => shown.split("\n").slice(0, -1) };
}

function showAll(screen: Screen): void {
  screen.heading("How many words of a heading fit into a line of a narrow terminal");
  screen.say("Something happens that takes quite a number of words to tell, more than a line has.");
  screen.table(
    ["event", "    p0", "    p1"],
    [
      ["an event with a long name", "    12", "     7"],
      ["another", " 12345", "    78"],
    ],
  );
  screen.item("why:", "because of something that needs more than one line to be explained to anybody");
  screen.checked([
    { text: "a claim that held and that is longer than one line of the narrow terminal", holds: true },
    { text: "another that did not", holds: false },
  ]);
}

test("nothing is wider than the terminal, and on wide ones and in pipes nothing is wider than 80", () => {
  for (const columns of [40, 80, 200, undefined]) {
    const { screen, lines } = screenOf(columns, { NO_COLOR: "1" });
    showAll(screen);
    expect(Math.max(...lines().map((line) => line.length))).toBeLessThanOrEqual(Math.min(columns ?? 80, 80));
    expect(lines().join(" ").replaceAll(/\s+/g, " ")).toContain("another that did not");
  }
  const { screen, lines } = screenOf(undefined);
  showAll(screen);
  expect(lines()).toContain("another                     12345      78");
});

test("colour is for terminals that have it, and never asked for by NO_COLOR", () => {
  const coloured = (columns: number | undefined, env: Record<string, string>) => {
    const { screen, lines } = screenOf(columns, env);
    showAll(screen);
    return lines().join("\n").includes("\u001b[");
  };
  expect(coloured(80, { TERM: "xterm" })).toBe(true);
  expect(coloured(80, { TERM: "xterm", NO_COLOR: "1" })).toBe(false);
  expect(coloured(80, { TERM: "dumb" })).toBe(false);
  expect(coloured(undefined, { TERM: "xterm" })).toBe(false);
});

test("one claim that does not hold is enough", () => {
  const { screen, lines } = screenOf(undefined);
  expect(screen.checked([{ text: "a", holds: true }])).toBe(true);
  expect(
    screen.checked([
      { text: "a", holds: true },
      { text: "b", holds: false },
    ]),
  ).toBe(false);
  expect(lines()).toContain("  FAILED b");
});
