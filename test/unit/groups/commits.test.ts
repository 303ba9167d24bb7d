// Who may commit what (hard place 6), and what commits and reads of offsets show.

import { expect, test } from "vitest";
import { GroupWorld, isPending, refusalOf } from "./group-world.ts";

/** w1 holds 0 and 1, w2 holds 2 and 3, in epoch 2. */
async function twoMembers(topics: Record<string, number> = { orders: 4, audit: 1 }) {
  const world = new GroupWorld({}, topics);
  const [w1, w2] = [world.member("w1"), world.member("w2")];
  await w1.join();
  await w2.join();
  await world.settleMembers([w1, w2]);
  return { world, w1, w2 };
}

const codes = (results: { error?: { code: string } | undefined }[]) => results.map(({ error }) => error?.code);

test("per partition: its own is taken, another's is refused with the owner's name", async () => {
  const { world, w1 } = await twoMembers();
  const results = await w1.commit([
    { partition: 0, offset: 1 },
    { partition: 2, offset: 1 },
  ]);
  expect(codes(results)).toEqual([undefined, "STALE_MEMBER_EPOCH"]);
  expect(results[1]).toMatchObject({ offset: -1, committedAtMs: 0 });
  expect(results[1]?.error?.message).toBe("orders-2 is not assigned to member w1: w2 owns it since epoch 2");
  expect(world.group().offsets.map(({ partition }) => partition)).toEqual([0]);
});

test("refused commits stand in the timeline, one entry for many of a kind", async () => {
  const { world, w1 } = await twoMembers();
  for (let round = 0; round < 5; round++)
    await w1.commit([
      { partition: 2, offset: 1 },
      { partition: 3, offset: 1 },
    ]);
  const refused = world.group().timeline.filter(({ event }) => event === "refusedCommit");
  expect(refused).toEqual([
    expect.objectContaining({
      member: "w1",
      epoch: 2,
      partitions: [
        { topic: "orders", partition: 2 },
        { topic: "orders", partition: 3 },
      ],
      count: 10,
    }),
  ]);
});

test("every kind of refused commit stands in the timeline with its reason; what was said to a stranger too", async () => {
  const { world, w1 } = await twoMembers();
  const commit = (fields: object) => w1.commit([{ partition: 0, offset: 1 }], fields).catch(() => {});
  await commit({ seq: 1 });
  w1.commitSeq = 5;
  await w1.commit([{ partition: 0, offset: 1 }]);
  await commit({ seq: 5 });
  await commit({ memberId: "ghost" });
  await commit({ memberId: undefined, memberEpoch: -1 });
  await w1.commit([{ partition: 0, offset: -1 }]);
  await w1.commit([{ partition: 0, offset: 1, metadata: "x".repeat(5000) }]);
  await w1.commit([{ partition: 0, offset: 1, topic: "nowhere" }]);
  await w1.commit([{ partition: 0, offset: 1, topicId: "another" }]);
  await w1.commit([{ partition: 0, offset: 1 }], { memberEpoch: 99 });
  const told = world.group().timeline.filter(({ event }) => event === "refusedCommit");
  expect(told.map(({ member, reason }) => `${member}: ${reason}`)).toEqual([
    expect.stringMatching(/^ghost: group billing has no member ghost/),
    expect.stringMatching(/^undefined: group billing has 2 members, and a commit without a member/),
    expect.stringMatching(/^w1: the offset of orders-0 is -1/),
    expect.stringMatching(/^w1: the metadata of orders-0 has 5000 characters/),
    expect.stringMatching(/^w1: there is no topic "nowhere"/),
    expect.stringMatching(/^w1: topic orders was deleted and created again/),
    // The newest of a kind: the repeated number, then the epoch ahead.
    expect.stringMatching(/^w1: the commit of orders-0 speaks for epoch 99/),
  ]);
  expect(told.at(-1)).toMatchObject({ count: 2, partitions: [{ topic: "orders", partition: 0 }] });
});

test("refused commits are told one by one, with member, epoch, partition, offset, error, reason and how often", async () => {
  const { world, w1 } = await twoMembers();
  await w1.commit([
    { partition: 0, offset: 1 },
    { partition: 2, offset: 7 },
    { partition: 3, offset: 8 },
  ]);
  await w1.commit([{ partition: 2, offset: 9 }]);
  const stranger = { groupId: "billing", offsets: [{ topic: "orders", partition: 1, offset: 3 }] };
  await refusalOf(world.coordinator.commitOffsets(stranger));
  const told = world.group().refusedCommits;
  expect(told).toEqual([
    {
      atMs: expect.any(Number),
      member: "w1",
      memberEpoch: 2,
      topic: "orders",
      partition: 3,
      offset: 8,
      code: "STALE_MEMBER_EPOCH",
      reason: "orders-3 is not assigned to member w1: w2 owns it since epoch 2",
      count: 1,
    },
    expect.objectContaining({ partition: 2, offset: 9, count: 2, reason: expect.stringMatching(/^orders-2 is not/) }),
    expect.objectContaining({ memberEpoch: -1, partition: 1, offset: 3, code: "UNKNOWN_MEMBER_ID", count: 1 }),
  ]);
  expect(told[2]).not.toHaveProperty("member");
  world.restart();
  expect(world.group().refusedCommits).toEqual([]);
});

test("of a flood of refused commits the latest are told, also of one request with many", async () => {
  const { world, w1 } = await twoMembers({ orders: 4, wide: 200 });
  const offsets = Array.from({ length: 200 }, (_, partition) => ({ topic: "wide", partition, offset: 1 }));
  await w1.commit(offsets, { memberId: "ghost" }).catch(() => {});
  expect(world.group().refusedCommits.map(({ partition }) => partition)).toEqual(
    Array.from({ length: 50 }, (_, index) => 150 + index),
  );
  await w1.commit([{ topic: "no".repeat(400), partition: 2, offset: 1 }]);
  expect(world.group().refusedCommits).toHaveLength(50);
  expect(world.group().refusedCommits.at(-1)?.topic).toHaveLength(249);
});

test("a flood of refused commits does not push out what happened before", async () => {
  const { world, w1 } = await twoMembers();
  const before = world.group().timeline;
  for (let round = 0; round < 500; round++)
    await w1.commit([{ partition: 0, offset: 1 }], { memberId: `ghost-${round}`, seq: 1 }).catch(() => {});
  const { timeline } = world.group();
  expect(timeline.filter(({ event }) => event === "refusedCommit")).toHaveLength(50);
  expect(timeline.at(-1)).toMatchObject({ member: "ghost-499" });
  expect(timeline).toEqual(expect.arrayContaining(before));
});

test("what must be given up can still be committed until it is", async () => {
  const { world, w1, w2 } = await twoMembers();
  const w3 = world.member("w3");
  await w3.join();
  const before = w2.partitions();
  await w2.beat();
  const moving = before.find((partition) => !w2.partitions().includes(partition)) ?? -1;
  expect(codes(await w2.commit([{ partition: moving, offset: 9 }]))).toEqual([undefined]);
  await w2.acknowledge();
  expect(codes(await w2.commit([{ partition: moving, offset: 9 }]))).toEqual(["STALE_MEMBER_EPOCH"]);
  await w1.beat();
});

test("the epoch must lie between the partition's assignment and the member's epoch", async () => {
  const { world, w1, w2 } = await twoMembers();
  // w1 has held its partitions since epoch 1, w2 since epoch 2.
  expect(codes(await w1.commit([{ partition: 0, offset: 1 }], { memberEpoch: 1 }))).toEqual([undefined]);
  expect(codes(await w1.commit([{ partition: 0, offset: 1 }], { memberEpoch: 3 }))).toEqual(["STALE_MEMBER_EPOCH"]);
  const late = await w2.commit([{ partition: 2, offset: 1 }], { memberEpoch: 1 });
  expect(late[0]?.error?.message).toBe("orders-2 was assigned to member w2 in epoch 2; the commit speaks for epoch 1");
  expect(world.group().offsets.map(({ partition }) => partition)).toEqual([0]);
});

test("partitions of topics that nobody subscribes to are free", async () => {
  const { w1 } = await twoMembers();
  expect(codes(await w1.commit([{ topic: "audit", partition: 0, offset: 1 }]))).toEqual([undefined]);
});

test("a stranger commits only while the group is empty", async () => {
  const world = new GroupWorld();
  const stranger = () => {
    const done = world.coordinator.commitOffsets({
      groupId: "billing",
      offsets: [{ topic: "orders", partition: 0, offset: 3 }],
    });
    done.catch(() => {});
    world.turns.flush();
    return done;
  };
  expect(codes(await stranger())).toEqual([undefined]);
  const w1 = world.member("w1");
  await w1.join();
  expect(await refusalOf(stranger())).toMatchObject({ code: "UNKNOWN_MEMBER_ID" });
  // Not even before the join is durable.
  await w1.beat({ memberEpoch: -1 });
  expect(codes(await stranger())).toEqual([undefined]);
  const joining = world.member("w2").send({ memberEpoch: 0, subscription: ["orders"] });
  expect(await refusalOf(stranger())).toMatchObject({ code: "UNKNOWN_MEMBER_ID" });
  await joining;
});

test("who is not a member commits nothing", async () => {
  const { world, w1 } = await twoMembers();
  const ghost = world.member("ghost");
  ghost.epoch = 1;
  expect(await refusalOf(ghost.commit([{ partition: 0, offset: 1 }]))).toMatchObject({ code: "UNKNOWN_MEMBER_ID" });
  const lost = world.member("w1", "other");
  lost.epoch = 1;
  expect(await refusalOf(lost.commit([{ partition: 0, offset: 1 }]))).toMatchObject({ code: "GROUP_ID_NOT_FOUND" });
  await w1.beat({ memberEpoch: -1, reason: "closed" });
  w1.epoch = 2;
  expect((await refusalOf(w1.commit([{ partition: 0, offset: 1 }]))).message).toMatch(/member w1 left .* ago: closed/);
});

test("illegal items are refused one by one", async () => {
  const { world, w1 } = await twoMembers();
  const results = await w1.commit([
    { partition: 0, offset: -1 },
    { partition: 0, offset: 1, metadata: "x".repeat(4097) },
    { partition: 4, offset: 1 },
    { partition: -1, offset: 1 },
    { topic: "nowhere", partition: 0, offset: 1 },
    { topic: "__proto__", partition: 0, offset: 1 },
    { partition: 0, offset: 1, topicId: "another" },
    { partition: 0, offset: 1, metadata: "x".repeat(4096) },
  ]);
  expect(codes(results)).toEqual([
    "INVALID_REQUEST",
    "OFFSET_METADATA_TOO_LARGE",
    "UNKNOWN_TOPIC_OR_PARTITION",
    "UNKNOWN_TOPIC_OR_PARTITION",
    "UNKNOWN_TOPIC_OR_PARTITION",
    "UNKNOWN_TOPIC_OR_PARTITION",
    "UNKNOWN_TOPIC_ID",
    undefined,
  ]);
  expect(world.group().offsets).toHaveLength(1);
  expect(await w1.commit([])).toEqual([]);
});

test("the judgement and the stage are one step: what is decided first counts, whatever comes in the same turn", async () => {
  const { world, w1, w2 } = await twoMembers();
  const offsets = [{ topic: "orders", partition: w2.partitions()[0] ?? -1, offset: 5 }];
  const commit = { groupId: "billing", memberId: "w2", memberEpoch: 2, offsets };
  const taken = world.coordinator.commitOffsets({ ...commit, seq: 1 });
  const left = w2.send({ memberEpoch: -1 });
  const refused = world.coordinator.commitOffsets({ ...commit, seq: 2 });
  expect(await refusalOf(refused)).toMatchObject({ code: "UNKNOWN_MEMBER_ID" });
  world.turns.flush();
  expect(codes(await taken)).toEqual([undefined]);
  await left;
  await w1.beat();
});

test("a read waits for the commits staged before it, and only for those of its partitions", async () => {
  const { world, w1 } = await twoMembers();
  await w1.commit([{ partition: 0, offset: 1 }]);
  const read = (partition: number) =>
    world.coordinator.fetchOffsets({ groupId: "billing", partitions: [{ topic: "orders", partition }] });
  const commit = world.coordinator.commitOffsets({
    groupId: "billing",
    memberId: "w1",
    memberEpoch: 2,
    seq: 9,
    offsets: [{ topic: "orders", partition: 0, offset: 2 }],
  });
  world.turns.seal();
  const [same, other] = [read(0), read(1)];
  const all = world.coordinator.fetchOffsets({ groupId: "billing" });
  expect(await isPending(same)).toBe(true);
  expect(await isPending(all)).toBe(true);
  expect((await other)[0]?.offset).toBe(-1);
  expect(world.group().offsets[0]?.offset).toBe(1);
  world.turns.complete();
  expect((await same)[0]?.offset).toBe(2);
  expect((await all).map(({ offset }) => offset)).toEqual([2]);
  await commit;
});

test("a read that waits for a commit that fails is answered with what is durable", async () => {
  const { world, w1 } = await twoMembers();
  await w1.commit([{ partition: 0, offset: 1 }]);
  const commit = w1.commit([]).then(() =>
    world.coordinator.commitOffsets({
      groupId: "billing",
      memberId: "w1",
      memberEpoch: 2,
      seq: 9,
      offsets: [{ topic: "orders", partition: 0, offset: 2 }],
    }),
  );
  commit.catch(() => {});
  await Promise.resolve().then(() => {});
  await isPending(commit);
  world.turns.seal();
  const read = world.coordinator.fetchOffsets({
    groupId: "billing",
    partitions: [{ topic: "orders", partition: 0 }],
  });
  world.turns.fail();
  expect(await refusalOf(commit)).toMatchObject({ code: "STORAGE_FULL" });
  expect((await read)[0]?.offset).toBe(1);
});

test("reading as a member needs its epoch; while its answer is owed the epoch before counts too", async () => {
  const { world, w1 } = await twoMembers();
  const read = (memberId: string, memberEpoch: number, groupId = "billing") =>
    world.coordinator.fetchOffsets({ groupId, memberId, memberEpoch, partitions: [] });
  expect(await read("w1", 2)).toEqual([]);
  expect(await refusalOf(read("w1", 1))).toMatchObject({ code: "STALE_MEMBER_EPOCH" });
  expect(await refusalOf(read("w1", 3))).toMatchObject({ code: "STALE_MEMBER_EPOCH" });
  expect(await refusalOf(read("w9", 2))).toMatchObject({ code: "UNKNOWN_MEMBER_ID" });
  expect(await refusalOf(read("w1", 2, "nobody"))).toMatchObject({ code: "UNKNOWN_MEMBER_ID" });
  expect(await world.coordinator.fetchOffsets({ groupId: "nobody" })).toEqual([]);

  const w3 = world.member("w3");
  await w3.join(["audit"]);
  const owed = w1.send();
  world.turns.seal();
  expect(world.group().members.find(({ memberId }) => memberId === "w1")?.epoch).toBe(2);
  expect(await read("w1", 2)).toEqual([]);
  world.turns.complete();
  await owed;
  expect(await refusalOf(read("w1", 2))).toMatchObject({ code: "STALE_MEMBER_EPOCH" });
});

test("a read names what it does not find", async () => {
  const { world } = await twoMembers();
  const read = await world.coordinator.fetchOffsets({
    groupId: "billing",
    partitions: [
      { topic: "nowhere", partition: 0 },
      { topic: "orders", topicId: "old", partition: 0 },
      { topic: "orders", partition: 77 },
    ],
  });
  expect(codes(read)).toEqual(["UNKNOWN_TOPIC_OR_PARTITION", "UNKNOWN_TOPIC_ID", "UNKNOWN_TOPIC_OR_PARTITION"]);
});

test("a deleted topic takes its offsets along, also those on their way", async () => {
  const { world, w1 } = await twoMembers();
  await w1.commit([{ partition: 0, offset: 1 }]);
  const late = world.coordinator.commitOffsets({
    groupId: "billing",
    memberId: "w1",
    memberEpoch: 2,
    seq: 9,
    offsets: [{ topic: "orders", partition: 1, offset: 2 }],
  });
  world.turns.seal();
  world.catalog.delete("orders");
  world.catalog.create("orders", 4);
  world.offsetsTopic.batches.length = 0;
  world.turns.flush();
  world.turns.flush();
  // It was stored behind the deletion, so nothing of it was kept, and nobody is told otherwise.
  expect(codes(await late)).toEqual(["UNKNOWN_TOPIC_ID"]);
  expect(world.offsetsTopic.batches.flatMap(({ records }) => records.map(({ value }) => value))).toEqual([null, null]);
  expect(world.group().offsets).toEqual([]);
  expect(await world.coordinator.fetchOffsets({ groupId: "billing" })).toEqual([]);
});

test("lag is never negative", async () => {
  const { world, w1 } = await twoMembers();
  await w1.commit([{ partition: 0, offset: 50 }]);
  expect(world.group().offsets[0]).toMatchObject({ offset: 50, highWatermark: 0, lag: 0 });
});
