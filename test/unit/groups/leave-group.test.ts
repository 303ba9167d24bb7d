// leaveGroup: somebody else's word removes members, dynamic and static ones.

import { expect, test } from "vitest";
import { GroupWorld, isPending, JOIN, refusalOf } from "./group-world.ts";

async function remove(world: GroupWorld, members: { memberId?: string; instanceId?: string }[], reason?: string) {
  const removing = world.coordinator.removeMembers({
    groupId: "billing",
    members,
    ...(reason === undefined ? {} : { reason }),
  });
  removing.catch(() => {});
  world.turns.flush();
  return await removing;
}

test("by member id or instance id, each by itself; the reason stands in the timeline and in the refusal", async () => {
  const world = new GroupWorld();
  const [a, b, c] = [world.member("a"), world.member("b"), world.member("c")];
  await a.join();
  await b.join(["orders"], { instanceId: "i1" });
  await c.join();
  await world.settleMembers([a, b, c]);
  for (const { peer } of [a, b, c]) peer.hints.length = 0;
  const results = await remove(
    world,
    [
      { memberId: "a" },
      { instanceId: "i1" },
      { memberId: "nobody" },
      { instanceId: "i7" },
      {},
      { memberId: "x", instanceId: "i1" },
    ],
    "moved\u001b to another rack",
  );
  expect(results).toMatchObject([
    { memberId: "a" },
    { instanceId: "i1" },
    { memberId: "nobody", error: { code: "UNKNOWN_MEMBER_ID" } },
    { instanceId: "i7", error: { code: "UNKNOWN_MEMBER_ID" } },
    { error: { code: "INVALID_REQUEST" } },
    { error: { code: "UNKNOWN_MEMBER_ID" } },
  ]);
  expect(results[0]?.error).toBeUndefined();
  expect(results[1]?.error).toBeUndefined();
  expect(world.group().members.map(({ memberId }) => memberId)).toEqual(["c"]);
  const told = world.group().timeline.filter(({ event }) => event === "leave");
  expect(told).toMatchObject([
    { member: "a", reason: "an administrator removed it: moved  to another rack" },
    { member: "b", reason: "an administrator removed it: moved  to another rack" },
  ]);
  // They learn at once; and the one who stays gets what they had.
  expect([a.peer.hints, b.peer.hints, c.peer.hints]).toEqual([["billing"], ["billing"], ["billing"]]);
  expect((await refusalOf(a.beat())).message).toMatch(
    /^member a was removed 0 ms ago: an administrator removed it: moved/,
  );
  await world.settleMembers([c]);
  expect(c.owned).toHaveLength(4);
  // It may join again, as a new member.
  await a.join();
  expect(world.group().members).toHaveLength(2);
});

test("a static member that is gone is removed too, and a member whose answer is owed hears why", async () => {
  const world = new GroupWorld();
  const [a, b] = [world.member("a"), world.member("b")];
  await a.join(["orders"], { instanceId: "i1" });
  await a.beat({ memberEpoch: -2 });
  const joining = refusalOf(b.send({ ...JOIN, subscription: ["orders"] }));
  await remove(world, [{ instanceId: "i1" }, { memberId: "b" }]);
  expect(await joining).toMatchObject({
    code: "UNKNOWN_MEMBER_ID",
    message: expect.stringContaining("an administrator removed it"),
  });
  expect(world.group()).toMatchObject({ state: "Empty", members: [] });
  expect(world.clock.liveTimers).toBeLessThanOrEqual(1);
});

test("a name and an instance id that belong to two are refused as fenced", async () => {
  const world = new GroupWorld();
  const [a, b] = [world.member("a"), world.member("b")];
  await a.join(["orders"], { instanceId: "i1" });
  await b.join();
  const results = await remove(world, [{ memberId: "b", instanceId: "i1" }]);
  expect(results[0]?.error?.code).toBe("FENCED_INSTANCE_ID");
  expect(world.group().members).toHaveLength(2);
});

test("it is answered when it is durable; a turn that fails removes nobody", async () => {
  const world = new GroupWorld();
  const a = world.member("a");
  await a.join();
  const removing = world.coordinator.removeMembers({ groupId: "billing", members: [{ memberId: "a" }] });
  const refused = refusalOf(removing);
  world.turns.seal();
  expect(await isPending(removing)).toBe(true);
  expect(world.group().members).toHaveLength(1);
  world.turns.fail();
  expect(await refused).toMatchObject({ code: "STORAGE_FULL" });
  expect(world.group().members).toHaveLength(1);
  expect(await a.beat()).toMatchObject({ memberEpoch: 1 });
  await remove(world, [{ memberId: "a" }]);
  world.restart();
  expect(world.group()).toMatchObject({ state: "Empty" });
});

test("groups that are not there, and illegal ones", async () => {
  const world = new GroupWorld();
  expect((await refusalOf(remove(world, []))).code).toBe("GROUP_ID_NOT_FOUND");
  expect((await refusalOf(world.coordinator.removeMembers({ groupId: "", members: [{ memberId: "a" }] }))).code).toBe(
    "INVALID_GROUP_ID",
  );
  await world.member("a").join();
  expect(await remove(world, [])).toEqual([]);
});
