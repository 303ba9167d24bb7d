// What of a group survives a restart, as lists; stored-group.ts says how the store keeps it.
// Invariant: a group made from its durable state is the group, but for what lives in memory only (seq, deadlines, peers).

import type { ApiResponse } from "@brooklet/protocol";
import type { Member, MemberState } from "./member.ts";
import { type HeldPartition, keyOf, type PartitionKey, type PartitionRef } from "./partitions.ts";
import type { Target } from "./reconcile.ts";

/** Per topic id, partition numbers or pairs of partition and assignment epoch. */
export type ByTopic<T> = readonly [topicId: string, items: T[]][];

export interface DurableMember {
  readonly memberId: string;
  readonly instanceId: string | null;
  /** A static member that left and keeps its place. */
  readonly departed?: true;
  readonly clientId: string;
  readonly epoch: number;
  readonly previousEpoch: number;
  readonly state: MemberState;
  readonly assigned: ByTopic<[partition: number, epoch: number]>;
  readonly pendingRevocation: ByTopic<[partition: number, epoch: number]>;
  readonly subscription: readonly string[];
  readonly pattern: string | null;
  /** Its vote. */
  readonly assignor: string | null;
  readonly sessionTimeoutMs: number;
  readonly rebalanceTimeoutMs: number;
}

export interface DurableGroup {
  readonly epoch: number;
  readonly assignmentEpoch: number;
  readonly assignor: string;
  /** Why the epoch last moved. */
  readonly reason: string;
  /** The topics the target was computed from, with their partition counts. */
  readonly topics: readonly (readonly [topicId: string, partitionCount: number])[];
  /** The topics that matched the members' patterns then, so that a restart rebalances nobody. Absent: no patterns. */
  readonly patterns?: readonly (readonly [pattern: string, topics: readonly string[]])[];
  readonly target: readonly (readonly [memberId: string, partitions: ByTopic<number>])[];
  readonly members: readonly DurableMember[];
  /** Without members: since when, by the wall's clock. Absent in what older versions stored. */
  readonly emptySinceMs?: number;
}

function byTopic<P extends PartitionRef, T>(partitions: Iterable<P>, itemOf: (ref: P) => T): ByTopic<T> {
  const topics = new Map<string, T[]>();
  for (const ref of partitions) {
    const items = topics.get(ref.topicId);
    if (items === undefined) topics.set(ref.topicId, [itemOf(ref)]);
    else items.push(itemOf(ref));
  }
  return [...topics];
}

const withEpoch = ({ partition, epoch }: HeldPartition): [number, number] => [partition, epoch];

export function packMember(member: Member): DurableMember {
  return {
    memberId: member.id,
    instanceId: member.instanceId ?? null,
    ...(member.departed ? { departed: true } : {}),
    clientId: member.clientId,
    epoch: member.epoch,
    previousEpoch: member.previousEpoch,
    state: member.state,
    assigned: byTopic(member.assigned.values(), withEpoch),
    pendingRevocation: byTopic(member.pendingRevocation.values(), withEpoch),
    subscription: member.subscription,
    pattern: member.pattern ?? null,
    assignor: member.assignor ?? null,
    sessionTimeoutMs: member.sessionTimeoutMs,
    rebalanceTimeoutMs: member.rebalanceTimeoutMs,
  };
}

export function packGroup(group: {
  epoch: number;
  assignmentEpoch: number;
  assignor: string;
  reason: string;
  topics: ReadonlyMap<string, number>;
  patterns: ReadonlyMap<string, readonly string[]>;
  target: ReadonlyMap<string, Target>;
  members: Iterable<Member>;
}): DurableGroup {
  return {
    epoch: group.epoch,
    assignmentEpoch: group.assignmentEpoch,
    assignor: group.assignor,
    reason: group.reason,
    topics: [...group.topics],
    ...(group.patterns.size === 0 ? {} : { patterns: [...group.patterns] }),
    target: [...group.target].map(([memberId, target]) => [memberId, byTopic(target.values(), (ref) => ref.partition)]),
    members: [...group.members].map(packMember),
  };
}

export function unpackHeld(packed: DurableMember["assigned"]): Map<PartitionKey, HeldPartition> {
  const held = new Map<PartitionKey, HeldPartition>();
  for (const [topicId, items] of packed)
    for (const [partition, epoch] of items) held.set(keyOf({ topicId, partition }), { topicId, partition, epoch });
  return held;
}

export function unpackTarget(packed: ByTopic<number>): Map<PartitionKey, PartitionRef> {
  const target = new Map<PartitionKey, PartitionRef>();
  for (const [topicId, items] of packed)
    for (const partition of items) target.set(keyOf({ topicId, partition }), { topicId, partition });
  return target;
}

export type GroupState = ApiResponse<"describeGroups">["groups"][number]["state"];

/** Kafka's name for how far a group has come. Undefined: nothing of its members is stored. */
export function stateOf(group: DurableGroup | undefined): GroupState {
  if (group === undefined || group.members.length === 0) return "Empty";
  if (group.epoch > group.assignmentEpoch) return "Assigning";
  const settled = ({ state, epoch }: DurableMember) => state === "STABLE" && epoch === group.assignmentEpoch;
  return group.members.every(settled) ? "Stable" : "Reconciling";
}
