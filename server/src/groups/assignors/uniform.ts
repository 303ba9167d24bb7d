// The `uniform` assignor: balanced first, sticky second (Kafka's UniformAssignor, KIP-848).
//
// Invariant: every partition of a topic that anybody subscribes to goes to exactly one subscriber; with equal subscriptions
// sizes differ by at most one and no more partitions move than balance needs. Same input, same output.

import { keyOf, type PartitionKey, type PartitionRef } from "../partitions.ts";

export interface AssignorMember {
  readonly memberId: string;
  /** Ids of the topics it subscribes to that exist. */
  readonly topicIds: readonly string[];
  /** What the previous target gave it. */
  readonly previous: ReadonlyMap<PartitionKey, PartitionRef>;
}

export interface AssignorInput {
  readonly members: readonly AssignorMember[];
  /** Topics in the order in which their partitions are dealt out. */
  readonly topics: readonly { readonly topicId: string; readonly partitionCount: number }[];
}

export type Targets = Map<string, Map<PartitionKey, PartitionRef>>;

interface Load {
  readonly memberId: string;
  readonly topicIds: ReadonlySet<string>;
  readonly partitions: Map<PartitionKey, PartitionRef>;
}

// Direct moves always end; the bound only says that nobody waits for more than this.
const MAX_BALANCE_ROUNDS = 100;

export function assignUniform({ members, topics }: AssignorInput): Targets {
  const loads: Load[] = [...members]
    .sort((a, b) => (a.memberId < b.memberId ? -1 : 1))
    .map(({ memberId, topicIds }) => ({ memberId, topicIds: new Set(topicIds), partitions: new Map() }));
  if (loads.length > 0) {
    const previousOf = new Map(members.map(({ memberId, previous }) => [memberId, previous]));
    const free = keepPrevious(loads, previousOf, topics);
    if (haveEqualSubscriptions(loads)) dealEvenly(loads, free);
    else dealAndBalance(loads, free);
  }
  return new Map(loads.map(({ memberId, partitions }) => [memberId, partitions]));
}

function haveEqualSubscriptions(loads: readonly Load[]): boolean {
  const first = loads[0]?.topicIds ?? new Set();
  return loads.every(({ topicIds }) => topicIds.size === first.size && [...topicIds].every((id) => first.has(id)));
}

/** Everybody keeps what it had and may still have; returns what nobody keeps, in dealing order. */
function keepPrevious(
  loads: readonly Load[],
  previousOf: ReadonlyMap<string, ReadonlyMap<PartitionKey, PartitionRef>>,
  topics: AssignorInput["topics"],
): PartitionRef[] {
  const free = new Map<PartitionKey, PartitionRef>();
  const subscribed = new Set(loads.flatMap(({ topicIds }) => [...topicIds]));
  for (const { topicId, partitionCount } of topics) {
    if (!subscribed.has(topicId)) continue;
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

/** Differing subscriptions: the least loaded subscriber takes; then the most loaded hand over while that evens things out. */
function dealAndBalance(loads: readonly Load[], free: readonly PartitionRef[]): void {
  const subscribersOf = new Map<string, Load[]>();
  for (const load of loads)
    for (const topicId of load.topicIds) {
      const subscribers = subscribersOf.get(topicId);
      if (subscribers === undefined) subscribersOf.set(topicId, [load]);
      else subscribers.push(load);
    }
  // Topics that few can take first: the others can still fill up what they leave uneven.
  const byChoice = [...free].sort(
    (a, b) => (subscribersOf.get(a.topicId)?.length ?? 0) - (subscribersOf.get(b.topicId)?.length ?? 0),
  );
  for (const ref of byChoice) leastLoaded(subscribersOf.get(ref.topicId) ?? [])?.partitions.set(keyOf(ref), ref);

  for (let round = 0, moved = true; moved && round < MAX_BALANCE_ROUNDS; round++) {
    moved = false;
    for (const [topicId, subscribers] of subscribersOf) while (evenOut(topicId, subscribers)) moved = true;
  }
}

function leastLoaded(loads: readonly Load[]): Load | undefined {
  let least: Load | undefined;
  for (const load of loads) if (least === undefined || load.partitions.size < least.partitions.size) least = load;
  return least;
}

/** Moves one partition of the topic from its most to its least loaded subscriber, if that makes them more equal. */
function evenOut(topicId: string, subscribers: readonly Load[]): boolean {
  const taker = leastLoaded(subscribers);
  if (taker === undefined) return false;
  let giver: Load | undefined;
  let gift: PartitionRef | undefined;
  for (const load of subscribers) {
    if (load.partitions.size < taker.partitions.size + 2 || load.partitions.size <= (giver?.partitions.size ?? 0))
      continue;
    const ref = [...load.partitions.values()].findLast((held) => held.topicId === topicId);
    if (ref === undefined) continue;
    giver = load;
    gift = ref;
  }
  if (giver === undefined || gift === undefined) return false;
  giver.partitions.delete(keyOf(gift));
  taker.partitions.set(keyOf(gift), gift);
  return true;
}
