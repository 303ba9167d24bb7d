// The `range` assignor (Kafka's RangeAssignor of KIP-848): per topic, each subscriber gets one run of neighbouring partitions.
// Members whose topics have equally many partitions and the same subscribers get the same numbers of each: what belongs
// together by key stays together.
//
// Invariant: members stand in one order for all topics. Static ones come first, by instance id, so that a restart moves
// nothing; the others as they are given, which is the order in which they joined, so that a newcomer moves as little as runs
// allow.

import { keyOf } from "../partitions.ts";
import { type AssignorInput, type AssignorMember, byName, type Targets } from "./assignor.ts";

export function assignRange({ members, topics }: AssignorInput): Targets {
  const targets: Targets = new Map(members.map(({ memberId }) => [memberId, new Map()]));
  const subscribersOf = new Map<string, AssignorMember[]>();
  for (const member of inOrder(members))
    for (const topicId of new Set(member.topicIds)) {
      const subscribers = subscribersOf.get(topicId);
      if (subscribers === undefined) subscribersOf.set(topicId, [member]);
      else subscribers.push(member);
    }
  for (const { topicId, partitionCount } of topics) {
    const subscribers = subscribersOf.get(topicId) ?? [];
    let next = 0;
    for (const [index, { memberId }] of subscribers.entries()) {
      // The first ones have one more when it does not come out even.
      const size =
        Math.floor(partitionCount / subscribers.length) + (index < partitionCount % subscribers.length ? 1 : 0);
      const target = targets.get(memberId);
      for (const end = next + size; next < end; next++) {
        const ref = { topicId, partition: next };
        target?.set(keyOf(ref), ref);
      }
    }
  }
  return targets;
}

function inOrder(members: readonly AssignorMember[]): AssignorMember[] {
  const isStatic = ({ instanceId }: AssignorMember) => instanceId !== undefined;
  return [
    ...members.filter(isStatic).sort((a, b) => byName(a.instanceId ?? "", b.instanceId ?? "")),
    ...members.filter((member) => !isStatic(member)),
  ];
}
