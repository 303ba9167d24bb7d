// A group's machine by hand, brought into each state a member can be in. No coordinator, no clock, no queue.

import { ProtocolError } from "@brooklet/protocol";
import { expect } from "vitest";
import type { DurableGroup } from "../../../server/src/groups/durable-state.ts";
import type { Effect, ReplyTo } from "../../../server/src/groups/effects.ts";
import { Farewells } from "../../../server/src/groups/farewells.ts";
import { Group } from "../../../server/src/groups/group.ts";
import type { HeartbeatRequest } from "../../../server/src/groups/member.ts";
import { FakeCatalog, FakePeer } from "./group-world.ts";

export const LIMITS = {
  minSessionTimeoutMs: 1,
  maxSessionTimeoutMs: 100_000,
  defaultSessionTimeoutMs: 10_000,
  heartbeatIntervalMs: 3_000,
  maxMembers: 10,
  assignors: ["uniform", "range"],
};
export const NO_PATTERNS = { check() {}, matchesOf: () => [] };
export const NOW_MS = 1_000;

/** A group by hand: what is sealed is durable at once, unless the test takes the steps itself. */
export class Machine {
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

export type Start =
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
export function machineIn(start: Start): Machine {
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
export function brief(effects: readonly Effect[]): string[] {
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

export function outcome(act: () => Effect[]): string[] {
  try {
    return brief(act());
  } catch (error) {
    if (error instanceof ProtocolError) return [error.code];
    throw error;
  }
}

/** What every case has whose answer is owed, or whose member is gone. */
export const STILL = ["cancel session", "cancel rebalance"];
/** A heartbeat that the turn answers. */
export const DUE = [...STILL, "requestTurn"];
