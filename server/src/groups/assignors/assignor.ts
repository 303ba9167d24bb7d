// What an assignor is: members with their subscriptions and what they had go in, who is to have what comes out. Pure.
//
// Invariant of every assignor: each partition of a topic that anybody subscribes to goes to exactly one subscriber; same
// input, same output.

import type { PartitionKey, PartitionRef } from "../partitions.ts";

export interface AssignorMember {
  readonly memberId: string;
  /** Of a static member (KIP-345). */
  readonly instanceId?: string | undefined;
  /** Ids of the topics it subscribes to that exist. Members with the same subscription may share the list. */
  readonly topicIds: readonly string[];
  /** What the previous target gave it. */
  readonly previous: ReadonlyMap<PartitionKey, PartitionRef>;
}

export interface AssignorTopic {
  readonly topicId: string;
  readonly partitionCount: number;
}

export interface AssignorInput {
  readonly members: readonly AssignorMember[];
  /** Topics in the order in which their partitions are dealt out. */
  readonly topics: readonly AssignorTopic[];
}

/** What one member is about to get. */
export interface Load {
  readonly memberId: string;
  readonly topicIds: ReadonlySet<string>;
  readonly partitions: Map<PartitionKey, PartitionRef>;
}

/** For every member, also for one that gets nothing. */
export type Targets = Map<string, Map<PartitionKey, PartitionRef>>;

export type Assign = (input: AssignorInput) => Targets;

/** Order of names, the same on every machine. */
export function byName(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
