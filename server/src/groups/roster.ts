// What a group holds: its epochs, members, target and who has which partition. The durable part of a group as memory knows it,
// and the only place that changes it. When it changes, and what is told to whom, is group.ts's business.
//
// Invariants: `#owners` names, for every partition in any member's hands, exactly that member; `#holders` names, for every
// instance id, exactly the member that has it.

import { assignorOf, electAssignor } from "./assignors/assignor-table.ts";
import { type DurableGroup, type GroupState, packGroup, unpackHeld, unpackTarget } from "./durable-state.ts";
import { type GroupLimits, type Member, newMember, spokenName } from "./member.ts";
import { type HeldPartition, keyOf, type PartitionKey, type Topics } from "./partitions.ts";
import type { PatternMatches } from "./patterns.ts";
import { reconcile, type Step, type Target } from "./reconcile.ts";

const NO_TARGET: Target = new Map();
/** Reasons of one epoch that are spelled out. */
const MAX_REASONS = 5;

/** By subscription and pattern. */
type TopicIdLists = Map<readonly string[], Map<string, readonly string[]>>;

/** What a roster looks up: topics by name and id, and what matches a pattern. */
export interface Subscribable {
  readonly topics: Topics;
  readonly patterns: PatternMatches;
}

export class Roster {
  readonly #limits: GroupLimits;
  readonly #topics: Topics;
  readonly #patterns: PatternMatches;
  #epoch = 0;
  #assignmentEpoch = 0;
  #reason = "";
  #reasonVersion = 0;
  #members = new Map<string, Member>();
  /** Static members by instance id. */
  #holders = new Map<string, Member>();
  /** The assignor that computed the target. */
  #assignor = "";
  #target = new Map<string, Target>();
  /** What the target was computed from: topic id and partition count. */
  #targetTopics: ReadonlyMap<string, number> = new Map();
  /** And the topics that matched each pattern. */
  #matched: ReadonlyMap<string, readonly string[]> = new Map();
  /** Who holds a partition, assigned or to be given up. */
  #owners = new Map<PartitionKey, string>();
  #subscribed: ReadonlySet<string> | undefined;
  #patternsInUse: ReadonlySet<string> | undefined;
  #version = 0;
  /** Why the target must be computed again. */
  #reasons: string[] = [];

  constructor(limits: GroupLimits, { topics, patterns }: Subscribable) {
    this.#limits = limits;
    this.#topics = topics;
    this.#patterns = patterns;
  }

  get epoch(): number {
    return this.#epoch;
  }

  /** Why the epoch last moved. */
  get reason(): string {
    return this.#reason;
  }

  /** The version that moved it. */
  get reasonVersion(): number {
    return this.#reasonVersion;
  }

  /** Counts the changes of what is durable, stored or not. Never goes back. */
  get version(): number {
    return this.#version;
  }

  get members(): ReadonlyMap<string, Member> {
    return this.#members;
  }

  /** The epoch will move with the next target. */
  get needsTarget(): boolean {
    return this.#reasons.length > 0;
  }

  get state(): GroupState {
    if (this.#members.size === 0) return "Empty";
    if (this.needsTarget) return "Assigning";
    const settled = ({ state, epoch }: Member) => state === "STABLE" && epoch === this.#assignmentEpoch;
    return [...this.#members.values()].every(settled) ? "Stable" : "Reconciling";
  }

  /** The names that any member subscribes to, by name or by a pattern that matched them. */
  get subscribed(): ReadonlySet<string> {
    if (this.#subscribed === undefined) {
      const names = new Set<string>();
      for (const list of new Set([...this.#members.values()].map(({ subscription }) => subscription)))
        for (const name of list) names.add(name);
      for (const pattern of this.patterns) for (const name of this.#matched.get(pattern) ?? []) names.add(name);
      this.#subscribed = names;
    }
    return this.#subscribed;
  }

  /** The members' patterns; the same set while they are the same. */
  get patterns(): ReadonlySet<string> {
    this.#patternsInUse ??= new Set([...this.#members.values()].flatMap(({ pattern }) => pattern ?? []));
    return this.#patternsInUse;
  }

  /** The assignor that computed the target; empty: there is none yet. */
  get assignor(): string {
    return this.#assignor;
  }

  /** The assignor that members ask for now. */
  electedAssignor(): string {
    const votes = [...this.#members.values()].map(({ assignor }) => assignor);
    return electAssignor(votes, this.#limits.assignors);
  }

  /** The static member that has this instance id. */
  holderOf(instanceId: string): Member | undefined {
    return this.#holders.get(instanceId);
  }

  /** Static members that are gone and keep their place. */
  departed(): Member[] {
    return [...this.#holders.values()].filter(({ departed }) => departed);
  }

  ownerOf(key: PartitionKey): { memberName: string; epoch: number } | undefined {
    const owner = this.#members.get(this.#owners.get(key) ?? "");
    const held = owner?.assigned.get(key) ?? owner?.pendingRevocation.get(key);
    return owner === undefined || held === undefined ? undefined : { memberName: spokenName(owner), epoch: held.epoch };
  }

  /** Something durable of the member changed. */
  touch(member: Member): void {
    this.#version += 1;
    member.version = this.#version;
  }

  wantTarget(reason: string): void {
    this.#reasons.push(reason);
  }

  admit(memberId: string, instanceId: string | undefined): Member {
    const member = newMember(memberId, this.#limits);
    member.instanceId = instanceId;
    this.#members.set(memberId, member);
    if (instanceId !== undefined) this.#holders.set(instanceId, member);
    this.#forgetSubscriptions();
    this.touch(member);
    return member;
  }

  /** The static member is gone and keeps its place. */
  depart(member: Member): void {
    member.departed = true;
    member.peer = undefined;
    member.told = undefined;
    this.touch(member);
  }

  /** It is back under its own member id. */
  comeBack(member: Member): void {
    member.departed = false;
    this.touch(member);
  }

  /** A new member stands where the departed one stood, with all that it had. Nothing moves. */
  replace(departed: Member, memberId: string): Member {
    const member: Member = {
      ...newMember(memberId, this.#limits),
      instanceId: departed.instanceId,
      clientId: departed.clientId,
      epoch: departed.epoch,
      previousEpoch: departed.epoch,
      state: departed.state,
      assigned: departed.assigned,
      pendingRevocation: departed.pendingRevocation,
      subscription: departed.subscription,
      pattern: departed.pattern,
      assignor: departed.assignor,
      sessionTimeoutMs: departed.sessionTimeoutMs,
      rebalanceTimeoutMs: departed.rebalanceTimeoutMs,
    };
    // The order of members is the order in which `range` deals.
    this.#members = new Map(
      [...this.#members.values()].map((known) => (known === departed ? [memberId, member] : [known.id, known])),
    );
    if (member.instanceId !== undefined) this.#holders.set(member.instanceId, member);
    const target = this.#target.get(departed.id);
    this.#target.delete(departed.id);
    if (target !== undefined) this.#target.set(memberId, target);
    for (const key of [...member.assigned.keys(), ...member.pendingRevocation.keys()]) this.#owners.set(key, memberId);
    this.touch(member);
    member.assignmentVersion = member.version;
    return member;
  }

  /** Returns what the member held, which is free now. */
  remove(member: Member): HeldPartition[] {
    const held = [...member.assigned.values(), ...member.pendingRevocation.values()];
    for (const ref of held) this.#owners.delete(keyOf(ref));
    this.#members.delete(member.id);
    if (member.instanceId !== undefined) this.#holders.delete(member.instanceId);
    this.#target.delete(member.id);
    this.#forgetSubscriptions();
    this.#version += 1;
    return held;
  }

  subscribe(member: Member, subscription: readonly string[], pattern: string | undefined): void {
    member.subscription = this.#shared(subscription);
    member.pattern = pattern;
    this.#forgetSubscriptions();
    this.touch(member);
  }

  /** The member's next step towards the target; undefined: it is where it can be. */
  stepOf(member: Member, owned: ReadonlySet<PartitionKey> | undefined): Step | undefined {
    const target = this.#target.get(member.id) ?? NO_TARGET;
    return reconcile(member, target, this.#assignmentEpoch, owned, (key) => !this.#owners.has(key));
  }

  /** `claimedEpoch`: the last epoch the member proved to know. */
  take(member: Member, step: Step, claimedEpoch: number): void {
    for (const ref of step.released) this.#owners.delete(keyOf(ref));
    for (const ref of step.granted) this.#owners.set(keyOf(ref), member.id);
    if (step.epoch !== member.epoch) member.previousEpoch = claimedEpoch;
    member.epoch = step.epoch;
    member.state = step.state;
    member.assigned = step.assigned;
    member.pendingRevocation = step.pendingRevocation;
    member.revocationLeftMs = undefined;
    this.touch(member);
    if (step.granted.length + step.revoking.length + step.released.length > 0)
      member.assignmentVersion = member.version;
  }

  /** The next epoch, and who is to have what in it. */
  retarget(): void {
    const reasons = this.#reasons;
    this.#reasons = [];
    const others = reasons.length - MAX_REASONS;
    this.#reason = [...reasons.slice(0, MAX_REASONS), ...(others > 0 ? [`and ${others} more`] : [])].join("; ");
    this.#epoch += 1;
    this.#assignmentEpoch = this.#epoch;
    this.#version += 1;
    this.#reasonVersion = this.#version;
    this.#takeMatches(this.#matchesNow());
    this.#targetTopics = this.#topicsNow();
    this.#assignor = this.electedAssignor();
    const lists: TopicIdLists = new Map();
    this.#target = assignorOf(this.#assignor)({
      topics: [...this.#targetTopics].map(([topicId, partitionCount]) => ({ topicId, partitionCount })),
      members: [...this.#members.values()].map((member) => ({
        memberId: member.id,
        instanceId: member.instanceId,
        topicIds: this.#topicIdsOf(member, lists),
        previous: this.#target.get(member.id) ?? NO_TARGET,
      })),
    });
  }

  /** `lists`: those made before; members with the same subscription share one. */
  #topicIdsOf({ subscription, pattern = "" }: Member, lists: TopicIdLists): readonly string[] {
    const byPattern = lists.get(subscription) ?? new Map<string, readonly string[]>();
    lists.set(subscription, byPattern);
    const known = byPattern.get(pattern);
    if (known !== undefined) return known;
    const names = new Set([...subscription, ...(this.#matched.get(pattern) ?? [])]);
    const ids = [...names].sort().flatMap((name) => this.#topics.byName(name)?.topicId ?? []);
    byPattern.set(pattern, ids);
    return ids;
  }

  /** Topics came or went since the target was computed: what is gone vanishes from everybody's hands at once. */
  followTopics(reason: string): boolean {
    const matches = this.#matchesNow();
    const sameMatches = [...matches].every(([pattern, names]) => sameNames(names, this.#matched.get(pattern)));
    this.#takeMatches(matches);
    const now = this.#topicsNow();
    const same =
      sameMatches &&
      now.size === this.#targetTopics.size &&
      [...now].every(([topicId, partitionCount]) => this.#targetTopics.get(topicId) === partitionCount);
    if (same) return false;
    for (const member of this.#members.values()) this.#dropVanished(member);
    this.wantTarget(reason);
    return true;
  }

  pack(): DurableGroup {
    return packGroup({
      epoch: this.#epoch,
      assignmentEpoch: this.#assignmentEpoch,
      assignor: this.#assignor,
      reason: this.#reason,
      topics: this.#targetTopics,
      patterns: this.#matched,
      target: this.#target,
      members: this.#members.values(),
    });
  }

  /** Becomes what the store holds; what is volatile of the members starts anew. */
  load(durable: DurableGroup | undefined): void {
    this.#epoch = durable?.epoch ?? 0;
    this.#assignmentEpoch = durable?.assignmentEpoch ?? 0;
    this.#reason = durable?.reason ?? "";
    this.#reasonVersion = this.#version;
    this.#assignor = durable?.assignor ?? "";
    this.#targetTopics = new Map(durable?.topics ?? []);
    this.#matched = new Map(durable?.patterns ?? []);
    this.#target = new Map(durable?.target.map(([memberId, packed]) => [memberId, unpackTarget(packed)]));
    this.#members = new Map();
    this.#holders = new Map();
    this.#owners = new Map();
    this.#forgetSubscriptions();
    this.#reasons = [];
    for (const packed of durable?.members ?? []) {
      const member: Member = {
        ...newMember(packed.memberId, this.#limits),
        instanceId: packed.instanceId ?? undefined,
        departed: packed.departed ?? false,
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
      };
      this.#members.set(member.id, member);
      if (member.instanceId !== undefined) this.#holders.set(member.instanceId, member);
      for (const key of [...member.assigned.keys(), ...member.pendingRevocation.keys()])
        this.#owners.set(key, member.id);
    }
  }

  /** Members that subscribe to the same share one list: many members with long lists are usual. */
  #shared(subscription: readonly string[]): readonly string[] {
    const lists = new Set([...this.#members.values()].map((member) => member.subscription));
    for (const list of lists) if (sameNames(list, subscription)) return list;
    return subscription;
  }

  #topicsNow(): Map<string, number> {
    const topics = [...this.subscribed].sort().flatMap((name) => this.#topics.byName(name) ?? []);
    return new Map(topics.map(({ topicId, partitionCount }) => [topicId, partitionCount]));
  }

  /** What matches the members' patterns; of a pattern that is not evaluated yet, what matched last. */
  #matchesNow(): Map<string, readonly string[]> {
    return new Map(
      [...this.patterns].map((pattern) => [
        pattern,
        this.#patterns.matchesOf(pattern) ?? this.#matched.get(pattern) ?? [],
      ]),
    );
  }

  #takeMatches(matches: ReadonlyMap<string, readonly string[]>): void {
    this.#matched = matches;
    this.#subscribed = undefined;
  }

  #forgetSubscriptions(): void {
    this.#subscribed = undefined;
    this.#patternsInUse = undefined;
  }

  #dropVanished(member: Member): void {
    let dropped = false;
    for (const held of [member.assigned, member.pendingRevocation])
      for (const [key, { topicId }] of held) {
        if (this.#topics.byId(topicId) !== undefined) continue;
        held.delete(key);
        this.#owners.delete(key);
        dropped = true;
      }
    if (!dropped) return;
    this.touch(member);
    member.assignmentVersion = member.version;
  }
}

function sameNames(names: readonly string[], others: readonly string[] | undefined): boolean {
  if (names === others) return true;
  return names.length === others?.length && names.every((name, index) => others[index] === name);
}
