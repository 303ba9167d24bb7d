// The pure machine: every state of a member against every event, as effects.

import { expect, test } from "vitest";
import { DUE, type Machine, machineIn, NOW_MS, outcome, STILL, type Start } from "./group-machine.ts";

const events = {
  heartbeat: (machine: Machine) => machine.send("w"),
  acknowledge: (machine: Machine) => machine.send("w", { owned: machine.owned("w") }),
  everything: (machine: Machine) =>
    machine.send("w", { owned: machine.owned("w"), subscription: ["orders"], rebalanceTimeoutMs: 20_000 }),
  subscribe: (machine: Machine) => machine.send("w", { subscription: [] }),
  "join again": (machine: Machine) => machine.send("w", { memberEpoch: 0, subscription: ["orders"] }),
  "epoch ahead": (machine: Machine) => machine.send("w", { memberEpoch: 99, owned: [] }),
  "old number": (machine: Machine) => machine.send("w", { seq: 0 }),
  leave: (machine: Machine) => machine.send("w", { memberEpoch: -1 }),
  "leave for now": (machine: Machine) => machine.send("w", { memberEpoch: -2 }),
  claim: (machine: Machine) => machine.claim(),
  "claim of an epoch": (machine: Machine) => machine.claim({ memberEpoch: 1 }),
  "connection lost": (machine: Machine) => machine.group.connectionLost("w", 500, NOW_MS),
  removed: (machine: Machine) => {
    const { effects, refusals } = machine.group.removeMembers([{ memberId: "w" }], undefined, NOW_MS);
    if (refusals[0] !== undefined) throw refusals[0];
    return effects;
  },
  "session ends": (machine: Machine) => machine.group.expire("session", "w", NOW_MS),
  "rebalance ends": (machine: Machine) => machine.group.expire("rebalance", "w", NOW_MS),
  "topic deleted": (machine: Machine) => {
    machine.catalog.delete("orders");
    return machine.group.topicsChanged("topic orders was deleted");
  },
  seal: (machine: Machine) => machine.seal(),
  start: (machine: Machine) => machine.group.start(NOW_MS),
};

const GONE = [...STILL, "(eviction)", "requestTurn"];
const LEFT = [...STILL, "(leave)", "requestTurn"];
const SUPERSEDED = "refuse STALE_MEMBER_EPOCH";
const BOTH = ["schedule session", "schedule session"];
/** Somebody new comes as a static member, whom nobody of the group is. */
const NEWCOMER = ["requestTurn", ...DUE, "(join)"];
const KEPT = [...STILL, "schedule session", "requestTurn"];
const OTHERS: Pick<Record<keyof typeof events, string[]>, "claim" | "claim of an epoch"> = {
  claim: NEWCOMER,
  "claim of an epoch": ["UNKNOWN_MEMBER_ID"],
};
const DYNAMIC = { ...OTHERS, "leave for now": ["INVALID_REQUEST"] };

// Per start, per event: the effects.
const table: Record<Start, Record<keyof typeof events, string[]>> = {
  absent: {
    heartbeat: ["INVALID_REQUEST"],
    acknowledge: ["INVALID_REQUEST"],
    everything: ["requestTurn", ...DUE, "(join)"],
    subscribe: ["requestTurn", ...DUE, "(join)"],
    "join again": ["requestTurn", ...DUE, "(join)"],
    "epoch ahead": ["UNKNOWN_MEMBER_ID"],
    "old number": ["INVALID_REQUEST"],
    leave: ["UNKNOWN_MEMBER_ID"],
    ...OTHERS,
    "leave for now": ["UNKNOWN_MEMBER_ID"],
    "connection lost": [],
    removed: ["UNKNOWN_MEMBER_ID"],
    "session ends": [],
    "rebalance ends": [],
    "topic deleted": ["requestTurn"],
    seal: [],
    start: ["schedule session"],
  },
  joining: {
    heartbeat: ["INVALID_REQUEST"],
    acknowledge: ["INVALID_REQUEST"],
    everything: [SUPERSEDED, "requestTurn", ...DUE, "(join)"],
    subscribe: [SUPERSEDED, "requestTurn", ...DUE, "(join)"],
    "join again": [SUPERSEDED, "requestTurn", ...DUE, "(join)"],
    "epoch ahead": ["FENCED_MEMBER_EPOCH"],
    "old number": ["INVALID_REQUEST"],
    leave: [SUPERSEDED, ...LEFT],
    ...DYNAMIC,
    "connection lost": [],
    removed: [...LEFT, "refuse UNKNOWN_MEMBER_ID"],
    "session ends": [],
    "rebalance ends": [],
    "topic deleted": ["requestTurn"],
    seal: ["(epoch)", ...STILL, "persist"],
    start: ["requestTurn", "schedule session"],
  },
  STABLE: {
    heartbeat: ["answer 1", "schedule session"],
    acknowledge: ["answer 1", "schedule session"],
    everything: ["answer 1 +2", "schedule session"],
    subscribe: ["requestTurn", ...DUE],
    "join again": ["answer 1 +2", "schedule session", "(join)"],
    "epoch ahead": ["FENCED_MEMBER_EPOCH"],
    "old number": ["STALE_MEMBER_EPOCH"],
    leave: LEFT,
    ...DYNAMIC,
    "connection lost": GONE,
    removed: [...LEFT, "hint"],
    "session ends": GONE,
    "rebalance ends": [],
    "topic deleted": ["requestTurn"],
    seal: [],
    start: ["schedule session"],
  },
  behind: {
    heartbeat: DUE,
    acknowledge: DUE,
    everything: DUE,
    subscribe: ["requestTurn", ...DUE],
    "join again": [...DUE, "(join)"],
    "epoch ahead": ["FENCED_MEMBER_EPOCH"],
    "old number": ["STALE_MEMBER_EPOCH"],
    leave: LEFT,
    ...DYNAMIC,
    "connection lost": GONE,
    removed: [...LEFT, "hint"],
    "session ends": GONE,
    "rebalance ends": [],
    "topic deleted": ["requestTurn"],
    seal: [],
    start: BOTH,
  },
  UNREVOKED: {
    heartbeat: ["answer 1", "schedule session"],
    acknowledge: DUE,
    everything: DUE,
    subscribe: ["requestTurn", ...DUE],
    "join again": [...DUE, "(join)"],
    "epoch ahead": ["FENCED_MEMBER_EPOCH"],
    "old number": ["STALE_MEMBER_EPOCH"],
    leave: LEFT,
    ...DYNAMIC,
    "connection lost": GONE,
    removed: [...LEFT, "hint"],
    "session ends": GONE,
    "rebalance ends": GONE,
    "topic deleted": ["requestTurn"],
    seal: [],
    start: BOTH,
  },
  UNRELEASED: {
    heartbeat: ["answer 2", "schedule session"],
    acknowledge: ["answer 2", "schedule session"],
    everything: ["answer 2 +0", "schedule session"],
    subscribe: ["requestTurn", ...DUE],
    "join again": ["answer 2 +0", "schedule session", "(join)"],
    "epoch ahead": ["FENCED_MEMBER_EPOCH"],
    "old number": ["STALE_MEMBER_EPOCH"],
    leave: LEFT,
    ...DYNAMIC,
    "connection lost": GONE,
    removed: [...LEFT, "hint"],
    "session ends": GONE,
    "rebalance ends": [],
    "topic deleted": ["requestTurn"],
    seal: [],
    start: BOTH,
  },
  owed: {
    heartbeat: [SUPERSEDED, ...STILL],
    acknowledge: [SUPERSEDED, ...DUE],
    everything: [SUPERSEDED, ...DUE],
    subscribe: [SUPERSEDED, "requestTurn", ...DUE],
    "join again": [SUPERSEDED, ...DUE, "(join)"],
    "epoch ahead": ["FENCED_MEMBER_EPOCH"],
    "old number": ["STALE_MEMBER_EPOCH"],
    leave: [SUPERSEDED, ...LEFT],
    ...DYNAMIC,
    "connection lost": [],
    removed: [...LEFT, "refuse UNKNOWN_MEMBER_ID"],
    "session ends": [],
    "rebalance ends": [],
    "topic deleted": ["requestTurn"],
    seal: [],
    start: ["schedule session"],
  },
  static: {
    heartbeat: ["answer 1", "schedule session"],
    acknowledge: ["answer 1", "schedule session"],
    everything: ["answer 1 +2", "schedule session"],
    subscribe: ["requestTurn", ...DUE],
    "join again": ["answer 1 +2", "schedule session", "(join)"],
    "epoch ahead": ["FENCED_MEMBER_EPOCH"],
    "old number": ["STALE_MEMBER_EPOCH"],
    leave: LEFT,
    "leave for now": [...KEPT, "(leave)"],
    claim: ["UNRELEASED_INSTANCE_ID"],
    "claim of an epoch": ["FENCED_INSTANCE_ID"],
    "connection lost": GONE,
    removed: [...LEFT, "hint"],
    "session ends": GONE,
    "rebalance ends": [],
    "topic deleted": ["requestTurn"],
    seal: [],
    start: ["schedule session"],
  },
  // As `static`, but somebody waits for the place.
  claimed: {
    heartbeat: ["answer 1", "schedule session"],
    acknowledge: ["answer 1", "schedule session"],
    everything: ["answer 1 +2", "schedule session"],
    subscribe: ["requestTurn", ...DUE],
    "join again": ["answer 1 +2", "schedule session", "(join)"],
    "epoch ahead": ["FENCED_MEMBER_EPOCH"],
    "old number": ["STALE_MEMBER_EPOCH"],
    leave: LEFT,
    "leave for now": [...KEPT, "(leave)"],
    claim: ["UNRELEASED_INSTANCE_ID"],
    "claim of an epoch": ["FENCED_INSTANCE_ID"],
    "connection lost": [...KEPT, "(eviction)"],
    removed: [...LEFT, "hint"],
    "session ends": [...KEPT, "(eviction)"],
    "rebalance ends": [],
    "topic deleted": ["requestTurn"],
    seal: [],
    start: ["schedule session"],
  },
  departed: {
    heartbeat: ["FENCED_MEMBER_EPOCH"],
    acknowledge: ["FENCED_MEMBER_EPOCH"],
    everything: ["FENCED_MEMBER_EPOCH"],
    subscribe: ["FENCED_MEMBER_EPOCH"],
    "join again": [...DUE, "(join)"],
    "epoch ahead": ["FENCED_MEMBER_EPOCH"],
    "old number": ["STALE_MEMBER_EPOCH"],
    leave: LEFT,
    "leave for now": [...KEPT, "(leave)"],
    claim: [...STILL, ...DUE, "(join)"],
    "claim of an epoch": ["FENCED_INSTANCE_ID"],
    "connection lost": [],
    removed: LEFT,
    "session ends": GONE,
    "rebalance ends": [],
    "topic deleted": ["requestTurn"],
    seal: [],
    start: ["schedule session"],
  },
  // Its session ended, and the place waits for the claimant: as `departed`.
  kept: {
    heartbeat: ["FENCED_MEMBER_EPOCH"],
    acknowledge: ["FENCED_MEMBER_EPOCH"],
    everything: ["FENCED_MEMBER_EPOCH"],
    subscribe: ["FENCED_MEMBER_EPOCH"],
    "join again": [...DUE, "(join)"],
    "epoch ahead": ["FENCED_MEMBER_EPOCH"],
    "old number": ["STALE_MEMBER_EPOCH"],
    leave: LEFT,
    "leave for now": [...KEPT, "(leave)"],
    claim: [...STILL, ...DUE, "(join)"],
    "claim of an epoch": ["FENCED_INSTANCE_ID"],
    "connection lost": [],
    removed: LEFT,
    "session ends": GONE,
    "rebalance ends": [],
    "topic deleted": ["requestTurn"],
    seal: [],
    start: ["schedule session"],
  },
  // `w2` has its place.
  replaced: {
    heartbeat: ["INVALID_REQUEST"],
    acknowledge: ["INVALID_REQUEST"],
    everything: NEWCOMER,
    subscribe: NEWCOMER,
    "join again": NEWCOMER,
    "epoch ahead": ["FENCED_INSTANCE_ID"],
    "old number": ["INVALID_REQUEST"],
    leave: ["FENCED_INSTANCE_ID"],
    "leave for now": ["FENCED_INSTANCE_ID"],
    claim: ["answer 1 +2", "schedule session", "(join)"],
    "claim of an epoch": ["answer 1", "schedule session"],
    "connection lost": [],
    removed: ["FENCED_INSTANCE_ID"],
    "session ends": [],
    "rebalance ends": [],
    "topic deleted": ["requestTurn"],
    seal: [],
    start: ["schedule session"],
  },
};

for (const [start, row] of Object.entries(table) as [Start, (typeof table)[Start]][])
  for (const [event, expected] of Object.entries(row) as [keyof typeof events, string[]][])
    test(`${start}: ${event}`, () => {
      const machine = machineIn(start);
      expect(outcome(() => events[event](machine))).toEqual(expected);
    });

test("the starts of the table are what they are called", () => {
  expect(machineIn("STABLE").state("w")).toBe("STABLE 1");
  expect(machineIn("behind").state("w")).toBe("STABLE 1");
  expect(machineIn("UNREVOKED").state("w")).toBe("UNREVOKED_PARTITIONS 1");
  expect(machineIn("UNRELEASED").state("w")).toBe("UNRELEASED_PARTITIONS 2");
  expect(machineIn("owed").group.members.get("w")?.owed).toBeDefined();
});
