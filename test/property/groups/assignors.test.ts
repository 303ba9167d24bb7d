// Both assignors over random groups, and what each promises beyond: `uniform` with mixed subscriptions is as even as they allow,
// `range` gives runs of neighbours. And neither takes long in large groups.

import fc from "fast-check";
import { expect, test } from "vitest";
import type { Assign, AssignorMember, Targets } from "../../../server/src/groups/assignors/assignor.ts";
import { assignorOf, electAssignor } from "../../../server/src/groups/assignors/assignor-table.ts";
import { assignRange } from "../../../server/src/groups/assignors/range.ts";
import { assignUniform } from "../../../server/src/groups/assignors/uniform.ts";

interface Topic {
  topicId: string;
  partitionCount: number;
}

const topicsOf = (counts: readonly number[]): Topic[] =>
  counts.map((partitionCount, index) => ({ topicId: `t${index}`, partitionCount }));
const withPrevious = (members: readonly AssignorMember[], targets: Targets): AssignorMember[] =>
  members.map((member) => ({ ...member, previous: targets.get(member.memberId) ?? new Map() }));
const keysOf = (targets: Targets) => [...targets.values()].flatMap((target) => [...target.keys()]).sort();
const sizeOf = (targets: Targets, memberId: string) => targets.get(memberId)?.size ?? 0;

const counts = fc.array(fc.integer({ min: 0, max: 9 }), { maxLength: 5 });
const group = fc
  .uniqueArray(
    fc.record({
      memberId: fc.constantFrom(..."abcdefgh"),
      instance: fc.boolean(),
      numbers: fc.uniqueArray(fc.integer({ min: 0, max: 4 })),
    }),
    { selector: ({ memberId }) => memberId, minLength: 1 },
  )
  .map((members) =>
    members.map(
      ({ memberId, instance, numbers }): AssignorMember => ({
        memberId,
        instanceId: instance ? `i-${memberId}` : undefined,
        topicIds: numbers.map((number) => `t${number}`),
        previous: new Map(),
      }),
    ),
  );

function existing(members: readonly AssignorMember[], topics: readonly Topic[]): AssignorMember[] {
  const known = new Set(topics.map(({ topicId }) => topicId));
  return members.map((member) => ({ ...member, topicIds: member.topicIds.filter((topicId) => known.has(topicId)) }));
}

function expectWhole(targets: Targets, members: readonly AssignorMember[], topics: readonly Topic[]): void {
  const wanted = new Set(members.flatMap(({ topicIds }) => topicIds));
  const expected = topics
    .filter(({ topicId }) => wanted.has(topicId))
    .flatMap(({ topicId, partitionCount }) =>
      Array.from({ length: partitionCount }, (_, partition) => `${topicId}:${partition}`),
    );
  expect(keysOf(targets)).toEqual(expected.sort());
  expect([...targets.keys()].sort()).toEqual(members.map(({ memberId }) => memberId).sort());
  for (const { memberId, topicIds } of members)
    for (const { topicId } of targets.get(memberId)?.values() ?? []) expect(topicIds).toContain(topicId);
}

for (const [name, assign] of [
  ["uniform", assignUniform],
  ["range", assignRange],
] as const satisfies readonly (readonly [string, Assign])[])
  test(`${name}: each partition exactly once, to a subscriber; the same for the same input; nothing moves without a cause`, () => {
    expect(assignorOf(name)).toBe(assign);
    fc.assert(
      fc.property(group, counts, counts, (random, countsBefore, countsAfter) => {
        const before = topicsOf(countsBefore);
        const first = assign({ members: existing(random, before), topics: before });
        expectWhole(first, existing(random, before), before);
        const topics = topicsOf(countsAfter);
        const members = withPrevious(existing(random, topics), first);
        const second = assign({ members, topics });
        expectWhole(second, members, topics);
        // `range` goes by the order in which dynamic members joined.
        if (assign === assignUniform) expect(assign({ members: [...members].reverse(), topics })).toEqual(second);
        expect(keysOf(assign({ members: withPrevious(members, second), topics }))).toEqual(keysOf(second));
        for (const { memberId } of members)
          expect(
            [
              ...(assign({ members: withPrevious(members, second), topics })
                .get(memberId)
                ?.keys() ?? []),
            ].sort(),
          ).toEqual([...(second.get(memberId)?.keys() ?? [])].sort());
      }),
    );
  });

/** Whether the longest list could be one shorter: every assignment of partitions is tried, by flow. */
function canBeEvener(targets: Targets, members: readonly AssignorMember[]): boolean {
  return members.some((from) => {
    const limit = sizeOf(targets, from.memberId) - 2;
    const reached = new Set([from.memberId]);
    for (const memberId of reached)
      for (const { topicId } of targets.get(memberId)?.values() ?? [])
        for (const other of members) {
          if (!other.topicIds.includes(topicId)) continue;
          if (sizeOf(targets, other.memberId) <= limit) return true;
          reached.add(other.memberId);
        }
    return false;
  });
}

test("uniform: as even as differing subscriptions allow, also where only a chain of moves evens out", () => {
  fc.assert(
    fc.property(group, counts, counts, (random, countsBefore, countsAfter) => {
      const before = topicsOf(countsBefore);
      const old = assignUniform({ members: existing(random, before), topics: before });
      const topics = topicsOf(countsAfter);
      const members = withPrevious(existing(random, topics), old);
      expect(canBeEvener(assignUniform({ members, topics }), members)).toBe(false);
    }),
    { numRuns: 500 },
  );
  // a has 3, b 2, c 1: no single move helps, a to b to c does.
  const held = (...keys: string[]) =>
    new Map(keys.map((key) => [key, { topicId: key.split(":")[0] as string, partition: Number(key.split(":")[1]) }]));
  const members = [
    { memberId: "a", topicIds: ["x"], previous: held("x:0", "x:1", "x:2") },
    { memberId: "b", topicIds: ["x", "y"], previous: held("y:0", "y:1") },
    { memberId: "c", topicIds: ["y"], previous: held("y:2") },
  ];
  const targets = assignUniform({
    members,
    topics: topicsOf([]).concat({ topicId: "x", partitionCount: 3 }, { topicId: "y", partitionCount: 3 }),
  });
  expect([...targets].map(([memberId, target]) => [memberId, target.size])).toEqual([
    ["a", 2],
    ["b", 2],
    ["c", 2],
  ]);
});

const runs = (targets: Targets, memberId: string) => [...(targets.get(memberId)?.keys() ?? [])].join(" ");
const plain = (memberId: string, topicIds: string[], instanceId?: string): AssignorMember => ({
  memberId,
  instanceId,
  topicIds,
  previous: new Map(),
});

test("range: runs of neighbours, sizes per topic one apart, the same numbers of topics that belong together", () => {
  fc.assert(
    fc.property(group, counts, (random, partitionCounts) => {
      const topics = topicsOf(partitionCounts);
      const members = existing(random, topics);
      const targets = assignRange({ members, topics });
      for (const { topicId, partitionCount } of topics) {
        const subscribers = members.filter(({ topicIds }) => topicIds.includes(topicId));
        for (const { memberId } of subscribers) {
          const mine = [...(targets.get(memberId)?.values() ?? [])]
            .filter((ref) => ref.topicId === topicId)
            .map(({ partition }) => partition);
          const share = partitionCount / subscribers.length;
          expect([Math.floor(share), Math.ceil(share)]).toContain(mine.length);
          for (const [index, partition] of mine.entries()) expect(partition).toBe((mine[0] ?? 0) + index);
        }
      }
    }),
  );
  const topics = topicsOf([4, 4]);
  const members = ["a", "c", "b"].map((memberId) => plain(memberId, ["t0", "t1"]));
  const targets = assignRange({ members, topics });
  expect(runs(targets, "a")).toBe("t0:0 t0:1 t1:0 t1:1");
  expect(runs(targets, "c")).toBe("t0:2 t1:2");
});

test("range: static members stand first, by instance id; a newcomer stands last, whatever its id", () => {
  const topics = topicsOf([4]);
  const members = [plain("a", ["t0"]), plain("z", ["t0"], "i1"), plain("y", ["t0"], "i2")];
  const targets = assignRange({ members, topics });
  expect(["z", "y", "a"].map((memberId) => runs(targets, memberId))).toEqual(["t0:0 t0:1", "t0:2", "t0:3"]);
  // The static member came back with another member id.
  const renamed = members.map((member) => (member.instanceId === "i1" ? { ...member, memberId: "b" } : member));
  expect(runs(assignRange({ members: renamed, topics }), "b")).toBe("t0:0 t0:1");
  const dynamic = ["m", "n"].map((memberId) => plain(memberId, ["t0"]));
  const old = assignRange({ members: dynamic, topics });
  const joined = assignRange({ members: [...withPrevious(dynamic, old), plain("a", ["t0"])], topics });
  expect(["m", "n", "a"].map((memberId) => runs(joined, memberId))).toEqual(["t0:0 t0:1", "t0:2", "t0:3"]);
});

test("the group uses what most members ask for; of equally many the first that is enabled; who asks for none has no vote", () => {
  const enabled = ["uniform", "range"];
  expect(electAssignor([], enabled)).toBe("uniform");
  expect(electAssignor([undefined, undefined, "range"], enabled)).toBe("range");
  expect(electAssignor(["range", "uniform"], enabled)).toBe("uniform");
  expect(electAssignor(["range", "uniform", "range"], enabled)).toBe("range");
  expect(electAssignor(["range", "uniform"], ["range", "uniform"])).toBe("range");
  expect(electAssignor(["range", "range", "uniform"], ["uniform"])).toBe("uniform");
});

test("a thousand members and ten thousand partitions: both assignors, equal and mixed subscriptions", () => {
  const topics = topicsOf(Array.from({ length: 100 }, () => 100));
  const all = topics.map(({ topicId }) => topicId);
  const equal = Array.from({ length: 1000 }, (_, index) => plain(`m${index}`, all));
  const mixed = Array.from({ length: 1000 }, (_, index) =>
    plain(
      `m${index}`,
      all.filter((_, number) => (index * 7 + number * 13) % 11 < 3 || number === index % 100),
    ),
  );
  for (const members of [equal, mixed]) {
    const targets = assignUniform({ members, topics });
    expectWhole(targets, members, topics);
    expect(canBeEvener(targets, members.slice(0, 3))).toBe(false);
    const left = withPrevious(members.slice(0, -1), targets);
    expectWhole(assignUniform({ members: left, topics }), left, topics);
    expectWhole(assignRange({ members: left, topics }), left, topics);
  }
});
