// Group answers against durability (hard place 3), failed turns (1), and what a restart keeps.

import { expect, test } from "vitest";
import { GroupWorld, type HandMember, isPending, JOIN, refusalOf } from "./group-world.ts";

const FULL = { ...JOIN, subscription: ["orders"] };

async function twoMembers() {
  const world = new GroupWorld();
  const [w1, w2] = [world.member("w1"), world.member("w2")];
  await w1.join();
  await w2.join();
  await world.settleMembers([w1, w2]);
  return { world, w1, w2 };
}

test("an answer that shows new state waits for the turn that stores it; one that shows nothing new does not", async () => {
  const { world, w1, w2 } = await twoMembers();
  const w3 = world.member("w3");
  const joining = w3.send(FULL);
  expect(await isPending(joining)).toBe(true);
  // Before the turn is written w1 has nothing new to show: answered at once, from the last durable state.
  expect(await w1.send()).toMatchObject({ memberEpoch: 2 });
  world.turns.seal();
  expect(await isPending(joining)).toBe(true);
  expect(world.group()).toMatchObject({ epoch: 2, state: "Stable" });
  expect(world.group().timeline.some(({ member }) => member === "w3")).toBe(false);
  // Now there is a new target for w2: its answer shows it and waits for a turn of its own.
  const moving = w2.send();
  expect(await isPending(moving)).toBe(true);
  world.turns.seal();
  world.turns.complete();
  expect(await joining).toMatchObject({ memberEpoch: 3 });
  expect(await isPending(moving)).toBe(true);
  world.turns.complete();
  await moving;
  expect(world.group().timeline.some(({ member }) => member === "w3")).toBe(true);
});

test("the target is computed once for all that changed in a turn", async () => {
  const world = new GroupWorld({}, { orders: 12 });
  const members = ["w1", "w2", "w3"].map((memberId) => world.member(memberId));
  const joining = members.map((member) => member.send(FULL));
  world.turns.seal();
  world.turns.complete();
  await Promise.all(joining);
  expect(members.map(({ epoch, owned }) => [epoch, owned.length])).toEqual([
    [1, 4],
    [1, 4],
    [1, 4],
  ]);
  const puts = world.turns.stored.filter(({ kind }) => kind === "putGroup");
  expect(puts).toHaveLength(1);
  expect(world.group().timeline.find(({ event }) => event === "epoch")?.reason).toBe("w1 joined; w2 joined; w3 joined");
});

test("a heartbeat that changes nothing asks for no turn", async () => {
  const { world, w1 } = await twoMembers();
  const before = world.turns.stored.length;
  await w1.send();
  await w1.send({ owned: w1.owned });
  await w1.send({ ...FULL, memberEpoch: w1.epoch, owned: w1.owned });
  expect(world.turns.wanted).toBe(false);
  expect(world.turns.stored).toHaveLength(before);
});

test("hints go out after durability, to those who get or give up something, and one at a time", async () => {
  const { world, w1, w2 } = await twoMembers();
  const w3 = world.member("w3");
  const clear = () => {
    for (const { peer } of [w1, w2, w3]) peer.hints.length = 0;
  };
  clear();
  void w3.send(FULL);
  world.turns.seal();
  expect([w1, w2, w3].flatMap(({ peer }) => peer.hints)).toEqual([]);
  world.turns.complete();
  // Four partitions over three: one of the two gives one up.
  expect([w1, w2, w3].map(({ peer }) => peer.hints.length).sort()).toEqual([0, 0, 1]);
  const [giver, other] = w1.peer.hints.length === 1 ? [w1, w2] : [w2, w1];
  // A second change before it has answered: no second hint.
  const w4 = world.member("w4");
  await w4.join();
  expect(giver.peer.hints).toEqual(["billing"]);
  expect(other.peer.hints).toEqual(["billing"]);
  clear();
  await giver.beat();
  expect([w3, w4].flatMap(({ peer }) => peer.hints)).toEqual([]);
  // What it gives up is waited for: the one who gets it is told.
  await giver.acknowledge();
  expect([w3, w4].flatMap(({ peer }) => peer.hints)).toEqual(["billing"]);
});

test("a hint waits for its own turn, not for an earlier one in flight", async () => {
  const { world, w1, w2 } = await twoMembers();
  const idle = world.member("idle").send({ ...FULL, subscription: ["nowhere"] });
  world.turns.seal();
  const leaving = w2.send({ memberEpoch: -1 });
  world.turns.seal();
  w1.peer.hints.length = 0;
  world.turns.complete();
  await idle;
  expect(w1.peer.hints).toEqual([]);
  world.turns.complete();
  await leaving;
  expect(w1.peer.hints).toEqual(["billing"]);
});

test("many reasons of one epoch are told in short", async () => {
  const world = new GroupWorld();
  const joining = Array.from({ length: 9 }, (_, index) => world.member(`w${index}`).send(FULL));
  world.turns.flush();
  expect((await joining[0])?.reason).toBe("w0 joined; w1 joined; w2 joined; w3 joined; w4 joined; and 4 more");
});

test("a newer heartbeat supersedes a parked one, and a leave may follow it", async () => {
  const world = new GroupWorld();
  const w1 = world.member("w1");
  const [first, second] = [w1.send(FULL), w1.send(FULL)];
  expect(await refusalOf(first)).toMatchObject({
    code: "STALE_MEMBER_EPOCH",
    message: "heartbeat 1 of member w1 was superseded: heartbeat 2 came after it",
  });
  world.turns.seal();
  const third = w1.send(FULL);
  expect(await refusalOf(second)).toMatchObject({ code: "STALE_MEMBER_EPOCH" });
  const leave = w1.send({ memberEpoch: -1 });
  expect(await refusalOf(third)).toMatchObject({ code: "STALE_MEMBER_EPOCH" });
  world.turns.complete();
  expect(await isPending(leave)).toBe(true);
  world.turns.flush();
  expect(await leave).toMatchObject({ memberEpoch: -1 });
  expect(world.group().state).toBe("Empty");
});

test("repeated lost answers on a slow disk fence nobody, and the last answer tells all", async () => {
  const { world, w1 } = await twoMembers();
  const epoch = w1.epoch;
  const retry = () => w1.send({ ...FULL, memberEpoch: epoch, owned: w1.owned });
  const lost: Promise<unknown>[] = [];
  for (let round = 0; round < 4; round++) {
    // Every joiner moves the epoch; w1 keeps speaking for the only epoch it has heard of.
    const joiner = world.member(`joiner${round}`).send({ ...FULL, subscription: ["nowhere"] });
    joiner.catch(() => {});
    world.turns.seal();
    const answer = retry();
    answer.catch(() => {});
    lost.push(answer);
    world.turns.seal();
  }
  const last = retry();
  world.turns.flush();
  for (const answer of lost) expect(await refusalOf(answer)).toMatchObject({ code: "STALE_MEMBER_EPOCH" });
  expect(await last).toMatchObject({ memberEpoch: epoch + 4, assignment: w1.owned });
});

test("an answer that was superseded is told again: what it granted is not lost", async () => {
  const world = new GroupWorld();
  const [w1, w2] = [world.member("w1"), world.member("w2")];
  await w1.join();
  await w2.join();
  await w1.beat();
  await w1.acknowledge();
  const granted = w2.send();
  world.turns.seal();
  const plain = w2.send({ owned: [] });
  expect(await refusalOf(granted)).toMatchObject({ code: "STALE_MEMBER_EPOCH" });
  world.turns.flush();
  expect((await plain).assignment).toHaveLength(2);
  expect((await w2.beat()).assignment).toBeUndefined();
});

test("who speaks for the epoch before has missed an answer, and hears all of it", async () => {
  const { w1, w2 } = await twoMembers();
  await w2.beat({ memberEpoch: -1 });
  const { epoch, owned } = w1;
  expect((await w1.beat()).assignment).toHaveLength(4);
  expect(await w1.beat({ memberEpoch: epoch, owned })).toMatchObject({ memberEpoch: epoch + 1, assignment: w1.owned });
  expect(w1.owned).toHaveLength(4);
  expect((await w1.acknowledge()).assignment).toBeUndefined();
});

test("a failed turn: the group stands where it was, the waiting are refused with the verdict, once", async () => {
  const { world, w1, w2 } = await twoMembers();
  const before = world.group();
  const w3 = world.member("w3");
  const joining = w3.send(FULL);
  world.turns.seal();
  const leaving = w2.send({ memberEpoch: -1 });
  world.turns.seal();
  const unsealed = world.member("w4").send(FULL);
  world.turns.fail();
  for (const answer of [joining, leaving, unsealed])
    expect(await refusalOf(answer)).toMatchObject({ code: "STORAGE_FULL" });
  const after = world.group();
  expect(after).toMatchObject({ epoch: before.epoch, members: before.members });
  expect(after.timeline.map(({ event }) => event).slice(before.timeline.length)).toEqual(["restore"]);

  // What is volatile stays: the old numbers are still old.
  expect(await refusalOf(w2.beat({ seq: w2.seq }))).toMatchObject({ code: "STALE_MEMBER_EPOCH" });
  w2.epoch = before.epoch;
  await w2.beat();
  await w1.beat();
  expect(await refusalOf(w3.beat({ ...FULL, seq: 1 }))).toMatchObject({ code: "STALE_MEMBER_EPOCH" });
  await w3.join();
  await world.settleMembers([w1, w2, w3]);
});

test("a member that a failed turn would have removed is heard again, with a fresh session", async () => {
  const { world, w1 } = await twoMembers();
  await world.clock.advance(9_000);
  await w1.send();
  await world.clock.advance(1_000);
  world.turns.seal();
  world.turns.fail("KAFKA_STORAGE_ERROR");
  expect(world.group().members).toHaveLength(2);
  await world.clock.advance(8_999);
  expect(world.turns.wanted).toBe(false);
  await world.advance(1_001);
  expect(world.group().members).toHaveLength(0);
  // w1 was silent from its last heartbeat on, whatever became of the turn in between.
  expect(world.group().timeline.find(({ member, event }) => member === "w1" && event === "eviction")?.reason).toBe(
    "no heartbeat for 10.0 s",
  );
});

test("turns 1 to 5 in flight, any of them fails: what was before it stands, what is behind it never was", async () => {
  for (let failing = 0; failing < 5; failing++) {
    const world = new GroupWorld();
    const members: HandMember[] = [];
    const answers = [0, 1, 2, 3, 4].map((index) => {
      const member = world.member(`w${index}`);
      members.push(member);
      const answer = member.send(FULL);
      answer.catch(() => {});
      world.turns.seal();
      return answer;
    });
    for (let turn = 0; turn < failing; turn++) world.turns.complete();
    world.turns.fail();
    for (const [index, answer] of answers.entries()) {
      if (index < failing) expect(await answer).toMatchObject({ memberEpoch: index + 1 });
      else expect(await refusalOf(answer)).toMatchObject({ code: "STORAGE_FULL" });
    }
    if (failing === 0) expect(world.group().error?.code).toBe("GROUP_ID_NOT_FOUND");
    else expect(world.group()).toMatchObject({ epoch: failing });
    for (const member of members) {
      member.epoch = 0;
      await member.join();
    }
    await world.settleMembers(members);
  }
});

test("only commits and group state survive a full disk: durable first, then the rest is restored", async () => {
  const world = new GroupWorld();
  const w1 = world.member("w1");
  const joining = w1.send(FULL);
  world.turns.seal();
  const parts = world.turns.inFlight.shift() ?? [];
  expect(parts.every(({ essential }) => essential)).toBe(true);
  for (const part of parts) part.durable();
  for (const participant of world.turns.participants) participant.restore?.();
  expect(await joining).toMatchObject({ memberEpoch: 1 });
  expect(world.group().members).toHaveLength(1);
});

test("topics that came while turns failed are seen by the next turn", async () => {
  const world = new GroupWorld({}, {});
  const w1 = world.member("w1");
  await w1.join();
  world.catalog.create("orders", 2);
  world.turns.seal();
  world.turns.fail();
  await w1.beat();
  await w1.beat();
  expect(w1.partitions()).toEqual([0, 1]);
});

test("a restart rebalances nobody", async () => {
  const { world, w1, w2 } = await twoMembers();
  await w1.commit([{ partition: 0, offset: 4 }]);
  const before = world.group();
  world.restart();
  expect(world.group()).toEqual({ ...before, timeline: [] });
  const [a1, a2] = [await w1.beat(), await w2.beat()];
  expect([a1.memberEpoch, a2.memberEpoch]).toEqual([2, 2]);
  expect(world.turns.wanted).toBe(false);
  expect(world.group().epoch).toBe(before.epoch);
  // The first numbers seen are accepted, also by a client that counts from 1 again.
  world.restart();
  await w1.beat({ seq: 1 });
  expect(await refusalOf(w1.beat({ seq: 1 }))).toMatchObject({ code: "STALE_MEMBER_EPOCH" });
});

test("a restart in the middle of a move goes on with it", async () => {
  const world = new GroupWorld();
  const [w1, w2] = [world.member("w1"), world.member("w2")];
  await w1.join();
  await w2.join();
  await w1.beat();
  world.restart();
  expect(world.group().members.map(({ state }) => state)).toEqual(["UNREVOKED_PARTITIONS", "UNRELEASED_PARTITIONS"]);
  await w2.beat();
  expect(w2.partitions()).toEqual([]);
  await world.settleMembers([w1, w2]);
  expect([w1.partitions(), w2.partitions()]).toEqual([
    [0, 1],
    [2, 3],
  ]);
});

test("topics that changed while the broker was down move the epoch at its start", async () => {
  const { world, w1, w2 } = await twoMembers();
  world.restart({ start: false });
  world.catalog.delete("orders");
  world.catalog.create("orders", 6);
  world.restart();
  world.turns.flush();
  await world.settleMembers([w1, w2]);
  expect(w1.owned.length + w2.owned.length).toBe(6);
  expect(world.group().epoch).toBe(3);
});

test("closed: what waits is refused, and nothing is taken any more", async () => {
  const { world, w1 } = await twoMembers();
  const w3 = world.member("w3");
  const joining = w3.send(FULL);
  const commit = world.coordinator.commitOffsets({
    groupId: "billing",
    memberId: "w1",
    memberEpoch: 2,
    seq: 1,
    offsets: [{ topic: "orders", partition: 0, offset: 2 }],
  });
  const read = world.coordinator.fetchOffsets({ groupId: "billing" });
  world.coordinator.close();
  // Its turn may still be written, and here it is.
  expect(await refusalOf(joining)).toMatchObject({ code: "KAFKA_STORAGE_ERROR" });
  for (const refused of [read, w1.send(), world.coordinator.fetchOffsets({ groupId: "billing" })])
    expect(await refusalOf(refused)).toMatchObject({ code: "BROKER_NOT_AVAILABLE" });
  // A commit that is on its way gets the truth.
  world.turns.flush();
  expect(await commit).toHaveLength(1);
  expect(world.group().members.map(({ memberId }) => memberId)).toContain("w3");
});

test("the reason of an epoch that is not durable is nobody's news", async () => {
  const { world, w1, w2 } = await twoMembers();
  await world.member("w3").join();
  await w1.beat();
  await w2.beat();
  const giver = [w1, w2].find(({ memberId }) =>
    world.group().members.some((member) => member.memberId === memberId && member.pendingRevocation.length > 0),
  ) as HandMember;
  const held = world.group().members.find(({ memberId }) => memberId === giver.memberId);
  const owned = [...(held?.assignment ?? []), ...(held?.pendingRevocation ?? [])];
  void world.member("w4").send(FULL);
  world.turns.seal();
  // It holds what it must give up, so nothing changes for it: answered at once, from what is durable.
  const answer = await giver.send({ ...FULL, memberEpoch: giver.epoch, owned });
  expect(answer.assignment).toBeDefined();
  expect(answer).not.toHaveProperty("reason");
  world.turns.complete();
  expect((await giver.send({ ...FULL, memberEpoch: giver.epoch, owned })).reason).toBe("w4 joined");
});
