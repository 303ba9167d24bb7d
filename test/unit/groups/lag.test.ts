// Lag in records and seconds: against the high watermark, with a moved log start, and whoever is alive.

import { expect, test } from "vitest";
import { GroupWorld } from "./group-world.ts";

function world() {
  const made = new GroupWorld();
  const topicId = made.catalog.byName("orders")?.topicId ?? "";
  const log = (partition: number, { start = 0, end }: { start?: number; end: number }) => {
    made.catalog.logStarts.set(`${topicId}:${partition}`, start);
    made.catalog.highWatermarks.set(`${topicId}:${partition}`, end);
  };
  const stamp = (partition: number, offset: number, agoMs: number) =>
    made.recordTimestamps.set(`${topicId}:${partition}:${offset}`, made.clock.wallMs() - agoMs);
  const commit = (partition: number, offset: number, groupId = "billing") => {
    void made.coordinator.commitOffsets({ groupId, offsets: [{ topic: "orders", partition, offset }] });
    made.turns.flush();
  };
  const described = async (groupId = "billing") => {
    const [group] = await made.coordinator.withLagSeconds(made.coordinator.describe([groupId]));
    return group?.offsets.map(({ partition, lag, lagSeconds }) => [partition, lag, lagSeconds]);
  };
  return { made, log, stamp, commit, described };
}

test("lag in records: to the high watermark, never less than none, and not counting what retention took", async () => {
  const { log, commit, described } = world();
  log(0, { end: 10 });
  log(1, { end: 10 });
  log(2, { start: 6, end: 10 });
  log(3, { start: 4, end: 10 });
  for (const [partition, offset] of [
    [0, 4],
    [1, 12],
    [2, 4],
    [3, 6],
  ] as const)
    commit(partition, offset);
  expect((await described())?.map(([partition, lag]) => [partition, lag])).toEqual([
    [0, 6],
    [1, 0],
    [2, 4],
    [3, 4],
  ]);
});

test("lag in seconds: the age of the oldest unread record; 0 when all is read, absent when unknown", async () => {
  const { log, stamp, commit, described } = world();
  log(0, { end: 10 });
  log(1, { end: 10 });
  log(2, { start: 6, end: 10 });
  log(3, { end: 10 });
  commit(0, 4);
  commit(1, 10);
  commit(2, 4);
  commit(3, 9);
  stamp(0, 4, 2500);
  stamp(0, 9, 1);
  stamp(2, 6, 7000);
  expect(await described()).toEqual([
    [0, 6, 2.5],
    [1, 0, 0],
    [2, 4, 7],
    [3, 1, undefined],
  ]);
});

test("a producer's clock ahead of the broker's is no negative lag", async () => {
  const { log, stamp, commit, described } = world();
  log(0, { end: 1 });
  commit(0, 0);
  stamp(0, 0, -5000);
  expect(await described()).toEqual([[0, 1, 0]]);
});

test("it grows while nobody is alive, and also after a restart", async () => {
  const { made, log, stamp, commit, described } = world();
  log(0, { end: 5 });
  commit(0, 3);
  stamp(0, 3, 1000);
  await made.advance(60_000);
  expect(await described()).toEqual([[0, 2, 61]]);
  made.restart();
  await made.advance(60_000);
  expect(await described()).toEqual([[0, 2, 121]]);
});

test("lags names every group's offsets at once", async () => {
  const { made, log, stamp, commit } = world();
  log(0, { end: 5 });
  log(1, { end: 5 });
  commit(0, 3);
  commit(1, 5);
  commit(0, 5, "audit");
  stamp(0, 3, 1000);
  expect((await made.coordinator.lags(10)).lags).toEqual([
    { groupId: "billing", topic: "orders", partition: 0, lag: 2, lagSeconds: 1 },
    { groupId: "billing", topic: "orders", partition: 1, lag: 0, lagSeconds: 0 },
    { groupId: "audit", topic: "orders", partition: 0, lag: 0, lagSeconds: 0 },
  ]);
});

test("an answer costs a bounded number of look-ups, a few at a time; the others have lag in records only", async () => {
  const made = new GroupWorld({}, { wide: 11_000 });
  const topicId = made.catalog.byName("wide")?.topicId ?? "";
  const offsets = Array.from({ length: 11_000 }, (_, partition) => ({ topic: "wide", partition, offset: 0 }));
  for (const { partition } of offsets) made.catalog.highWatermarks.set(`${topicId}:${partition}`, 1);
  void made.coordinator.commitOffsets({ groupId: "billing", offsets });
  made.turns.flush();
  let underWay = 0;
  let most = 0;
  let all = 0;
  made.lookUp = async () => {
    all++;
    most = Math.max(most, ++underWay);
    await Promise.resolve();
    underWay--;
    return made.clock.wallMs() - 1000;
  };
  const { lags, total } = await made.coordinator.lags(10_000);
  expect(total).toBe(11_000);
  expect(lags).toHaveLength(10_000);
  expect(lags.filter(({ lagSeconds }) => lagSeconds === 1)).toHaveLength(1000);
  expect(lags.every(({ lag }) => lag === 1)).toBe(true);
  expect([all, most]).toEqual([1000, 8]);
});
