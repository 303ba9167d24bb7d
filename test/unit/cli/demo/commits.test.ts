// The arithmetic of the demo about commits: what is lost, what is repeated, and that each of its claims can fail.

import { expect, test } from "vitest";
import { accountOf, lives } from "../../../../cli/demo/commits/account.ts";
import { type CommitsFigures, claimsOf, reasons, tableRows } from "../../../../cli/demo/commits/report.ts";
import { Ledger } from "../../../../cli/demo/shared/ledger.ts";

/** A ledger of one partition: offsets before and after the kill, [from, to) each. */
function ledgerOf(before: readonly [number, number], after: readonly [number, number]): Ledger {
  const ledger = new Ledger();
  for (const [life, [from, to]] of [
    [lives.first, before],
    [lives.second, after],
  ] as const)
    for (let offset = from; offset < to; offset++) ledger.processed(life, [{ partition: 0, offset }], offset);
  return ledger;
}

const ends = new Map([[0, 10]]);

test("a commit behind the work repeats, one ahead of it loses, by exactly the distance", () => {
  expect(accountOf(ledgerOf([0, 7], [4, 10]), ends)).toEqual({
    processed: 10,
    lost: 0,
    repeated: 3,
    expected: { lost: 0, repeated: 3 },
  });
  expect(accountOf(ledgerOf([0, 4], [7, 10]), ends)).toEqual({
    processed: 7,
    lost: 3,
    repeated: 0,
    expected: { lost: 3, repeated: 0 },
  });
  expect(accountOf(ledgerOf([0, 7], [7, 10]), ends)).toMatchObject({ lost: 0, repeated: 0 });
});

test("a partition that never came again was committed to its end; one that was never begun counts from 0", () => {
  expect(accountOf(ledgerOf([0, 6], [0, 0]), ends)).toMatchObject({ lost: 4, expected: { lost: 4, repeated: 0 } });
  expect(accountOf(ledgerOf([0, 0], [0, 10]), ends)).toMatchObject({ lost: 0, expected: { lost: 0, repeated: 0 } });
});

test("what the books cannot explain differs from what was expected", () => {
  const ledger = ledgerOf([0, 7], [4, 10]);
  // Processed a third time, by the second life itself.
  ledger.processed(lives.second, [{ partition: 0, offset: 2 }], 99);
  const { repeated, expected } = accountOf(ledger, ends);
  expect([repeated, expected.repeated]).toEqual([4, 3]);
});

const account = (lost: number, repeated: number) => ({
  processed: 1_000 - lost,
  lost,
  repeated,
  expected: { lost, repeated },
  failedCommits: 0,
  failedCommitsWereCovered: true,
  lag: 0,
});
const good: CommitsFigures = {
  reports: 1_000,
  batchRecords: 100,
  ways: [
    { way: "autoAwaited", ...account(0, 210) },
    { way: "autoNotAwaited", ...account(900, 0) },
    { way: "commitAsync", ...account(0, 330), failedCommits: 3 },
    { way: "commit", ...account(0, 100) },
  ],
};

const failing = (figures: CommitsFigures) =>
  claimsOf(figures)
    .filter(({ holds }) => !holds)
    .map(({ text }) => text);

const changed = (way: string, change: object): CommitsFigures => ({
  ...good,
  ways: good.ways.map((one) => (one.way === way ? { ...one, ...change } : one)),
});

test("figures as they should be satisfy every claim, and stand in the table", () => {
  expect(failing(good)).toEqual([]);
  expect(tableRows(good).map((row) => row.map((cell) => String(cell).trim()))).toEqual([
    ["auto commit, work awaited", "1,000", "0", "210", "-"],
    ["auto commit, work not awaited", "100", "900", "0", "-"],
    ["commitAsync() after each batch", "1,000", "0", "330", "3"],
    ["await commit() after each batch", "1,000", "0", "100", "-"],
  ]);
  expect(reasons(good).map(([, text]) => /\d+/.exec(text)?.[0])).toEqual(["210", "900", "3", "100"]);
});

test.each([
  ["autoAwaited", { lag: 1 }, "lag 0"],
  ["autoAwaited", { processed: 999 }, "either processed or counted as lost"],
  ["autoAwaited", { expected: { lost: 0, repeated: 209 } }, "exactly what lies between"],
  ["autoAwaited", account(1, 210), "auto commit with the work awaited"],
  ["autoAwaited", account(0, 0), "auto commit with the work awaited"],
  ["autoNotAwaited", account(0, 0), "auto commit with the work not awaited"],
  ["commitAsync", { failedCommits: 0 }, "commits failed, and a later one covered them"],
  ["commitAsync", { failedCommitsWereCovered: false }, "commits failed, and a later one covered them"],
  ["commitAsync", { ...account(1, 330), failedCommits: 3 }, "commitAsync(): nothing lost"],
  ["commitAsync", { ...account(0, 100), failedCommits: 3 }, "more than a batch repeated"],
  ["commit", account(1, 0), "commit(): nothing lost"],
  ["commit", account(0, 101), "at most one batch repeated"],
])("%s with %j is seen", (way, change, claim) => {
  const failed = failing(changed(way, change));
  expect(failed).toHaveLength(1);
  expect(failed[0]).toContain(claim);
});
