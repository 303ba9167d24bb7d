// Topics that come and go under a group, and subscriptions that change.

import { expect, test } from "vitest";
import { ASSIGNOR_NAMES } from "../../../server/src/groups/assignors/assignor-table.ts";
import { parseSettings, settingDefinitions } from "../../../server/src/settings.ts";
import { GroupWorld, refusalOf } from "./group-world.ts";

test("a topic that is created is shared out at once; those who wait for it are hinted", async () => {
  const world = new GroupWorld({}, {});
  const [w1, w2] = [world.member("w1"), world.member("w2")];
  await w1.join(["orders"]);
  await w2.join(["orders", "audit"]);
  await world.settleMembers([w1, w2]);
  w1.peer.hints.length = 0;
  const { epoch } = world.group();
  world.catalog.create("orders", 2);
  world.catalog.create("elsewhere", 2);
  world.turns.flush();
  expect(world.group()).toMatchObject({ epoch: epoch + 1, state: "Reconciling" });
  expect(w1.peer.hints).toEqual(["billing"]);
  await world.settleMembers([w1, w2]);
  expect(w1.owned.length + w2.owned.length).toBe(2);
  expect(world.group().timeline.findLast(({ event }) => event === "epoch")?.reason).toBe("topic orders was created");
});

test("a deleted topic's partitions vanish at once: from the group, the next answers, and what may be committed", async () => {
  const world = new GroupWorld({}, { orders: 4, audit: 2 });
  const [w1, w2] = [world.member("w1"), world.member("w2")];
  await w1.join(["orders", "audit"]);
  await w2.join(["orders", "audit"]);
  await world.settleMembers([w1, w2]);
  const before = world.catalog.byName("orders");
  for (const { peer } of [w1, w2]) peer.hints.length = 0;
  world.catalog.delete("orders");
  world.turns.flush();
  for (const { assignment } of world.group().members)
    expect(assignment.every(({ topic }) => topic === "audit")).toBe(true);
  expect(w1.peer.hints).toEqual(["billing"]);
  world.catalog.create("orders", 4);
  world.turns.flush();
  await world.settleMembers([w1, w2]);
  const ids = new Set(
    [...w1.owned, ...w2.owned].filter(({ topic }) => topic === "orders").map(({ topicId }) => topicId),
  );
  expect([...ids]).toEqual([world.catalog.byName("orders")?.topicId]);
  const [partition] = w1.owned.filter(({ topic }) => topic === "orders");
  const results = await w1.commit([
    { partition: partition?.partition ?? -1, offset: 1, topicId: before?.topicId ?? "" },
  ]);
  expect(results[0]?.error?.code).toBe("UNKNOWN_TOPIC_ID");
});

test("deleted and created again within one turn: nobody keeps the old topic's partitions", async () => {
  const world = new GroupWorld();
  const w1 = world.member("w1");
  await w1.join();
  const old = w1.owned[0]?.topicId;
  world.catalog.delete("orders");
  world.catalog.create("orders", 4);
  world.turns.flush();
  await w1.beat();
  await w1.acknowledge();
  expect(w1.owned).toHaveLength(4);
  expect(w1.owned.some(({ topicId }) => topicId === old)).toBe(false);
});

test("a changed subscription moves the epoch and the partitions, an equal one nothing", async () => {
  const world = new GroupWorld({}, { orders: 2, audit: 2 });
  const [w1, w2] = [world.member("w1"), world.member("w2")];
  await w1.join(["orders", "audit"]);
  await w2.join(["orders", "audit"]);
  await world.settleMembers([w1, w2]);
  const { epoch } = world.group();
  await w1.beat({ subscription: ["audit", "orders", "audit"] });
  expect(world.group().epoch).toBe(epoch);
  await w1.beat({ subscription: ["audit"] });
  expect(world.group()).toMatchObject({ epoch: epoch + 1 });
  await world.settleMembers([w1, w2]);
  expect(w1.owned.map(({ topic }) => topic)).toEqual(["audit", "audit"]);
  expect(w2.owned.map(({ topic }) => topic)).toEqual(["orders", "orders"]);
  expect(world.group().timeline.findLast(({ event }) => event === "epoch")?.reason).toBe("w1 subscribed to audit");
  await w1.beat({ subscription: [] });
  await world.settleMembers([w1, w2]);
  expect([w1.owned.length, w2.owned.length]).toEqual([0, 4]);
  expect((await refusalOf(w1.beat({ subscription: [""] }))).code).toBe("INVALID_REQUEST");
});

test("who loses its last partitions with a topic is told to ask, though nothing moves", async () => {
  const world = new GroupWorld({}, { orders: 1 });
  const w1 = world.member("w1");
  await w1.join(["orders"]);
  world.catalog.delete("orders");
  world.turns.flush();
  expect(w1.peer.hints).toEqual(["billing"]);
  expect((await w1.beat()).assignment).toEqual([]);
});

test("a subscription to thousands of topics is told in short", async () => {
  const world = new GroupWorld();
  const w1 = world.member("w1");
  await w1.join();
  const names = Array.from({ length: 5000 }, (_, index) => `topic-${String(index).padStart(4, "0")}`);
  const { reason } = await w1.beat({ subscription: names, owned: [], rebalanceTimeoutMs: 20_000 });
  expect(reason).toMatch(/^w1 subscribed to topic-0000, .* and 4990 more$/);
  expect(reason?.length).toBeLessThan(200);
});

test("partitions that are added are shared out, and nobody loses what it has", async () => {
  const world = new GroupWorld();
  const [w1, w2] = [world.member("w1"), world.member("w2")];
  await w1.join();
  await w2.join();
  await world.settleMembers([w1, w2]);
  const before = [w1.partitions(), w2.partitions()];
  const { epoch } = world.group();
  world.catalog.extend("orders", 9);
  world.turns.flush();
  expect(world.group()).toMatchObject({ epoch: epoch + 1 });
  for (const { pendingRevocation } of world.group().members) expect(pendingRevocation).toEqual([]);
  await world.settleMembers([w1, w2]);
  expect(w1.partitions()).toEqual(expect.arrayContaining(before[0] ?? []));
  expect(w2.partitions()).toEqual(expect.arrayContaining(before[1] ?? []));
  expect([...w1.partitions(), ...w2.partitions()].sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
  expect(world.group().timeline.findLast(({ event }) => event === "epoch")?.reason).toBe("topic orders was extended");
  // A group that does not read the topic is left alone.
  const w3 = world.member("w3", "other");
  await w3.join(["audit"]);
  world.catalog.extend("orders", 12);
  world.turns.flush();
  expect(world.group("other").epoch).toBe(1);
});

test("the group uses the assignor that most members ask for", async () => {
  const world = new GroupWorld({}, { a: 3, b: 3 });
  const members = [world.member("w1"), world.member("w2"), world.member("w3")] as const;
  await members[0].join(["a", "b"], { assignor: "uniform" });
  await members[1].join(["a", "b"], { assignor: "range" });
  expect(world.group().assignor).toBe("uniform");
  await members[2].join(["a", "b"], { assignor: "range" });
  expect(world.group().assignor).toBe("range");
  await world.settleMembers(members);
  const { epoch } = world.group();
  // The same numbers of both topics.
  for (const { owned } of members) expect(new Set(owned.map(({ partition }) => partition)).size).toBe(1);
  world.restart();
  expect(world.group().assignor).toBe("range");
  // A vote that changes nothing moves nothing; one that does moves the epoch.
  await members[1].beat({ assignor: "range" });
  expect(world.group().epoch).toBe(epoch);
  await members[1].beat({ assignor: "uniform" });
  expect(world.group()).toMatchObject({ epoch: epoch + 1, assignor: "uniform" });
  expect(world.group().timeline.findLast(({ event }) => event === "epoch")?.reason).toBe(
    "w2 asks for the assignor uniform",
  );
});

test("assignors that are not there or not enabled are refused by name", async () => {
  const world = new GroupWorld({ "group.consumer.assignors": "range" });
  const w1 = world.member("w1");
  for (const assignor of ["uniform", "mine", "__proto__", ""])
    expect(await refusalOf(w1.join(["orders"], { assignor }))).toEqual({
      code: "UNSUPPORTED_ASSIGNOR",
      message: `there is no assignor ${JSON.stringify(assignor)}; there is range (group.consumer.assignors)`,
    });
  await w1.join();
  expect(world.group().assignor).toBe("range");
});

test("group.consumer.assignors takes those that there are, each once, in any order", () => {
  const name = "group.consumer.assignors";
  expect(settingDefinitions[name].listOf).toEqual(ASSIGNOR_NAMES);
  for (const legal of ["uniform", "range, uniform"]) expect(parseSettings({ [name]: legal }).problems).toEqual([]);
  for (const illegal of ["", "sticky", "range,range", "uniform,,range", "uniform,__proto__"])
    expect(parseSettings({ [name]: illegal }).problems).toEqual([
      {
        setting: name,
        problem: `must be a list of uniform, range, each at most once; this is ${JSON.stringify(illegal)}`,
      },
    ]);
});
