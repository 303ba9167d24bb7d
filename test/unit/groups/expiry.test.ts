// Offsets and groups that nobody uses expire, by Kafka's rules, in bounded steps.

import { expect, test } from "vitest";
import { hasExpired } from "../../../server/src/groups/expiry.ts";
import { FakeTurns, GroupWorld, isPending } from "./group-world.ts";

const MINUTE = 60_000;
const RETENTION = { wallMs: 1_000_000, retentionMs: 1000 };
const nobody: ReadonlySet<string> = new Set();

test.each([
  [
    "a simple consumer's, from its commit",
    { memberCount: 0, emptySinceMs: undefined, subscribed: nobody },
    999_000,
    true,
  ],
  ["not yet", { memberCount: 0, emptySinceMs: undefined, subscribed: nobody }, 999_001, false],
  [
    "an Empty group's, from when it became Empty",
    { memberCount: 0, emptySinceMs: 999_500, subscribed: nobody },
    1,
    false,
  ],
  ["an Empty group's, at last", { memberCount: 0, emptySinceMs: 999_000, subscribed: nobody }, 1, true],
  ["committed after it became Empty", { memberCount: 0, emptySinceMs: 1, subscribed: nobody }, 999_500, false],
  [
    "a topic that members subscribe to",
    { memberCount: 1, emptySinceMs: undefined, subscribed: new Set(["orders"]) },
    1,
    false,
  ],
  [
    "a topic that members do not subscribe to",
    { memberCount: 1, emptySinceMs: undefined, subscribed: nobody },
    1,
    true,
  ],
])("%s", (_, facts, committedAtMs, expired) => {
  expect(hasExpired({ topic: "orders", committedAtMs }, facts, RETENTION)).toBe(expired);
});

const SHORT = { "offsets.retention.minutes": 10, "offsets.retention.check.interval.ms": MINUTE };

function stranger(world: GroupWorld, groupId: string, topic = "orders", partition = 0) {
  return world.coordinator.commitOffsets({ groupId, offsets: [{ topic, partition, offset: 1 }] });
}

async function minutes(world: GroupWorld, count: number): Promise<void> {
  for (let minute = 0; minute < count; minute++) await world.advance(MINUTE);
}

const ids = (world: GroupWorld) => world.coordinator.list().map(({ groupId }) => groupId);

test("a simple consumer's group goes with its offsets, with tombstones, and one line says so", async () => {
  const world = new GroupWorld(SHORT);
  void stranger(world, "simple");
  world.turns.flush();
  await minutes(world, 9);
  expect(ids(world)).toEqual(["simple"]);
  world.offsetsTopic.batches.length = 0;
  await minutes(world, 2);
  expect(ids(world)).toEqual([]);
  expect(world.offsetsTopic.batches.flatMap(({ records }) => records.map(({ value }) => value))).toEqual([null]);
  expect(world.infos.filter(({ message }) => message.includes("expired"))).toEqual([
    { fields: { expiredOffsets: 1, removedGroups: 1 }, message: "committed offsets expired" },
  ]);
  expect(world.stored()).toEqual({ groups: [], offsets: [] });
});

test("a group's offsets count from when it became Empty, also over a restart", async () => {
  const world = new GroupWorld({ ...SHORT, "group.max.session.timeout.ms": 1_800_000 });
  const w1 = world.member("w1");
  await w1.join(["orders"], { sessionTimeoutMs: 1_800_000 });
  await w1.commit([{ partition: 0, offset: 1 }]);
  await minutes(world, 20);
  // Old, but a member is subscribed.
  expect(world.group().offsets).toHaveLength(1);
  await w1.beat({ memberEpoch: -1 });
  await minutes(world, 6);
  world.restart();
  await minutes(world, 3);
  expect(world.group().offsets).toHaveLength(1);
  await minutes(world, 2);
  expect(ids(world)).toEqual([]);
});

test("Empty, then used again, then Empty: the count starts anew", async () => {
  const world = new GroupWorld(SHORT);
  const w1 = world.member("w1");
  await w1.join();
  await w1.commit([{ partition: 0, offset: 1 }]);
  await w1.beat({ memberEpoch: -1 });
  await minutes(world, 8);
  w1.epoch = 0;
  await w1.join();
  await w1.beat({ memberEpoch: -1 });
  await minutes(world, 8);
  expect(world.group().offsets).toHaveLength(1);
  await minutes(world, 3);
  expect(ids(world)).toEqual([]);
});

test("in a group with members only what nobody subscribes to expires; the group stays", async () => {
  const world = new GroupWorld({ ...SHORT, "group.max.session.timeout.ms": 1_800_000 }, { orders: 2, audit: 1 });
  const w1 = world.member("w1");
  await w1.join(["orders"], { sessionTimeoutMs: 1_800_000 });
  await w1.commit([
    { topic: "orders", partition: 0, offset: 1 },
    { topic: "audit", partition: 0, offset: 1 },
  ]);
  await minutes(world, 11);
  expect(world.group().offsets.map(({ topic }) => topic)).toEqual(["orders"]);
  expect(world.group().state).toBe("Stable");
  world.restart();
  expect(world.group().offsets.map(({ topic }) => topic)).toEqual(["orders"]);
});

test("some of an Empty group's offsets are younger: they stay, and so does the group", async () => {
  const world = new GroupWorld(SHORT);
  void stranger(world, "simple", "orders", 0);
  world.turns.flush();
  await minutes(world, 8);
  void stranger(world, "simple", "orders", 1);
  world.turns.flush();
  await minutes(world, 4);
  expect(world.group("simple").offsets.map(({ partition }) => partition)).toEqual([1]);
  await minutes(world, 8);
  expect(ids(world)).toEqual([]);
});

test("a commit on its way is not overtaken by the expiry of the one before", async () => {
  const world = new GroupWorld(SHORT);
  void stranger(world, "simple");
  world.turns.flush();
  await minutes(world, 9);
  // The pass comes while the new commit is staged and not durable.
  const commit = stranger(world, "simple");
  world.turns.seal();
  await world.clock.advance(2 * MINUTE);
  world.turns.flush();
  expect((await commit)[0]?.error).toBeUndefined();
  await world.advance(0);
  expect(world.group("simple").offsets).toHaveLength(1);
});

test("an expiry whose turn fails is tried again by the next pass; nothing is told of it", async () => {
  const world = new GroupWorld(SHORT);
  void stranger(world, "simple");
  world.turns.flush();
  await minutes(world, 9);
  await world.clock.advance(MINUTE);
  world.turns.seal();
  expect(world.turns.inFlight).toHaveLength(1);
  world.turns.fail();
  await isPending(Promise.resolve());
  expect(world.group("simple").offsets).toHaveLength(1);
  expect(world.infos.filter(({ message }) => message.includes("expired"))).toEqual([]);
  await minutes(world, 1);
  expect(ids(world)).toEqual([]);
});

test("many groups are looked at in steps, between which the broker serves; all of them go", async () => {
  const world = new GroupWorld(SHORT);
  const commits = Array.from({ length: 12_000 }, (_, index) => stranger(world, `g${index}`));
  world.turns.flush();
  await Promise.all(commits);
  await minutes(world, 9);
  await world.advance(MINUTE - 1);
  // A pass begins an interval after the one before has ended. Each group and each offset is one look, of 5,000 in a step.
  const removed: number[] = [];
  for (let ms = 0; ms < 200 && world.coordinator.groupCount > 0; ms++) {
    const before = world.coordinator.groupCount;
    await world.advance(1);
    if (world.coordinator.groupCount < before) removed.push(before - world.coordinator.groupCount);
  }
  expect(removed).toEqual([2500, 2500, 2500, 2500, 2000]);
});

test("after close there is no timer", async () => {
  const world = new GroupWorld(SHORT);
  world.coordinator.close();
  expect(world.clock.liveTimers).toBe(0);
  expect(world.turns).toBeInstanceOf(FakeTurns);
});
