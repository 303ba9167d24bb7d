// Reconciliation: how one member moves from what it has to what the target gives it, one heartbeat at a time
// (Kafka's CurrentAssignmentBuilder, KIP-848). Pure; the only place that decides who gets and who gives up a partition.
//
// Invariant: a partition is granted only while nobody holds it, so it is never in two members' hands.

import type { Member, MemberState } from "./member.ts";
import type { HeldPartition, PartitionKey, PartitionRef } from "./partitions.ts";

export type Target = ReadonlyMap<PartitionKey, PartitionRef>;

/** Where the member stands after one step, and what changed hands. */
export interface Step {
  readonly state: MemberState;
  readonly epoch: number;
  readonly assigned: Map<PartitionKey, HeldPartition>;
  readonly pendingRevocation: Map<PartitionKey, HeldPartition>;
  readonly granted: readonly HeldPartition[];
  /** Must be given up now; still held. */
  readonly revoking: readonly HeldPartition[];
  /** Free from now on: given up, or never taken up. */
  readonly released: readonly HeldPartition[];
}

/**
 * One step of a member towards `target`; undefined when nothing changes.
 *
 * | state | it still holds what it must give up | otherwise |
 * | --- | --- | --- |
 * | UNREVOKED_PARTITIONS | nothing changes | what was pending is free; as below |
 * | any | keeps the rest, UNREVOKED_PARTITIONS, the epoch stays | the target's epoch; takes what is free; UNRELEASED_PARTITIONS if some is not, else STABLE |
 *
 * `owned`: what the member says it holds; undefined: all that it was given.
 */
export function reconcile(
  member: Pick<Member, "state" | "epoch" | "assigned" | "pendingRevocation">,
  target: Target,
  targetEpoch: number,
  owned: ReadonlySet<PartitionKey> | undefined,
  isFree: (key: PartitionKey) => boolean,
): Step | undefined {
  const holds = (key: PartitionKey) => owned === undefined || owned.has(key);
  const { pendingRevocation: pending } = member;
  if (pending.size > 0 && [...pending.keys()].some(holds)) return undefined;
  if (member.state === "STABLE" && member.epoch === targetEpoch) return undefined;

  const kept = new Map<PartitionKey, HeldPartition>();
  const leaving = new Map<PartitionKey, HeldPartition>();
  for (const [key, held] of member.assigned) (target.has(key) ? kept : leaving).set(key, held);
  const acknowledged = [...pending.values()];

  if ([...leaving.keys()].some(holds))
    return {
      state: "UNREVOKED_PARTITIONS",
      epoch: member.epoch,
      assigned: kept,
      pendingRevocation: leaving,
      granted: [],
      revoking: [...leaving.values()],
      released: acknowledged,
    };

  const granted: HeldPartition[] = [];
  let waits = false;
  for (const [key, { topicId, partition }] of target) {
    if (kept.has(key)) continue;
    // What the member itself just gave up is free for it again.
    if (pending.has(key) || isFree(key)) granted.push({ topicId, partition, epoch: targetEpoch });
    else waits = true;
  }
  const state = waits ? "UNRELEASED_PARTITIONS" : "STABLE";
  const released = [...acknowledged, ...leaving.values()];
  if (state === member.state && targetEpoch === member.epoch && granted.length === 0 && released.length === 0)
    return undefined;
  for (const held of granted) kept.set(`${held.topicId}:${held.partition}`, held);
  return {
    state,
    epoch: targetEpoch,
    assigned: kept,
    pendingRevocation: new Map(),
    granted,
    revoking: [],
    released,
  };
}
