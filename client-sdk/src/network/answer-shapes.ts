// The shape of every API's answer, as the schemas of protocol/src/apis/ promise it: the same fields (a test compares them), in a
// form that costs nothing to load. What the values mean is checked where they are used.

import type { ApiName } from "@brooklet/protocol";

/** A field's type; with `?`, or `mayBeAbsent`, it need not be there. */
export type Field =
  | "text"
  | "text?"
  | "texts"
  | "number"
  | "number?"
  | "decimal?"
  | "boolean?"
  | "error?"
  | { readonly items: Shape; readonly mayBeAbsent?: true };
export interface Shape {
  readonly [field: string]: Field;
}

const topicPartition = { topic: "text", partition: "number" } as const;
const owned = { ...topicPartition, topicId: "text" } as const;
const item = { ...topicPartition, error: "error?" } as const;
const topic = { topic: "text", error: "error?" } as const;
const configEntry = { name: "text", value: "text", source: "text" } as const;

const member = {
  memberId: "text",
  instanceId: "text?",
  clientId: "text",
  epoch: "number",
  state: "text",
  subscription: "texts",
  pattern: "text?",
  assignment: { items: owned },
  pendingRevocation: { items: owned },
  sessionTimeoutMs: "number",
  rebalanceTimeoutMs: "number",
} as const;

const groupOffset = {
  ...owned,
  offset: "number",
  leaderEpoch: "number",
  metadata: "text",
  committedAtMs: "number",
  highWatermark: "number",
  lag: "number",
  lagSeconds: "decimal?",
} as const;

const timelineEvent = {
  atMs: "number",
  event: "text",
  epoch: "number",
  member: "text?",
  partitions: { items: topicPartition, mayBeAbsent: true },
  reason: "text?",
  count: "number?",
} as const;

const refusedCommit = {
  ...topicPartition,
  atMs: "number",
  member: "text?",
  memberEpoch: "number",
  offset: "number",
  code: "text",
  reason: "text",
  count: "number",
} as const;

export const answerShapes: { readonly [A in ApiName]: Shape } = {
  // `limits` is an object of its own, which connection.ts reads.
  hello: { clusterId: "text", brokerId: "number", version: "number", features: "texts" },
  metadata: {
    clusterId: "text",
    topics: {
      items: {
        ...topic,
        topicId: "text",
        internal: "boolean?",
        partitions: {
          items: { partition: "number", logStartOffset: "number", highWatermark: "number", sizeBytes: "number?" },
        },
      },
    },
  },
  createTopics: { results: { items: { ...topic, topicId: "text" } } },
  deleteTopics: { results: { items: topic } },
  createPartitions: { results: { items: topic } },
  describeConfigs: {
    results: { items: { ...topic, configs: { items: configEntry } } },
    broker: { items: configEntry, mayBeAbsent: true },
  },
  alterConfigs: { results: { items: topic } },
  deleteRecords: { results: { items: { ...item, logStartOffset: "number" } } },
  produce: { results: { items: { ...item, baseOffset: "number", logAppendTimeMs: "number?" } } },
  fetch: {
    results: {
      items: {
        ...item,
        highWatermark: "number",
        lastStableOffset: "number",
        logStartOffset: "number",
        nextOffset: "number",
        bytes: "number",
      },
    },
  },
  listOffsets: { results: { items: { ...item, offset: "number", timestamp: "number", leaderEpoch: "number" } } },
  offsetForLeaderEpoch: { results: { items: { ...item, leaderEpoch: "number", endOffset: "number" } } },
  initProducerId: { producerId: "number", producerEpoch: "number" },
  groupHeartbeat: {
    memberId: "text",
    memberEpoch: "number",
    heartbeatIntervalMs: "number",
    reason: "text?",
    assignment: { items: owned, mayBeAbsent: true },
  },
  leaveGroup: { results: { items: { memberId: "text?", instanceId: "text?", error: "error?" } } },
  offsetCommit: { results: { items: { ...item, offset: "number", committedAtMs: "number" } } },
  offsetFetch: {
    offsets: { items: { ...item, topicId: "text", offset: "number", leaderEpoch: "number", metadata: "text" } },
  },
  offsetDelete: { results: { items: item } },
  deleteGroups: { results: { items: { groupId: "text", error: "error?" } } },
  listGroups: { groups: { items: { groupId: "text", state: "text" } } },
  describeGroups: {
    groups: {
      items: {
        groupId: "text",
        state: "text",
        epoch: "number",
        assignmentEpoch: "number",
        assignor: "text",
        error: "error?",
        members: { items: member },
        offsets: { items: groupOffset },
        timeline: { items: timelineEvent },
        refusedCommits: { items: refusedCommit },
      },
    },
  },
  status: {
    clusterId: "text",
    brokerId: "number",
    version: "text",
    nodeVersion: "text",
    url: "text",
    startedAtMs: "number",
    uptimeMs: "number",
    durability: "text",
    dataFile: "text?",
    bootEpoch: "number",
    storage: "text",
    topics: "number",
    partitions: "number",
    groups: "number",
    connections: "number",
    parkedFetches: "number",
    tailCacheBytes: "number",
    residentBytes: "number",
  },
};
