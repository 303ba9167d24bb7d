// Static members (KIP-345, hard place 12): they leave and keep their place, come back as somebody else, and only one process
// at a time is one of them.

import { ProtocolError } from "@brooklet/protocol";
import { expect, test } from "vitest";
import { GroupWorld, type HandMember, JOIN, refusalOf } from "./group-world.ts";

const GONE = { memberEpoch: -2 };
const asStatic = (instanceId: string) => ({ instanceId, sessionTimeoutMs: 30_000 });

async function errorOf(promise: Promise<unknown>): Promise<ProtocolError> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof ProtocolError) return error;
    throw error;
  }
  throw new Error("it was not refused");
}

/** Two static members that share four partitions; the first has 0 and 1. */
async function pair(): Promise<{ world: GroupWorld; a: HandMember; b: HandMember }> {
  const world = new GroupWorld();
  const [a, b] = [world.member("a"), world.member("b")];
  await a.join(["orders"], asStatic("i1"));
  await b.join(["orders"], asStatic("i2"));
  await world.settleMembers([a, b]);
  return { world, a, b };
}

test("a static member that left comes back under another member id: same place, same epochs, nobody else moves", async () => {
  const { world, a, b } = await pair();
  const before = world.group();
  const had = a.owned;
  await a.commit([{ partition: 0, offset: 7 }]);
  b.peer.hints.length = 0;
  expect(await a.beat({ ...GONE, reason: "deploy" })).toMatchObject({ memberEpoch: -2 });
  expect(world.group()).toMatchObject({ state: "Stable", epoch: before.epoch });
  expect(world.group().members[0]).toMatchObject({ memberId: "a", instanceId: "i1", epoch: -2, assignment: had });
  expect(world.group().timeline.at(-1)).toMatchObject({
    event: "leave",
    member: "a",
    reason: "static member i1 left and keeps its place for 30.0 s: deploy",
  });
  await world.advance(29_000);
  const again = world.member("a2");
  expect(await again.join(["orders"], asStatic("i1"))).toMatchObject({ memberEpoch: before.epoch, assignment: had });
  expect(world.group()).toMatchObject({ state: "Stable", epoch: before.epoch });
  expect(world.group().members.map(({ memberId }) => memberId)).toEqual(["a2", "b"]);
  expect(b.peer.hints).toEqual([]);
  expect(world.group().timeline.at(-1)).toMatchObject({
    event: "join",
    member: "a2",
    reason: "came as static member i1 and has the place of a",
  });
  // The partitions' own epochs came along: a commit of the epoch in which they were assigned is taken.
  const results = await again.commit([{ partition: 0, offset: 8 }], { memberEpoch: 1 });
  expect(results[0]?.error).toBeUndefined();
  const [foreign] = await b.commit([{ partition: 0, offset: 9 }]);
  expect(foreign?.error?.message).toBe("orders-0 is not assigned to member b: a2 owns it since epoch 1");
  // And it lives on by its own heartbeats.
  await world.advance(29_000);
  await again.beat();
  await b.beat().catch(() => {});
  await world.advance(29_000);
  expect(world.group().members.map(({ memberId }) => memberId)).toContain("a2");
});

test("the member that was replaced is fenced: heartbeats, leaves and commits, with and without its instance id", async () => {
  const { world, a } = await pair();
  await a.beat(GONE);
  await world.member("a2").join(["orders"], asStatic("i1"));
  const refusal = await errorOf(a.beat({ memberEpoch: 2 }));
  expect(refusal.code).toBe("FENCED_INSTANCE_ID");
  expect(refusal.message).toMatch(/^member a was replaced 0 ms ago: member a2 came as static member i1\. Give every/);
  for (const memberEpoch of [2, -1, -2])
    expect(await errorOf(a.beat({ memberEpoch, instanceId: "i1" }))).toMatchObject({
      code: "FENCED_INSTANCE_ID",
      context: { memberId: "a2" },
    });
  expect((await refusalOf(a.commit([{ partition: 0, offset: 9 }], { memberEpoch: 2 }))).code).toBe(
    "FENCED_INSTANCE_ID",
  );
  world.restart();
  // After a restart nobody remembers it; its instance id still says whose it is.
  expect((await refusalOf(a.beat({ memberEpoch: 2, instanceId: "i1" }))).code).toBe("FENCED_INSTANCE_ID");
});

test("a member that left as a static one may not commit, and must join again", async () => {
  const { world, a } = await pair();
  const epoch = a.epoch;
  await a.beat(GONE);
  const [result] = await a.commit([{ partition: 0, offset: 9 }], { memberEpoch: epoch });
  expect(result?.error).toMatchObject({ code: "STALE_MEMBER_EPOCH" });
  expect(await refusalOf(a.beat({ memberEpoch: epoch }))).toEqual({
    code: "FENCED_MEMBER_EPOCH",
    message: "member a has left and keeps its place as static member i1. Join again with epoch 0.",
  });
  // It says so twice when the first answer was lost.
  expect(await a.beat(GONE)).toMatchObject({ memberEpoch: -2 });
  expect(await a.join(["orders"], asStatic("i1"))).toMatchObject({ memberEpoch: epoch });
  expect(world.group().members[0]).toMatchObject({ memberId: "a", epoch });
  expect(world.group().timeline.at(-1)?.reason).toBe("came back to its place");
});

test("who does not come back loses the place when the session ends", async () => {
  const { world, a, b } = await pair();
  await a.beat(GONE);
  await b.beat();
  await world.advance(29_999);
  expect(world.group().members).toHaveLength(2);
  await b.beat();
  await world.advance(1);
  expect(world.group().members.map(({ memberId }) => memberId)).toEqual(["b"]);
  expect(world.group().timeline).toContainEqual(
    expect.objectContaining({ event: "eviction", reason: "nobody came back as static member i1 for 30.0 s" }),
  );
  await world.settleMembers([b]);
  expect(b.owned).toHaveLength(4);
});

test("a changed subscription or a first vote that turns the election does rebalance", async () => {
  const { world, a } = await pair();
  const { epoch } = world.group();
  await a.beat(GONE);
  const again = world.member("a2");
  await again.join(["orders", "audit"], asStatic("i1"));
  expect(world.group()).toMatchObject({ epoch: epoch + 1 });
  await again.beat(GONE);
  await world.member("a3").join(["orders", "audit"], { ...asStatic("i1"), assignor: "range" });
  expect(world.group()).toMatchObject({ epoch: epoch + 2, assignor: "range" });
});

test("while somebody is gone the group may move on: what it is to give up is free at once, the rest waits for it", async () => {
  const { world, a, b } = await pair();
  await a.beat(GONE);
  const c = world.member("c");
  await c.join(["orders"], { sessionTimeoutMs: 30_000 });
  await world.settleMembers([b, c]);
  const sizes = Object.fromEntries(
    world.group().members.map(({ memberId, assignment }) => [memberId, assignment.length]),
  );
  expect(Object.values(sizes).reduce((sum, size) => sum + size, 0)).toBe(4);
  expect(sizes.a).toBeGreaterThan(0);
  const { epoch } = world.group();
  const again = world.member("a2");
  expect(await again.join(["orders"], asStatic("i1"))).toMatchObject({ memberEpoch: epoch });
  expect(again.owned).toHaveLength(sizes.a ?? 0);
  expect(world.group().epoch).toBe(epoch);
});

test("somebody who left while it was to give up partitions holds them no longer", async () => {
  const world = new GroupWorld();
  const [a, b] = [world.member("a"), world.member("b")];
  await a.join(["orders"], asStatic("i1"));
  await b.join();
  await a.beat();
  expect(world.group().members[0]?.pendingRevocation).toHaveLength(2);
  await a.beat(GONE);
  await world.settleMembers([b]);
  expect(b.owned).toHaveLength(2);
  expect(world.group().members[0]).toMatchObject({ memberId: "a", pendingRevocation: [] });
});

test("while the holder may be alive a claim is refused, and says for how long and for whom", async () => {
  const { world, a } = await pair();
  await world.advance(10_000);
  const claimant = world.member("a2");
  const refusal = await errorOf(claimant.join(["orders"], asStatic("i1")));
  expect(refusal).toMatchObject({
    code: "UNRELEASED_INSTANCE_ID",
    context: { memberId: "a", retryAfterMs: 20_000 },
    row: { retriable: true },
  });
  expect(refusal.message).toContain("static member i1 is a, last heard 10.0 s ago");
  await a.beat();
  expect((await errorOf(claimant.join(["orders"], asStatic("i1")))).context).toMatchObject({ retryAfterMs: 30_000 });
  expect(world.group().members).toHaveLength(2);
});

test("a claimant that waits has the place when the holder's session ends, and nobody else gets it meanwhile", async () => {
  const { world, a, b } = await pair();
  const { epoch } = world.group();
  const had = a.owned;
  const beats = async (durationMs: number) => {
    for (let passed = 0; passed < durationMs; passed += 1_000) {
      await b.beat();
      await world.advance(1_000);
    }
  };
  await beats(20_000);
  const claimant = world.member("a2");
  const { context } = await errorOf(claimant.join(["orders"], asStatic("i1")));
  expect(context).toMatchObject({ retryAfterMs: 10_000 });
  await beats(11_000);
  expect(world.group()).toMatchObject({ epoch, state: "Stable" });
  expect(world.group().members.map(({ epoch: shown }) => shown)).toEqual([-2, epoch]);
  expect(world.group().timeline.at(-1)).toMatchObject({
    event: "eviction",
    member: "a",
    reason: "no heartbeat for 30.0 s; its place waits 10.0 s for a2, who wants to be i1",
  });
  expect(await claimant.join(["orders"], asStatic("i1"))).toMatchObject({ memberEpoch: epoch, assignment: had });
  expect(world.group()).toMatchObject({ epoch, state: "Stable" });
  expect((await refusalOf(a.beat())).code).toBe("FENCED_INSTANCE_ID");
});

test("a claimant that does not come keeps the place for two heartbeat intervals only", async () => {
  const { world, b } = await pair();
  const claimant = world.member("a2");
  await refusalOf(claimant.join(["orders"], asStatic("i1")));
  for (let second = 0; second < 39; second++) {
    await b.beat();
    await world.advance(1_000);
  }
  expect(world.group().members).toHaveLength(2);
  await b.beat();
  await world.advance(1_000);
  expect(world.group().members.map(({ memberId }) => memberId)).toEqual(["b"]);
  // Then it is a newcomer.
  await claimant.join(["orders"], asStatic("i1"));
  await world.settleMembers([b, claimant]);
  expect(claimant.owned).toHaveLength(2);
});

test("a claim of long ago counts for nothing: the holder was heard since", async () => {
  const { world, a, b } = await pair();
  await refusalOf(world.member("a2").join(["orders"], asStatic("i1")));
  await world.advance(1_000);
  await a.beat();
  for (let second = 0; second < 30; second++) {
    await b.beat();
    await world.advance(1_000);
  }
  expect(world.group().members.map(({ memberId }) => memberId)).toEqual(["b"]);
});

test("of two claimants the newest counts, but whoever comes first has the place", async () => {
  const { world, b } = await pair();
  const [first, second] = [world.member("c1"), world.member("c2")];
  await refusalOf(first.join(["orders"], asStatic("i1")));
  await refusalOf(second.join(["orders"], asStatic("i1")));
  for (let passed = 0; passed < 30; passed++) {
    await b.beat();
    await world.advance(1_000);
  }
  expect(world.group().timeline.at(-1)?.reason).toContain("waits 10.0 s for c2");
  await first.join(["orders"], asStatic("i1"));
  expect((await refusalOf(second.join(["orders"], asStatic("i1")))).code).toBe("UNRELEASED_INSTANCE_ID");
});

test("a holder that was only slow comes back to its place before the claimant; then the claimant waits on", async () => {
  const { world, a, b } = await pair();
  await refusalOf(world.member("a2").join(["orders"], asStatic("i1")));
  for (let passed = 0; passed < 31; passed++) {
    await b.beat();
    await world.advance(1_000);
  }
  expect((await refusalOf(a.beat())).code).toBe("FENCED_MEMBER_EPOCH");
  await a.join(["orders"], asStatic("i1"));
  expect(world.group().members[0]).toMatchObject({ memberId: "a", epoch: 2 });
  expect((await refusalOf(world.member("a2").join(["orders"], asStatic("i1")))).code).toBe("UNRELEASED_INSTANCE_ID");
});

test("the place survives a broker start, and so does who has it", async () => {
  const { world, a, b } = await pair();
  const had = a.owned;
  const { epoch } = world.group();
  await a.beat(GONE);
  world.restart();
  expect(world.group().members[0]).toMatchObject({ memberId: "a", instanceId: "i1", epoch: -2 });
  // The session of who is gone begins afresh, as everybody's.
  await b.beat();
  await world.advance(29_000);
  await b.beat();
  const again = world.member("a2");
  expect(await again.join(["orders"], asStatic("i1"))).toMatchObject({ memberEpoch: epoch, assignment: had });
  world.restart();
  expect(await again.beat()).toMatchObject({ memberEpoch: epoch });
  expect((await refusalOf(world.member("a3").join(["orders"], asStatic("i1")))).code).toBe("UNRELEASED_INSTANCE_ID");
  expect(world.group().epoch).toBe(epoch);
});

test("a turn that fails takes a leave and a takeover back", async () => {
  const { world, a } = await pair();
  const { epoch } = a;
  const leaving = refusalOf(a.send(GONE));
  world.turns.seal();
  world.turns.fail();
  expect(await leaving).toMatchObject({ code: "STORAGE_FULL" });
  expect(world.group().members[0]).toMatchObject({ memberId: "a", epoch });
  expect(await a.beat({ memberEpoch: epoch })).toMatchObject({ memberEpoch: epoch });

  await a.beat(GONE);
  const claimant = world.member("a2");
  const claiming = refusalOf(claimant.send({ ...JOIN, subscription: ["orders"], ...asStatic("i1") }));
  world.turns.seal();
  world.turns.fail();
  expect(await claiming).toMatchObject({ code: "STORAGE_FULL" });
  expect(world.group().members[0]).toMatchObject({ memberId: "a", epoch: -2 });
  // Both may try again; the departed one is not fenced for what did not happen.
  expect(await a.join(["orders"], asStatic("i1"))).toMatchObject({ memberEpoch: epoch });
});

test("a takeover is answered when it is durable, not before", async () => {
  const { world, a } = await pair();
  await a.beat(GONE);
  let answered = false;
  const claimant = world.member("a2");
  const claiming = claimant.send({ ...JOIN, subscription: ["orders"], ...asStatic("i1") }).then(() => {
    answered = true;
  });
  world.turns.seal();
  await world.clock.advance(60_000);
  expect(answered).toBe(false);
  expect(world.group().members[0]).toMatchObject({ memberId: "a", epoch: -2 });
  world.turns.complete();
  await claiming;
  expect(world.group().members[0]).toMatchObject({ memberId: "a2" });
});

test("a full group takes back who is gone: its place is counted already", async () => {
  const world = new GroupWorld({ "group.max.size": 1 });
  const a = world.member("a");
  await a.join(["orders"], asStatic("i1"));
  await a.beat(GONE);
  expect((await refusalOf(world.member("b").join())).code).toBe("GROUP_MAX_SIZE_REACHED");
  await world.member("a2").join(["orders"], asStatic("i1"));
  expect(world.group().members).toHaveLength(1);
});

test("a static member that leaves with -1 is gone for good", async () => {
  const { world, a, b } = await pair();
  await a.beat({ memberEpoch: -1 });
  expect(world.group().members.map(({ memberId }) => memberId)).toEqual(["b"]);
  const again = world.member("a2");
  await again.join(["orders"], asStatic("i1"));
  await world.settleMembers([b, again]);
  expect(again.owned).toHaveLength(2);
});

test("illegal instance ids, and what only a static member may do", async () => {
  const { world, a, b } = await pair();
  const c = world.member("c");
  for (const instanceId of ["", ".", "..", "a b", "größe", "x".repeat(250), "a\nb"])
    expect(await refusalOf(c.join(["orders"], { instanceId }))).toEqual({
      code: "INVALID_REQUEST",
      message: expect.stringContaining("a group.instance.id "),
    });
  await c.join(["orders"], { instanceId: "x".repeat(249) });
  const d = world.member("d");
  await d.join();
  expect((await refusalOf(d.beat(GONE))).message).toContain("only a static member leaves with epoch -2");
  // A member keeps its instance id for life.
  expect((await refusalOf(d.beat({ instanceId: "i9" }))).code).toBe("INVALID_REQUEST");
  expect((await refusalOf(b.join(["orders"], asStatic("i1")))).code).toBe("INVALID_REQUEST");
  expect((await refusalOf(world.member("e").beat({ memberEpoch: 3, instanceId: "i1" }))).code).toBe(
    "FENCED_INSTANCE_ID",
  );
  expect((await refusalOf(world.member("e").beat({ memberEpoch: -2, instanceId: "i7" }))).code).toBe(
    "UNKNOWN_MEMBER_ID",
  );
  expect(await a.beat({ instanceId: "i1" })).toMatchObject({ memberId: "a" });
  for (const instanceId of ["__proto__", "constructor"]) {
    const member = world.member(`m-${instanceId}`);
    await member.join(["orders"], { instanceId });
    await member.beat(GONE);
    await world.member(`n-${instanceId}`).join(["orders"], { instanceId });
  }
});

test("a late frame of the member that left does not bring it back", async () => {
  const { world, a } = await pair();
  const { seq } = a;
  await a.beat(GONE);
  a.seq = seq - 1;
  expect((await refusalOf(a.beat({ ...JOIN, subscription: ["orders"], ...asStatic("i1") }))).code).toBe(
    "STALE_MEMBER_EPOCH",
  );
  expect(world.group().members[0]).toMatchObject({ epoch: -2 });
});

test("a claim counts that came while the holder's answer was on its way to the disk", async () => {
  const world = new GroupWorld();
  const [a, b] = [world.member("a"), world.member("b")];
  await a.join(["orders"], { instanceId: "i" });
  const beat = a.send({ subscription: ["orders", "audit"] });
  world.turns.seal();
  await world.clock.advance(100);
  const claim = b.send({ ...JOIN, subscription: ["orders"], instanceId: "i" });
  expect((await refusalOf(claim)).code).toBe("UNRELEASED_INSTANCE_ID");
  await world.clock.advance(100);
  world.turns.complete();
  await beat;
  await world.advance(10_000);
  expect(world.group().members).toMatchObject([{ memberId: "a", epoch: -2 }]);
});

test("a leave with -2 that could not be stored leaves the member with both deadlines", async () => {
  const world = new GroupWorld();
  const [a, b] = [world.member("a"), world.member("b")];
  await a.join(["orders"], { instanceId: "i", rebalanceTimeoutMs: 5_000, sessionTimeoutMs: 30_000 });
  await b.join(["orders"], { sessionTimeoutMs: 60_000 });
  await a.beat();
  const leave = a.send(GONE);
  world.turns.seal();
  world.turns.fail();
  expect((await refusalOf(leave)).code).toBe("STORAGE_FULL");
  await world.advance(5_000);
  expect(world.group().members.map(({ memberId }) => memberId)).toEqual(["b"]);
});

test("who keeps a place is a member: a stranger may not commit meanwhile", async () => {
  const world = new GroupWorld();
  const a = world.member("a");
  await a.join(["orders"], { instanceId: "i" });
  await a.beat(GONE);
  const stranger = world.member("x").commit([{ partition: 0, offset: 1 }], { memberId: "", memberEpoch: -1 });
  expect((await refusalOf(stranger)).code).toBe("UNKNOWN_MEMBER_ID");
});

test("a failed turn forgets no claimant", async () => {
  const { world, a } = await pair();
  await refusalOf(world.member("a2").join(["orders"], asStatic("i1")));
  const other = world.member("c").send({ ...JOIN, subscription: ["orders"] });
  world.turns.seal();
  world.turns.fail();
  await refusalOf(other);
  await world.advance(30_000);
  expect(world.group().members.find(({ memberId }) => memberId === a.memberId)).toMatchObject({ epoch: -2 });
});

test("who takes over a place brings its own numbers: commits of its earlier life stay refused", async () => {
  const world = new GroupWorld();
  const [a, b] = [world.member("a"), world.member("b")];
  await b.join();
  await b.commit([{ partition: 0, offset: 1 }], { seq: 7 });
  await b.beat({ memberEpoch: -1 });
  await a.join(["orders"], { instanceId: "i" });
  await a.beat(GONE);
  await b.join(["orders"], { instanceId: "i" });
  expect((await refusalOf(b.commit([{ partition: 0, offset: 0 }], { seq: 7 }))).code).toBe("STALE_MEMBER_EPOCH");
});
