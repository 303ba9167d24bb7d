// The `uniform` assignor: balanced first, sticky second (Kafka's UniformAssignor, KIP-848).
//
// Invariant: every partition of a topic that anybody subscribes to goes to exactly one subscriber; with equal subscriptions
// sizes differ by at most one and no more partitions move than balance needs. Differing subscriptions: uniform-mixed.ts.

import { keyOf, type PartitionKey, type PartitionRef } from "../partitions.ts";
import { type AssignorInput, byName, type Load, type Targets } from "./assignor.ts";
import { evenOutMixed } from "./uniform-mixed.ts";

export function assignUniform({ members, topics }: AssignorInput): Targets {
  // Members mostly share their list of topics: one set for each list.
  const sets = new Map<readonly string[], ReadonlySet<string>>();
  const setOf = (topicIds: readonly string[]) => {
    const set = sets.get(topicIds) ?? new Set(topicIds);
    sets.set(topicIds, set);
    return set;
  };
  const loads: Load[] = [...members]
    .sort((a, b) => byName(a.memberId, b.memberId))
    .map(({ memberId, topicIds }) => ({ memberId, topicIds: setOf(topicIds), partitions: new Map() }));
  if (loads.length > 0) {
    const previousOf = new Map(members.map(({ memberId, previous }) => [memberId, previous]));
    const free = keepPrevious(loads, previousOf, topics, [...sets.values()]);
    if (areEqual([...sets.values()])) dealEvenly(loads, free);
    else evenOutMixed(loads, free);
  }
  return new Map(loads.map(({ memberId, partitions }) => [memberId, partitions]));
}

function areEqual([first, ...others]: readonly ReadonlySet<string>[]): boolean {
  return others.every((set) => set.size === first?.size && [...set].every((id) => first.has(id)));
}

/** Everybody keeps what it had and may still have; returns what nobody keeps, in dealing order. */
function keepPrevious(
  loads: readonly Load[],
  previousOf: ReadonlyMap<string, ReadonlyMap<PartitionKey, PartitionRef>>,
  topics: AssignorInput["topics"],
  subscriptions: readonly ReadonlySet<string>[],
): PartitionRef[] {
  const free = new Map<PartitionKey, PartitionRef>();
  for (const { topicId, partitionCount } of topics) {
    if (!subscriptions.some((topicIds) => topicIds.has(topicId))) continue;
    for (let partition = 0; partition < partitionCount; partition++) {
      const ref = { topicId, partition };
      free.set(keyOf(ref), ref);
    }
  }
  for (const load of loads) {
    for (const [key, { topicId }] of previousOf.get(load.memberId) ?? []) {
      const ref = free.get(key);
      if (ref === undefined || !load.topicIds.has(topicId)) continue;
      load.partitions.set(key, ref);
      free.delete(key);
    }
  }
  return [...free.values()];
}
/** Equal subscriptions: each gets floor or ceil of the average, and gives up only what is above. */
function dealEvenly(loads: readonly Load[], free: PartitionRef[]): void {
  const total = loads.reduce((sum, { partitions }) => sum + partitions.size, free.length);
  const floor = Math.floor(total / loads.length);
  let larger = total % loads.length;
  const quotas = new Map<Load, number>();
  // Who has more than the floor already may stay above it: that moves the fewest.
  for (const load of loads) {
    if (load.partitions.size <= floor || larger === 0) continue;
    quotas.set(load, floor + 1);
    larger -= 1;
  }
  for (const load of loads) {
    if (quotas.has(load)) continue;
    quotas.set(load, larger > 0 ? floor + 1 : floor);
    if (larger > 0) larger -= 1;
  }
  for (const load of loads) {
    const excess = load.partitions.size - (quotas.get(load) ?? 0);
    if (excess <= 0) continue;
    for (const [key, ref] of [...load.partitions].slice(-excess)) {
      load.partitions.delete(key);
      free.push(ref);
    }
  }
  // Round by round, so that the partitions of one topic spread over the members.
  let needy = loads.filter((load) => load.partitions.size < (quotas.get(load) ?? 0));
  let next = 0;
  while (next < free.length) {
    for (const load of needy) {
      const ref = free[next];
      if (ref === undefined) return;
      next += 1;
      load.partitions.set(keyOf(ref), ref);
    }
    needy = needy.filter((load) => load.partitions.size < (quotas.get(load) ?? 0));
  }
}
