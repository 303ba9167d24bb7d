// All groups' timelines together are bounded, whatever is told in them.

import { expect, test } from "vitest";
import type { Happening } from "../../../server/src/groups/effects.ts";
import { Timeline, TimelineTotals } from "../../../server/src/groups/timeline.ts";
import { FakeCatalog } from "./group-world.ts";

const catalog = new FakeCatalog();
const { topicId } = catalog.create("orders", 1000);
const MAX_BYTES = 100_000;

function happening(version: number, more: Partial<Happening> = {}): Happening {
  return { event: "join", epoch: 1, version, member: `w${version}`, reason: "joined", ...more };
}

test("above the bound what happened longest ago goes, of the group where nothing has happened for the longest time", () => {
  const totals = new TimelineTotals(MAX_BYTES);
  const [quiet, first, second] = [new Timeline(totals), new Timeline(totals), new Timeline(totals)];
  const told = (timeline: Timeline) => timeline.upTo(Number.POSITIVE_INFINITY).length;
  for (let version = 0; version < 50; version++) quiet.add(happening(version), 0, catalog);
  const partitions = Array.from({ length: 100 }, (_, partition) => ({ topicId, partition }));
  let version = 0;
  for (; told(quiet) === 50; version++)
    for (const timeline of [first, second]) timeline.add(happening(version, { partitions }), 0, catalog);
  expect(told(first)).toBe(version);
  expect(told(quiet)).toBeGreaterThan(0);
  expect(quiet.upTo(Number.POSITIVE_INFINITY).at(-1)?.member).toBe("w49");
  for (; version < 300; version++)
    for (const timeline of [first, second]) {
      timeline.add(happening(version, { partitions, reason: "r".repeat(1000) }), 0, catalog);
      expect(totals.bytes).toBeLessThanOrEqual(MAX_BYTES);
      expect(totals.bytes).toBe(quiet.bytes + first.bytes + second.bytes);
    }
  expect(told(quiet)).toBe(0);
  expect(told(first)).toBeGreaterThan(3);
  // What is taken back and forgotten leaves room; an emptied timeline goes on.
  first.takeBack(-1);
  second.forgetThrough(1_000);
  expect(totals.bytes).toBe(0);
  quiet.add(happening(1), 0, catalog);
  expect(told(quiet)).toBe(1);
  expect(totals.bytes).toBe(quiet.bytes);
});

test("refused commits count in the bound, go with what happened at their time, and are taken back with a failed turn", () => {
  const totals = new TimelineTotals(MAX_BYTES);
  const timeline = new Timeline(totals);
  const refuse = (version: number, partition: number, atMs = version) =>
    timeline.add(
      happening(version, {
        event: "refusedCommit",
        code: "STALE_MEMBER_EPOCH",
        member: "w1",
        reason: "r".repeat(3_000),
        refused: { memberEpoch: 1, offsets: [{ topic: "orders", partition, offset: 5 }] },
      }),
      atMs,
      catalog,
    );
  refuse(1, 0);
  const oneOfEach = timeline.bytes;
  expect(oneOfEach).toBeGreaterThan(6_000);
  refuse(2, 1);
  refuse(2, 0);
  const told = (version: number) => timeline.refusedCommits(version).map(({ partition, count }) => [partition, count]);
  // What was told of already stays so.
  expect(told(1)).toEqual([[0, 2]]);
  timeline.takeBack(1);
  expect(told(2)).toEqual([[0, 2]]);
  timeline.forgetThrough(1);
  expect(timeline.bytes).toBe(0);
  for (let index = 0; index < 200; index++) {
    refuse(index, index);
    expect(totals.bytes).toBe(timeline.bytes);
    expect(totals.bytes).toBeLessThanOrEqual(MAX_BYTES);
  }
  const left = timeline.refusedCommits(1_000);
  expect(left.length).toBeGreaterThan(20);
  expect(left.length).toBeLessThan(50);
  expect(left.at(-1)?.partition).toBe(199);
});

test("refusals that are told as one, and those above their bound, are counted once", () => {
  const totals = new TimelineTotals(MAX_BYTES);
  const timeline = new Timeline(totals);
  for (let index = 0; index < 500; index++) {
    const refusal = { event: "refusedCommit", code: "STALE_MEMBER_EPOCH", member: `w${index % 70}` } as const;
    timeline.add(happening(1, refusal), 0, catalog);
  }
  const entries = timeline.upTo(1);
  expect(entries).toHaveLength(50);
  expect(totals.bytes).toBe(timeline.bytes);
  expect(timeline.bytes).toBe(
    entries.reduce((sum, { member = "", reason = "" }) => sum + 200 + member.length + reason.length, 0),
  );
});
