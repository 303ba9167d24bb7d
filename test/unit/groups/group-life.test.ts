// The pure machine: what happens in a row, failed turns, and what is loaded again.

import { expect, test } from "vitest";
import { Farewells } from "../../../server/src/groups/farewells.ts";
import { Group } from "../../../server/src/groups/group.ts";
import { brief, DUE, LIMITS, Machine, machineIn, NO_PATTERNS, NOW_MS, STILL } from "./group-machine.ts";
import { FakePeer } from "./group-world.ts";

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
