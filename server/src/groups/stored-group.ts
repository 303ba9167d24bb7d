// A group's durable state as the text that the store keeps. It is written whole with every turn that changes the group, so what
// members share stands in it once, partitions name their topic by its place in a list, and what follows from the rest is left
// out.
//
// Invariant: what is read is what was written; texts of version 1, which spelled everything out, stay readable.

import { invariant } from "@brooklet/protocol";
import type { ByTopic, DurableGroup, DurableMember } from "./durable-state.ts";
import type { MemberState } from "./member.ts";

const VERSION = 2;
const STATES: readonly MemberState[] = ["STABLE", "UNREVOKED_PARTITIONS", "UNRELEASED_PARTITIONS"];

/** Partitions of one topic: its place in the list of topics, the epoch in which they were assigned, and their numbers. */
type StoredHeld = readonly [topic: number, epoch: number, ...partitions: number[]];
type StoredTarget = readonly [topic: number, ...partitions: number[]];

/** What members mostly have in common. */
interface StoredKind {
  readonly subscription: number;
  readonly pattern?: string;
  readonly assignor?: string;
  readonly clientId?: string;
  readonly sessionTimeoutMs: number;
  readonly rebalanceTimeoutMs: number;
}

/** What few members have. */
interface StoredRest {
  readonly instanceId?: string;
  readonly departed?: true;
  readonly pendingRevocation?: readonly StoredHeld[];
  /** Absent: what is assigned. */
  readonly target?: readonly StoredTarget[];
}

type StoredMember = readonly [
  memberId: string,
  kind: number,
  epoch: number,
  previousEpoch: number,
  /** Its place in STATES. */
  state: number,
  assigned: readonly StoredHeld[],
  rest?: StoredRest,
];

type StoredGroup = Omit<DurableGroup, "target" | "members"> & {
  readonly version: typeof VERSION;
  /** Topics of partitions in members' hands that `topics` does not name; counted on from there. */
  readonly moreTopics?: readonly string[];
  readonly subscriptions: readonly (readonly string[])[];
  readonly kinds: readonly StoredKind[];
  readonly members: readonly StoredMember[];
};

/** Different things in the order of their first use, and the place of each. */
class Places<T> {
  readonly items: T[] = [];
  readonly #places = new Map<unknown, number>();

  of(item: T, key: unknown = item): number {
    const known = this.#places.get(key);
    if (known !== undefined) return known;
    this.#places.set(key, this.items.length);
    return this.items.push(item) - 1;
  }
}

export function encodeGroup({ target, members, ...group }: DurableGroup): string {
  const topics = new Places<string>();
  for (const [topicId] of group.topics) topics.of(topicId);
  // By identity: members that subscribe to the same share their list.
  const subscriptions = new Places<readonly string[]>();
  const kinds = new Places<StoredKind>();
  const targets = new Map(target);
  const packed = members.map((member): StoredMember => {
    const kind = kindOf(member, subscriptions.of(member.subscription));
    const rest = restOf(member, targets.get(member.memberId) ?? [], topics);
    const { memberId, epoch, previousEpoch } = member;
    const place = kinds.of(kind, JSON.stringify(kind));
    const state = STATES.indexOf(member.state);
    const assigned = packHeld(member.assigned, topics);
    return Object.keys(rest).length === 0
      ? [memberId, place, epoch, previousEpoch, state, assigned]
      : [memberId, place, epoch, previousEpoch, state, assigned, rest];
  });
  const moreTopics = topics.items.slice(group.topics.length);
  const stored: StoredGroup = {
    version: VERSION,
    ...group,
    ...(moreTopics.length === 0 ? {} : { moreTopics }),
    subscriptions: subscriptions.items,
    kinds: kinds.items,
    members: packed,
  };
  return JSON.stringify(stored);
}

function kindOf(member: DurableMember, subscription: number): StoredKind {
  const { pattern, assignor, clientId, sessionTimeoutMs, rebalanceTimeoutMs } = member;
  return {
    subscription,
    ...(pattern === null ? {} : { pattern }),
    ...(assignor === null ? {} : { assignor }),
    ...(clientId === "" ? {} : { clientId }),
    sessionTimeoutMs,
    rebalanceTimeoutMs,
  };
}

function restOf(member: DurableMember, target: ByTopic<number>, topics: Places<string>): StoredRest {
  const { instanceId, departed, assigned, pendingRevocation } = member;
  return {
    ...(instanceId === null ? {} : { instanceId }),
    ...(departed === undefined ? {} : { departed }),
    ...(pendingRevocation.length === 0 ? {} : { pendingRevocation: packHeld(pendingRevocation, topics) }),
    ...(isSame(target, assigned)
      ? {}
      : { target: target.map(([topicId, partitions]): StoredTarget => [topics.of(topicId), ...partitions]) }),
  };
}

function isSame(target: ByTopic<number>, assigned: DurableMember["assigned"]): boolean {
  if (target.length !== assigned.length) return false;
  const held = new Map(assigned.map(([topicId, items]) => [topicId, new Set(items.map(([partition]) => partition))]));
  return target.every(([topicId, partitions]) => {
    const mine = held.get(topicId);
    return mine?.size === partitions.length && partitions.every((partition) => mine.has(partition));
  });
}

function packHeld(held: DurableMember["assigned"], topics: Places<string>): StoredHeld[] {
  return held.flatMap(([topicId, items]) => {
    const topic = topics.of(topicId);
    const byEpoch = Map.groupBy(items, ([, epoch]) => epoch);
    return [...byEpoch].map(
      ([epoch, same]): StoredHeld => [topic, epoch, ...same.map(([partition]): number => partition)],
    );
  });
}

export function parseGroup(groupId: string, json: string): DurableGroup {
  const stored = JSON.parse(json) as StoredGroup | (DurableGroup & { readonly version: 1 });
  if (stored.version === 1) {
    const { version: _, ...group } = stored;
    const lists = new Map(group.members.map(({ subscription }) => [subscription.join(), subscription]));
    const share = ({ subscription }: DurableMember) => lists.get(subscription.join()) ?? subscription;
    return { ...group, members: group.members.map((member) => ({ ...member, subscription: share(member) })) };
  }
  invariant(stored.version === VERSION, `the stored state of group ${groupId} is of version 1 or ${VERSION}`);
  const { version: _, moreTopics = [], subscriptions, kinds, members, ...group } = stored;
  const topicIds = [...group.topics.map(([topicId]) => topicId), ...moreTopics];
  const unpacked = members.map((member) => unpackMember(member, { topicIds, subscriptions, kinds }));
  return {
    ...group,
    target: unpacked.map(({ member, target }) => [member.memberId, target]),
    members: unpacked.map(({ member }) => member),
  };
}

function unpackMember(
  [memberId, place, epoch, previousEpoch, state, assigned, rest = {}]: StoredMember,
  { topicIds, subscriptions, kinds }: { topicIds: readonly string[] } & Pick<StoredGroup, "subscriptions" | "kinds">,
): { member: DurableMember; target: ByTopic<number> } {
  const kind = kinds[place] as StoredKind;
  const topicOf = (topic: number) => topicIds[topic] as string;
  const held = unpackHeld(assigned, topicOf);
  const member: DurableMember = {
    memberId,
    instanceId: rest.instanceId ?? null,
    ...(rest.departed === undefined ? {} : { departed: rest.departed }),
    clientId: kind.clientId ?? "",
    epoch,
    previousEpoch,
    state: STATES[state] as MemberState,
    assigned: held,
    pendingRevocation: unpackHeld(rest.pendingRevocation ?? [], topicOf),
    subscription: subscriptions[kind.subscription] as readonly string[],
    pattern: kind.pattern ?? null,
    assignor: kind.assignor ?? null,
    sessionTimeoutMs: kind.sessionTimeoutMs,
    rebalanceTimeoutMs: kind.rebalanceTimeoutMs,
  };
  const target =
    rest.target?.map(([topic, ...partitions]): [string, number[]] => [topicOf(topic), partitions]) ??
    held.map(([topicId, items]): [string, number[]] => [topicId, items.map(([partition]) => partition)]);
  return { member, target };
}

/** One entry per topic, as the machine has it. */
function unpackHeld(stored: readonly StoredHeld[], topicOf: (topic: number) => string): DurableMember["assigned"] {
  const byTopic = Map.groupBy(stored, ([topic]) => topic);
  return [...byTopic].map(([topic, runs]) => [
    topicOf(topic),
    runs.flatMap(([, epoch, ...partitions]) => partitions.map((partition): [number, number] => [partition, epoch])),
  ]);
}
