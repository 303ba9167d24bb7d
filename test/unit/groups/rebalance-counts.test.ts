// New epochs are counted by what brought them about.

import { expect, test } from "vitest";
import { RebalanceCounts } from "../../../server/src/groups/rebalance-counts.ts";

test("an epoch counts for what happened last in its group; without a cause what is read has changed", () => {
  const counts = new RebalanceCounts();
  const told = () => Object.fromEntries(counts.totals());
  expect(told()).toEqual({ join: 0, leave: 0, eviction: 0, subscription: 0 });
  counts.happened("a", "join");
  counts.happened("b", "eviction");
  counts.happened("a", "epoch");
  counts.happened("b", "assignment");
  counts.happened("b", "epoch");
  expect(told()).toEqual({ join: 1, leave: 0, eviction: 1, subscription: 0 });
  counts.happened("a", "epoch");
  counts.happened("a", "leave");
  counts.happened("a", "restore");
  counts.happened("a", "epoch");
  expect(told()).toEqual({ join: 1, leave: 0, eviction: 1, subscription: 2 });
});

test("what comes to no epoch is not remembered for ever", () => {
  const counts = new RebalanceCounts();
  for (let index = 0; index < 10_000; index++) counts.happened(`g${index}`, "join");
  counts.happened("new", "leave");
  counts.happened("g0", "epoch");
  counts.happened("new", "epoch");
  expect(Object.fromEntries(counts.totals())).toMatchObject({ join: 0, leave: 1, subscription: 1 });
});
