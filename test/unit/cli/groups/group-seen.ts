// A group as describeGroups tells it, as much of it as a test needs.

import type { GroupDescription } from "@brooklet/client";

export function group(more: Partial<GroupDescription> = {}): GroupDescription {
  return {
    groupId: "billing",
    state: "Stable",
    epoch: 3,
    assignmentEpoch: 3,
    assignor: "uniform",
    members: [],
    offsets: [],
    timeline: [],
    refusedCommits: [],
    ...more,
  };
}

export function member(memberId: string, clientId: string, partitions: number[]): GroupDescription["members"][number] {
  return {
    memberId,
    clientId,
    epoch: 3,
    state: "Stable",
    subscription: ["orders"],
    assignment: partitions.map((partition) => ({ topic: "orders", topicId: "id", partition })),
    pendingRevocation: [],
    sessionTimeoutMs: 45_000,
    rebalanceTimeoutMs: 60_000,
  };
}

/** Committed at `offset` of 100 records. */
export function offset(partition: number, committed: number, lagSeconds?: number): GroupDescription["offsets"][number] {
  return {
    topic: "orders",
    topicId: "id",
    partition,
    offset: committed,
    leaderEpoch: 0,
    metadata: "",
    committedAtMs: 0,
    highWatermark: 100,
    lag: 100 - committed,
    ...(lagSeconds === undefined ? {} : { lagSeconds }),
  };
}

export function event(name: string, more: Partial<GroupDescription["timeline"][number]> = {}) {
  return { atMs: 1_000, event: name, epoch: 3, ...more };
}
