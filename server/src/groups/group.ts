// One consumer group: the pure machine of KIP-848's server side. An event and `nowMs` go in, effects come out; no I/O, no
// clock, no await. Who gets what is decided in reconcile.ts, legality of requests in member.ts, of commits in commit-rules.ts.
//
// Memory runs ahead of the store. `version` counts the changes of what is durable; an answer that shows version n leaves
// when n is durable (hard place 3). Heartbeats only say what members say; what they get is computed once per turn, in `seal`.

import { ProtocolError } from "@brooklet/protocol";
import { assignUniform } from "./assignors/uniform.ts";
import { type DurableGroup, type GroupState, packGroup, unpackHeld, unpackTarget } from "./durable-state.ts";
import type { DeadlineKind, Effect, Happening, HeartbeatAnswer, ReplyTo } from "./effects.ts";
import { explainFarewell, type Farewell, type Farewells } from "./farewells.ts";
import {
  checkEpoch,
  checkRequest,
  checkSeq,
  type GroupLimits,
  type HeartbeatRequest,
  type Member,
  newMember,
  spokenName,
} from "./member.ts";
import {
  allNamed,
  keyOf,
  listed,
  type PartitionKey,
  type PartitionRef,
  partitionKey,
  spoken,
  type Topics,
} from "./partitions.ts";
import { reconcile, type Step, type Target } from "./reconcile.ts";

/** What groups share. */
export interface GroupSurroundings {
  readonly limits: GroupLimits;
  readonly topics: Topics;
  readonly farewells: Farewells;
}

const NOTHING: ReadonlySet<PartitionKey> = new Set();
const NO_TARGET: Target = new Map();
/** Reasons of one epoch that are spelled out. */
const MAX_REASONS = 5;

export class Group {
  readonly groupId: string;
  readonly #limits: GroupLimits;
  readonly #topics: Topics;
  readonly #farewells: Farewells;

  #epoch = 0;
  #assignmentEpoch = 0;
  #reason = "";
  #members = new Map<string, Member>();
  #target = new Map<string, Target>();
  /** What the target was computed from: topic id and partition count. */
  #targetTopics: ReadonlyMap<string, number> = new Map();
  /** Who holds a partition, in whatever state. */
  #owners = new Map<PartitionKey, string>();
  #subscribed: ReadonlySet<string> | undefined;

  #version = 0;
  #sealedVersion = 0;
  #durableVersion = 0;
  /** Why the target must be computed again; not empty: the epoch moves in `seal`. */
  #epochReasons: string[] = [];
  /** The target or what is free has changed since members were last told to heartbeat. */
  #redistributed = false;
  /** Heartbeats whose answer `seal` computes. */
  readonly #due = new Set<Member>();
  /** Members whose answer waits for a durable version. */
  readonly #parked = new Set<Member>();
  #leaves: { to: ReplyTo; answer: HeartbeatAnswer; version: number }[] = [];
  #hints: { memberId: string; version: number }[] = [];

  constructor(groupId: string, { limits, topics, farewells }: GroupSurroundings) {
    this.groupId = groupId;
    this.#limits = limits;
    this.#topics = topics;
    this.#farewells = farewells;
  }

  get epoch(): number {
    return this.#epoch;
  }

  /** Counts the changes of what is durable of the group, stored or not. */
  get version(): number {
    return this.#version;
  }

  get memberCount(): number {
    return this.#members.size;
  }

  get state(): GroupState {
    if (this.#members.size === 0) return "Empty";
    if (this.#epochReasons.length > 0 || this.#epoch > this.#assignmentEpoch) return "Assigning";
    const settled = ({ state, epoch }: Member) => state === "STABLE" && epoch === this.#assignmentEpoch;
    return [...this.#members.values()].every(settled) ? "Stable" : "Reconciling";
  }

  /** The store has everything, and nobody waits. */
  get isQuiet(): boolean {
    return (
      this.#durableVersion === this.#version &&
      this.#epochReasons.length === 0 &&
      this.#due.size + this.#parked.size + this.#leaves.length === 0
    );
  }

  members(): Iterable<Member> {
    return this.#members.values();
  }

  member(memberId: string): Member | undefined {
    return this.#members.get(memberId);
  }

  /** The names that any member subscribes to. */
  get subscribed(): ReadonlySet<string> {
    this.#subscribed ??= new Set([...this.#members.values()].flatMap(({ subscription }) => subscription));
    return this.#subscribed;
  }

  ownerOf(key: PartitionKey): { memberName: string; epoch: number } | undefined {
    const owner = this.#members.get(this.#owners.get(key) ?? "");
    const held = owner?.assigned.get(key) ?? owner?.pendingRevocation.get(key);
    return owner === undefined || held === undefined ? undefined : { memberName: spokenName(owner), epoch: held.epoch };
  }

  /** UNKNOWN_MEMBER_ID, with what became of the member. */
  unknownMember(memberId: string, nowMs: number): ProtocolError {
    const farewell = this.#farewells.find(this.groupId, memberId, nowMs);
    return new ProtocolError(
      "UNKNOWN_MEMBER_ID",
      farewell === undefined
        ? `group ${this.groupId} has no member ${memberId}. Join with epoch 0.`
        : explainFarewell(memberId, farewell, nowMs, this.#topics, (key) => this.ownerOf(key)),
    );
  }

  /**
   * A member joins, stays or leaves.
   *
   * Errors: thrown before anything changed; what is thrown renews nothing.
   */
  heartbeat(request: HeartbeatRequest, to: ReplyTo, nowMs: number): Effect[] {
    checkRequest(request, this.#limits);
    const { memberId, memberEpoch, seq } = request;
    const member = this.#members.get(memberId);
    if (member === undefined) {
      if (memberEpoch !== 0) throw this.unknownMember(memberId, nowMs);
      return this.#join(request, to, nowMs);
    }
    checkSeq("heartbeat", memberId, member.seq, seq);
    if (memberEpoch === -1) return this.#leave(member, request, to, nowMs);
    checkEpoch(member, request, ownedKeys(request) ?? NOTHING);
    const effects = this.#hear(member, request, to, nowMs);
    if (memberEpoch === 0) {
      const reason = `joined again and keeps its place${because(request)}`;
      effects.push(this.#happened("join", { member: memberId, reason }));
    }
    return effects;
  }

  /** A deadline has passed. A member that the broker owes an answer is not removed. */
  expire(deadline: DeadlineKind, memberId: string, nowMs: number): Effect[] {
    const member = this.#members.get(memberId);
    if (member === undefined || member.owed !== undefined) return [];
    if (deadline === "session")
      return this.#evict(member, nowMs, {
        why: `no heartbeat for ${spoken(nowMs - member.lastHeardMs)}`,
        advice: "Raise session.timeout.ms or move the work off the event loop.",
      });
    member.rebalanceArmed = false;
    if (member.pendingRevocation.size === 0) return [];
    const late = listed(this.#topics, member.pendingRevocation.values());
    return this.#evict(member, nowMs, {
      why: `it did not give up ${late} within ${spoken(member.rebalanceTimeoutMs)}`,
      advice: "Call poll() more often or raise max.poll.interval.ms.",
    });
  }

  /** A commit of the member was refused, for the timeline. */
  refusedCommit(member: Member, partition: PartitionRef, reason: string): Effect[] {
    return [this.#happened("refusedCommit", { member: member.id, partitions: [partition], reason })];
  }

  /** Topics were created or deleted: what is gone vanishes from everybody's hands at once. */
  topicsChanged(reason: string): Effect[] {
    if (!this.#topicsMoved()) return [];
    this.#dropVanished();
    this.#newEpoch(reason);
    return [{ kind: "requestTurn" }];
  }

  /** The open turn is about to be written: the target, everybody's step towards it, and what must be stored of it. */
  seal(nowMs: number): Effect[] {
    const effects: Effect[] = [];
    if (this.#epochReasons.length > 0) this.#retarget(effects);
    for (const member of this.#due) {
      const step = this.#step(member, member.owed?.owned);
      if (step !== undefined) this.#apply(member, step, effects);
    }
    const due = [...this.#due];
    this.#due.clear();
    for (const member of due) effects.push(...this.#reply(member, nowMs));
    if (this.#redistributed) this.#findHints();
    this.#redistributed = false;
    if (this.#version > this.#sealedVersion) {
      this.#sealedVersion = this.#version;
      effects.push({ kind: "persist", state: this.#pack(), version: this.#version });
    }
    return effects;
  }

  /** The store has the state of this version: what shows it may leave. */
  durable(version: number, nowMs: number): Effect[] {
    this.#durableVersion = version;
    const effects: Effect[] = [];
    const gone = this.#leaves.filter((leave) => leave.version <= version);
    this.#leaves = this.#leaves.filter((leave) => leave.version > version);
    for (const { to, answer } of gone) effects.push({ kind: "answer", to, answer });
    for (const member of this.#parked) effects.push(...this.#release(member, nowMs));
    const ripe = this.#hints.filter((hint) => hint.version <= version);
    this.#hints = this.#hints.filter((hint) => hint.version > version);
    for (const { memberId } of ripe) {
      const member = this.#members.get(memberId);
      if (member?.peer === undefined || member.hinted || member.owed !== undefined) continue;
      member.hinted = true;
      effects.push({ kind: "hint", peer: member.peer });
    }
    return effects;
  }

  /**
   * A turn failed: back to the last durable state; what is volatile stays (hard place 1).
   *
   * Shape: `doomed` are the waiting heartbeats, for the caller to refuse with the turn's verdict.
   */
  restore(durable: DurableGroup | undefined, nowMs: number): { effects: Effect[]; doomed: ReplyTo[] } {
    const before = this.#members;
    const doomed = [...before.values()].flatMap(({ owed }) => owed?.to ?? []);
    doomed.push(...this.#leaves.map(({ to }) => to));
    this.load(durable, nowMs);
    const effects: Effect[] = [];
    for (const member of this.#members.values()) {
      const known = before.get(member.id);
      const farewell = this.#farewells.find(this.groupId, member.id, nowMs);
      this.#farewells.forget(this.groupId, member.id);
      member.seq = known?.seq ?? farewell?.seq;
      member.commitSeq = known?.commitSeq ?? farewell?.commitSeq;
      member.peer = known?.peer;
      member.hinted = known?.hinted ?? false;
      member.rebalanceArmed = known?.rebalanceArmed ?? false;
      member.lastHeardMs = known?.lastHeardMs ?? nowMs;
      // Its session ran on unless an answer was owed, and that leaves now.
      if (known === undefined || known.owed !== undefined) effects.push(...this.#armDeadlines(member));
    }
    for (const member of before.values()) {
      if (this.#members.has(member.id)) continue;
      effects.push(...this.#standStill(member));
      this.#farewells.remember(this.groupId, member.id, {
        atMs: nowMs,
        verb: "left",
        why: "its join could not be stored",
        advice: "Join again with epoch 0.",
        held: [],
        seq: member.seq,
        commitSeq: member.commitSeq,
      });
    }
    effects.push(this.#happened("restore", { reason: "a write failed: the group stands where it was stored last" }));
    return { effects, doomed };
  }

  /** Becomes what the store holds. Topics that came or went since then move the epoch with the next turn. */
  load(durable: DurableGroup | undefined, nowMs: number): void {
    this.#epoch = durable?.epoch ?? 0;
    this.#assignmentEpoch = durable?.assignmentEpoch ?? 0;
    this.#reason = durable?.reason ?? "";
    this.#targetTopics = new Map(durable?.topics ?? []);
    this.#target = new Map(durable?.target.map(([memberId, packed]) => [memberId, unpackTarget(packed)]));
    this.#members = new Map();
    this.#owners = new Map();
    this.#subscribed = undefined;
    for (const packed of durable?.members ?? []) {
      const member: Member = {
        ...newMember(packed.memberId, this.#limits),
        instanceId: packed.instanceId ?? undefined,
        clientId: packed.clientId,
        epoch: packed.epoch,
        previousEpoch: packed.previousEpoch,
        state: packed.state,
        assigned: unpackHeld(packed.assigned),
        pendingRevocation: unpackHeld(packed.pendingRevocation),
        subscription: packed.subscription,
        pattern: packed.pattern ?? undefined,
        assignor: packed.assignor ?? undefined,
        sessionTimeoutMs: packed.sessionTimeoutMs,
        rebalanceTimeoutMs: packed.rebalanceTimeoutMs,
        lastHeardMs: nowMs,
      };
      this.#members.set(member.id, member);
      for (const key of [...member.assigned.keys(), ...member.pendingRevocation.keys()])
        this.#owners.set(key, member.id);
    }
    this.#sealedVersion = this.#version;
    this.#durableVersion = this.#version;
    this.#epochReasons = [];
    this.#redistributed = false;
    this.#due.clear();
    this.#parked.clear();
    this.#leaves = [];
    this.#hints = [];
    if (this.#topicsMoved()) {
      this.#dropVanished();
      this.#newEpoch("topics were created or deleted");
    }
  }

  /** The listener is open: everybody's deadlines start afresh (hard place 4). */
  start(nowMs: number): Effect[] {
    const effects: Effect[] = this.#epochReasons.length > 0 ? [{ kind: "requestTurn" }] : [];
    for (const member of this.#members.values()) {
      member.lastHeardMs = nowMs;
      if (member.owed === undefined) effects.push(...this.#armDeadlines(member));
    }
    return effects;
  }

  #join(request: HeartbeatRequest, to: ReplyTo, nowMs: number): Effect[] {
    const { memberId, seq } = request;
    const farewell = this.#farewells.find(this.groupId, memberId, nowMs);
    checkSeq("heartbeat", memberId, farewell?.seq, seq);
    if (this.#members.size >= this.#limits.maxMembers)
      throw new ProtocolError(
        "GROUP_MAX_SIZE_REACHED",
        `group ${this.groupId} has ${this.#members.size} members; group.max.size is ${this.#limits.maxMembers}`,
      );
    const member = newMember(memberId, this.#limits);
    member.commitSeq = farewell?.commitSeq;
    this.#farewells.forget(this.groupId, memberId);
    this.#members.set(memberId, member);
    this.#touch(member);
    const effects = this.#hear(member, request, to, nowMs);
    effects.push(this.#happened("join", { member: memberId, reason: `joined${because(request)}` }));
    return effects;
  }

  #hear(member: Member, request: HeartbeatRequest, to: ReplyTo, nowMs: number): Effect[] {
    const { seq, memberEpoch } = request;
    const effects = this.#supersede(member, `heartbeat ${seq} came after it`);
    const isNew = member.epoch === 0;
    const versionBefore = member.version;
    member.seq = seq;
    member.peer = to.peer;
    member.hinted = false;
    member.lastHeardMs = nowMs;
    this.#update(member, request);
    const owned = memberEpoch === 0 ? NOTHING : ownedKeys(request);
    member.owed = {
      to,
      seq,
      claimedEpoch: memberEpoch,
      owned,
      full:
        memberEpoch === 0 ||
        (request.owned !== undefined && request.subscription !== undefined && request.rebalanceTimeoutMs !== undefined),
      ready: undefined,
    };
    if (isNew || member.version !== versionBefore || this.#step(member, owned) !== undefined) {
      this.#due.add(member);
      effects.push(...this.#standStill(member), { kind: "requestTurn" });
    } else {
      if (this.#epochReasons.length > 0) effects.push({ kind: "requestTurn" });
      effects.push(...this.#reply(member, nowMs));
    }
    return effects;
  }

  /** What the request says anew of the member. Absent: unchanged. */
  #update(member: Member, request: HeartbeatRequest): void {
    const next = {
      clientId: request.clientId ?? member.clientId,
      assignor: request.assignor ?? member.assignor,
      sessionTimeoutMs: request.sessionTimeoutMs ?? member.sessionTimeoutMs,
      rebalanceTimeoutMs: request.rebalanceTimeoutMs ?? member.rebalanceTimeoutMs,
    };
    if (
      next.clientId !== member.clientId ||
      next.assignor !== member.assignor ||
      next.sessionTimeoutMs !== member.sessionTimeoutMs ||
      next.rebalanceTimeoutMs !== member.rebalanceTimeoutMs
    ) {
      Object.assign(member, next);
      this.#touch(member);
    }
    if (request.subscription === undefined) return;
    const subscription = [...new Set(request.subscription)].sort();
    if (member.epoch > 0 && subscription.join() === member.subscription.join()) return;
    member.subscription = subscription;
    this.#subscribed = undefined;
    this.#touch(member);
    const what = member.epoch === 0 ? "joined" : `subscribed to ${subscription.join(", ") || "nothing"}`;
    this.#newEpoch(`${spokenName(member)} ${what}`);
  }

  #leave(member: Member, request: HeartbeatRequest, to: ReplyTo, nowMs: number): Effect[] {
    const effects = this.#supersede(member, "the member left after it");
    member.seq = request.seq;
    const why = request.reason ?? "it left the group";
    const held = [...member.assigned.values(), ...member.pendingRevocation.values()];
    this.#remove(member, { verb: "left", why, advice: "Join again with epoch 0.", atMs: nowMs }, effects);
    effects.push(this.#happened("leave", { member: member.id, partitions: held, reason: why }), {
      kind: "requestTurn",
    });
    const answer = { memberId: member.id, memberEpoch: -1, heartbeatIntervalMs: this.#limits.heartbeatIntervalMs };
    this.#leaves.push({ to, answer, version: this.#version });
    return effects;
  }

  #evict(member: Member, nowMs: number, { why, advice }: { why: string; advice: string }): Effect[] {
    const effects: Effect[] = [];
    const held = [...member.assigned.values(), ...member.pendingRevocation.values()];
    this.#remove(member, { verb: "was removed", why, advice, atMs: nowMs }, effects);
    effects.push(this.#happened("eviction", { member: member.id, partitions: held, reason: why }), {
      kind: "requestTurn",
    });
    return effects;
  }

  #remove(member: Member, farewell: Omit<Farewell, "held" | "seq" | "commitSeq">, effects: Effect[]): void {
    const held = [...member.assigned.values(), ...member.pendingRevocation.values()];
    this.#farewells.remember(this.groupId, member.id, {
      ...farewell,
      held,
      seq: member.seq,
      commitSeq: member.commitSeq,
    });
    for (const ref of held) this.#owners.delete(keyOf(ref));
    this.#members.delete(member.id);
    this.#target.delete(member.id);
    this.#subscribed = undefined;
    this.#version += 1;
    effects.push(...this.#standStill(member));
    this.#newEpoch(`${spokenName(member)} ${farewell.verb}: ${farewell.why}`);
  }

  /** A newer request of the member came: the older one will not be answered with news any more. */
  #supersede(member: Member, what: string): Effect[] {
    const { owed } = member;
    if (owed === undefined) return [];
    this.#due.delete(member);
    this.#parked.delete(member);
    member.owed = undefined;
    const text = `heartbeat ${owed.seq} of member ${spokenName(member)} was superseded: ${what}`;
    return [{ kind: "refuse", to: owed.to, error: new ProtocolError("STALE_MEMBER_EPOCH", text) }];
  }

  /** Computes the owed answer; it leaves at once if what it shows is durable. */
  #reply(member: Member, nowMs: number): Effect[] {
    const { owed } = member;
    if (owed === undefined) return [];
    const tells = owed.full || member.told !== member.assignmentVersion;
    owed.ready = {
      version: member.version,
      assignmentVersion: member.assignmentVersion,
      answer: {
        memberId: member.id,
        memberEpoch: member.epoch,
        heartbeatIntervalMs: this.#limits.heartbeatIntervalMs,
        ...(tells ? { assignment: allNamed(this.#topics, member.assigned.values()), reason: this.#reason } : {}),
      },
    };
    this.#parked.add(member);
    const released = this.#release(member, nowMs);
    return released.length > 0 ? released : this.#standStill(member);
  }

  /** Lets the parked answer go if what it shows is durable; the member's deadlines start afresh. */
  #release(member: Member, nowMs: number): Effect[] {
    const { owed } = member;
    if (owed?.ready === undefined || owed.ready.version > this.#durableVersion) return [];
    this.#parked.delete(member);
    member.owed = undefined;
    member.told = owed.ready.assignmentVersion;
    member.lastHeardMs = nowMs;
    return [{ kind: "answer", to: owed.to, answer: owed.ready.answer }, ...this.#armDeadlines(member)];
  }

  /** The session begins anew; the rebalance deadline only if it does not run yet. */
  #armDeadlines(member: Member): Effect[] {
    const { id: memberId } = member;
    const effects: Effect[] = [{ kind: "schedule", deadline: "session", memberId, delayMs: member.sessionTimeoutMs }];
    const revokes = member.state === "UNREVOKED_PARTITIONS";
    if (revokes && !member.rebalanceArmed)
      effects.push({ kind: "schedule", deadline: "rebalance", memberId, delayMs: member.rebalanceTimeoutMs });
    if (!revokes && member.rebalanceArmed) effects.push({ kind: "cancel", deadline: "rebalance", memberId });
    member.rebalanceArmed = revokes;
    return effects;
  }

  #standStill(member: Member): Effect[] {
    member.rebalanceArmed = false;
    return [
      { kind: "cancel", deadline: "session", memberId: member.id },
      { kind: "cancel", deadline: "rebalance", memberId: member.id },
    ];
  }

  #step(member: Member, owned: ReadonlySet<PartitionKey> | undefined): Step | undefined {
    const target = this.#target.get(member.id) ?? NO_TARGET;
    return reconcile(member, target, this.#assignmentEpoch, owned, (key) => !this.#owners.has(key));
  }

  #apply(member: Member, step: Step, effects: Effect[]): void {
    for (const ref of step.released) this.#owners.delete(keyOf(ref));
    for (const ref of step.granted) this.#owners.set(keyOf(ref), member.id);
    if (step.epoch !== member.epoch) member.previousEpoch = member.owed?.claimedEpoch ?? member.epoch;
    member.epoch = step.epoch;
    member.state = step.state;
    member.assigned = step.assigned;
    member.pendingRevocation = step.pendingRevocation;
    this.#touch(member);
    if (step.granted.length + step.revoking.length + step.released.length > 0)
      member.assignmentVersion = member.version;
    if (step.released.length > 0) this.#redistributed = true;
    const name = member.id;
    if (step.revoking.length > 0)
      effects.push(
        this.#happened("revocation", {
          member: name,
          partitions: step.revoking,
          reason: `to give up: ${this.#reason}`,
        }),
      );
    if (step.released.length > 0)
      effects.push(this.#happened("revocation", { member: name, partitions: step.released, reason: "given up" }));
    if (step.granted.length > 0)
      effects.push(this.#happened("assignment", { member: name, partitions: step.granted, reason: this.#reason }));
  }

  #retarget(effects: Effect[]): void {
    const reasons = this.#epochReasons;
    this.#epochReasons = [];
    const others = reasons.length - MAX_REASONS;
    this.#reason = [...reasons.slice(0, MAX_REASONS), ...(others > 0 ? [`and ${others} more`] : [])].join("; ");
    this.#epoch += 1;
    this.#assignmentEpoch = this.#epoch;
    this.#version += 1;
    this.#redistributed = true;
    this.#targetTopics = this.#topicsNow();
    const topics = [...this.#targetTopics].map(([topicId, partitionCount]) => ({ topicId, partitionCount }));
    this.#target = assignUniform({
      topics,
      members: [...this.#members.values()].map(({ id, subscription }) => ({
        memberId: id,
        topicIds: subscription.flatMap((name) => this.#topics.byName(name)?.topicId ?? []),
        previous: this.#target.get(id) ?? NO_TARGET,
      })),
    });
    effects.push(this.#happened("epoch", { reason: this.#reason }));
  }

  /** Whoever would get or give up something now is to heartbeat once this is durable. */
  #findHints(): void {
    for (const member of this.#members.values()) {
      const step = this.#step(member, undefined);
      const moves = step !== undefined && step.granted.length + step.revoking.length > 0;
      if (moves || (member.told !== undefined && member.told < member.assignmentVersion && member.owed === undefined))
        this.#hints.push({ memberId: member.id, version: this.#version });
    }
  }

  #newEpoch(reason: string): void {
    this.#epochReasons.push(reason);
  }

  #touch(member: Member): void {
    this.#version += 1;
    member.version = this.#version;
  }

  #topicsNow(): Map<string, number> {
    const topics = [...this.subscribed].sort().flatMap((name) => this.#topics.byName(name) ?? []);
    return new Map(topics.map(({ topicId, partitionCount }) => [topicId, partitionCount]));
  }

  #topicsMoved(): boolean {
    const now = this.#topicsNow();
    if (now.size !== this.#targetTopics.size) return true;
    return [...now].some(([topicId, partitionCount]) => this.#targetTopics.get(topicId) !== partitionCount);
  }

  #dropVanished(): void {
    for (const member of this.#members.values()) {
      let dropped = false;
      for (const held of [member.assigned, member.pendingRevocation])
        for (const [key, { topicId }] of held) {
          if (this.#topics.byId(topicId) !== undefined) continue;
          held.delete(key);
          this.#owners.delete(key);
          dropped = true;
        }
      if (!dropped) continue;
      this.#touch(member);
      member.assignmentVersion = member.version;
    }
  }

  #happened(event: Happening["event"], detail: Pick<Happening, "member" | "partitions" | "reason">): Effect {
    return { kind: "timeline", happening: { event, epoch: this.#epoch, version: this.#version, ...detail } };
  }

  #pack(): DurableGroup {
    return packGroup({
      epoch: this.#epoch,
      assignmentEpoch: this.#assignmentEpoch,
      assignor: "uniform",
      reason: this.#reason,
      topics: this.#targetTopics,
      target: this.#target,
      members: this.#members.values(),
    });
  }
}

function ownedKeys({ owned }: HeartbeatRequest): ReadonlySet<PartitionKey> | undefined {
  return owned === undefined ? undefined : new Set(owned.map((ref) => partitionKey(ref.topicId, ref.partition)));
}

function because({ reason }: HeartbeatRequest): string {
  return reason === undefined ? "" : `: ${reason}`;
}
