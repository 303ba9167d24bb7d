// One consumer group: the pure machine of KIP-848's server side. An event and `nowMs` go in, effects come out; no I/O, no
// clock, no await. What the group holds is in roster.ts, who gets what in reconcile.ts, legality of requests in member.ts.
//
// Memory runs ahead of the store: an answer that shows the roster's version n leaves when n is durable (hard place 3).
// Heartbeats only say what members say; what they get is computed once per turn, in `seal`.

import { ProtocolError } from "@brooklet/protocol";
import type { DurableGroup, GroupState } from "./durable-state.ts";
import type { DeadlineKind, Effect, Happening, HeartbeatAnswer, ReplyTo } from "./effects.ts";
import { explainFarewell, type Farewell, type Farewells } from "./farewells.ts";
import {
  checkEpoch,
  checkRequest,
  checkSeq,
  type GroupLimits,
  type HeartbeatRequest,
  type Member,
  ownedKeys,
  spokenName,
} from "./member.ts";
import { abridged, allNamed, listed, type PartitionKey, type PartitionRef, spoken, type Topics } from "./partitions.ts";
import type { Step } from "./reconcile.ts";
import { Roster } from "./roster.ts";

/** What groups share. */
export interface GroupSurroundings {
  readonly limits: GroupLimits;
  readonly topics: Topics;
  readonly farewells: Farewells;
}

const NOTHING: ReadonlySet<PartitionKey> = new Set();
const REJOIN = "Join again with epoch 0.";

export class Group {
  readonly groupId: string;
  readonly #limits: GroupLimits;
  readonly #topics: Topics;
  readonly #farewells: Farewells;
  readonly #roster: Roster;
  #sealedVersion = 0;
  #durableVersion = 0;
  /** The target or what is free has changed since members were last told to heartbeat. */
  #redistributed = false;
  /** Heartbeats whose answer `seal` computes. */
  readonly #due = new Set<Member>();
  /** Members whose answer waits for a durable version. */
  readonly #parked = new Set<Member>();
  #leaves: { to: ReplyTo; answer: HeartbeatAnswer; version: number }[] = [];
  /** Who is to heartbeat once a version is durable. */
  readonly #hints = new Map<string, number>();

  constructor(groupId: string, { limits, topics, farewells }: GroupSurroundings) {
    this.groupId = groupId;
    this.#limits = limits;
    this.#topics = topics;
    this.#farewells = farewells;
    this.#roster = new Roster(limits, topics);
  }

  get epoch(): number {
    return this.#roster.epoch;
  }

  /** Of the versions, the last one that the store has. */
  get durableVersion(): number {
    return this.#durableVersion;
  }

  get state(): GroupState {
    return this.#roster.state;
  }

  get memberCount(): number {
    return this.#roster.members.size;
  }

  get members(): ReadonlyMap<string, Member> {
    return this.#roster.members;
  }

  get subscribed(): ReadonlySet<string> {
    return this.#roster.subscribed;
  }

  /** The store has everything, and nobody waits. */
  get isQuiet(): boolean {
    const waiting = this.#due.size + this.#parked.size + this.#leaves.length;
    return this.#durableVersion === this.#roster.version && !this.#roster.needsTarget && waiting === 0;
  }

  ownerOf(key: PartitionKey): { memberName: string; epoch: number } | undefined {
    return this.#roster.ownerOf(key);
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
    const member = this.#roster.members.get(memberId);
    if (member === undefined) {
      if (memberEpoch !== 0) throw this.unknownMember(memberId, nowMs);
      return this.#join(request, to, nowMs);
    }
    checkSeq("heartbeat", memberId, member.seq, seq);
    if (memberEpoch === -1) return this.#leave(member, request, to, nowMs);
    checkEpoch(member, request);
    const effects = this.#hear(member, request, to, nowMs);
    if (memberEpoch === 0)
      effects.push(
        this.#happened("join", { member: memberId, reason: `joined again, keeps its place${because(request)}` }),
      );
    return effects;
  }

  /**
   * A deadline has passed. A member that the broker owes an answer is not removed; one that the broker did not read from has
   * one more session timeout, once.
   */
  expire(deadline: DeadlineKind, memberId: string, nowMs: number, wasHeldBack = false): Effect[] {
    const member = this.#roster.members.get(memberId);
    if (member === undefined || member.owed !== undefined) return [];
    if (deadline === "session" && wasHeldBack && !member.prolonged) {
      member.prolonged = true;
      return [{ kind: "schedule", deadline, memberId, delayMs: member.sessionTimeoutMs }];
    }
    if (deadline === "session")
      return this.#evict(member, nowMs, {
        why: `no heartbeat for ${spoken(nowMs - member.lastHeardMs)}`,
        advice: "Raise session.timeout.ms or move the work off the event loop.",
      });
    member.rebalanceArmed = false;
    // A deleted topic may have taken what it was to give up.
    if (member.pendingRevocation.size === 0) return [];
    const late = listed(this.#topics, member.pendingRevocation.values());
    return this.#evict(member, nowMs, {
      why: `it did not give up ${late} within ${spoken(member.rebalanceTimeoutMs)}`,
      advice: "Call poll() more often or raise max.poll.interval.ms.",
    });
  }

  /** A commit of the member was refused, for the timeline. */
  refusedCommit(member: Member, partition: PartitionRef, reason: string): Effect {
    return this.#happened("refusedCommit", { member: member.id, partitions: [partition], reason });
  }

  topicsChanged(reason: string): Effect[] {
    return this.#roster.followTopics(reason) ? [{ kind: "requestTurn" }] : [];
  }

  /** The open turn is about to be written: the target, everybody's step towards it, and what must be stored of it. */
  seal(nowMs: number): Effect[] {
    const effects: Effect[] = [];
    if (this.#roster.needsTarget) {
      this.#roster.retarget();
      this.#redistributed = true;
      effects.push(this.#happened("epoch", { reason: this.#roster.reason }));
    }
    const due = [...this.#due];
    this.#due.clear();
    for (const member of due) {
      const step = this.#roster.stepOf(member, member.owed?.owned);
      if (step !== undefined) effects.push(...this.#take(member, step));
    }
    for (const member of due) effects.push(...this.#reply(member, nowMs));
    if (this.#redistributed) this.#findHints();
    this.#redistributed = false;
    const { version } = this.#roster;
    if (version > this.#sealedVersion) {
      this.#sealedVersion = version;
      effects.push({ kind: "persist", state: this.#roster.pack(), version });
    }
    return effects;
  }

  /** The store has the state of this version: what shows it may leave. */
  durable(version: number, nowMs: number): Effect[] {
    this.#durableVersion = version;
    const effects: Effect[] = [];
    for (const leave of this.#leaves)
      if (leave.version <= version) effects.push({ kind: "answer", to: leave.to, answer: leave.answer });
    this.#leaves = this.#leaves.filter((leave) => leave.version > version);
    for (const member of this.#parked) effects.push(...this.#release(member, nowMs));
    for (const [memberId, sinceVersion] of this.#hints) {
      if (sinceVersion > version) continue;
      this.#hints.delete(memberId);
      const member = this.#roster.members.get(memberId);
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
    const before = this.#roster.members;
    const doomed = [...before.values()].flatMap(({ owed }) => owed?.to ?? []);
    doomed.push(...this.#leaves.map(({ to }) => to));
    this.load(durable, nowMs);
    const effects: Effect[] = [];
    for (const member of this.#roster.members.values()) {
      const known = before.get(member.id);
      const farewell = this.#farewells.find(this.groupId, member.id, nowMs);
      this.#farewells.forget(this.groupId, member.id);
      member.seq = known?.seq ?? farewell?.seq;
      member.commitSeq = known?.commitSeq ?? farewell?.commitSeq;
      member.peer = known?.peer;
      member.hinted = known?.hinted ?? false;
      member.rebalanceArmed = known?.rebalanceArmed ?? false;
      member.lastHeardMs = known?.lastHeardMs ?? nowMs;
      // Its session ran on, unless an answer was owed, and that leaves now.
      if (known === undefined || known.owed !== undefined) effects.push(...this.#armDeadlines(member));
    }
    for (const member of before.values()) {
      if (this.#roster.members.has(member.id)) continue;
      effects.push(...this.#standStill(member));
      const farewell = { verb: "left", why: "its join could not be stored", advice: REJOIN, atMs: nowMs } as const;
      this.#bid(member, farewell, []);
    }
    effects.push(this.#happened("restore", { reason: "a write failed: the group stands where it was stored last" }));
    return { effects, doomed };
  }

  /** Becomes what the store holds. Topics that came or went since then move the epoch with the next turn. */
  load(durable: DurableGroup | undefined, nowMs: number): void {
    this.#roster.load(durable);
    for (const member of this.#roster.members.values()) member.lastHeardMs = nowMs;
    this.#sealedVersion = this.#roster.version;
    this.#durableVersion = this.#roster.version;
    this.#redistributed = false;
    this.#due.clear();
    this.#parked.clear();
    this.#leaves = [];
    this.#hints.clear();
    this.#roster.followTopics("topics were created or deleted");
  }

  /** The listener is open: everybody's deadlines start afresh (hard place 4). */
  start(nowMs: number): Effect[] {
    const effects: Effect[] = this.#roster.needsTarget ? [{ kind: "requestTurn" }] : [];
    for (const member of this.#roster.members.values()) {
      member.lastHeardMs = nowMs;
      if (member.owed === undefined) effects.push(...this.#armDeadlines(member));
    }
    return effects;
  }

  #join(request: HeartbeatRequest, to: ReplyTo, nowMs: number): Effect[] {
    const { memberId, seq } = request;
    const farewell = this.#farewells.find(this.groupId, memberId, nowMs);
    checkSeq("heartbeat", memberId, farewell?.seq, seq);
    if (this.memberCount >= this.#limits.maxMembers)
      throw new ProtocolError(
        "GROUP_MAX_SIZE_REACHED",
        `group ${this.groupId} has ${this.memberCount} members; group.max.size is ${this.#limits.maxMembers}`,
      );
    const member = this.#roster.admit(memberId);
    member.commitSeq = farewell?.commitSeq;
    this.#farewells.forget(this.groupId, memberId);
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
    member.prolonged = false;
    this.#update(member, request);
    const owned = memberEpoch === 0 ? NOTHING : ownedKeys(request);
    const saysAll =
      request.owned !== undefined && request.subscription !== undefined && request.rebalanceTimeoutMs !== undefined;
    const full = memberEpoch === 0 || saysAll;
    member.owed = { to, seq, claimedEpoch: memberEpoch, owned, full, ready: undefined };
    if (this.#roster.needsTarget) effects.push({ kind: "requestTurn" });
    if (isNew || member.version !== versionBefore || this.#roster.stepOf(member, owned) !== undefined) {
      this.#due.add(member);
      effects.push(...this.#standStill(member), { kind: "requestTurn" });
    } else effects.push(...this.#reply(member, nowMs));
    return effects;
  }

  /** What the request says anew of the member. Absent: unchanged. */
  #update(member: Member, request: HeartbeatRequest): void {
    const { clientId, assignor, sessionTimeoutMs, rebalanceTimeoutMs } = member;
    member.clientId = request.clientId ?? clientId;
    member.assignor = request.assignor ?? assignor;
    member.sessionTimeoutMs = request.sessionTimeoutMs ?? sessionTimeoutMs;
    member.rebalanceTimeoutMs = request.rebalanceTimeoutMs ?? rebalanceTimeoutMs;
    if (
      member.clientId !== clientId ||
      member.assignor !== assignor ||
      member.sessionTimeoutMs !== sessionTimeoutMs ||
      member.rebalanceTimeoutMs !== rebalanceTimeoutMs
    )
      this.#roster.touch(member);
    const isNew = member.epoch === 0;
    const subscription = [...new Set(request.subscription ?? member.subscription)].sort();
    if (!isNew && subscription.join() === member.subscription.join()) return;
    this.#roster.subscribe(member, subscription);
    const what = isNew ? "joined" : `subscribed to ${abridged(subscription) || "nothing"}`;
    this.#roster.wantTarget(`${spokenName(member)} ${what}`);
  }

  #leave(member: Member, request: HeartbeatRequest, to: ReplyTo, nowMs: number): Effect[] {
    const effects = this.#supersede(member, "the member left after it");
    member.seq = request.seq;
    const why = printable(request.reason) ?? "it left the group";
    effects.push(...this.#remove(member, "leave", { verb: "left", why, advice: REJOIN, atMs: nowMs }));
    const answer = { memberId: member.id, memberEpoch: -1, heartbeatIntervalMs: this.#limits.heartbeatIntervalMs };
    this.#leaves.push({ to, answer, version: this.#roster.version });
    return effects;
  }

  #evict(member: Member, nowMs: number, { why, advice }: { why: string; advice: string }): Effect[] {
    return this.#remove(member, "eviction", { verb: "was removed", why, advice, atMs: nowMs });
  }

  #remove(member: Member, event: "leave" | "eviction", farewell: FarewellWords): Effect[] {
    const partitions = this.#roster.remove(member);
    this.#bid(member, farewell, partitions);
    this.#roster.wantTarget(`${spokenName(member)} ${farewell.verb}: ${farewell.why}`);
    return [
      ...this.#standStill(member),
      this.#happened(event, { member: member.id, partitions, reason: farewell.why }),
      { kind: "requestTurn" },
    ];
  }

  #bid({ id, seq, commitSeq }: Member, words: FarewellWords, held: readonly PartitionRef[]): void {
    this.#farewells.remember(this.groupId, id, { ...words, held, seq, commitSeq });
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
    const { version, assignmentVersion } = member;
    const { reason, reasonVersion } = this.#roster;
    const tells = owed.full || member.told !== assignmentVersion;
    owed.ready = {
      version,
      assignmentVersion,
      answer: {
        memberId: member.id,
        memberEpoch: member.epoch,
        heartbeatIntervalMs: this.#limits.heartbeatIntervalMs,
        ...(tells ? { assignment: allNamed(this.#topics, member.assigned.values()) } : {}),
        // An epoch that is neither durable nor shown by what is, is nobody's news yet.
        ...(tells && reasonVersion <= Math.max(version, this.#durableVersion) ? { reason } : {}),
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
    const { id: memberId, sessionTimeoutMs, rebalanceTimeoutMs } = member;
    const effects: Effect[] = [{ kind: "schedule", deadline: "session", memberId, delayMs: sessionTimeoutMs }];
    const revokes = member.state === "UNREVOKED_PARTITIONS";
    if (revokes && !member.rebalanceArmed)
      effects.push({ kind: "schedule", deadline: "rebalance", memberId, delayMs: rebalanceTimeoutMs });
    if (!revokes && member.rebalanceArmed) effects.push({ kind: "cancel", deadline: "rebalance", memberId });
    member.rebalanceArmed = revokes;
    return effects;
  }

  /** While an answer is owed, and when the member is gone. */
  #standStill(member: Member): Effect[] {
    member.rebalanceArmed = false;
    return [
      { kind: "cancel", deadline: "session", memberId: member.id },
      { kind: "cancel", deadline: "rebalance", memberId: member.id },
    ];
  }

  #take(member: Member, step: Step): Effect[] {
    this.#roster.take(member, step, member.owed?.claimedEpoch ?? member.epoch);
    if (step.released.length > 0) this.#redistributed = true;
    const { reason } = this.#roster;
    const moves = [
      ["revocation", step.revoking, `to give up: ${reason}`],
      ["revocation", step.released, "given up"],
      ["assignment", step.granted, reason],
    ] as const;
    return moves.flatMap(([event, partitions, why]) =>
      partitions.length === 0 ? [] : [this.#happened(event, { member: member.id, partitions, reason: why })],
    );
  }

  /** Whoever would get or give up something now is to heartbeat once this is durable. */
  #findHints(): void {
    for (const member of this.#roster.members.values()) {
      const step = this.#roster.stepOf(member, undefined);
      const moves = step !== undefined && step.granted.length + step.revoking.length > 0;
      const untold = member.owed === undefined && member.told !== undefined && member.told < member.assignmentVersion;
      if (moves || untold) this.#hints.set(member.id, this.#roster.version);
    }
  }

  #happened(event: Happening["event"], detail: Pick<Happening, "member" | "partitions" | "reason">): Effect {
    const { epoch, version } = this.#roster;
    return { kind: "timeline", happening: { event, epoch, version, ...detail } };
  }
}

type FarewellWords = Pick<Farewell, "verb" | "why" | "advice" | "atMs">;

function because({ reason }: HeartbeatRequest): string {
  return reason === undefined ? "" : `: ${printable(reason)}`;
}

/** A client's words end up on other people's terminals. */
function printable(text: string | undefined): string | undefined {
  return text?.replace(/\p{Cc}+/gu, " ");
}
