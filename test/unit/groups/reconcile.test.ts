// Reconciliation: every member state against every shape of target and of what the member says it holds.

import { expect, test } from "vitest";
import type { MemberState } from "../../../server/src/groups/member.ts";
import type { HeldPartition } from "../../../server/src/groups/partitions.ts";
import { reconcile } from "../../../server/src/groups/reconcile.ts";

const key = (partition: number) => `t:${partition}`;
const held = (epoch: number, ...partitions: number[]) =>
  new Map<string, HeldPartition>(partitions.map((partition) => [key(partition), { topicId: "t", partition, epoch }]));
const target = (...partitions: number[]) =>
  new Map(partitions.map((partition) => [key(partition), { topicId: "t", partition }]));

interface Cell {
  state: MemberState;
  epoch?: number;
  assigned?: readonly number[];
  pending?: readonly number[];
  target: readonly number[];
  targetEpoch?: number;
  /** undefined: the heartbeat does not say. */
  owned?: readonly number[] | undefined;
  taken?: readonly number[];
}

function step(cell: Cell) {
  const { state, epoch = 5, assigned = [], pending = [], targetEpoch = 6, owned, taken = [] } = cell;
  const result = reconcile(
    { state, epoch, assigned: held(epoch, ...assigned), pendingRevocation: held(epoch, ...pending) },
    target(...cell.target),
    targetEpoch,
    owned && new Set(owned.map(key)),
    (candidate) => ![...assigned, ...pending, ...taken].map(key).includes(candidate),
  );
  const numbers = (items: Iterable<{ partition: number }>) => [...items].map(({ partition }) => partition);
  return (
    result && {
      state: result.state,
      epoch: result.epoch,
      assigned: numbers(result.assigned.values()),
      pending: numbers(result.pendingRevocation.values()),
      released: numbers(result.released),
    }
  );
}

test("STABLE in the target's epoch: nothing, whatever it says", () => {
  for (const owned of [undefined, [], [0, 1], [7]])
    expect(step({ state: "STABLE", epoch: 6, assigned: [0, 1], target: [0, 1], owned })).toBeUndefined();
});

test("STABLE behind the target", () => {
  const stable = { state: "STABLE", assigned: [0, 1] } as const;
  const moved = { state: "STABLE", epoch: 6, pending: [], released: [] };
  expect(step({ ...stable, target: [0, 1] })).toEqual({ ...moved, assigned: [0, 1] });
  expect(step({ ...stable, target: [0, 1, 2] })).toEqual({ ...moved, assigned: [0, 1, 2] });
  expect(step({ ...stable, target: [0, 1, 2], taken: [2] })).toEqual({
    ...moved,
    state: "UNRELEASED_PARTITIONS",
    assigned: [0, 1],
  });
  expect(step({ ...stable, target: [0, 1, 2, 3], taken: [2] })).toEqual({
    ...moved,
    state: "UNRELEASED_PARTITIONS",
    assigned: [0, 1, 3],
  });
});

test("what must be given up keeps the epoch, and nothing new comes before it is given up", () => {
  const expected = { state: "UNREVOKED_PARTITIONS", epoch: 5, assigned: [0], pending: [1], released: [] };
  expect(step({ state: "STABLE", assigned: [0, 1], target: [0, 2] })).toEqual(expected);
  expect(step({ state: "STABLE", assigned: [0, 1], target: [0, 2], owned: [0, 1] })).toEqual(expected);
  expect(step({ state: "UNRELEASED_PARTITIONS", assigned: [0, 1], target: [0, 2], owned: [1] })).toEqual(expected);
});

test("what it never took up need not be given up", () => {
  expect(step({ state: "STABLE", assigned: [0, 1], target: [0, 2], owned: [0] })).toEqual({
    state: "STABLE",
    epoch: 6,
    assigned: [0, 2],
    pending: [],
    released: [1],
  });
});

test("UNREVOKED_PARTITIONS waits for the acknowledgement of all", () => {
  const revoking = { state: "UNREVOKED_PARTITIONS", assigned: [0], pending: [1, 2], target: [0, 3] } as const;
  for (const owned of [undefined, [0, 1, 2], [0, 2], [1]]) expect(step({ ...revoking, owned })).toBeUndefined();
  const done = { state: "STABLE", epoch: 6, assigned: [0, 3], pending: [], released: [1, 2] };
  expect(step({ ...revoking, owned: [0] })).toEqual(done);
  expect(step({ ...revoking, owned: [] })).toEqual(done);
  expect(step({ ...revoking, owned: [0], taken: [3] })).toEqual({
    ...done,
    state: "UNRELEASED_PARTITIONS",
    assigned: [0],
  });
});

test("a target that changes its mind while partitions are given up", () => {
  const revoking = { state: "UNREVOKED_PARTITIONS", assigned: [0, 1], pending: [2], targetEpoch: 7 } as const;
  // Back again: free for the one who just gave it up.
  expect(step({ ...revoking, target: [0, 1, 2], owned: [0, 1] })).toMatchObject({
    state: "STABLE",
    epoch: 7,
    assigned: [0, 1, 2],
  });
  // Even more to give up: one after the other.
  expect(step({ ...revoking, target: [0], owned: [0, 1] })).toEqual({
    state: "UNREVOKED_PARTITIONS",
    epoch: 5,
    assigned: [0],
    pending: [1],
    released: [2],
  });
});

test("UNRELEASED_PARTITIONS takes what became free, and stays while something is not", () => {
  const waiting = { state: "UNRELEASED_PARTITIONS", epoch: 6, assigned: [0], target: [0, 1, 2] } as const;
  expect(step({ ...waiting, taken: [1, 2] })).toBeUndefined();
  expect(step({ ...waiting, taken: [2] })).toMatchObject({ state: "UNRELEASED_PARTITIONS", assigned: [0, 1] });
  expect(step(waiting)).toMatchObject({ state: "STABLE", epoch: 6, assigned: [0, 1, 2] });
  expect(step({ ...waiting, taken: [1, 2], targetEpoch: 7 })).toMatchObject({
    state: "UNRELEASED_PARTITIONS",
    epoch: 7,
  });
});

test("a partition remembers the epoch in which it was assigned", () => {
  const result = reconcile(
    { state: "STABLE", epoch: 5, assigned: held(3, 0), pendingRevocation: new Map() },
    target(0, 1),
    6,
    undefined,
    () => true,
  );
  expect([...(result?.assigned.values() ?? [])].map(({ partition, epoch }) => [partition, epoch])).toEqual([
    [0, 3],
    [1, 6],
  ]);
});
