// /openapi.json: the routes by HTTP as OpenAPI 3.1, rendered from the tables of APIs, errors and routes.
//
// Invariant: nothing is described here that a table knows; the JSON face of an API is its schema with readable records in
// the place of byte counts.

import { type ErrorCode, errorRow } from "@brooklet/protocol";
import { type ApiDefinition, apis, commonErrors, ItemError } from "@brooklet/protocol/apis";
import { httpApis, type Route, routes } from "./http-routes.ts";

type Schema = Record<string, unknown>;

const MAX_SAFE = Number.MAX_SAFE_INTEGER;
const FRAME_TYPE = "application/vnd.brooklet";
const ref = (name: string): Schema => ({ $ref: `#/components/schemas/${name}` });
/** HTTP's own refusals, before a route is reached or its body read. */
const transportStatuses: Readonly<Record<number, string>> = {
  405: "The path knows other methods (Allow).",
  408: "The request took too long to arrive.",
  413: "The body is larger than any may be.",
  414: "The path is too long.",
  415: "The content type is none that is read.",
  421: "The Host is none of the broker's.",
  431: "The headers are too long.",
};

/** The document, as an object that JSON can print. */
export function openApiDocument(version: string): object {
  const paths = new Map<string, Schema>();
  for (const api of httpApis) paths.set(`/v1/${api}`, { post: apiOperation(apis[api]) });
  for (const route of routes) {
    paths.set(route.path, { ...paths.get(route.path), [route.method.toLowerCase()]: routeOperation(route) });
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "brooklet",
      version,
      description: "A small, real message broker: Kafka's semantics, words and errors.",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    servers: [{ url: "/" }],
    security: [{}, { token: [] }],
    paths: Object.fromEntries(paths),
    components: {
      securitySchemes: { token: { type: "http", scheme: "bearer" } },
      schemas: { ...recordSchemas(), ...apiSchemas() },
    },
  };
}

function apiOperation({ name, text, errors }: ApiDefinition): Schema {
  const frame = { type: "string", format: "binary", description: "The same as a frame, with record batches behind." };
  return {
    operationId: name,
    summary: text,
    requestBody: {
      required: true,
      content: { "application/json": { schema: ref(`${name}Request`) }, [FRAME_TYPE]: { schema: frame } },
    },
    responses: {
      200: {
        description: "What was asked for; items may have errors of their own.",
        content: { "application/json": { schema: ref(`${name}Response`) }, [FRAME_TYPE]: { schema: frame } },
      },
      ...refusals(errors, [FRAME_TYPE]),
    },
  };
}

function routeOperation({ name, text, parameters = [], request, response, errors }: Route): Schema {
  const content = (types: Route["response"]) =>
    Object.fromEntries(Object.entries(types).map(([type, schema]) => [type, { schema }]));
  return {
    operationId: name,
    summary: text,
    ...(parameters.length === 0
      ? {}
      : {
          parameters: parameters.map((parameter) => ({
            name: parameter.name,
            in: parameter.in,
            required: parameter.in === "path",
            description: parameter.text,
            schema: parameter.schema,
          })),
        }),
    ...(request === undefined ? {} : { requestBody: { required: true, content: content(request) } }),
    responses: {
      200: { description: "As asked.", content: content(response) },
      ...refusals(errors, [], request === undefined ? undefined : content(response)["application/json"]?.schema),
    },
  };
}

/** One response per status, with the codes it may carry; `or`: the answer itself, where each item has its own refusal. */
function refusals(errors: readonly ErrorCode[], alsoAs: readonly string[], or?: unknown): Schema {
  const codes = new Map<number, ErrorCode[]>();
  for (const code of new Set<ErrorCode>([...commonErrors, ...errors])) {
    const { httpStatus } = errorRow(code);
    codes.set(httpStatus, [...(codes.get(httpStatus) ?? []), code]);
  }
  const statuses = new Set([...codes.keys(), ...Object.keys(transportStatuses).map(Number)]);
  const schema = or === undefined ? ref("Refusal") : { anyOf: [ref("Refusal"), or] };
  const binary = { schema: { type: "string", format: "binary" } };
  return Object.fromEntries(
    [...statuses].map((status) => [
      status,
      {
        description: [...(codes.get(status) ?? []), transportStatuses[status] ?? []].flat().join(", "),
        content: { "application/json": { schema }, ...Object.fromEntries(alsoAs.map((type) => [type, binary])) },
      },
    ]),
  );
}

function apiSchemas(): Record<string, Schema> {
  const schemas: Record<string, Schema> = {};
  for (const name of httpApis) {
    const { request, response, requestPayload, responsePayload }: ApiDefinition = apis[name];
    const asked = withRecords(plain(request), requestPayload, "NewRecord");
    const id = { type: "integer", minimum: 0, maximum: MAX_SAFE, description: "Given back in the answer." };
    schemas[`${name}Request`] = {
      ...asked,
      properties: { id, api: { const: name }, ...(asked.properties as Schema) },
    };
    schemas[`${name}Response`] = withRecords(plain(response), responsePayload, "Record");
  }
  schemas.Topic = withConfigs(itemOf(schemas.metadataResponse, "topics"), schemas.describeConfigsResponse);
  schemas.Group = itemOf(schemas.describeGroupsResponse, "groups");
  return schemas;
}

/** A schema without what typebox keeps in it, and with one name for what an error is. */
function plain(schema: object): Schema {
  const error = JSON.stringify(ItemError);
  return JSON.parse(JSON.stringify(schema).replaceAll(error, JSON.stringify(ref("Error"))));
}

/** The items of `list` with `records` in the place of `bytes`. */
function withRecords(schema: Schema, list: string | undefined, record: string): Schema {
  if (list === undefined) return schema;
  const items = itemOf(schema, list);
  const { bytes: _, ...properties } = items.properties as Schema;
  const required = (items.required as string[]).map((name) => (name === "bytes" ? "records" : name));
  const records = { type: "array", items: ref(record) };
  const lists = schema.properties as Record<string, Schema>;
  return {
    ...schema,
    properties: {
      ...lists,
      [list]: { ...lists[list], items: { ...items, required, properties: { ...properties, records } } },
    },
  };
}

function withConfigs(topic: Schema, describeConfigs: Schema | undefined): Schema {
  const { configs } = itemOf(describeConfigs, "results").properties as Schema;
  return {
    ...topic,
    required: [...(topic.required as string[]), "configs"],
    properties: { ...(topic.properties as Schema), configs },
  };
}

function itemOf(schema: Schema | undefined, list: string): Schema {
  const { properties } = schema as { properties: Record<string, { items: Schema }> };
  return (properties[list] as { items: Schema }).items;
}

/** Records in readable form (@brooklet/protocol/readable), and errors. */
function recordSchemas(): Record<string, Schema> {
  const base64 = {
    type: "string",
    contentEncoding: "base64",
    pattern: "^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$",
  };
  const text = { type: "string" };
  const orNull = { type: ["string", "null"] };
  const partition = { type: "integer", minimum: 0, maximum: 2_147_483_647 };
  const offset = { type: "integer", minimum: 0, maximum: MAX_SAFE };
  const timestamp = {
    type: "integer",
    minimum: -1,
    maximum: MAX_SAFE,
    description: "Milliseconds since 1970; -1: none.",
  };
  const fields = {
    key: { ...orNull, description: "Text, or null: none." },
    keyBase64: { ...base64, description: "The key, where it is no text." },
    value: { description: "Any JSON, kept byte for byte; null: a tombstone." },
    valueText: { ...text, description: "The value, where it is text and no JSON." },
    valueBase64: { ...base64, description: "The value, where it is neither." },
    headers: { type: "array", items: ref("RecordHeader") },
  };
  const oneValue = { oneOf: ["value", "valueText", "valueBase64"].map((name) => ({ required: [name] })) };
  const oneKey = { not: { required: ["key", "keyBase64"] } };
  return {
    Error: plainError(),
    Refusal: { type: "object", required: ["error"], properties: { error: ref("Error") } },
    RecordHeader: {
      type: "object",
      required: ["key"],
      properties: { key: text, value: orNull, valueBase64: base64 },
      not: { required: ["value", "valueBase64"] },
    },
    NewRecord: { type: "object", properties: { ...fields, timestamp, partition }, ...oneValue, ...oneKey },
    Record: {
      type: "object",
      required: ["offset", "timestamp", "headers"],
      properties: { partition, offset, timestamp, ...fields },
      ...oneValue,
      ...oneKey,
    },
    RecordResult: {
      anyOf: [{ type: "object", required: ["partition", "offset"], properties: { partition, offset } }, ref("Refusal")],
    },
    Records: {
      type: "object",
      required: ["records", "nextOffset", "highWatermark", "logStartOffset"],
      properties: {
        records: { type: "array", items: ref("Record") },
        nextOffset: offset,
        highWatermark: offset,
        logStartOffset: offset,
      },
    },
  };
}

function plainError(): Schema {
  return { ...JSON.parse(JSON.stringify(ItemError)), description: "Kafka's name of what is wrong, and what it means." };
}
