// The demos' figures in the guide are those of one run, and what the demos claim holds for them: when the demo's table, its
// words or its claims change, the pages are written anew (npm run demo -- NAME --figures docs/guide/figures).

import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import * as commits from "../../../../cli/demo/commits/report.ts";
import * as rebalance from "../../../../cli/demo/rebalance/report.ts";

const read = (file: string) => readFileSync(new URL(`../../../../docs/guide/figures/${file}`, import.meta.url), "utf8");

const broken = (claims: readonly { readonly text: string; readonly holds: boolean }[]) =>
  claims.filter(({ holds }) => !holds).map(({ text }) => text);

test("commits: the page shows the figures of the run, and every claim holds for them", () => {
  const figures = JSON.parse(read("commits.json")) as commits.CommitsFigures;
  expect(broken(commits.claimsOf(figures))).toEqual([]);
  expect(read("commits.md")).toBe(commits.markdownOf(figures));
});

test("rebalance: the page shows the figures of the run, and every claim holds for them", () => {
  const figures = JSON.parse(read("rebalance.json")) as rebalance.RebalanceFigures;
  expect(broken(rebalance.claimsOf(figures))).toEqual([]);
  expect(read("rebalance.md")).toBe(rebalance.markdownOf(figures));
});
