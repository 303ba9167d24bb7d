// Old connections' frames (hard place 5): numbers rise per member, separately for heartbeats and commits, and outlive the member.

import { expect, test } from "vitest";
import { Farewells } from "../../../server/src/groups/farewells.ts";
import { GroupWorld, JOIN, refusalOf } from "./group-world.ts";

const FULL = { ...JOIN, subscription: ["orders"] };

test("equal or lower numbers are refused, change nothing and renew nothing", async () => {
  const world = new GroupWorld();
  const w1 = world.member("w1");
  await w1.join();
  await w1.beat({ seq: 10 });
  for (const seq of [10, 9, 1]) {
    expect(await refusalOf(w1.beat({ seq, subscription: [] }))).toMatchObject({ code: "STALE_MEMBER_EPOCH" });
    expect(await refusalOf(w1.beat({ seq, memberEpoch: -1 }))).toMatchObject({ code: "STALE_MEMBER_EPOCH" });
    expect(await refusalOf(w1.beat({ ...FULL, seq }))).toMatchObject({ code: "STALE_MEMBER_EPOCH" });
  }
  expect(world.group().members[0]?.subscription).toEqual(["orders"]);
  await w1.beat({ seq: 11 });
});

test("commits count by themselves", async () => {
  const world = new GroupWorld();
  const w1 = world.member("w1");
  await w1.join();
  for (let beat = 0; beat < 5; beat++) await w1.beat();
  await w1.commit([{ partition: 0, offset: 5 }], { seq: 3 });
  for (const seq of [3, 2]) {
    const { code, message } = await refusalOf(w1.commit([{ partition: 0, offset: 1 }], { seq }));
    expect([code, message]).toEqual(["STALE_MEMBER_EPOCH", expect.stringContaining(`commit ${seq} of member w1`)]);
  }
  await expect(w1.commit([{ partition: 0, offset: 1 }], { seq: 3 })).rejects.toThrow(
    expect.objectContaining({ hint: expect.stringContaining("higher seq") }),
  );
  await w1.commit([{ partition: 0, offset: 6 }], { seq: 4 });
  expect(world.group().offsets[0]?.offset).toBe(6);
});

test("a late join frame does not bring back who left or was removed; a newer one does", async () => {
  const world = new GroupWorld();
  const w1 = world.member("w1");
  await w1.join();
  await w1.commit([{ partition: 0, offset: 1 }], { seq: 7 });
  await w1.beat({ memberEpoch: -1, seq: 5 });
  for (const seq of [5, 4, 1])
    expect(await refusalOf(w1.beat({ ...FULL, seq }))).toMatchObject({ code: "STALE_MEMBER_EPOCH" });
  expect(world.group().state).toBe("Empty");
  await w1.beat({ ...FULL, seq: 6 });
  expect(world.group().members).toHaveLength(1);
  // Nor do the commits of its earlier life come through.
  expect(await refusalOf(w1.commit([{ partition: 0, offset: 0 }], { seq: 7 }))).toMatchObject({
    code: "STALE_MEMBER_EPOCH",
  });

  await world.advance(10_000);
  expect(world.group().state).toBe("Empty");
  expect(await refusalOf(w1.beat({ ...FULL, seq: 6 }))).toMatchObject({ code: "STALE_MEMBER_EPOCH" });
  await world.advance(600_000);
  await w1.beat({ ...FULL, seq: 6 });
});

test("after a broker start the first number seen is accepted, whatever it was before; then they rise again", async () => {
  const world = new GroupWorld();
  const w1 = world.member("w1");
  await w1.join();
  await w1.beat({ seq: 50 });
  await w1.commit([{ partition: 0, offset: 5 }], { seq: 50 });
  world.restart();
  await w1.beat({ seq: 3 });
  await w1.commit([{ partition: 0, offset: 6 }], { seq: 3 });
  expect(await refusalOf(w1.beat({ seq: 3 }))).toMatchObject({ code: "STALE_MEMBER_EPOCH" });
  expect(await refusalOf(w1.commit([{ partition: 0, offset: 7 }], { seq: 2 }))).toMatchObject({
    code: "STALE_MEMBER_EPOCH",
  });
  await w1.beat({ seq: 4 });
  expect(world.group().offsets[0]?.offset).toBe(6);
});

test("farewells are remembered ten minutes, and so many at most", () => {
  const farewells = new Farewells();
  const farewell = { verb: "left", why: "", advice: "", held: [], seq: 1, commitSeq: 1 } as const;
  farewells.remember("g", "first", { ...farewell, atMs: 0 });
  expect(farewells.find("g", "first", 599_999)).toBeDefined();
  expect(farewells.find("g", "first", 600_000)).toBeUndefined();
  expect(farewells.find("h", "first", 0)).toBeUndefined();
  for (let index = 0; index < 30_000; index++) farewells.remember("g", `m${index}`, { ...farewell, atMs: 1 });
  expect(farewells.size).toBe(20_000);
  expect(farewells.find("g", "m9999", 1)).toBeUndefined();
  expect(farewells.find("g", "m10000", 1)).toBeDefined();
  farewells.remember("g", "late", { ...farewell, atMs: 700_000 });
  expect(farewells.size).toBe(1);
});

test("a failed turn forgets no numbers, of commits neither", async () => {
  const world = new GroupWorld();
  const [w1, w2] = [world.member("w1"), world.member("w2")];
  await w1.join();
  await w1.commit([{ partition: 0, offset: 1 }], { seq: 7 });
  const joining = w2.send(FULL);
  const leaving = w1.send({ memberEpoch: -1 });
  world.turns.seal();
  world.turns.fail();
  for (const answer of [joining, leaving]) expect(await refusalOf(answer)).toMatchObject({ code: "STORAGE_FULL" });
  expect(await refusalOf(w1.commit([{ partition: 0, offset: 0 }], { seq: 7 }))).toMatchObject({
    code: "STALE_MEMBER_EPOCH",
  });
  expect(await refusalOf(w2.beat({ ...FULL, seq: 1 }))).toMatchObject({ code: "STALE_MEMBER_EPOCH" });
  await w1.commit([{ partition: 0, offset: 2 }], { seq: 8 });
});
