// What tells partitions apart in a group: the topic by its id, because one that was created again under the same name is another.

import type { AssignedPartition } from "./membership-states.ts";

/** Whether both name the same partitions of the same topics, in any order. */
export function samePartitions(left: readonly AssignedPartition[], right: readonly AssignedPartition[]): boolean {
  if (left.length !== right.length) return false;
  const keys = new Set(left.map(identityOf));
  return right.every((one) => keys.has(identityOf(one)));
}

/** What tells a partition from one of a topic that was created again under the same name. */
export function identityOf({ topicId, partition }: { topicId: string; partition: number }): string {
  return `${topicId}/${partition}`;
}
