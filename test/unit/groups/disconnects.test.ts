// group.disconnect.grace.ms: a member whose client's last connection closed and that did not come back has failed.

import { expect, test } from "vitest";
import { ClientConnections } from "../../../server/src/groups/client-connections.ts";
import { Deadlines } from "../../../server/src/groups/deadlines.ts";
import { SimulatedClock } from "../../support/simulated-clock.ts";
import { Machine } from "./group-machine.ts";
import { FakePeer, GroupWorld, JOIN, refusalOf } from "./group-world.ts";

const GRACE = { "group.disconnect.grace.ms": 500 };

async function connected(settings = GRACE) {
  const world = new GroupWorld(settings);
  const [a, b] = [world.member("a"), world.member("b")];
  a.peer.clientInstanceId = "client-a";
  b.peer.clientInstanceId = "client-b";
  await a.join();
  await b.join();
  await world.settleMembers([a, b]);
  return { world, a, b };
}
const idsOf = (world: GroupWorld) => world.group().members.map(({ memberId }) => memberId);

test("who does not come back within the grace is removed, with that reason", async () => {
  const { world, a, b } = await connected();
  world.coordinator.clientDisconnected("client-a");
  await world.advance(499);
  expect(idsOf(world)).toEqual(["a", "b"]);
  await world.advance(1);
  expect(idsOf(world)).toEqual(["b"]);
  const why = "its connection closed and it did not come back within 500 ms (group.disconnect.grace.ms)";
  expect(world.group().timeline).toContainEqual(
    expect.objectContaining({ event: "eviction", member: "a", reason: why }),
  );
  expect((await refusalOf(a.beat())).message).toContain(why);
  await world.settleMembers([b]);
  expect(b.owned).toHaveLength(4);
});

test("by default only silence counts", async () => {
  const { world } = await connected({ "group.disconnect.grace.ms": -1 });
  world.coordinator.clientDisconnected("client-a");
  await world.advance(9_999);
  expect(idsOf(world)).toEqual(["a", "b"]);
});

test("a connection of the same client, or a heartbeat by any other, is a return", async () => {
  const { world, a, b } = await connected();
  world.coordinator.clientDisconnected("client-a");
  await world.advance(400);
  world.coordinator.clientConnected("client-a");
  await world.advance(2_000);
  expect(idsOf(world)).toEqual(["a", "b"]);
  await a.beat();
  await b.beat();
  world.coordinator.clientDisconnected("client-a");
  world.coordinator.clientDisconnected("client-b");
  // One speaks by HTTP now, the other by another client's connection.
  a.peer.clientInstanceId = undefined;
  await a.beat();
  b.peer.clientInstanceId = "client-c";
  await b.beat();
  await world.advance(2_000);
  expect(idsOf(world)).toEqual(["a", "b"]);
  // Who came back may go again.
  world.coordinator.clientDisconnected("client-c");
  await world.advance(500);
  expect(idsOf(world)).toEqual(["a"]);
});

test("a member that speaks by HTTP only has no connection to lose; strangers concern nobody", async () => {
  const world = new GroupWorld(GRACE);
  const a = world.member("a");
  await a.join();
  world.coordinator.clientDisconnected("client-a");
  world.coordinator.clientConnected("whoever");
  await world.advance(2_000);
  expect(idsOf(world)).toEqual(["a"]);
});

test("while the broker owes an answer the grace stands still, and begins afresh behind it", async () => {
  const world = new GroupWorld(GRACE);
  const a = world.member("a");
  a.peer.clientInstanceId = "client-a";
  const joined = a.send({ ...JOIN, subscription: ["orders"] });
  world.turns.seal();
  world.coordinator.clientDisconnected("client-a");
  await world.clock.advance(60_000);
  world.turns.complete();
  await joined;
  expect(idsOf(world)).toEqual(["a"]);
  await world.advance(500);
  expect(world.group().members).toEqual([]);
});

test("after a pause of the broker a return that lies in the socket still counts", async () => {
  const { world } = await connected();
  world.coordinator.clientDisconnected("client-a");
  world.clock.skip(5_000);
  await world.advance(0);
  expect(idsOf(world)).toContain("a");
  world.coordinator.clientConnected("client-a");
  await world.advance(4_000);
  expect(idsOf(world)).toContain("a");
});

test("a restart forgets who was about to be removed, and a close leaves no timer", async () => {
  const { world, a, b } = await connected();
  world.coordinator.clientDisconnected("client-a");
  world.restart();
  await world.advance(5_000);
  expect(idsOf(world)).toEqual(["a", "b"]);
  await a.beat();
  await b.beat();
  world.coordinator.clientDisconnected("client-a");
  world.coordinator.close();
  expect(world.clock.liveTimers).toBe(0);
});

test("static members too; a claimant hears how long the grace lasts and has the place after it", async () => {
  const world = new GroupWorld(GRACE);
  const [a, b, c] = [world.member("a"), world.member("b"), world.member("c")];
  a.peer.clientInstanceId = "client-a";
  await a.join(["orders"], { instanceId: "i1" });
  await b.join(["orders"], { instanceId: "i2" });
  await world.settleMembers([a, b]);
  const { epoch } = world.group();
  world.coordinator.clientDisconnected("client-a");
  await world.advance(100);
  await expect(c.join(["orders"], { instanceId: "i1" })).rejects.toMatchObject({
    code: "UNRELEASED_INSTANCE_ID",
    context: { retryAfterMs: 400 },
  });
  await world.advance(400);
  expect(world.group().timeline.at(-1)?.reason).toMatch(/^its connection closed .*; its place waits .* for c/);
  await c.join(["orders"], { instanceId: "i1" });
  expect(world.group()).toMatchObject({ epoch, state: "Stable" });
  expect(idsOf(world)).toEqual(["c", "b"]);
  // Without a claimant a static member is removed like any other; who left with -2 keeps its place.
  c.peer.clientInstanceId = "client-c";
  await c.beat();
  world.coordinator.clientDisconnected("client-c");
  await world.advance(500);
  expect(idsOf(world)).toEqual(["b"]);
  b.peer.clientInstanceId = "client-b";
  await b.beat();
  await b.beat({ memberEpoch: -2 });
  world.coordinator.clientDisconnected("client-b");
  await world.advance(5_000);
  expect(world.group().members).toMatchObject([{ memberId: "b", epoch: -2 }]);
});

test("a client that joins and leaves one group after the other is remembered by those it is in", () => {
  const clock = new SimulatedClock();
  const clients = new ClientConnections({
    graceMs: 500,
    deadlines: new Deadlines(clock),
    nowMs: () => clock.nowMs(),
    apply: () => {},
  });
  const peer = new FakePeer();
  peer.clientInstanceId = "client-a";
  for (let index = 0; index < 100; index++) {
    const { group } = new Machine();
    group.heartbeat({ groupId: "g", memberId: "a", memberEpoch: 0, seq: 1, subscription: [] }, { peer }, 0);
    if (index > 0) group.heartbeat({ groupId: "g", memberId: "a", memberEpoch: -1, seq: 2 }, { peer }, 0);
    clients.heard(peer, { group } as Parameters<ClientConnections["heard"]>[1]);
  }
  expect(clients.groupCountOf("client-a")).toBeLessThanOrEqual(16);
  expect(clients.groupCountOf("client-a")).toBeGreaterThan(0);
});

test("a claimant hears of the grace that begins anew behind an answer that was owed", async () => {
  const world = new GroupWorld(GRACE);
  const [a, c] = [world.member("a"), world.member("c")];
  a.peer.clientInstanceId = "client-a";
  const joined = a.send({ ...JOIN, subscription: ["orders"], instanceId: "i1" });
  world.turns.seal();
  world.coordinator.clientDisconnected("client-a");
  await world.clock.advance(600);
  const claim = c.send({ ...JOIN, subscription: ["orders"], instanceId: "i1" });
  await expect(claim).rejects.toMatchObject({ context: { retryAfterMs: 400 } });
  world.turns.complete();
  await joined;
});
