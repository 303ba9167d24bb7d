// docs/reference/protocol.md: every API with its fields and errors, from the schemas that requests are checked against.

import {
  FRAME_CONTENT_TYPE,
  MAX_ANSWER_HEADER_BYTES,
  MAX_HEADER_BYTES,
  MAX_HEADER_BYTES_BEFORE_HELLO,
  MAX_JSON_DEPTH,
  WEBSOCKET_PATH,
  WEBSOCKET_SUBPROTOCOL,
} from "@brooklet/protocol";
import { type ApiDefinition, apis, commonErrors } from "@brooklet/protocol/apis";
import { code, number, page, table } from "./markdown.ts";
import { fieldRows } from "./schema.ts";

const intro = `One schema per API, two faces. Over WebSocket (${code(WEBSOCKET_PATH)}, subprotocol ${code(WEBSOCKET_SUBPROTOCOL)}) one binary
message is one frame: a u32, big endian, that says how long the header is; the header, UTF-8 JSON; the payload, raw Kafka
record batches (v2). Over HTTP, ${code("POST /v1/{api}")} takes the same frame as ${code(FRAME_CONTENT_TYPE)}, or the header as
${code("application/json")} with records in readable form.

A request's header is ${code('{ "id": 7, "api": "fetch", … }')} with the fields below; its answer ${code('{ "id": 7, … }')} or
${code('{ "id": 7, "error": { … } }')}. Where an API carries batches, ${code('"bytes"')} beside each item says how much of the payload is
its own, in order. Requests start in order; answers may overtake each other. Two frames have no answer: ${code('{ "cancel": id }')}
from the client, and ${code('{ "event": "heartbeatNow", "groupId" }')} from the broker. Fields that an API does not know are ignored.

A request's header has at most ${number(MAX_HEADER_BYTES)} bytes (${number(MAX_HEADER_BYTES_BEFORE_HELLO)} before ${code("hello")} was answered), an answer's
${number(MAX_ANSWER_HEADER_BYTES)}; a request's nests at most
${MAX_JSON_DEPTH} deep. ${code("GET /openapi.json")} has the JSON face in machine-readable form; all limits are in [limits.md](limits.md).
A ${code("?")} marks what may be absent.`;

/** The page. */
export function protocolPage(): string {
  const all: ApiDefinition[] = Object.values(apis);
  return page(
    "The protocol",
    "protocol/src/apis/",
    intro,
    `Any request may be answered with: ${commonErrors.map(code).join(", ")}.`,
    ...all.map(section),
  );
}

function section(api: ApiDefinition): string {
  const request = fieldRows(api.request);
  const response = fieldRows(api.response);
  const head = ["field", "type", "meaning"];
  return [
    `## ${api.name}`,
    api.text,
    request.length === 0 ? "The request has no fields." : `Request:\n\n${table(head, request)}`,
    ...(api.requestPayload === undefined
      ? []
      : [`The request's payload belongs to ${code(`${api.requestPayload}[]`)}.`]),
    response.length === 0 ? "The answer has no fields." : `Answer:\n\n${table(head, response)}`,
    ...(api.responsePayload === undefined
      ? []
      : [`The answer's payload belongs to ${code(`${api.responsePayload}[]`)}.`]),
    api.errors.length === 0 ? "No errors of its own." : `Errors: ${api.errors.map(code).join(", ")}.`,
  ].join("\n\n");
}
