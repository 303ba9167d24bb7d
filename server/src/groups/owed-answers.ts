// Heartbeats that wait for their answer, of one group: what is to be answered, and when it may leave.
//
// Invariants: every heartbeat is answered or refused exactly once; an answer that shows version n of the group leaves when n is
// durable (hard place 3); while a member is owed one its deadlines stand still, and they start afresh when it leaves.

import { ProtocolError } from "@brooklet/protocol";
import type { Effect, HeartbeatAnswer, ReplyTo } from "./effects.ts";
import { type Member, spokenName } from "./member.ts";
import { armDeadlines, standStill } from "./member-deadlines.ts";
import { allNamed, type Topics } from "./partitions.ts";

/** What answers are made of. */
export interface AnswerFacts {
  readonly topics: Topics;
  readonly heartbeatIntervalMs: number;
  /** Why the group's epoch last moved, and the version that moved it. */
  lastReason(): { readonly reason: string; readonly reasonVersion: number };
}

export class OwedAnswers {
  readonly #facts: AnswerFacts;
  #durableVersion = 0;
  /** Members whose answer waits for a durable version. */
  readonly #parked = new Set<Member>();
  #leaves: { to: ReplyTo; answer: HeartbeatAnswer; version: number }[] = [];

  constructor(facts: AnswerFacts) {
    this.#facts = facts;
  }

  /** Answers that are ready and wait for the store. */
  get waitingCount(): number {
    return this.#parked.size + this.#leaves.length;
  }

  /** Of the versions, the last one that the store has. */
  get durableVersion(): number {
    return this.#durableVersion;
  }

  /** The member's heartbeat is answered by somebody else, or never. */
  forget(member: Member): void {
    this.#parked.delete(member);
    member.owed = undefined;
  }

  /** A newer request of the member came: the older one will not be answered with news any more. */
  supersede(member: Member, what: string): Effect[] {
    const { owed } = member;
    if (owed === undefined) return [];
    this.forget(member);
    const text = `heartbeat ${owed.seq} of member ${spokenName(member)} was superseded: ${what}`;
    return [{ kind: "refuse", to: owed.to, error: new ProtocolError("STALE_MEMBER_EPOCH", text) }];
  }

  /** Computes the owed answer; it leaves at once if what it shows is durable. */
  reply(member: Member, nowMs: number): Effect[] {
    const { owed } = member;
    if (owed === undefined) return [];
    const { version, assignmentVersion } = member;
    const { reason, reasonVersion } = this.#facts.lastReason();
    const tells = owed.full || member.told !== assignmentVersion;
    owed.ready = {
      version,
      assignmentVersion,
      answer: {
        memberId: member.id,
        memberEpoch: member.epoch,
        heartbeatIntervalMs: this.#facts.heartbeatIntervalMs,
        ...(tells ? { assignment: allNamed(this.#facts.topics, member.assigned.values()) } : {}),
        // An epoch that is neither durable nor shown by what is, is nobody's news yet.
        ...(tells && reasonVersion <= Math.max(version, this.#durableVersion) ? { reason } : {}),
      },
    };
    this.#parked.add(member);
    const released = this.#release(member, nowMs);
    return released.length > 0 ? released : standStill(member, nowMs);
  }

  /** Answers a member that leaves with this epoch, once the version is durable. */
  replyToLeave(memberId: string, memberEpoch: number, to: ReplyTo, version: number): void {
    const answer = { memberId, memberEpoch, heartbeatIntervalMs: this.#facts.heartbeatIntervalMs };
    this.#leaves.push({ to, answer, version });
  }

  /** The store has this version: what shows it may leave. */
  durable(version: number, nowMs: number): Effect[] {
    this.#durableVersion = version;
    const effects: Effect[] = [];
    for (const leave of this.#leaves)
      if (leave.version <= version) effects.push({ kind: "answer", to: leave.to, answer: leave.answer });
    this.#leaves = this.#leaves.filter((leave) => leave.version > version);
    for (const member of this.#parked) effects.push(...this.#release(member, nowMs));
    return effects;
  }

  /** The leaves that wait. */
  waitingLeaves(): ReplyTo[] {
    return this.#leaves.map(({ to }) => to);
  }

  /** Nothing waits any more; this version is durable. */
  reset(durableVersion: number): void {
    this.#durableVersion = durableVersion;
    this.#parked.clear();
    this.#leaves = [];
  }

  /** Lets the parked answer go if what it shows is durable. */
  #release(member: Member, nowMs: number): Effect[] {
    const { owed } = member;
    if (owed?.ready === undefined || owed.ready.version > this.#durableVersion) return [];
    this.#parked.delete(member);
    member.owed = undefined;
    member.told = owed.ready.assignmentVersion;
    member.lastHeardMs = nowMs;
    return [{ kind: "answer", to: owed.to, answer: owed.ready.answer }, ...armDeadlines(member, nowMs)];
  }
}
