// What a group holds: its epochs, members, target and who has which partition. The durable part of a group as memory knows it,
// and the only place that changes it. When it changes, and what is told to whom, is group.ts's business.
//
// Invariant: `#owners` names, for every partition in any member's hands, exactly that member.

import { assignUniform } from "./assignors/uniform.ts";
import { type DurableGroup, type GroupState, packGroup, unpackHeld, unpackTarget } from "./durable-state.ts";
import { type GroupLimits, type Member, newMember, spokenName } from "./member.ts";
import { type HeldPartition, keyOf, type PartitionKey, type Topics } from "./partitions.ts";
import { reconcile, type Step, type Target } from "./reconcile.ts";

const NO_TARGET: Target = new Map();
/** Reasons of one epoch that are spelled out. */
const MAX_REASONS = 5;

export class Roster {
  readonly #limits: GroupLimits;
  readonly #topics: Topics;
  #epoch = 0;
  #assignmentEpoch = 0;
  #reason = "";
  #reasonVersion = 0;
  #members = new Map<string, Member>();
  #target = new Map<string, Target>();
  /** What the target was computed from: topic id and partition count. */
  #targetTopics: ReadonlyMap<string, number> = new Map();
  /** Who holds a partition, assigned or to be given up. */
  #owners = new Map<PartitionKey, string>();
  #subscribed: ReadonlySet<string> | undefined;
  #version = 0;
  /** Why the target must be computed again. */
  #reasons: string[] = [];

  constructor(limits: GroupLimits, topics: Topics) {
    this.#limits = limits;
    this.#topics = topics;
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

  /** Something durable of the member changed. */
  touch(member: Member): void {
    this.#version += 1;
    member.version = this.#version;
  }

  wantTarget(reason: string): void {
    this.#reasons.push(reason);
  }

  admit(memberId: string): Member {
    const member = newMember(memberId, this.#limits);
    this.#members.set(memberId, member);
    this.#subscribed = undefined;
    this.touch(member);
    return member;
  }

  /** Returns what the member held, which is free now. */
  remove(member: Member): HeldPartition[] {
    const held = [...member.assigned.values(), ...member.pendingRevocation.values()];
    for (const ref of held) this.#owners.delete(keyOf(ref));
    this.#members.delete(member.id);
    this.#target.delete(member.id);
    this.#subscribed = undefined;
    this.#version += 1;
    return held;
  }

  subscribe(member: Member, subscription: readonly string[]): void {
    member.subscription = subscription;
    this.#subscribed = undefined;
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
    this.#targetTopics = this.#topicsNow();
    this.#target = assignUniform({
      topics: [...this.#targetTopics].map(([topicId, partitionCount]) => ({ topicId, partitionCount })),
      members: [...this.#members.values()].map(({ id, subscription }) => ({
        memberId: id,
        topicIds: subscription.flatMap((name) => this.#topics.byName(name)?.topicId ?? []),
        previous: this.#target.get(id) ?? NO_TARGET,
      })),
    });
  }

  /** Topics came or went since the target was computed: what is gone vanishes from everybody's hands at once. */
  followTopics(reason: string): boolean {
    const now = this.#topicsNow();
    const same =
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
      assignor: "uniform",
      reason: this.#reason,
      topics: this.#targetTopics,
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
    this.#targetTopics = new Map(durable?.topics ?? []);
    this.#target = new Map(durable?.target.map(([memberId, packed]) => [memberId, unpackTarget(packed)]));
    this.#members = new Map();
    this.#owners = new Map();
    this.#subscribed = undefined;
    this.#reasons = [];
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
      };
      this.#members.set(member.id, member);
      for (const key of [...member.assigned.keys(), ...member.pendingRevocation.keys()])
        this.#owners.set(key, member.id);
    }
  }

  #topicsNow(): Map<string, number> {
    const topics = [...this.subscribed].sort().flatMap((name) => this.#topics.byName(name) ?? []);
    return new Map(topics.map(({ topicId, partitionCount }) => [topicId, partitionCount]));
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
