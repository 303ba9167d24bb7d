// The calls about groups: what goes into a request, and what comes out of a result. What they mean: admin.ts.

import type { ApiResponse } from "@brooklet/protocol";
import type { OffsetAndMetadata, TopicPartition } from "../errors.ts";
import { itemCall } from "./requests.ts";
import { allSucceeded, outcomesOf, type Result } from "./results.ts";
import { partitionOf } from "./topic-calls.ts";
import type { MemberToRemove } from "./types.ts";

/** Groups of one request: a description has members, offsets and a timeline. */
const MAX_DESCRIPTIONS_PER_REQUEST = 100;
const GONE: ReadonlySet<string> = new Set(["UNKNOWN_TOPIC_OR_PARTITION", "UNKNOWN_TOPIC_ID"]);

/** What a group has committed for one partition. */
export type Committed = Omit<ApiResponse<"offsetFetch">["offsets"][number], "error">;

export function describeGroups(groupIds: readonly string[]) {
  return itemCall({
    api: "describeGroups",
    items: groupIds,
    maxItems: MAX_DESCRIPTIONS_PER_REQUEST,
    request: (some) => ({ groupIds: some }),
    results: ({ groups }) => groups,
    place: asGroup,
    pick: ({ error: _, ...group }) => group,
  });
}

export function deleteGroups(groupIds: readonly string[]) {
  return itemCall({
    api: "deleteGroups",
    items: groupIds,
    request: (some) => ({ groupIds: some }),
    results: ({ results }) => results,
    place: asGroup,
    pick: ({ groupId }) => ({ groupId }),
  });
}

export function leaveGroup(groupId: string, members: readonly MemberToRemove[], reason: string | undefined) {
  return itemCall({
    api: "leaveGroup",
    items: members,
    request: (some) => ({ groupId, members: some.map(memberOf), ...(reason === undefined ? {} : { reason }) }),
    results: ({ results }) => results,
    place: memberOf,
    pick: (_, member) => memberOf(member),
  });
}

export function offsetFetch(groupId: string, partitions: readonly TopicPartition[]) {
  return itemCall({
    api: "offsetFetch",
    items: partitions,
    request: (some) => ({ groupId, partitions: some.map(partitionOf) }),
    results: ({ offsets }) => offsets,
    place: partitionOf,
    pick: ({ error: _, ...committed }): Committed => committed,
  });
}

/** All that a group has committed. */
export function committedOf({ offsets }: ApiResponse<"offsetFetch">): Committed[] {
  const pick = ({ error: _, ...committed }: ApiResponse<"offsetFetch">["offsets"][number]): Committed => committed;
  return allSucceeded(outcomesOf("offsetFetch", offsets, offsets, false, { place: partitionOf, pick }));
}

interface EndOffset extends Result, TopicPartition {
  readonly end?: number;
}

/** High watermarks; undefined where the topic was deleted meanwhile, which takes its committed offsets with it. */
export function endOffsets(committed: readonly Committed[]) {
  return itemCall({
    api: "listOffsets",
    items: committed,
    request: (some) => ({
      isolation: "read_uncommitted",
      partitions: some.map((one) => ({ ...partitionOf(one), topicId: one.topicId, at: "latest" as const })),
    }),
    results: ({ results }) =>
      results.map(({ error, offset, ...at }): EndOffset => {
        if (error === undefined) return { ...partitionOf(at), end: offset };
        return GONE.has(error.code) ? partitionOf(at) : { ...partitionOf(at), error };
      }),
    place: partitionOf,
    pick: ({ end }) => ({ end }),
  });
}

export function offsetCommit(groupId: string, offsets: readonly OffsetAndMetadata[]) {
  return itemCall({
    api: "offsetCommit",
    items: offsets,
    request: (some) => ({
      groupId,
      offsets: some.map(({ offset, metadata, leaderEpoch, ...at }) => ({
        ...partitionOf(at),
        offset,
        ...(metadata === undefined ? {} : { metadata }),
        ...(leaderEpoch === undefined ? {} : { leaderEpoch }),
      })),
    }),
    results: ({ results }) => results,
    place: partitionOf,
    pick: ({ topic, partition, offset, committedAtMs }, { metadata }) => ({
      topic,
      partition,
      offset,
      committedAtMs,
      ...(metadata === undefined ? {} : { metadata }),
    }),
  });
}

export function offsetDelete(groupId: string, partitions: readonly TopicPartition[]) {
  return itemCall({
    api: "offsetDelete",
    items: partitions,
    request: (some) => ({ groupId, partitions: some.map(partitionOf) }),
    results: ({ results }) => results,
    place: partitionOf,
    pick: ({ topic, partition }) => ({ topic, partition }),
  });
}

function asGroup(groupId: string): { groupId: string } {
  return { groupId };
}

function memberOf({ memberId, instanceId }: MemberToRemove): MemberToRemove {
  return { ...(memberId === undefined ? {} : { memberId }), ...(instanceId === undefined ? {} : { instanceId }) };
}
