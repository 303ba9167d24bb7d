// The routes by HTTP as data: which paths and methods there are, and what each takes and gives. /openapi.json and the
// refusal of wrong methods follow this table; a test compares it with the routes that Fastify has.

import type { ErrorCode } from "@brooklet/protocol";
import { type ApiName, apis } from "@brooklet/protocol/apis";
import { isDispatched } from "./dispatch.ts";

type Schema = Readonly<Record<string, unknown>>;

export interface RouteParameter {
  readonly name: string;
  readonly in: "path" | "query" | "header";
  readonly schema: Schema;
  readonly text: string;
}

export interface Route {
  readonly method: "GET" | "POST";
  /** As in OpenAPI: `{name}` stands for one segment. */
  readonly path: string;
  readonly name: string;
  readonly text: string;
  readonly parameters?: readonly RouteParameter[];
  /** Schema names by content type. */
  readonly request?: Readonly<Record<string, Schema>>;
  readonly response: Readonly<Record<string, Schema>>;
  readonly errors: readonly ErrorCode[];
}

const JSON_TYPE = "application/json";
const MAX_SAFE = Number.MAX_SAFE_INTEGER;
const ref = (name: string): Schema => ({ $ref: `#/components/schemas/${name}` });
const integer = (minimum: number, maximum: number): Schema => ({ type: "integer", minimum, maximum });

const topic: RouteParameter = {
  name: "topic",
  in: "path",
  schema: { type: "string", pattern: "^(?!\\.{1,2}$)[a-zA-Z0-9._-]{1,249}$" },
  text: "The topic's name.",
};
const isolation: RouteParameter = {
  name: "isolation",
  in: "query",
  schema: { type: "string", enum: ["read_uncommitted", "read_committed"] },
  text: "Whose records are seen; default read_uncommitted.",
};
const readErrors = [
  "INVALID_TOPIC_EXCEPTION",
  "UNKNOWN_TOPIC_OR_PARTITION",
  "UNKNOWN_TOPIC_ID",
  "OFFSET_OUT_OF_RANGE",
  "CORRUPT_MESSAGE",
  "UNSUPPORTED_COMPRESSION_TYPE",
  "KAFKA_STORAGE_ERROR",
] as const satisfies readonly ErrorCode[];

/** The routes that a person can type; those of the APIs follow their table (apiPath). */
export const routes: readonly Route[] = [
  {
    method: "GET",
    path: "/healthz",
    name: "health",
    text: "Whether the broker answers; needs no token.",
    response: { [JSON_TYPE]: { type: "object", required: ["status"], properties: { status: { const: "ok" } } } },
    errors: [],
  },
  {
    method: "GET",
    path: "/metrics",
    name: "metrics",
    text: "What is measured, in the text form that Prometheus reads.",
    response: { "text/plain": { type: "string" } },
    errors: [],
  },
  {
    method: "GET",
    path: "/openapi.json",
    name: "openApi",
    text: "This document.",
    response: { [JSON_TYPE]: { type: "object", required: ["openapi"] } },
    errors: [],
  },
  {
    method: "GET",
    path: "/v1/topics",
    name: "listTopics",
    text: "All topics and their partitions.",
    response: { [JSON_TYPE]: ref("metadataResponse") },
    errors: [],
  },
  {
    method: "GET",
    path: "/v1/topics/{topic}",
    name: "getTopic",
    text: "One topic: its partitions and its configuration.",
    parameters: [topic],
    response: { [JSON_TYPE]: ref("Topic") },
    errors: ["INVALID_TOPIC_EXCEPTION", "UNKNOWN_TOPIC_OR_PARTITION"],
  },
  {
    method: "POST",
    path: "/v1/topics/{topic}/records",
    name: "postRecords",
    text: "Stores records, one result per record in order: a list as JSON, or one record per line for as long as it takes, with a line of result for each as it becomes durable.",
    parameters: [topic],
    request: {
      [JSON_TYPE]: {
        type: "object",
        required: ["records"],
        properties: { records: { type: "array", items: ref("NewRecord"), maxItems: 100_000 } },
      },
      "application/x-ndjson": { type: "string", description: "NewRecord, one per line." },
    },
    response: {
      [JSON_TYPE]: {
        type: "object",
        required: ["results"],
        properties: { results: { type: "array", items: ref("RecordResult") } },
      },
      "application/x-ndjson": { type: "string", description: "RecordResult, one per line." },
    },
    // When no record at all was stored the status is the first one's.
    errors: [...apis.produce.errors, "UNKNOWN_TOPIC_OR_PARTITION"],
  },
  {
    method: "GET",
    path: "/v1/topics/{topic}/partitions/{partition}/records",
    name: "getRecords",
    text: "Records of one partition from an offset on; waits for the first one if asked to.",
    parameters: [
      topic,
      { name: "partition", in: "path", schema: integer(0, 2_147_483_647), text: "The partition's number." },
      {
        name: "offset",
        in: "query",
        schema: { anyOf: [{ type: "string", enum: ["earliest", "latest"] }, integer(0, MAX_SAFE)] },
        text: "Where to begin; default earliest. Go on at nextOffset.",
      },
      { name: "maxRecords", in: "query", schema: integer(1, 10_000), text: "Default 100." },
      {
        name: "maxWaitMs",
        in: "query",
        schema: integer(0, MAX_SAFE),
        text: "How long to wait for a record, at most fetch.max.wait.ms; default 0.",
      },
      isolation,
    ],
    response: { [JSON_TYPE]: ref("Records") },
    errors: readErrors,
  },
  {
    method: "GET",
    path: "/v1/topics/{topic}/stream",
    name: "streamTopic",
    text: "Server-sent events: a Record in the data of each, the positions to go on at in its id, and a last event `end` with the reason where the broker ends it.",
    parameters: [
      topic,
      {
        name: "from",
        in: "query",
        schema: { type: "string" },
        text: "Where to begin: latest (the default), earliest, milliseconds since 1970, or next offsets per partition, like 0:15,1:20.",
      },
      { name: "partition", in: "query", schema: integer(0, 2_147_483_647), text: "Only this one; default all." },
      isolation,
      {
        name: "Last-Event-ID",
        in: "header",
        schema: { type: "string" },
        text: "The id of the last event that was seen; goes before `from`.",
      },
    ],
    response: { "text/event-stream": { type: "string" } },
    errors: [...readErrors, "POLICY_VIOLATION"],
  },
  {
    method: "GET",
    path: "/v1/groups",
    name: "listGroupsByGet",
    text: "All groups and their states.",
    response: { [JSON_TYPE]: ref("listGroupsResponse") },
    errors: [],
  },
  {
    method: "GET",
    path: "/v1/groups/{group}",
    name: "getGroup",
    text: "One group: members, assignment, committed offsets with lag in records and seconds, timeline.",
    parameters: [
      {
        name: "group",
        in: "path",
        schema: { type: "string", pattern: "^[^\\u0000-\\u001f\\u007f-\\u009f]{1,256}$" },
        text: "The group's id.",
      },
    ],
    response: { [JSON_TYPE]: ref("Group") },
    errors: ["INVALID_GROUP_ID", "GROUP_ID_NOT_FOUND"],
  },
];

/** The APIs that have a route. */
export const httpApis = (Object.keys(apis) as ApiName[]).filter(isDispatched);

const byPath = new Map<string, string[]>();
for (const { method, path } of routes) byPath.set(path, [...(byPath.get(path) ?? []), method]);
for (const api of httpApis) byPath.set(`/v1/${api}`, ["POST"]);
const patterns = [...byPath].map(([path, methods]) => ({ segments: path.split("/"), methods }));

/** The methods that a request's path knows; none if there is no such path. */
export function methodsOf(url: string): readonly string[] {
  const segments = (url.split("?", 1)[0] ?? "").split("/");
  const found = patterns.find(
    (pattern) =>
      pattern.segments.length === segments.length &&
      pattern.segments.every((segment, index) => segment.startsWith("{") || segment === segments[index]),
  );
  return found?.methods ?? [];
}
