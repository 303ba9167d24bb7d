// One consumer group: the pure machine of KIP-848's server side. An event and `nowMs` go in, effects come out; no I/O, no
// clock, no await. What the group holds is in roster.ts, who gets what in reconcile.ts, legality of requests in member.ts.
//
// Memory runs ahead of the store: an answer that shows the roster's version n leaves when n is durable (hard place 3).
// Heartbeats only say what members say; what they get is computed once per turn, in `seal`.

import { ProtocolError } from "@brooklet/protocol";
import type { DurableGroup, GroupState } from "./durable-state.ts";
import type { DeadlineKind, Effect, Happening, ReplyTo } from "./effects.ts";
import { explainFarewell, type Farewells, type FarewellWords } from "./farewells.ts";
import { Hints } from "./hints.ts";
import {
  checkEpoch,
  checkRequest,
  checkSeq,
  type GroupLimits,
  type HeartbeatRequest,
  keepVolatile,
  type Member,
  ownedKeys,
  spokenName,
} from "./member.ts";
import { armDeadlines, scheduleSession, standStill } from "./member-deadlines.ts";
import { update } from "./member-update.ts";
import { OwedAnswers } from "./owed-answers.ts";
import {
  connectionClosed,
  JOIN_NOT_STORED,
  noReturn,
  notGivenUp,
  ownLeave,
  type PartingWords,
  removedByAdministrator,
  silence,
} from "./parting-words.ts";
import { type PartitionKey, type PartitionRef, spoken, type Topics } from "./partitions.ts";
import type { PatternMatches } from "./patterns.ts";
import type { Step } from "./reconcile.ts";
import type { RefusedOffsets } from "./refused-commits.ts";
import { Roster } from "./roster.ts";
import {
  checkInstance,
  claimWaitMs,
  fencedInstance,
  findNamed,
  replacedBy,
  unreleasedInstance,
  waitingClaimant,
} from "./static-members.ts";
import { because, printable } from "./words.ts";

/** What groups share. */
export interface GroupSurroundings {
  readonly limits: GroupLimits;
  readonly topics: Topics;
  readonly patterns: PatternMatches;
  readonly farewells: Farewells;
}

const NOTHING: ReadonlySet<PartitionKey> = new Set();

export class Group {
  readonly groupId: string;
  readonly #limits: GroupLimits;
  readonly #topics: Topics;
  readonly #patterns: PatternMatches;
  readonly #farewells: Farewells;
  readonly #roster: Roster;
  #sealedVersion = 0;
  /** The target or what is free has changed since members were last told to heartbeat. */
  #redistributed = false;
  /** Heartbeats whose answer `seal` computes. */
  readonly #due = new Set<Member>();
  readonly #answers: OwedAnswers;
  readonly #hints = new Hints();

  constructor(groupId: string, { limits, topics, patterns, farewells }: GroupSurroundings) {
    this.groupId = groupId;
    this.#limits = limits;
    this.#topics = topics;
    this.#patterns = patterns;
    this.#farewells = farewells;
    this.#roster = new Roster(limits, { topics, patterns });
    const { heartbeatIntervalMs } = limits;
    this.#answers = new OwedAnswers({ topics, heartbeatIntervalMs, lastReason: () => this.#roster });
  }

  get epoch(): number {
    return this.#roster.epoch;
  }

  /** Of the versions, the last one that the store has. */
  get durableVersion(): number {
    return this.#answers.durableVersion;
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

  /** Topics that any member subscribes to, by name or by a pattern that matched them. */
  get subscribed(): ReadonlySet<string> {
    return this.#roster.subscribed;
  }

  /** The members' patterns; the same set while they are the same. */
  get patterns(): ReadonlySet<string> {
    return this.#roster.patterns;
  }

  /** The store has everything, and nobody waits. */
  get isQuiet(): boolean {
    const waiting = this.#due.size + this.#answers.waitingCount;
    return this.durableVersion === this.#roster.version && !this.#roster.needsTarget && waiting === 0;
  }

  ownerOf(key: PartitionKey): { memberName: string; epoch: number } | undefined {
    return this.#roster.ownerOf(key);
  }

  /** UNKNOWN_MEMBER_ID, or FENCED_INSTANCE_ID of one whose place was taken over, with what became of the member. */
  unknownMember(memberId: string, nowMs: number): ProtocolError {
    const farewell = this.#farewells.find(this.groupId, memberId, nowMs);
    return new ProtocolError(
      farewell?.code ?? "UNKNOWN_MEMBER_ID",
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
    const { memberId, memberEpoch, seq, instanceId } = request;
    const holder = instanceId === undefined ? undefined : this.#roster.holderOf(instanceId);
    const member = this.#roster.members.get(memberId);
    if ((request.pattern ?? "") !== "" && request.pattern !== member?.pattern)
      this.#patterns.check(`${request.pattern}`);
    if (holder !== undefined && holder !== member) {
      if (memberEpoch !== 0) throw fencedInstance(holder, memberId);
      if (member !== undefined) checkInstance(member, request);
      return this.#claim(holder, request, to, nowMs);
    }
    if (member === undefined) {
      if (memberEpoch !== 0) throw this.unknownMember(memberId, nowMs);
      return this.#join(request, to, nowMs);
    }
    checkInstance(member, request);
    checkSeq("heartbeat", memberId, member.seq, seq);
    if (memberEpoch === -2) return this.#depart(member, request, to, nowMs);
    if (memberEpoch === -1) return this.#leave(member, request, to, nowMs);
    checkEpoch(member, request);
    const wasGone = member.departed;
    if (wasGone) this.#roster.comeBack(member);
    const effects = this.#hear(member, request, to, nowMs, wasGone);
    const how = wasGone ? "came back to its place" : "joined again, keeps its place";
    if (memberEpoch === 0)
      effects.push(this.#happened("join", { member: memberId, reason: `${how}${because(request)}` }));
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
      return [scheduleSession(member, member.sessionTimeoutMs, nowMs)];
    }
    if (deadline === "session" && member.departed) return this.#evict(member, nowMs, noReturn(member, nowMs));
    if (deadline === "session") return this.#fail(member, nowMs, silence(member, nowMs));
    member.rebalanceArmedMs = undefined;
    // A deleted topic may have taken what it was to give up.
    if (member.pendingRevocation.size === 0) return [];
    return this.#evict(member, nowMs, notGivenUp(member, this.#topics));
  }

  /** The member's client closed its last connection and has not come back for `graceMs`; not while an answer is owed. */
  connectionLost(memberId: string, graceMs: number, nowMs: number): Effect[] {
    const member = this.#roster.members.get(memberId);
    if (member === undefined || member.departed || member.owed !== undefined) return [];
    return this.#fail(member, nowMs, connectionClosed(graceMs));
  }

  /**
   * Somebody else's word removes members, static ones too (Kafka's LeaveGroup with instance ids).
   *
   * Shape: one refusal per item, or undefined; the removals are durable with the version that follows.
   */
  removeMembers(
    items: readonly { memberId?: string; instanceId?: string }[],
    reason: string | undefined,
    nowMs: number,
  ): { effects: Effect[]; refusals: (ProtocolError | undefined)[] } {
    const effects: Effect[] = [];
    const words = { verb: "was removed", ...removedByAdministrator(reason), atMs: nowMs } as const;
    const refusals = items.map((item) => {
      const member = findNamed(this.#roster, item, (memberId) => this.unknownMember(memberId, nowMs));
      if (member instanceof ProtocolError) return member;
      const { owed, peer } = member;
      effects.push(...this.#remove(member, "leave", words));
      this.#due.delete(member);
      this.#answers.forget(member);
      if (owed !== undefined)
        effects.push({ kind: "refuse", to: owed.to, error: this.unknownMember(member.id, nowMs) });
      // It learns at once, not with its next heartbeat.
      else if (peer !== undefined) effects.push({ kind: "hint", peer });
      return undefined;
    });
    return { effects, refusals };
  }

  /** A commit was refused, of these partitions or as a whole, for the timeline. No member: a stranger's. */
  refusedCommit(
    memberId: string | undefined,
    partitions: readonly PartitionRef[],
    { code, message }: ProtocolError,
    refused: RefusedOffsets,
  ): Effect {
    const member = printable(memberId);
    return this.#happened("refusedCommit", { member, partitions, reason: message, code, refused });
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
    effects.push(...this.#settleDeparted());
    const due = [...this.#due];
    this.#due.clear();
    for (const member of due) {
      const step = this.#roster.stepOf(member, member.owed?.owned);
      if (step !== undefined) effects.push(...this.#take(member, step));
    }
    effects.push(...this.#settleDeparted());
    for (const member of due) effects.push(...this.#answers.reply(member, nowMs));
    if (this.#redistributed) this.#hints.find(this.#roster);
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
    return [...this.#answers.durable(version, nowMs), ...this.#hints.durable(version, this.#roster.members)];
  }

  /**
   * A turn failed: back to the last durable state; what is volatile stays (hard place 1).
   *
   * Shape: `doomed` are the waiting heartbeats, for the caller to refuse with the turn's verdict.
   */
  restore(durable: DurableGroup | undefined, nowMs: number): { effects: Effect[]; doomed: ReplyTo[] } {
    const before = this.#roster.members;
    const doomed = [...before.values()].flatMap(({ owed }) => owed?.to ?? []);
    doomed.push(...this.#answers.waitingLeaves());
    this.load(durable, nowMs);
    const effects: Effect[] = [];
    for (const member of this.#roster.members.values()) {
      const known = before.get(member.id);
      const farewell = this.#farewells.find(this.groupId, member.id, nowMs);
      this.#farewells.forget(this.groupId, member.id);
      keepVolatile(member, known ?? { ...farewell, lastHeardMs: nowMs });
      // Its deadlines ran on, unless an answer was owed, which leaves now, or it had departed.
      if (known === undefined || known.owed !== undefined || known.departed !== member.departed)
        effects.push(...armDeadlines(member, nowMs));
    }
    for (const member of before.values()) {
      if (this.#roster.members.has(member.id)) continue;
      effects.push(...standStill(member, nowMs));
      this.#bid(member, { verb: "left", ...JOIN_NOT_STORED, atMs: nowMs }, []);
    }
    effects.push(this.#happened("restore", { reason: "a write failed: the group stands where it was stored last" }));
    return { effects, doomed };
  }

  /** Becomes what the store holds. Topics that came or went since then move the epoch with the next turn. */
  load(durable: DurableGroup | undefined, nowMs: number): void {
    this.#roster.load(durable);
    for (const member of this.#roster.members.values()) member.lastHeardMs = nowMs;
    this.#sealedVersion = this.#roster.version;
    this.#answers.reset(this.#roster.version);
    this.#redistributed = false;
    this.#due.clear();
    this.#hints.clear();
    this.#roster.followTopics("topics were created or deleted");
  }

  /** The listener is open: everybody's deadlines start afresh (hard place 4). */
  start(nowMs: number): Effect[] {
    const effects: Effect[] = this.#roster.needsTarget ? [{ kind: "requestTurn" }] : [];
    for (const member of this.#roster.members.values()) {
      member.lastHeardMs = nowMs;
      if (member.owed === undefined) effects.push(...armDeadlines(member, nowMs));
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
    const member = this.#roster.admit(memberId, request.instanceId);
    member.commitSeq = farewell?.commitSeq;
    this.#farewells.forget(this.groupId, memberId);
    const effects = this.#hear(member, request, to, nowMs);
    effects.push(this.#happened("join", { member: memberId, reason: `joined${because(request)}` }));
    return effects;
  }

  /** Another member id wants to be the static member `holder`. */
  #claim(holder: Member, request: HeartbeatRequest, to: ReplyTo, nowMs: number): Effect[] {
    const { memberId, seq } = request;
    const farewell = this.#farewells.find(this.groupId, memberId, nowMs);
    checkSeq("heartbeat", memberId, farewell?.seq, seq);
    if (!holder.departed) {
      holder.claimant = memberId;
      throw unreleasedInstance(holder, nowMs);
    }
    const effects = standStill(holder, nowMs);
    const member = this.#roster.replace(holder, memberId);
    member.commitSeq = farewell?.commitSeq;
    this.#farewells.forget(this.groupId, memberId);
    this.#bid(holder, replacedBy(memberId, holder, nowMs), []);
    effects.push(...this.#hear(member, request, to, nowMs, true));
    const how = `came as static member ${member.instanceId} and has the place of ${spokenName(holder)}`;
    effects.push(this.#happened("join", { member: memberId, reason: `${how}${because(request)}` }));
    return effects;
  }

  /** A static member goes and keeps its place until its session ends. */
  #depart(member: Member, request: HeartbeatRequest, to: ReplyTo, nowMs: number): Effect[] {
    if (member.instanceId === undefined)
      throw new ProtocolError(
        "INVALID_REQUEST",
        `member ${spokenName(member)} has no instance id: only a static member leaves with epoch -2`,
      );
    const effects = this.#supersede(member, "the member left after it");
    member.seq = request.seq;
    member.lastHeardMs = nowMs;
    const why = request.reason === undefined ? "" : `: ${printable(request.reason)}`;
    const reason = `static member ${member.instanceId} left and keeps its place for ${spoken(member.sessionTimeoutMs)}${why}`;
    effects.push(...this.#keepPlace(member, member.sessionTimeoutMs, nowMs));
    effects.push(this.#happened("leave", { member: member.id, reason }));
    this.#answers.replyToLeave(member.id, -2, to, this.#roster.version);
    return effects;
  }

  #keepPlace(member: Member, durationMs: number, nowMs: number): Effect[] {
    this.#roster.depart(member);
    return [...standStill(member, nowMs), scheduleSession(member, durationMs, nowMs), { kind: "requestTurn" }];
  }

  /** Who departed holds nothing: what it is to give up is free, and what it is to get waits for its return. */
  #settleDeparted(): Effect[] {
    return this.#roster.departed().flatMap((member) => {
      const step = this.#roster.stepOf(member, NOTHING);
      return step === undefined ? [] : this.#take(member, step);
    });
  }

  /** `isBack`: it stands again where it or another one stood, which must be durable before it hears of it. */
  #hear(member: Member, request: HeartbeatRequest, to: ReplyTo, nowMs: number, isBack = false): Effect[] {
    const { seq, memberEpoch } = request;
    const effects = this.#supersede(member, `heartbeat ${seq} came after it`);
    const isNew = member.epoch === 0;
    const versionBefore = member.version;
    member.seq = seq;
    member.peer = to.peer;
    member.hinted = false;
    member.lastHeardMs = nowMs;
    member.prolonged = false;
    member.graceDueMs = undefined;
    member.claimant = undefined;
    update(this.#roster, member, request);
    const owned = memberEpoch === 0 ? NOTHING : ownedKeys(request);
    const saysAll =
      request.owned !== undefined && request.subscription !== undefined && request.rebalanceTimeoutMs !== undefined;
    // Who speaks for the epoch before has missed an answer.
    const full = memberEpoch !== member.epoch || memberEpoch === 0 || saysAll;
    member.owed = { to, seq, claimedEpoch: memberEpoch, owned, full, ready: undefined };
    if (this.#roster.needsTarget) effects.push({ kind: "requestTurn" });
    if (isNew || isBack || member.version !== versionBefore || this.#roster.stepOf(member, owned) !== undefined) {
      this.#due.add(member);
      effects.push(...standStill(member, nowMs), { kind: "requestTurn" });
    } else effects.push(...this.#answers.reply(member, nowMs));
    return effects;
  }

  #leave(member: Member, request: HeartbeatRequest, to: ReplyTo, nowMs: number): Effect[] {
    const effects = this.#supersede(member, "the member left after it");
    member.seq = request.seq;
    effects.push(...this.#remove(member, "leave", { verb: "left", ...ownLeave(request.reason), atMs: nowMs }));
    this.#answers.replyToLeave(member.id, -1, to, this.#roster.version);
    return effects;
  }

  /** Its time is over. Who waits for its place as the same static member finds it as it was; nobody else gets it meanwhile. */
  #fail(member: Member, nowMs: number, words: PartingWords): Effect[] {
    const claimant = waitingClaimant(member);
    if (claimant === undefined) return this.#evict(member, nowMs, words);
    const durationMs = claimWaitMs(member, this.#limits.heartbeatIntervalMs);
    const reason = `${words.why}; its place waits ${spoken(durationMs)} for ${claimant}, who wants to be ${member.instanceId}`;
    return [
      ...this.#keepPlace(member, durationMs, nowMs),
      this.#happened("eviction", { member: member.id, reason: printable(reason) ?? "" }),
    ];
  }

  #evict(member: Member, nowMs: number, words: PartingWords): Effect[] {
    return this.#remove(member, "eviction", { verb: "was removed", ...words, atMs: nowMs });
  }

  #remove(member: Member, event: "leave" | "eviction", farewell: FarewellWords): Effect[] {
    const partitions = this.#roster.remove(member);
    this.#bid(member, farewell, partitions);
    this.#roster.wantTarget(`${spokenName(member)} ${farewell.verb}: ${farewell.why}`);
    return [
      ...standStill(member, farewell.atMs),
      this.#happened(event, { member: member.id, partitions, reason: farewell.why }),
      { kind: "requestTurn" },
    ];
  }

  #bid({ id, seq, commitSeq }: Member, words: FarewellWords, held: readonly PartitionRef[]): void {
    this.#farewells.remember(this.groupId, id, { ...words, held, seq, commitSeq });
  }

  #supersede(member: Member, what: string): Effect[] {
    this.#due.delete(member);
    return this.#answers.supersede(member, what);
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

  #happened(event: Happening["event"], detail: Omit<Happening, "event" | "epoch" | "version">): Effect {
    const { epoch, version } = this.#roster;
    return { kind: "timeline", happening: { event, epoch, version, ...detail } };
  }
}
