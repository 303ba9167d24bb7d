// The `uniform` assignor over random groups: complete, balanced, sticky, and the same for the same input.

import fc from "fast-check";
import { expect, test } from "vitest";
import type { AssignorMember, Targets } from "../../../server/src/groups/assignors/assignor.ts";
import { assignUniform } from "../../../server/src/groups/assignors/uniform.ts";

type Topic = { topicId: string; partitionCount: number };

const topicsOf = (counts: readonly number[]): Topic[] =>
  counts.map((partitionCount, index) => ({ topicId: `t${index}`, partitionCount }));
const membersOf = (ids: readonly string[], topicIds: readonly string[], previous?: Targets): AssignorMember[] =>
  ids.map((memberId) => ({ memberId, topicIds, previous: previous?.get(memberId) ?? new Map() }));
const sizes = (targets: Targets) => [...targets.values()].map((target) => target.size);
const allKeys = (topics: readonly Topic[]) =>
  topics.flatMap(({ topicId, partitionCount }) =>
    Array.from({ length: partitionCount }, (_, partition) => `${topicId}:${partition}`),
  );
/** How many partitions that had an owner among those who are still here have another one now. */
const moved = (before: Targets, after: Targets, stillThere: ReadonlySet<string>) =>
  [...before].reduce(
    (count, [memberId, target]) =>
      count +
      (after.has(memberId)
        ? [...target.keys()].filter((key) => stillThere.has(key) && !after.get(memberId)?.has(key)).length
        : 0),
    0,
  );

const names = fc.uniqueArray(fc.constantFrom(..."abcdefghijklm"), { minLength: 1, maxLength: 13 });
const counts = fc.array(fc.integer({ min: 0, max: 9 }), { maxLength: 6 });

test("equal subscriptions: every partition exactly once, sizes differ by at most one", () => {
  fc.assert(
    fc.property(names, counts, (ids, partitionCounts) => {
      const topics = topicsOf(partitionCounts);
      const targets = assignUniform({
        topics,
        members: membersOf(
          ids,
          topics.map(({ topicId }) => topicId),
        ),
      });
      expect([...targets.values()].flatMap((target) => [...target.keys()]).sort()).toEqual(allKeys(topics).sort());
      expect(Math.max(...sizes(targets)) - Math.min(...sizes(targets))).toBeLessThanOrEqual(1);
    }),
  );
});

test("equal subscriptions: nothing moves without need", () => {
  fc.assert(
    fc.property(names, names, counts, counts, (before, after, countsBefore, countsAfter) => {
      const [topicsBefore, topics] = [topicsOf(countsBefore), topicsOf(countsAfter)];
      const ids = topics.map(({ topicId }) => topicId);
      const old = assignUniform({
        topics: topicsBefore,
        members: membersOf(
          before,
          topicsBefore.map(({ topicId }) => topicId),
        ),
      });
      const targets = assignUniform({ topics, members: membersOf(after, ids, old) });
      const keys = new Set(allKeys(topics));
      expect([...targets.values()].flatMap((target) => [...target.keys()]).sort()).toEqual([...keys].sort());
      const floor = Math.floor(keys.size / after.length);
      const larger = keys.size % after.length;
      // Who has more than its share must give up the rest; only so many may keep one more than the floor.
      const had = after.map((id) => [...(old.get(id)?.keys() ?? [])].filter((key) => keys.has(key)).length);
      const above = had.filter((size) => size > floor).length;
      const needed = had.reduce((sum, size) => sum + Math.max(0, size - floor), 0) - Math.min(above, larger);
      expect(moved(old, targets, keys)).toBe(needed);
      expect(Math.max(...sizes(targets)) - Math.min(...sizes(targets))).toBeLessThanOrEqual(1);
      // And when nothing changed, nothing moves.
      expect(assignUniform({ topics, members: membersOf(after, ids, targets) })).toEqual(targets);
    }),
  );
});

test("differing subscriptions: complete, legal, never two apart where one move would help, and stable", () => {
  fc.assert(
    fc.property(
      counts,
      fc.dictionary(fc.constantFrom(..."abcdefgh"), fc.uniqueArray(fc.integer({ min: 0, max: 5 })), { minKeys: 1 }),
      (partitionCounts, subscriptions) => {
        const topics = topicsOf(partitionCounts);
        const known = new Set(topics.map(({ topicId }) => topicId));
        const members = Object.entries(subscriptions).map(([memberId, numbers]) => ({
          memberId,
          topicIds: numbers.map((number) => `t${number}`).filter((topicId) => known.has(topicId)),
          previous: new Map(),
        }));
        const targets = assignUniform({ topics, members });
        const wanted = new Set(members.flatMap(({ topicIds }) => topicIds));
        const expected = allKeys(topics.filter(({ topicId }) => wanted.has(topicId)));
        expect([...targets.values()].flatMap((target) => [...target.keys()]).sort()).toEqual(expected.sort());
        for (const { memberId, topicIds } of members) {
          const target = targets.get(memberId) ?? new Map();
          for (const { topicId } of target.values()) {
            expect(topicIds).toContain(topicId);
            for (const other of members.filter((candidate) => candidate.topicIds.includes(topicId)))
              expect(target.size - (targets.get(other.memberId)?.size ?? 0)).toBeLessThan(2);
          }
        }
        const again = members.map((member) => ({ ...member, previous: targets.get(member.memberId) ?? new Map() }));
        expect(assignUniform({ topics, members: again })).toEqual(targets);
      },
    ),
  );
});

test("nobody, and nothing to share", () => {
  expect(assignUniform({ members: [], topics: [{ topicId: "t0", partitionCount: 3 }] })).toEqual(new Map());
  expect(assignUniform({ members: membersOf(["a"], []), topics: [] })).toEqual(new Map([["a", new Map()]]));
});

test("what two claim goes to one", () => {
  const topics = [{ topicId: "t0", partitionCount: 2 }];
  const claim = new Map([["t0:0", { topicId: "t0", partition: 0 }]]);
  const members = ["a", "b"].map((memberId) => ({ memberId, topicIds: ["t0"], previous: claim }));
  const targets = assignUniform({ topics, members });
  expect([...targets].map(([memberId, target]) => [memberId, [...target.keys()]])).toEqual([
    ["a", ["t0:0"]],
    ["b", ["t0:1"]],
  ]);
});

test("a thousand members and ten thousand partitions", () => {
  const topics = topicsOf(Array.from({ length: 10 }, () => 1000));
  const ids = topics.map(({ topicId }) => topicId);
  const names1000 = Array.from({ length: 1000 }, (_, index) => `m${index}`);
  const targets = assignUniform({ topics, members: membersOf(names1000, ids) });
  expect(new Set(sizes(targets))).toEqual(new Set([10]));
  const joined = assignUniform({ topics, members: membersOf([...names1000, "late"], ids, targets) });
  expect(moved(targets, joined, new Set(allKeys(topics)))).toBe(9);
});
