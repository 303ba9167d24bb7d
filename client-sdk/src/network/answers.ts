// Whether an answer has the shape its API promises: a hostile or broken server must not make the SDK trip over `undefined`.
// The schemas' own validators (typebox) stay with the broker: they cost more to load than the whole SDK.
// Only what the SDK reads is checked, and only its type; what the values mean is checked where they are used.

import type { ApiName, WireError } from "@brooklet/protocol";

/** A field's type; with `?`, or `mayBeAbsent`, it need not be there. */
type Field =
  | "text"
  | "number"
  | "boolean"
  | "text?"
  | "number?"
  | "boolean?"
  | "error?"
  | { readonly items: Shape; readonly mayBeAbsent?: true };
interface Shape {
  readonly [field: string]: Field;
}

const topicPartition = { topic: "text", partition: "number" } as const;
const owned = { ...topicPartition, topicId: "text" } as const;
const configEntry = { name: "text", value: "text", source: "text" } as const;
const item = { ...topicPartition, error: "error?" } as const;

const shapes: { readonly [A in ApiName]: Shape } = {
  // `limits` is an object of its own: broker-client.ts reads it with `readLimits`.
  hello: { clusterId: "text", version: "number" },
  metadata: {
    topics: {
      items: {
        topic: "text",
        topicId: "text",
        internal: "boolean?",
        error: "error?",
        partitions: { items: { partition: "number", logStartOffset: "number", highWatermark: "number" } },
      },
    },
  },
  createTopics: { results: { items: { topic: "text", topicId: "text", error: "error?" } } },
  deleteTopics: { results: { items: { topic: "text", error: "error?" } } },
  createPartitions: { results: { items: { topic: "text", error: "error?" } } },
  describeConfigs: {
    results: {
      items: { topic: "text", error: "error?", configs: { items: configEntry } },
    },
    broker: { items: configEntry, mayBeAbsent: true },
  },
  alterConfigs: { results: { items: { topic: "text", error: "error?" } } },
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
        assignor: "text",
        error: "error?",
        members: { items: { memberId: "text", clientId: "text", epoch: "number", assignment: { items: owned } } },
        offsets: { items: { ...owned, offset: "number", lag: "number" } },
        timeline: { items: { atMs: "number", event: "text", epoch: "number" } },
      },
    },
  },
  status: { clusterId: "text", version: "text", url: "text" },
};

/** What of a header does not fit the API's answer, or undefined. `payloadBytes` must be what the items announce. */
export function answerProblem(api: ApiName, header: object, payloadBytes: number): string | undefined {
  const problem = shapeProblem(shapes[api], header, "");
  if (problem !== undefined) return problem;
  const announced = api === "fetch" ? announcedBytes(Reflect.get(header, "results")) : 0;
  return announced === payloadBytes ? undefined : `it announces ${announced} payload bytes and brings ${payloadBytes}`;
}

function shapeProblem(shape: Shape, value: object, path: string): string | undefined {
  for (const name in shape) {
    const field = shape[name];
    const problem = field === undefined ? undefined : fieldProblem(field, Reflect.get(value, name), `${path}${name}`);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function fieldProblem(field: Field, value: unknown, path: string): string | undefined {
  if (typeof field === "object") {
    if (value === undefined && field.mayBeAbsent) return undefined;
    if (!Array.isArray(value)) return `${path} is not a list`;
    for (const element of value as unknown[]) {
      if (!isObject(element)) return `${path} holds something that is no object`;
      const problem = shapeProblem(field.items, element, `${path}[].`);
      if (problem !== undefined) return problem;
    }
    return undefined;
  }
  if (value === undefined && field.endsWith("?")) return undefined;
  switch (field) {
    case "text":
    case "text?":
      return typeof value === "string" ? undefined : `${path} is not a text`;
    case "number":
    case "number?":
      return Number.isSafeInteger(value) ? undefined : `${path} is not a whole number`;
    case "boolean":
    case "boolean?":
      return typeof value === "boolean" ? undefined : `${path} is not true or false`;
    case "error?":
      return isWireError(value) ? undefined : `${path} is not an error`;
  }
}

function announcedBytes(results: unknown): number {
  let sum = 0;
  for (const { bytes } of results as { bytes: number }[]) {
    // A negative one would let another claim bytes that are not there.
    if (bytes < 0) return -1;
    sum += bytes;
  }
  return sum;
}

/** Whether this may be read as an error of the protocol. */
export function isWireError(value: unknown): value is WireError {
  return (
    isObject(value) &&
    typeof Reflect.get(value, "code") === "string" &&
    typeof Reflect.get(value, "message") === "string" &&
    typeof Reflect.get(value, "retriable") === "boolean" &&
    typeof Reflect.get(value, "definite") === "boolean" &&
    ["undefined", "string"].includes(typeof Reflect.get(value, "hint")) &&
    (Reflect.get(value, "context") === undefined || isObject(Reflect.get(value, "context")))
  );
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
