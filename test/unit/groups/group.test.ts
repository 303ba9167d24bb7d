// The pure machine: every state of a member against every event, as effects. No coordinator, no clock, no queue.

import { ProtocolError } from "@brooklet/protocol";
import { expect, test } from "vitest";
import type { DurableGroup } from "../../../server/src/groups/durable-state.ts";
import type { Effect, ReplyTo } from "../../../server/src/groups/effects.ts";
import { Farewells } from "../../../server/src/groups/farewells.ts";
import { Group } from "../../../server/src/groups/group.ts";
import type { HeartbeatRequest } from "../../../server/src/groups/member.ts";
import { FakeCatalog, FakePeer } from "./group-world.ts";

const LIMITS = {
  minSessionTimeoutMs: 1,
  maxSessionTimeoutMs: 100_000,
  defaultSessionTimeoutMs: 10_000,
  heartbeatIntervalMs: 3_000,
  maxMembers: 10,
  assignors: ["uniform", "range"],
};
const NO_PATTERNS = { check() {}, matchesOf: () => [] };
const NOW_MS = 1_000;

/** A group by hand: what is sealed is durable at once, unless the test takes the steps itself. */
class Machine {
  readonly catalog = new FakeCatalog();
  readonly group: Group;
  durable: DurableGroup | undefined;
  readonly #seqs = new Map<string, number>();

  constructor() {
    this.catalog.create("orders", 2);
    this.group = new Group("g", {
      limits: LIMITS,
      topics: this.catalog,
      patterns: NO_PATTERNS,
      farewells: new Farewells(),
    });
  }

  send(memberId: string, fields: Partial<HeartbeatRequest> = {}): Effect[] {
    const seq = (this.#seqs.get(memberId) ?? 0) + 1;
    const memberEpoch = this.group.members.get(memberId)?.epoch ?? 0;
    const to: ReplyTo = { peer: new FakePeer() };
    const effects = this.group.heartbeat({ groupId: "g", memberId, memberEpoch, seq, ...fields }, to, NOW_MS);
    this.#seqs.set(memberId, seq);
    return effects;
  }

  seal(): Effect[] {
    return this.group.seal(NOW_MS);
  }

  store(effects: Effect[]): Effect[] {
    return effects.flatMap((effect) => {
      if (effect.kind !== "persist") return [];
      this.durable = effect.state;
      return this.group.durable(effect.version, NOW_MS);
    });
  }

  turn(): Effect[] {
    const effects = this.seal();
    return [...effects, ...this.store(effects)];
  }

  beat(memberId: string, fields: Partial<HeartbeatRequest> = {}): Effect[] {
    return [...this.send(memberId, fields), ...this.turn()];
  }

  join(memberId: string, fields: Partial<HeartbeatRequest> = {}): Effect[] {
    return this.beat(memberId, { memberEpoch: 0, subscription: ["orders"], rebalanceTimeoutMs: 20_000, ...fields });
  }

  /** Another member id says it is the static member that `w` is, where `w` is one. */
  claim(fields: Partial<HeartbeatRequest> = {}): Effect[] {
    return this.send("w2", { memberEpoch: 0, subscription: ["orders"], instanceId: "i", ...fields });
  }

  owned(memberId: string): NonNullable<HeartbeatRequest["owned"]> {
    const held = this.group.members.get(memberId)?.assigned.values() ?? [];
    return [...held].map(({ topicId, partition }) => ({ topic: "orders", topicId, partition }));
  }

  state(memberId: string): string {
    const member = this.group.members.get(memberId);
    return member === undefined ? "gone" : `${member.state} ${member.epoch}`;
  }
}

type Start =
  | "absent"
  | "joining"
  | "STABLE"
  | "behind"
  | "UNREVOKED"
  | "UNRELEASED"
  | "owed"
  | "static"
  | "claimed"
  | "departed"
  | "kept"
  | "replaced";

/** `w` in the wanted state, beside `other`. */
function machineIn(start: Start): Machine {
  const machine = new Machine();
  if (start === "absent") {
    machine.join("other");
    return machine;
  }
  if (start === "joining") {
    machine.join("other");
    machine.send("w", { memberEpoch: 0, subscription: ["orders"], rebalanceTimeoutMs: 20_000 });
    return machine;
  }
  if (start === "UNRELEASED") {
    machine.join("other");
    machine.join("w");
    return machine;
  }
  if (["static", "claimed", "departed", "kept", "replaced"].includes(start)) {
    machine.join("w", { instanceId: "i" });
    if (start === "claimed" || start === "kept") expect(() => machine.claim()).toThrow(/last heard/);
    if (start === "departed" || start === "replaced") machine.beat("w", { memberEpoch: -2 });
    if (start === "replaced") machine.claim();
    if (start === "replaced") machine.turn();
    if (start === "kept") machine.group.expire("session", "w", NOW_MS);
    if (start === "kept") machine.turn();
    return machine;
  }
  machine.join("w");
  if (start === "STABLE") return machine;
  machine.join("other");
  if (start === "behind") return machine;
  if (start === "UNREVOKED") {
    machine.beat("w");
    return machine;
  }
  machine.send("w");
  machine.seal();
  return machine;
}

/** Effects without what every case has, in short. */
function brief(effects: readonly Effect[]): string[] {
  return effects.flatMap((effect) => {
    if (effect.kind === "timeline") return [`(${effect.happening.event})`];
    if (effect.kind === "schedule" || effect.kind === "cancel") return [`${effect.kind} ${effect.deadline}`];
    if (effect.kind === "answer")
      return [
        `answer ${effect.answer.memberEpoch}${effect.answer.assignment ? ` +${effect.answer.assignment.length}` : ""}`,
      ];
    if (effect.kind === "refuse") return [`refuse ${effect.error.code}`];
    return [effect.kind];
  });
}

function outcome(act: () => Effect[]): string[] {
  try {
    return brief(act());
  } catch (error) {
    if (error instanceof ProtocolError) return [error.code];
    throw error;
  }
}

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

const STILL = ["cancel session", "cancel rebalance"];
const DUE = [...STILL, "requestTurn"];
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

test("the deadline to give up starts when the member is told, and ends with its acknowledgement", () => {
  const machine = machineIn("behind");
  expect(brief(machine.beat("w"))).toEqual([
    ...DUE,
    "(revocation)",
    ...STILL,
    "persist",
    "answer 1 +1",
    "schedule session",
    "schedule rebalance",
  ]);
  expect(brief(machine.beat("w"))).toEqual(["answer 1", "schedule session"]);
  expect(brief(machine.beat("w", { owned: machine.owned("w") }))).toEqual([
    ...DUE,
    "(revocation)",
    ...STILL,
    "persist",
    "answer 2 +1",
    "schedule session",
    "hint",
  ]);
});

test("the states of a group", () => {
  const machine = new Machine();
  const { group } = machine;
  const join = { memberEpoch: 0, subscription: ["orders"], rebalanceTimeoutMs: 20_000 };
  expect(group.state).toBe("Empty");
  machine.send("w", join);
  expect(group.state).toBe("Assigning");
  machine.turn();
  expect(group.state).toBe("Stable");
  machine.send("v", join);
  expect(group.state).toBe("Assigning");
  machine.turn();
  expect(group.state).toBe("Reconciling");
  machine.beat("w");
  machine.beat("w", { owned: machine.owned("w") });
  expect(group.state).toBe("Reconciling");
  machine.beat("v");
  expect(group.state).toBe("Stable");
  machine.beat("w", { memberEpoch: -1 });
  machine.beat("v", { memberEpoch: -1 });
  expect(group.state).toBe("Empty");
  expect(group.isQuiet).toBe(true);
});

test("a restore refuses every waiting heartbeat once, and starts afresh the deadlines that stood still", () => {
  const machine = machineIn("owed");
  machine.send("other", { memberEpoch: -1 });
  machine.send("new", { memberEpoch: 0, subscription: ["orders"] });
  const { effects, doomed } = machine.group.restore(machine.durable, NOW_MS);
  expect(doomed).toHaveLength(3);
  // w's answer was owed, other is back, new never was.
  expect(brief(effects)).toEqual(["schedule session", "schedule session", ...STILL, "(restore)"]);
  expect([...machine.group.members.keys()].sort()).toEqual(["other", "w"]);
  expect(machine.group.isQuiet).toBe(true);
  expect(machine.group.restore(machine.durable, NOW_MS).doomed).toEqual([]);
});

test("what is loaded is what was stored", () => {
  for (const start of ["STABLE", "UNREVOKED", "UNRELEASED"] as const) {
    const machine = machineIn(start);
    const again = new Group("g", {
      limits: LIMITS,
      topics: machine.catalog,
      patterns: NO_PATTERNS,
      farewells: new Farewells(),
    });
    again.load(JSON.parse(JSON.stringify(machine.durable)), NOW_MS);
    // A new timeout and nothing else makes it store itself again.
    const memberEpoch = machine.group.members.get("w")?.epoch ?? 0;
    again.heartbeat(
      { groupId: "g", memberId: "w", memberEpoch, seq: 1, sessionTimeoutMs: 9 },
      { peer: new FakePeer() },
      NOW_MS,
    );
    const persisted = again.seal(NOW_MS).find((effect) => effect.kind === "persist");
    expect(persisted?.state).toEqual({
      ...machine.durable,
      members: machine.durable?.members.map((member) =>
        member.memberId === "w" ? { ...member, sessionTimeoutMs: 9 } : member,
      ),
    });
  }
});
