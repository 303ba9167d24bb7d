// Deadlines after a pause (hard place 4), alone and through the coordinator.

import { expect, test } from "vitest";
import { Deadlines } from "../../../server/src/groups/deadlines.ts";
import { SimulatedClock } from "../../support/simulated-clock.ts";
import { GroupWorld, JOIN, refusalOf } from "./group-world.ts";

function opened() {
  const clock = new SimulatedClock();
  const deadlines = new Deadlines(clock);
  deadlines.start();
  const fired: number[] = [];
  return { clock, deadlines, fired, fire: () => void fired.push(clock.nowMs()) };
}

test("in time it fires at once; late it fires again after its lateness", async () => {
  const { clock, deadlines, fired, fire } = opened();
  deadlines.schedule("a", 1000, fire);
  clock.skip(1100);
  await clock.advance(0);
  expect(fired).toEqual([1100]);

  deadlines.schedule("a", 1000, fire);
  clock.skip(1101);
  await clock.advance(0);
  expect(fired).toEqual([1100]);
  await clock.advance(100);
  expect(fired).toEqual([1100]);
  await clock.advance(2);
  expect(fired).toHaveLength(2);
});

test("it is re-armed once only: however late the second firing is, it counts", async () => {
  const { clock, deadlines, fired, fire } = opened();
  deadlines.schedule("a", 1000, fire);
  clock.skip(5000);
  await clock.advance(0);
  expect(fired).toEqual([]);
  clock.skip(60_000);
  await clock.advance(0);
  expect(fired).toEqual([65_000]);
});

test("what is renewed or cancelled between the second firing and its pass of I/O does not fire", async () => {
  for (const act of ["cancel", "schedule", "close"] as const) {
    const clock = new SimulatedClock();
    const passes: (() => void)[] = [];
    clock.defer = (run) => void passes.push(run);
    const deadlines = new Deadlines(clock);
    deadlines.start();
    const fired: string[] = [];
    deadlines.schedule("a", 1000, () => fired.push("first"));
    clock.skip(2000);
    await clock.advance(1000);
    expect(passes).toHaveLength(1);
    if (act === "cancel") deadlines.cancel("a");
    if (act === "schedule") deadlines.schedule("a", 1000, () => fired.push("second"));
    if (act === "close") deadlines.close();
    for (const pass of passes) pass();
    expect(fired).toEqual([]);
  }
});

test("nothing runs before the start or after the end", async () => {
  const clock = new SimulatedClock();
  const deadlines = new Deadlines(clock);
  deadlines.schedule("a", 10, () => expect.unreachable());
  await clock.advance(100);
  deadlines.start();
  deadlines.schedule("b", 10, () => expect.unreachable());
  deadlines.close();
  deadlines.schedule("c", 10, () => expect.unreachable());
  await clock.advance(100);
  expect(clock.liveTimers).toBe(0);
});

test("a silent member is removed when its session ends, not before", async () => {
  const world = new GroupWorld();
  const w1 = world.member("w1");
  await w1.join();
  await world.advance(9_999);
  expect(world.group().members).toHaveLength(1);
  await world.advance(1);
  expect(world.group()).toMatchObject({ state: "Empty", epoch: 2 });
});

test("a member that the broker did not read from has one more session timeout, once between two heartbeats", async () => {
  const world = new GroupWorld();
  const w1 = world.member("w1");
  await w1.join();
  w1.peer.heldBack = true;
  for (let round = 0; round < 2; round++) {
    await world.advance(19_900);
    expect(world.group().members).toHaveLength(1);
    await w1.beat();
  }
  await world.advance(19_900);
  expect(world.group().members).toHaveLength(1);
  await world.advance(200);
  expect(world.group().members).toHaveLength(0);
  expect((await refusalOf(w1.beat())).message).toContain("no heartbeat for 20.0 s");
});

test("every accepted heartbeat renews the session, a refused one does not", async () => {
  const world = new GroupWorld();
  const w1 = world.member("w1");
  await w1.join();
  await world.advance(6_000);
  await w1.beat();
  await world.advance(6_000);
  expect(world.group().members).toHaveLength(1);
  expect(await refusalOf(w1.beat({ seq: 1 }))).toMatchObject({ code: "STALE_MEMBER_EPOCH" });
  expect(await refusalOf(w1.beat({ memberEpoch: 7 }))).toMatchObject({ code: "FENCED_MEMBER_EPOCH" });
  await w1.commit([{ partition: 0, offset: 1 }]);
  await world.advance(4_000);
  expect(world.group().members).toHaveLength(0);
});

test("after a pause of the broker members have the pause's length to be heard", async () => {
  const world = new GroupWorld();
  const [w1, w2] = [world.member("w1"), world.member("w2")];
  await w1.join();
  await w2.join();
  world.clock.skip(60_000);
  await world.advance(0);
  expect(world.group().members).toHaveLength(2);
  await w1.beat();
  await world.advance(51_000);
  expect(world.group().members.map(({ memberId }) => memberId)).toEqual([]);
  await w1.join();
  expect(world.group().members).toHaveLength(1);
});

test("a heartbeat that lies in the socket at the second firing counts", async () => {
  const world = new GroupWorld();
  const w1 = world.member("w1");
  await w1.join();
  const passes: (() => void)[] = [];
  world.clock.defer = (run) => void passes.push(run);
  world.clock.skip(60_000);
  await world.clock.advance(0);
  world.clock.skip(60_000);
  await world.clock.advance(0);
  expect(passes).toHaveLength(1);
  // The pass of I/O brings the heartbeat.
  await w1.beat();
  for (const pass of passes) pass();
  await world.advance(0);
  expect(world.group().members).toHaveLength(1);
});

test("who does not give up its partitions in time is removed; who does is not", async () => {
  const world = new GroupWorld();
  const [w1, w2] = [world.member("w1"), world.member("w2")];
  await w1.join(["orders"], { rebalanceTimeoutMs: 20_000 });
  await w2.join();
  await w1.beat();
  for (let second = 0; second < 19; second += 1) {
    await world.advance(1000);
    await w1.beat({ owned: [...w1.owned, ...(world.group().members[0]?.pendingRevocation ?? [])] });
    await w2.beat();
  }
  expect(world.group().members).toHaveLength(2);
  await world.advance(1000);
  expect(world.group().members.map(({ memberId }) => memberId)).toEqual(["w2"]);
  const { message } = await refusalOf(w1.beat());
  expect(message).toMatch(/did not give up orders-2, orders-3 within 20\.0 s.*max\.poll\.interval\.ms/);

  await w1.join();
  await w2.beat();
  await w2.acknowledge();
  await w1.beat();
  for (let second = 0; second < 30; second += 1) {
    await world.advance(1000);
    await w1.beat();
    await w2.beat();
  }
  expect(world.group()).toMatchObject({ state: "Stable" });
});

test("who was to give up partitions of a topic that is deleted has nothing to give up any more", async () => {
  const world = new GroupWorld();
  const [w1, w2] = [world.member("w1"), world.member("w2")];
  await w1.join(["orders"], { sessionTimeoutMs: 60_000, rebalanceTimeoutMs: 20_000 });
  await w2.join(["orders"], { sessionTimeoutMs: 60_000 });
  await w1.beat();
  world.catalog.delete("orders");
  world.turns.flush();
  await world.advance(30_000);
  expect(world.group().members).toHaveLength(2);
  await world.settleMembers([w1, w2]);
});

test("a slow disk removes nobody: while an answer is owed both deadlines stand still, and start afresh behind it", async () => {
  const world = new GroupWorld();
  const w1 = world.member("w1");
  const joined = w1.send({ ...JOIN, subscription: ["orders"] });
  world.turns.seal();
  await world.clock.advance(120_000);
  world.turns.complete();
  await joined;
  await world.advance(9_999);
  expect(world.group().members).toHaveLength(1);
  await world.advance(1);
  expect(world.group().members).toHaveLength(0);
});

test("the deadline to give up begins when the member was told", async () => {
  const world = new GroupWorld();
  const [w1, w2] = [world.member("w1"), world.member("w2")];
  await w1.join(["orders"], { sessionTimeoutMs: 600_000, rebalanceTimeoutMs: 20_000 });
  await w2.join(["orders"], { sessionTimeoutMs: 600_000 });
  const told = w1.send();
  world.turns.seal();
  await world.clock.advance(100_000);
  world.turns.complete();
  await told;
  await world.advance(19_999);
  expect(world.group().members).toHaveLength(2);
  await world.advance(1);
  expect(world.group().members).toHaveLength(1);
});

test("at a start deadlines begin only when the listener is open, and all afresh", async () => {
  const world = new GroupWorld();
  const w1 = world.member("w1");
  await w1.join();
  await world.advance(9_000);
  world.restart({ start: false });
  await world.advance(60_000);
  expect(world.group().members).toHaveLength(1);
  world.coordinator.start();
  await world.advance(9_999);
  expect(world.group().members).toHaveLength(1);
  await world.advance(1);
  expect(world.group().members).toHaveLength(0);
});

test("closed, it leaves no timer", async () => {
  const world = new GroupWorld();
  await world.member("w1").join();
  expect(world.clock.liveTimers).toBeGreaterThan(0);
  world.coordinator.close();
  expect(world.clock.liveTimers).toBe(0);
});

test("who has news with every heartbeat and gives up nothing is removed after two timeouts; others wait for its partitions", async () => {
  const world = new GroupWorld();
  const [w1, w2] = [world.member("w1"), world.member("w2")];
  await w1.join(["orders"], { rebalanceTimeoutMs: 20_000 });
  await w2.join();
  await w1.beat();
  for (let second = 1; second <= 39; second++) {
    await world.advance(1000);
    await w1.beat({ clientId: `c${second % 2}` });
    await w2.beat();
  }
  await world.advance(1000);
  expect(world.group().members.map(({ memberId }) => memberId)).toEqual(["w2"]);
  expect((await refusalOf(w1.beat())).message).toMatch(/did not give up orders-2, orders-3 within/);
  // A new demand has its own time.
  await w1.join(["orders"], { rebalanceTimeoutMs: 20_000 });
  await world.settleMembers([w1, w2]);
});
