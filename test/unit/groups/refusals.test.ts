// What bad or unlucky requests get: Kafka's code, who, when, why, and what to do.

import { expect, test } from "vitest";
import { GroupWorld, JOIN, refusalOf } from "./group-world.ts";

const FULL = { ...JOIN, subscription: ["orders"] };

test("who was removed hears when, why, who has its partitions, and what to do", async () => {
  const world = new GroupWorld();
  const [w1, w2] = [world.member("w1"), world.member("w2")];
  await w1.join();
  await w2.join(["orders"], { sessionTimeoutMs: 30_000 });
  await world.settleMembers([w1, w2]);
  for (let second = 0; second < 30; second += 6) {
    await world.advance(6_000);
    await w1.beat();
  }
  await w1.beat();
  await world.advance(3_200);
  expect(await refusalOf(w2.beat())).toEqual({
    code: "UNKNOWN_MEMBER_ID",
    message:
      "member w2 was removed 3.2 s ago: no heartbeat for 30.0 s. orders-2, orders-3 went to w1 in epoch 3. " +
      "Raise session.timeout.ms or move the work off the event loop.",
  });
  expect(world.group().timeline).toContainEqual(
    expect.objectContaining({
      event: "eviction",
      member: "w2",
      reason: "no heartbeat for 30.0 s",
      partitions: [
        { topic: "orders", partition: 2 },
        { topic: "orders", partition: 3 },
      ],
    }),
  );
});

test("illegal joins", async () => {
  const world = new GroupWorld({ "group.max.size": 2 });
  const w1 = world.member("w1");
  const cases: [Parameters<typeof w1.beat>[0], string][] = [
    [{ ...FULL, assignor: "mine" }, "UNSUPPORTED_ASSIGNOR"],
    [{ ...FULL, sessionTimeoutMs: 5_999 }, "INVALID_SESSION_TIMEOUT"],
    [{ ...FULL, sessionTimeoutMs: 1_800_001 }, "INVALID_SESSION_TIMEOUT"],
    [{ ...FULL, rebalanceTimeoutMs: 0 }, "INVALID_REQUEST"],
    [{ memberEpoch: 0 }, "INVALID_REQUEST"],
    [{ ...FULL, subscription: ["no/slash"] }, "INVALID_REQUEST"],
    [{ ...FULL, owned: [{ topic: "orders", topicId: "x", partition: 0 }] }, "INVALID_REQUEST"],
    [{ ...FULL, groupId: "" }, "INVALID_GROUP_ID"],
    [{ ...FULL, groupId: "line\nfeed" }, "INVALID_GROUP_ID"],
    [{ ...FULL, groupId: "g".repeat(257) }, "INVALID_GROUP_ID"],
    [{ ...FULL, memberId: "" }, "INVALID_REQUEST"],
    [{ ...FULL, memberId: "m".repeat(257) }, "INVALID_REQUEST"],
    [{ ...FULL, clientId: "\u001b[2J" }, "INVALID_REQUEST"],
  ];
  for (const [fields, code] of cases) expect(await refusalOf(w1.beat(fields))).toMatchObject({ code });
  expect(world.coordinator.groupCount).toBe(0);
  await w1.join(["orders"], { assignor: "uniform" });
  await world.member("w2").join();
  expect(await refusalOf(world.member("w3").join())).toMatchObject({ code: "GROUP_MAX_SIZE_REACHED" });
  await w1.beat({ ...FULL });
});

test("names of every kind are names", async () => {
  const world = new GroupWorld({}, { __proto__x: 1, constructor: 2 });
  world.catalog.create("__proto__", 1);
  for (const groupId of ["__proto__", "constructor", "hasOwnProperty", "größe", "a b"]) {
    const member = world.member("__proto__", groupId);
    await member.join(["__proto__", "constructor"]);
    expect(member.owned).toHaveLength(3);
    await member.commit([{ topic: "__proto__", partition: 0, offset: 1 }]);
    expect(world.group(groupId).offsets).toHaveLength(1);
  }
  world.restart();
  expect(world.coordinator.list().map(({ groupId, state }) => [groupId, state])).toEqual([
    ["__proto__", "Stable"],
    ["a b", "Stable"],
    ["constructor", "Stable"],
    ["größe", "Stable"],
    ["hasOwnProperty", "Stable"],
  ]);
});

test("a refused stranger makes no group", async () => {
  const world = new GroupWorld();
  const results = await world.coordinator.commitOffsets({
    groupId: "billing",
    offsets: [{ topic: "nowhere", partition: 0, offset: 1 }],
  });
  expect(results[0]?.error?.code).toBe("UNKNOWN_TOPIC_OR_PARTITION");
  expect(world.coordinator.groupCount).toBe(0);
});

test("a client's words cannot drive a terminal", async () => {
  const world = new GroupWorld();
  const w1 = world.member("w1");
  await w1.join(["orders"], { reason: "one\u001b[2Jtwo" });
  await w1.beat({ memberEpoch: -1, reason: "a\r\nb" });
  const told = world.group().timeline.filter(({ event }) => event === "join" || event === "leave");
  expect(told.map(({ reason }) => reason)).toEqual(["joined: one [2Jtwo", "a b"]);
});

test("groups are bounded; those without members and offsets make room", async () => {
  const world = new GroupWorld({ "max.groups": 2 });
  const [a, b, c] = [world.member("w1", "a"), world.member("w1", "b"), world.member("w1", "c")];
  await a.join();
  await b.join();
  expect(await refusalOf(c.join())).toMatchObject({ code: "COORDINATOR_NOT_AVAILABLE" });
  const stranger = (groupId: string) =>
    world.coordinator.commitOffsets({ groupId, offsets: [{ topic: "orders", partition: 0, offset: 1 }] });
  expect(await refusalOf(stranger("d"))).toMatchObject({ code: "COORDINATOR_NOT_AVAILABLE" });
  await a.beat({ memberEpoch: -1 });
  await refusalOf(c.join());
  world.turns.flush();
  await c.join();
  expect(world.coordinator.list().map(({ groupId }) => groupId)).toEqual(["b", "c"]);
});

test("a group without members and offsets dies with the next sweep, one with offsets lives", async () => {
  const world = new GroupWorld();
  const [a, b] = [world.member("w1", "a"), world.member("w1", "b")];
  await a.join();
  await b.join();
  await b.commit([{ partition: 0, offset: 1 }]);
  await a.beat({ memberEpoch: -1 });
  await b.beat({ memberEpoch: -1 });
  expect(world.group("a")).toMatchObject({ state: "Empty" });
  await world.advance(600_000);
  expect(world.group("a")).toMatchObject({ state: "Dead", error: { code: "GROUP_ID_NOT_FOUND" } });
  expect(world.group("b")).toMatchObject({ state: "Empty" });
  world.restart();
  expect(world.coordinator.list()).toEqual([{ groupId: "b", state: "Empty" }]);
  // And it can be born again.
  await world.member("w2", "a").join();
  expect(world.group("a")).toMatchObject({ state: "Stable", epoch: 1 });
});

test("a join between the end of a group and its durability keeps it", async () => {
  const world = new GroupWorld();
  const w1 = world.member("w1");
  await w1.join();
  await w1.beat({ memberEpoch: -1 });
  await world.clock.advance(600_000);
  const joining = world.member("w2").send(FULL);
  world.turns.flush();
  await joining;
  expect(world.group()).toMatchObject({ state: "Stable", members: [{ memberId: "w2" }] });
  world.restart();
  expect(world.group()).toMatchObject({ state: "Stable", members: [{ memberId: "w2" }] });
});

test("a failed end of a group leaves it as it was", async () => {
  const world = new GroupWorld();
  const w1 = world.member("w1");
  await w1.join();
  await w1.beat({ memberEpoch: -1 });
  await world.clock.advance(600_000);
  world.turns.seal();
  world.turns.fail();
  expect(world.group()).toMatchObject({ state: "Empty", epoch: 2 });
  await world.advance(600_000);
  expect(world.group().error?.code).toBe("GROUP_ID_NOT_FOUND");
});

test("describe says what is wrong with an id, in its place", async () => {
  const world = new GroupWorld();
  await world.member("w1").join();
  const [illegal, unknown, known] = world.coordinator.describe(["", "nobody", "billing"]);
  expect(illegal?.error?.code).toBe("INVALID_GROUP_ID");
  expect(unknown?.error?.code).toBe("GROUP_ID_NOT_FOUND");
  expect(known?.error).toBeUndefined();
});

test("the timeline is bounded", async () => {
  const world = new GroupWorld();
  const w1 = world.member("w1");
  for (let round = 0; round < 120; round++) {
    await w1.join();
    await w1.beat({ memberEpoch: -1 });
  }
  expect(world.group().timeline).toHaveLength(200);
  expect(world.group().timeline.at(-1)?.event).toBe("epoch");
});

test("a group is described once, however often its id stands in the request", async () => {
  const world = new GroupWorld();
  await world.member("w1").join();
  expect(world.coordinator.describe(["billing", "nobody", "billing"]).map(({ groupId }) => groupId)).toEqual([
    "billing",
    "nobody",
  ]);
});
