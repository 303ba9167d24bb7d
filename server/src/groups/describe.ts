// A group as people read it: members, assignment, committed offsets with lag, timeline. All of it from what is durable.

import type { ApiResponse, ProtocolError } from "@brooklet/protocol";
import type { TopicCatalog } from "../log/log.ts";
import type { StoredOffset } from "../storage/storage.ts";
import { type DurableGroup, type DurableMember, stateOf, unpackHeld } from "./durable-state.ts";
import { lagOf } from "./lag.ts";
import { allNamed } from "./partitions.ts";
import type { RefusedCommit } from "./refused-commits.ts";
import type { TimelineEvent } from "./timeline.ts";

type DescribedGroup = ApiResponse<"describeGroups">["groups"][number];

export function describeGroup({
  groupId,
  durable,
  offsets,
  timeline,
  refusedCommits,
  catalog,
}: {
  groupId: string;
  durable: DurableGroup | undefined;
  offsets: readonly StoredOffset[];
  timeline: TimelineEvent[];
  refusedCommits: RefusedCommit[];
  catalog: TopicCatalog;
}): DescribedGroup {
  const matched = new Map(durable?.patterns ?? []);
  return {
    groupId,
    state: stateOf(durable),
    epoch: durable?.epoch ?? 0,
    assignmentEpoch: durable?.assignmentEpoch ?? 0,
    assignor: durable?.assignor ?? "",
    members: (durable?.members ?? []).map((member) => describeMember(member, matched, catalog)),
    offsets: [...offsets]
      .sort((a, b) => (a.topic === b.topic ? a.partition - b.partition : a.topic < b.topic ? -1 : 1))
      .map((offset) => describeOffset(offset, catalog)),
    timeline,
    refusedCommits,
  };
}

export function unknownGroup(groupId: string, error: ProtocolError): DescribedGroup {
  return {
    groupId,
    state: "Dead",
    epoch: 0,
    assignmentEpoch: 0,
    assignor: "",
    members: [],
    offsets: [],
    timeline: [],
    refusedCommits: [],
    error: error.toWire(),
  };
}

function describeMember(
  member: DurableMember,
  matched: ReadonlyMap<string, readonly string[]>,
  catalog: TopicCatalog,
): DescribedGroup["members"][number] {
  const byPattern = matched.get(member.pattern ?? "") ?? [];
  return {
    memberId: member.memberId,
    ...(member.instanceId === null ? {} : { instanceId: member.instanceId }),
    clientId: member.clientId,
    // Kafka's epoch of a static member that left and keeps its place.
    epoch: member.departed ? -2 : member.epoch,
    state: member.state,
    subscription: [...new Set([...member.subscription, ...byPattern])].sort(),
    ...(member.pattern === null ? {} : { pattern: member.pattern }),
    assignment: allNamed(catalog, unpackHeld(member.assigned).values()),
    pendingRevocation: allNamed(catalog, unpackHeld(member.pendingRevocation).values()),
    sessionTimeoutMs: member.sessionTimeoutMs,
    rebalanceTimeoutMs: member.rebalanceTimeoutMs,
  };
}

function describeOffset(stored: StoredOffset, catalog: TopicCatalog): DescribedGroup["offsets"][number] {
  const { topic, topicId, partition, offset, leaderEpoch, metadata, committedAtMs } = stored;
  return {
    topic,
    topicId,
    partition,
    offset,
    leaderEpoch,
    metadata,
    committedAtMs,
    ...lagOf(stored, catalog),
  };
}
