// A group's state as the store keeps it: what is read is what was written, old texts too, and it is small.

import fc from "fast-check";
import { expect, test } from "vitest";
import type { ByTopic, DurableGroup, DurableMember } from "../../../server/src/groups/durable-state.ts";
import { encodeGroup, parseGroup } from "../../../server/src/groups/stored-group.ts";
import { GroupWorld } from "./group-world.ts";

const name = fc.constantFrom("orders", "audit", "__proto__", "constructor", "a,b", "ümlaut");
const epoch = fc.nat(5);
const byTopic = <T>(item: fc.Arbitrary<T>): fc.Arbitrary<ByTopic<T>> =>
  fc.uniqueArray(
    fc.tuple(
      name,
      fc.uniqueArray(item, { minLength: 1, maxLength: 4, selector: (one) => (Array.isArray(one) ? one[0] : one) }),
    ),
    { maxLength: 3, selector: ([topicId]) => topicId },
  );
const held = byTopic(fc.tuple(fc.nat(9), epoch));
const orNull = (arbitrary: fc.Arbitrary<string>) => fc.option(arbitrary, { nil: null });

const member: fc.Arbitrary<DurableMember> = fc
  .record(
    {
      memberId: fc.uuid(),
      instanceId: orNull(name),
      departed: fc.constant(true as const),
      clientId: fc.constantFrom("", "app"),
      epoch,
      previousEpoch: epoch,
      state: fc.constantFrom("STABLE" as const, "UNREVOKED_PARTITIONS" as const, "UNRELEASED_PARTITIONS" as const),
      assigned: held,
      pendingRevocation: held,
      subscription: fc.uniqueArray(name, { maxLength: 2 }),
      pattern: orNull(fc.constantFrom("o.*", "")),
      assignor: orNull(fc.constantFrom("range", "uniform")),
      sessionTimeoutMs: fc.constantFrom(10_000, 45_000),
      rebalanceTimeoutMs: fc.constantFrom(300_000, 1),
    },
    { requiredKeys: [] },
  )
  .map((fields) => ({
    memberId: "w",
    instanceId: null,
    clientId: "",
    epoch: 1,
    previousEpoch: 0,
    state: "STABLE",
    assigned: [],
    pendingRevocation: [],
    subscription: [],
    pattern: null,
    assignor: null,
    sessionTimeoutMs: 10_000,
    rebalanceTimeoutMs: 300_000,
    ...fields,
  }));

const group: fc.Arbitrary<DurableGroup> = fc
  .record({
    epoch,
    assignmentEpoch: epoch,
    reason: fc.string(),
    topics: fc.uniqueArray(fc.tuple(name, fc.nat(9)), { maxLength: 3, selector: ([topicId]) => topicId }),
    members: fc.uniqueArray(fc.tuple(member, fc.option(byTopic(fc.nat(9)))), {
      maxLength: 4,
      selector: ([{ memberId }]) => memberId,
    }),
    patterns: fc.option(fc.array(fc.tuple(name, fc.array(name)), { maxLength: 2 }), { nil: undefined }),
    emptySinceMs: fc.option(fc.nat(), { nil: undefined }),
  })
  .map(({ members, patterns, emptySinceMs, ...fields }) => ({
    ...fields,
    assignor: "uniform",
    ...(patterns === undefined ? {} : { patterns }),
    ...(emptySinceMs === undefined ? {} : { emptySinceMs }),
    // Mostly a member has what it is to have.
    target: members.map(([{ memberId, assigned }, other]) => [
      memberId,
      other ?? assigned.map(([topicId, items]) => [topicId, items.map(([partition]) => partition)] as const),
    ]),
    members: members.map(([one]) => one),
  }));

/** Without the order of partitions, which says nothing. */
function normal({ target, members, ...rest }: DurableGroup) {
  const sorted = (items: readonly (number | readonly [number, number])[]) =>
    [...items].sort((a, b) => Number(Array.isArray(a) ? a[0] : a) - Number(Array.isArray(b) ? b[0] : b));
  const ordered = (list: ByTopic<number> | ByTopic<[number, number]>) =>
    [...list].map(([topicId, items]) => [topicId, sorted(items)]).sort((a, b) => (`${a[0]}` < `${b[0]}` ? -1 : 1));
  return {
    ...rest,
    target: target.map(([memberId, list]) => [memberId, ordered(list)]),
    members: members.map((one) => ({
      ...one,
      assigned: ordered(one.assigned),
      pendingRevocation: ordered(one.pendingRevocation),
    })),
  };
}

test("what is read is what was written", () => {
  fc.assert(
    fc.property(group, (state) => {
      expect(normal(parseGroup("g", encodeGroup(state)))).toEqual(normal(state));
      // What was written before is read as it was.
      expect(parseGroup("g", JSON.stringify({ version: 1, ...state }))).toEqual(state);
    }),
    { numRuns: 1000 },
  );
});

test("a text of another version stops the start, and says of which group", () => {
  expect(() => parseGroup("billing", '{"version":3}')).toThrow(/state of group billing is of version 1 or 2/);
});

test("members that subscribe to the same share the list, as it is stored and when it is read", () => {
  const subscription = Array.from({ length: 100 }, (_, index) => `topic-${index}`);
  const world = new GroupWorld();
  for (const memberId of ["a", "b", "c"])
    void world.member(memberId).send({ memberEpoch: 0, subscription: [...subscription], rebalanceTimeoutMs: 1000 });
  world.turns.flush();
  const [{ state = "" } = {}] = world.stored().groups;
  expect(state.split("topic-77")).toHaveLength(2);
  const old = { version: 1, ...parseGroup("billing", state) };
  for (const text of [state, JSON.stringify(old)])
    expect(new Set(parseGroup("billing", text).members.map((one) => one.subscription)).size).toBe(1);
});

test("a member costs a few dozen bytes a turn", async () => {
  const world = new GroupWorld({}, { orders: 300 });
  const memberId = (index: number) => `00000000-0000-4000-8000-${String(index).padStart(12, "0")}`;
  let entries = 0;
  for (let index = 0; index < 200; index++) {
    await world.member(memberId(index)).join(["orders"], { clientId: "billing" });
    entries += index + 1;
  }
  let bytes = 0;
  for (const change of world.turns.stored) if (change.kind === "putGroup") bytes += change.group.state.length;
  expect(bytes / entries).toBeLessThan(100);
});
