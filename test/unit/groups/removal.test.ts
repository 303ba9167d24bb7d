// deleteGroups and offsetDelete: what goes, what must not come back, and what must not be lost.

import { expect, test } from "vitest";
import { encodeOffsetKey } from "../../../server/src/groups/consumer-offsets.ts";
import { GroupWorld, type HandMember, isPending, JOIN, refusalOf } from "./group-world.ts";

async function left(world: GroupWorld, groupId = "billing"): Promise<HandMember> {
  const member = world.member("w1", groupId);
  await member.join();
  await member.commit([
    { partition: 0, offset: 5 },
    { partition: 1, offset: 6 },
  ]);
  await member.beat({ memberEpoch: -1 });
  return member;
}

async function deleteGroups(world: GroupWorld, ...groupIds: string[]) {
  const done = world.coordinator.deleteGroups(groupIds);
  done.catch(() => {});
  for (let turn = 0; turn < 5; turn++) {
    world.turns.flush();
    await isPending(done);
  }
  return (await done).map(({ groupId, error }) => [groupId, error?.code]);
}

function stranger(world: GroupWorld, offset: number, groupId = "billing") {
  return world.coordinator.commitOffsets({ groupId, offsets: [{ topic: "orders", partition: 0, offset }] });
}

async function fetched(world: GroupWorld, groupId = "billing") {
  const reading = world.coordinator.fetchOffsets({ groupId });
  world.turns.flush();
  return (await reading).map(({ partition, offset }) => [partition, offset]);
}

/** What a reader of __consumer_offsets would hold: the last record of each key. */
function mirrored(world: GroupWorld): Map<string, boolean> {
  const last = new Map<string, boolean>();
  for (const { records } of world.offsetsTopic.batches)
    for (const { key, value } of records) last.set(Buffer.from(key).toString("hex"), value !== null);
  return last;
}

const keyOf = (partition: number, topic = "orders", groupId = "billing") =>
  Buffer.from(encodeOffsetKey({ groupId, topic, partition })).toString("hex");

test("a deleted group is gone with offsets and timeline; its records are buried", async () => {
  const world = new GroupWorld();
  const member = await left(world);
  expect(await deleteGroups(world, "billing")).toEqual([["billing", undefined]]);
  expect(world.group()).toMatchObject({ state: "Dead", error: { code: "GROUP_ID_NOT_FOUND" } });
  expect(world.coordinator.groupCount).toBe(0);
  expect(await fetched(world)).toEqual([]);
  expect([mirrored(world).get(keyOf(0)), mirrored(world).get(keyOf(1))]).toEqual([false, false]);
  world.restart();
  expect(world.coordinator.groupCount).toBe(0);

  member.epoch = 0;
  await member.join();
  expect(world.group()).toMatchObject({ state: "Stable", epoch: 1, offsets: [] });
  expect(world.group().timeline.map(({ event }) => event)).toEqual(["join", "epoch", "assignment"]);
});

test("a late join frame brings back neither a member nor its deleted group", async () => {
  const world = new GroupWorld();
  const member = await left(world);
  expect(await deleteGroups(world, "billing")).toEqual([["billing", undefined]]);
  for (const seq of [1, member.seq])
    expect((await refusalOf(member.join(["orders"], { seq }))).code).toBe("STALE_MEMBER_EPOCH");
  expect(world.coordinator.groupCount).toBe(0);
  // It hears what became of it, and may begin anew with a new number.
  expect((await refusalOf(member.beat({ memberEpoch: 3 }))).message).toMatch(
    /^member w1 left .* ago: it left the group/,
  );
  expect(await member.join()).toMatchObject({ memberEpoch: 1 });
});

test("what cannot be deleted says why, each by itself", async () => {
  const world = new GroupWorld();
  await left(world, "old");
  await world.member("w1", "busy").join();
  expect(await deleteGroups(world, "busy", "missing", "", "old", "old")).toEqual([
    ["busy", "NON_EMPTY_GROUP"],
    ["missing", "GROUP_ID_NOT_FOUND"],
    ["", "INVALID_GROUP_ID"],
    ["old", undefined],
    ["old", "GROUP_ID_NOT_FOUND"],
  ]);
  expect(world.group("busy").state).toBe("Stable");
});

test("nobody is answered, and nothing is gone, before the deletion is durable; readers wait for it", async () => {
  const world = new GroupWorld();
  await left(world);
  const deleted = world.coordinator.deleteGroups(["billing"]);
  world.turns.seal();
  expect(await isPending(deleted)).toBe(true);
  expect(world.group().offsets).toHaveLength(2);
  const reading = world.coordinator.fetchOffsets({ groupId: "billing" });
  expect(await isPending(reading)).toBe(true);
  world.turns.flush();
  expect(await deleted).toEqual([{ groupId: "billing" }]);
  expect(await reading).toEqual([]);
});

test("a deletion whose turn fails did not happen", async () => {
  const world = new GroupWorld();
  await left(world);
  const deleted = world.coordinator.deleteGroups(["billing"]);
  world.turns.seal();
  world.turns.fail();
  expect((await deleted)[0]?.error).toMatchObject({ code: "STORAGE_FULL" });
  expect(world.group()).toMatchObject({ state: "Empty", offsets: [{ offset: 5 }, { offset: 6 }] });
  expect(await deleteGroups(world, "billing")).toEqual([["billing", undefined]]);
});

test("a leave on its way is waited for: the group is deleted and does not come back with it", async () => {
  const world = new GroupWorld();
  const w1 = world.member("w1");
  await w1.join();
  const leaving = w1.send({ memberEpoch: -1 });
  expect(await deleteGroups(world, "billing")).toEqual([["billing", undefined]]);
  await leaving;
  expect(world.coordinator.groupCount).toBe(0);
  expect(world.stored().groups).toEqual([]);
});

test("a leave on its way that fails leaves the group with its member, and its offsets", async () => {
  const world = new GroupWorld();
  const w1 = world.member("w1");
  await w1.join();
  const leaving = w1.send({ memberEpoch: -1 });
  leaving.catch(() => {});
  const deleted = world.coordinator.deleteGroups(["billing"]);
  world.turns.seal();
  world.turns.fail();
  expect((await deleted)[0]?.error?.code).toBe("STORAGE_FULL");
  expect(world.group().members).toHaveLength(1);
});

test.each(["the same turn", "the next turn"])("a commit after the deletion, in %s, is kept", async (when) => {
  const world = new GroupWorld();
  await left(world);
  const deleted = world.coordinator.deleteGroups(["billing"]);
  if (when === "the next turn") world.turns.seal();
  const commit = stranger(world, 9);
  world.turns.flush();
  expect(await deleted).toEqual([{ groupId: "billing" }]);
  expect((await commit)[0]?.error).toBeUndefined();
  expect(await fetched(world)).toEqual([[0, 9]]);
  expect([mirrored(world).get(keyOf(0)), mirrored(world).get(keyOf(1))]).toEqual([true, false]);
  world.restart();
  expect(await fetched(world)).toEqual([[0, 9]]);
});

test("a commit before the deletion in the same turn goes with it", async () => {
  const world = new GroupWorld();
  await left(world);
  const commit = stranger(world, 9);
  const deleted = world.coordinator.deleteGroups(["billing"]);
  world.turns.flush();
  expect((await commit)[0]?.error).toBeUndefined();
  expect(await deleted).toEqual([{ groupId: "billing" }]);
  expect(await fetched(world)).toEqual([]);
  expect(mirrored(world).get(keyOf(0))).toBe(false);
  world.restart();
  expect(world.coordinator.groupCount).toBe(0);
});

test("a group that exists only by a commit on its way is deleted behind it", async () => {
  const world = new GroupWorld();
  const commit = stranger(world, 9, "new");
  expect(await deleteGroups(world, "new")).toEqual([["new", undefined]]);
  expect((await commit)[0]?.error).toBeUndefined();
  expect(world.stored()).toEqual({ groups: [], offsets: [] });
});

test.each(["the same turn", "the next turn"])("a join after the deletion, in %s, makes a new group", async (when) => {
  const world = new GroupWorld();
  await left(world);
  const deleted = world.coordinator.deleteGroups(["billing"]);
  if (when === "the next turn") world.turns.seal();
  const w2 = world.member("w2");
  const joined = w2.join();
  world.turns.flush();
  await joined;
  expect(await deleted).toEqual([{ groupId: "billing" }]);
  await world.settleMembers([w2]);
  expect(world.group()).toMatchObject({ state: "Stable", offsets: [] });
  // Nothing is told of the group before.
  expect(world.group().timeline.some(({ member }) => member === "w1")).toBe(false);
  world.restart();
  expect(world.group()).toMatchObject({ members: [{ memberId: "w2" }], offsets: [] });
});

test("a join behind the deletion that fails leaves nothing: the group before does not come back with the failed turn", async () => {
  const world = new GroupWorld();
  await left(world);
  const deleted = world.coordinator.deleteGroups(["billing"]);
  world.turns.seal();
  const w2 = world.member("w2");
  const joining = refusalOf(w2.send({ ...JOIN, subscription: ["orders"] }));
  world.turns.seal();
  world.turns.complete();
  expect(await deleted).toEqual([{ groupId: "billing" }]);
  world.turns.fail();
  expect(await joining).toMatchObject({ code: "STORAGE_FULL" });
  expect(world.group()).toMatchObject({ state: "Dead", error: { code: "GROUP_ID_NOT_FOUND" } });
  expect(await w2.join()).toMatchObject({ memberEpoch: 1 });
});

async function deleteOffsets(world: GroupWorld, partitions: { topic: string; partition: number }[]) {
  const done = world.coordinator.deleteOffsets({ groupId: "billing", partitions });
  world.turns.flush();
  return (await done).map(({ topic, partition, error }) => [`${topic}-${partition}`, error?.code]);
}

test("offsetDelete removes what nobody subscribes to, per partition, with its records", async () => {
  const world = new GroupWorld({}, { orders: 2, audit: 2 });
  const w1 = world.member("w1");
  await w1.join(["orders"]);
  await w1.commit([
    { topic: "orders", partition: 0, offset: 1 },
    { topic: "audit", partition: 0, offset: 2 },
    { topic: "audit", partition: 1, offset: 3 },
  ]);
  const places = [
    { topic: "orders", partition: 0 },
    { topic: "audit", partition: 0 },
    { topic: "audit", partition: 2 },
    { topic: "nowhere", partition: 0 },
  ];
  expect(await deleteOffsets(world, places)).toEqual([
    ["orders-0", "GROUP_SUBSCRIBED_TO_TOPIC"],
    ["audit-0", undefined],
    ["audit-2", "UNKNOWN_TOPIC_OR_PARTITION"],
    ["nowhere-0", "UNKNOWN_TOPIC_OR_PARTITION"],
  ]);
  expect(world.group().offsets.map(({ topic, partition }) => [topic, partition])).toEqual([
    ["audit", 1],
    ["orders", 0],
  ]);
  expect([mirrored(world).get(keyOf(0, "audit")), mirrored(world).get(keyOf(1, "audit"))]).toEqual([false, true]);
  // What is not there counts as deleted, and writes nothing.
  const written = world.turns.stored.length;
  expect(await deleteOffsets(world, [{ topic: "audit", partition: 0 }])).toEqual([["audit-0", undefined]]);
  expect(world.turns.stored).toHaveLength(written);
  world.restart();
  expect(world.group().offsets).toHaveLength(2);
  await w1.beat({ memberEpoch: -1 });
  expect(await deleteOffsets(world, [{ topic: "orders", partition: 0 }])).toEqual([["orders-0", undefined]]);
});

test("offsetDelete of a group that is not there, or that has no id, is refused whole", async () => {
  const world = new GroupWorld();
  const refused = (groupId: string) =>
    world.coordinator.deleteOffsets({ groupId, partitions: [] }).catch((error) => error.code);
  expect([await refused("missing"), await refused("")]).toEqual(["GROUP_ID_NOT_FOUND", "INVALID_GROUP_ID"]);
});

test("an offset's removal that fails did not happen; a commit behind it is kept, one before it goes", async () => {
  const world = new GroupWorld();
  await left(world);
  const place = { topic: "orders", partition: 0 };
  const failed = world.coordinator.deleteOffsets({ groupId: "billing", partitions: [place] });
  failed.catch(() => {});
  world.turns.seal();
  world.turns.fail();
  await expect(failed).rejects.toMatchObject({ code: "STORAGE_FULL" });
  expect(await fetched(world)).toEqual([
    [0, 5],
    [1, 6],
  ]);
  const before = stranger(world, 7);
  const removed = world.coordinator.deleteOffsets({ groupId: "billing", partitions: [place] });
  const behind = stranger(world, 8);
  world.turns.flush();
  await Promise.all([before, removed, behind]);
  expect(await fetched(world)).toEqual([
    [1, 6],
    [0, 8],
  ]);
  world.restart();
  expect(mirrored(world).get(keyOf(0))).toBe(true);
  expect(new Map((await fetched(world)).map(([partition, offset]) => [partition, offset])).get(0)).toBe(8);
});

test("a deleted topic's offsets are buried in the turn of the deletion, those on their way too", async () => {
  const world = new GroupWorld();
  await left(world);
  const before = world.coordinator.commitOffsets({
    groupId: "billing",
    offsets: [{ topic: "orders", partition: 2, offset: 1 }],
  });
  world.turns.seal();
  const orders = world.catalog.byName("orders");
  world.catalog.stageDeletion("orders");
  const behind = world.coordinator.commitOffsets({
    groupId: "billing",
    offsets: [{ topic: "orders", partition: 3, offset: 1 }],
  });
  // The turn of the deletion is written, and its verdict is not known yet: a crash now loses no tombstone.
  world.turns.seal();
  expect(orders).toBeDefined();
  expect([0, 1, 2].map((partition) => mirrored(world).get(keyOf(partition)))).toEqual([false, false, false]);
  expect(mirrored(world).get(keyOf(3)) ?? false).toBe(false);
  world.turns.complete();
  world.catalog.delete("orders");
  world.turns.flush();
  expect((await before)[0]?.error).toBeUndefined();
  expect((await behind)[0]?.error?.code).toBe("UNKNOWN_TOPIC_ID");
  expect([0, 1, 2, 3].map((partition) => mirrored(world).get(keyOf(partition)) ?? false)).toEqual([
    false,
    false,
    false,
    false,
  ]);
});

test("a deletion of a topic that fails buries nothing for good: the next commit's record stands", async () => {
  const world = new GroupWorld();
  await left(world);
  world.catalog.stageDeletion("orders");
  world.turns.requestTurn();
  world.turns.seal();
  world.turns.fail();
  const commit = stranger(world, 9);
  world.turns.flush();
  expect((await commit)[0]?.error).toBeUndefined();
  expect(mirrored(world).get(keyOf(0))).toBe(true);
});
