// Joining, moving partitions and leaving, through the coordinator: what KIP-848 promises, turn by turn.

import { expect, test } from "vitest";
import { GroupWorld, JOIN, refusalOf } from "./group-world.ts";

test("the first member gets everything, the second half of it once the first has given it up", async () => {
  const world = new GroupWorld();
  const [w1, w2] = [world.member("w1"), world.member("w2")];
  const joined = await w1.join();
  expect(joined).toMatchObject({ memberId: "w1", memberEpoch: 1, heartbeatIntervalMs: 5000 });
  expect(w1.partitions()).toEqual([0, 1, 2, 3]);

  await w2.join();
  expect(w2.epoch).toBe(2);
  expect(w2.partitions()).toEqual([]);
  expect(world.group().state).toBe("Reconciling");

  // Asked to give up two, it stays in its epoch and keeps the other two.
  await w1.beat();
  expect(w1.epoch).toBe(1);
  expect(w1.partitions()).toEqual([0, 1]);
  expect((await w2.beat()).assignment).toBeUndefined();

  await w1.acknowledge();
  expect(w1.epoch).toBe(2);
  // Both are in epoch 2, but w2 still waits for what is free now.
  expect(world.group()).toMatchObject({ state: "Reconciling", members: [{ epoch: 2 }, { epoch: 2 }] });
  await w2.beat();
  expect(w2.partitions()).toEqual([2, 3]);
  expect(world.group()).toMatchObject({ state: "Stable", epoch: 2, assignmentEpoch: 2, assignor: "uniform" });
});

test("who leaves frees its partitions at once", async () => {
  const world = new GroupWorld();
  const [w1, w2] = [world.member("w1"), world.member("w2")];
  await w1.join();
  await w2.join();
  await world.settleMembers([w1, w2]);
  const left = await w2.beat({ memberEpoch: -1, reason: "close() was called" });
  expect(left.memberEpoch).toBe(-1);
  await w1.beat();
  expect(w1.partitions()).toEqual([0, 1, 2, 3]);
  expect(world.group().timeline).toContainEqual(
    expect.objectContaining({ event: "leave", member: "w2", reason: "close() was called" }),
  );
  await w1.beat({ memberEpoch: -1 });
  expect(world.group()).toMatchObject({ state: "Empty", members: [] });
});

test("a commit is recorded, fetched and described with its lag", async () => {
  const world = new GroupWorld();
  const w1 = world.member("w1");
  await w1.join();
  const { topicId } = world.catalog.byName("orders") ?? { topicId: "" };
  world.catalog.highWatermarks.set(`${topicId}:1`, 10);
  const results = await w1.commit([
    { partition: 0, offset: 5 },
    { partition: 1, offset: 7, metadata: "note" },
  ]);
  expect(results.map(({ error, offset }) => [error, offset])).toEqual([
    [undefined, 5],
    [undefined, 7],
  ]);
  const fetched = await world.coordinator.fetchOffsets({
    groupId: "billing",
    partitions: [
      { topic: "orders", partition: 1 },
      { topic: "orders", partition: 2 },
    ],
  });
  expect(fetched).toEqual([
    { topic: "orders", topicId, partition: 1, offset: 7, leaderEpoch: -1, metadata: "note" },
    { topic: "orders", topicId, partition: 2, offset: -1, leaderEpoch: -1, metadata: "" },
  ]);
  expect(world.group().offsets[1]).toMatchObject({ partition: 1, offset: 7, highWatermark: 10, lag: 3 });
  expect(world.group().offsets[0]).toMatchObject({ partition: 0, highWatermark: 0, lag: 0 });
});

test("epochs: greater and smaller are fenced, the previous one passes after a lost answer", async () => {
  const world = new GroupWorld();
  const [w1, w2] = [world.member("w1"), world.member("w2")];
  await w1.join();
  await w2.join();
  await world.settleMembers([w1, w2]);
  expect(await refusalOf(w1.beat({ memberEpoch: 9 }))).toMatchObject({ code: "FENCED_MEMBER_EPOCH" });
  expect(await refusalOf(w1.beat({ memberEpoch: 1 }))).toMatchObject({ code: "FENCED_MEMBER_EPOCH" });
  const owned = w1.owned;
  const again = await w1.beat({ memberEpoch: 1, owned, subscription: ["orders"], rebalanceTimeoutMs: 20_000 });
  expect(again).toMatchObject({ memberEpoch: 2, assignment: owned });
  const foreign = [...owned, ...w2.owned];
  expect(await refusalOf(w1.beat({ memberEpoch: 1, owned: foreign }))).toMatchObject({ code: "FENCED_MEMBER_EPOCH" });
});

test("who is unknown is told so", async () => {
  const world = new GroupWorld();
  expect(await refusalOf(world.member("w1").beat({ memberEpoch: 3 }))).toMatchObject({ code: "GROUP_ID_NOT_FOUND" });
  await world.member("w1").join();
  expect(await refusalOf(world.member("w2").beat({ memberEpoch: 3 }))).toMatchObject({ code: "UNKNOWN_MEMBER_ID" });
  expect(await refusalOf(world.member("w2").beat({ memberEpoch: -1 }))).toMatchObject({ code: "UNKNOWN_MEMBER_ID" });
});

test("a known member that joins again keeps its place, and hears all it has", async () => {
  const world = new GroupWorld();
  const [w1, w2] = [world.member("w1"), world.member("w2")];
  await w1.join();
  await w2.join();
  await world.settleMembers([w1, w2]);
  const before = w1.owned;
  const again = await w1.beat({ ...JOIN, subscription: ["orders"] });
  expect(again).toMatchObject({ memberEpoch: 2, assignment: before });
  expect(world.group().epoch).toBe(2);
});
