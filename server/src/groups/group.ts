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
import { armDeadlines, scheduleSession, standStill } from "./member-deadlines.ts";
import { abridged, allNamed, listed, type PartitionKey, type PartitionRef, spoken, type Topics } from "./partitions.ts";
import { type PatternMatches, shown } from "./patterns.ts";
import type { Step } from "./reconcile.ts";
import { Roster } from "./roster.ts";
import { checkInstance, claimWaitMs, fencedInstance, unreleasedInstance, waitingClaimant } from "./static-members.ts";

/** What groups share. */
export interface GroupSurroundings {
  readonly limits: GroupLimits;
  readonly topics: Topics;
  readonly patterns: PatternMatches;
  readonly farewells: Farewells;
}

const NOTHING: ReadonlySet<PartitionKey> = new Set();
const REJOIN = "Join again with epoch 0.";
const OWN_INSTANCE_ID = "Give every process its own group.instance.id.";

export class Group {
  readonly groupId: string;
  readonly #limits: GroupLimits;
  readonly #topics: Topics;
  readonly #patterns: PatternMatches;
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

  constructor(groupId: string, { limits, topics, patterns, farewells }: GroupSurroundings) {
    this.groupId = groupId;
    this.#limits = limits;
    this.#topics = topics;
    this.#patterns = patterns;
    this.#farewells = farewells;
    this.#roster = new Roster(limits, { topics, patterns });
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
    const waiting = this.#due.size + this.#parked.size + this.#leaves.length;
    return this.#durableVersion === this.#roster.version && !this.#roster.needsTarget && waiting === 0;
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
    if (deadline === "session" && member.departed)
      return this.#evict(member, nowMs, {
        why: `nobody came back as static member ${member.instanceId} for ${spoken(nowMs - member.lastHeardMs)}`,
        advice: REJOIN,
      });
    if (deadline === "session")
      return this.#fail(member, nowMs, {
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

  /** The member's client closed its last connection and has not come back for `graceMs`; not while an answer is owed. */
  connectionLost(memberId: string, graceMs: number, nowMs: number): Effect[] {
    const member = this.#roster.members.get(memberId);
    if (member === undefined || member.departed || member.owed !== undefined) return [];
    return this.#fail(member, nowMs, {
      why: `its connection closed and it did not come back within ${spoken(graceMs)} (group.disconnect.grace.ms)`,
      advice: "Look for why its process ended or lost its network, or raise group.disconnect.grace.ms.",
    });
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
    const said = printable(reason);
    const why = `an administrator removed it${said === undefined || said === "" ? "" : `: ${said}`}`;
    const refusals = items.map((item) => {
      const member = this.#named(item, nowMs);
      if (member instanceof ProtocolError) return member;
      const { owed, peer } = member;
      effects.push(...this.#remove(member, "leave", { verb: "was removed", why, advice: REJOIN, atMs: nowMs }));
      this.#forgetOwed(member);
      if (owed !== undefined)
        effects.push({ kind: "refuse", to: owed.to, error: this.unknownMember(member.id, nowMs) });
      // It learns at once, not with its next heartbeat.
      else if (peer !== undefined) effects.push({ kind: "hint", peer });
      return undefined;
    });
    return { effects, refusals };
  }

  #named(item: { memberId?: string; instanceId?: string }, nowMs: number): Member | ProtocolError {
    const { memberId = "", instanceId = "" } = item;
    if (memberId === "" && instanceId === "")
      return new ProtocolError("INVALID_REQUEST", "a member to remove is named by its member id or its instance id");
    const member = instanceId === "" ? this.#roster.members.get(memberId) : this.#roster.holderOf(instanceId);
    if (member === undefined)
      return memberId === ""
        ? new ProtocolError("UNKNOWN_MEMBER_ID", `group ${this.groupId} has no static member ${instanceId}`)
        : this.unknownMember(memberId, nowMs);
    return memberId === "" || member.id === memberId ? member : fencedInstance(member, memberId);
  }

  /** A commit was refused, of these partitions or as a whole, for the timeline. No member: a stranger's. */
  refusedCommit(memberId: string | undefined, partitions: readonly PartitionRef[], error: ProtocolError): Effect {
    const { code, message } = error;
    return this.#happened("refusedCommit", { member: printable(memberId), partitions, reason: message, code });
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
      member.sessionDueMs = known?.sessionDueMs;
      member.graceDueMs = known?.graceDueMs;
      member.claim = known?.claim;
      // Its session ran on, unless an answer was owed, and that leaves now.
      if (known === undefined || known.owed !== undefined) effects.push(...armDeadlines(member, nowMs));
    }
    for (const member of before.values()) {
      if (this.#roster.members.has(member.id)) continue;
      effects.push(...standStill(member));
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
      holder.claim = { memberId, atMs: nowMs };
      throw unreleasedInstance(holder, nowMs);
    }
    const effects = standStill(holder);
    const member = this.#roster.replace(holder, memberId);
    member.commitSeq = farewell?.commitSeq;
    this.#farewells.forget(this.groupId, memberId);
    this.#bid(
      holder,
      {
        verb: "was replaced",
        code: "FENCED_INSTANCE_ID",
        why: `member ${memberId} came as static member ${holder.instanceId}`,
        advice: OWN_INSTANCE_ID,
        atMs: nowMs,
      },
      [],
    );
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
    const answer = { memberId: member.id, memberEpoch: -2, heartbeatIntervalMs: this.#limits.heartbeatIntervalMs };
    this.#leaves.push({ to, answer, version: this.#roster.version });
    return effects;
  }

  #keepPlace(member: Member, durationMs: number, nowMs: number): Effect[] {
    this.#roster.depart(member);
    this.#hints.delete(member.id);
    return [...standStill(member), scheduleSession(member, durationMs, nowMs), { kind: "requestTurn" }];
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
    member.claim = undefined;
    this.#update(member, request);
    const owned = memberEpoch === 0 ? NOTHING : ownedKeys(request);
    const saysAll =
      request.owned !== undefined && request.subscription !== undefined && request.rebalanceTimeoutMs !== undefined;
    const full = memberEpoch === 0 || saysAll;
    member.owed = { to, seq, claimedEpoch: memberEpoch, owned, full, ready: undefined };
    if (this.#roster.needsTarget) effects.push({ kind: "requestTurn" });
    if (isNew || isBack || member.version !== versionBefore || this.#roster.stepOf(member, owned) !== undefined) {
      this.#due.add(member);
      effects.push(...standStill(member), { kind: "requestTurn" });
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
    if (!isNew && member.assignor !== assignor && this.#roster.electedAssignor() !== this.#roster.assignor)
      this.#roster.wantTarget(`${spokenName(member)} asked for the assignor ${member.assignor}`);
    const subscription = [...new Set(request.subscription ?? member.subscription)].sort();
    const pattern = (request.pattern ?? member.pattern ?? "") || undefined;
    const isSame = pattern === member.pattern && subscription.join() === member.subscription.join();
    if (!isNew && isSame) return;
    this.#roster.subscribe(member, subscription, pattern);
    const names = [abridged(subscription), ...(pattern === undefined ? [] : [`pattern ${shown(pattern)}`])];
    const what = isNew ? "joined" : `subscribed to ${names.filter((name) => name !== "").join(" and ") || "nothing"}`;
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

  /** Its time is over. Who waits for its place as the same static member finds it as it was; nobody else gets it meanwhile. */
  #fail(member: Member, nowMs: number, { why, advice }: { why: string; advice: string }): Effect[] {
    const claimant = waitingClaimant(member);
    if (claimant === undefined) return this.#evict(member, nowMs, { why, advice });
    const durationMs = claimWaitMs(member, this.#limits.heartbeatIntervalMs);
    const reason = `${why}; its place waits ${spoken(durationMs)} for ${claimant}, who wants to be ${member.instanceId}`;
    return [
      ...this.#keepPlace(member, durationMs, nowMs),
      this.#happened("eviction", { member: member.id, reason: printable(reason) ?? "" }),
    ];
  }

  #evict(member: Member, nowMs: number, { why, advice }: { why: string; advice: string }): Effect[] {
    return this.#remove(member, "eviction", { verb: "was removed", why, advice, atMs: nowMs });
  }

  #remove(member: Member, event: "leave" | "eviction", farewell: FarewellWords): Effect[] {
    const partitions = this.#roster.remove(member);
    this.#bid(member, farewell, partitions);
    this.#roster.wantTarget(`${spokenName(member)} ${farewell.verb}: ${farewell.why}`);
    return [
      ...standStill(member),
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
    this.#forgetOwed(member);
    const text = `heartbeat ${owed.seq} of member ${spokenName(member)} was superseded: ${what}`;
    return [{ kind: "refuse", to: owed.to, error: new ProtocolError("STALE_MEMBER_EPOCH", text) }];
  }

  #forgetOwed(member: Member): void {
    this.#due.delete(member);
    this.#parked.delete(member);
    member.owed = undefined;
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
    return released.length > 0 ? released : standStill(member);
  }

  /** Lets the parked answer go if what it shows is durable; the member's deadlines start afresh. */
  #release(member: Member, nowMs: number): Effect[] {
    const { owed } = member;
    if (owed?.ready === undefined || owed.ready.version > this.#durableVersion) return [];
    this.#parked.delete(member);
    member.owed = undefined;
    member.told = owed.ready.assignmentVersion;
    member.lastHeardMs = nowMs;
    return [{ kind: "answer", to: owed.to, answer: owed.ready.answer }, ...armDeadlines(member, nowMs)];
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

  #happened(event: Happening["event"], detail: Omit<Happening, "event" | "epoch" | "version">): Effect {
    const { epoch, version } = this.#roster;
    return { kind: "timeline", happening: { event, epoch, version, ...detail } };
  }
}

type FarewellWords = Pick<Farewell, "verb" | "code" | "why" | "advice" | "atMs">;

function because({ reason }: HeartbeatRequest): string {
  return reason === undefined ? "" : `: ${printable(reason)}`;
}

/** A client's words end up on other people's terminals. */
function printable(text: string | undefined): string | undefined {
  return text?.replace(/\p{Cc}+/gu, " ");
}
