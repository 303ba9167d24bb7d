// The simple routes, for curl and browsers: the same handlers as the APIs, in forms that a person can type.
//
// A GET has no effect: it never creates a topic. Every route answers in JSON, errors included.

import type { ServerResponse } from "node:http";
import type { FastifyInstance } from "fastify";
import packageJson from "../../package.json" with { type: "json" };
import { asProtocolError } from "./dispatch.ts";
import { isJson, isNdjson, respondError, respondJson, respondUnsupportedType } from "./http-answers.ts";
import { type Call, callFor, type HttpServices } from "./http-exchange.ts";
import { serveNdjson } from "./http-ndjson.ts";
import { ReadableProducer } from "./http-produce.ts";
import { isolationOf, MAX_PARTITION, numberOf, only, type Query } from "./http-query.ts";
import { serveStream } from "./http-stream.ts";
import { openApiDocument } from "./openapi.ts";
import { showRecords } from "./readable-records.ts";

/** Of one GET of records. */
export const DEFAULT_MAX_RECORDS = 100;
export const MAX_RECORDS_OF_GET = 10_000;

export function addSimpleRoutes(fastify: FastifyInstance, services: HttpServices): void {
  const producer = new ReadableProducer(services);
  /** Answers with what `run` gives; whatever it throws is an error of this route. */
  const serve = (
    name: string,
    response: ServerResponse,
    run: (call: Call) => Promise<{ httpStatus?: number; body: object | string }>,
  ) => {
    const refuse = (error: unknown) => respondError(response, asProtocolError(error, name, services.broker.logger));
    run(callFor(response, services)).then(
      ({ httpStatus = 200, body }) => respondJson(response, httpStatus, body),
      refuse,
    );
  };

  fastify.get("/healthz", (_request, reply) => respondJson(reply.raw, 200, { status: "ok" }));

  let openApi: string | undefined;
  fastify.get("/openapi.json", (_request, reply) => {
    openApi ??= JSON.stringify(openApiDocument(packageJson.version));
    respondJson(reply.raw, 200, openApi);
  });

  fastify.get("/v1/topics", (_request, reply) =>
    serve("GET topics", reply.raw, async (call) => ({ body: (await call("metadata", {})).header })),
  );

  fastify.get<{ Params: { topic: string } }>("/v1/topics/:topic", (request, reply) =>
    serve("GET topic", reply.raw, async (call) => {
      const topics = [request.params.topic];
      const found = only((await call("metadata", { topics })).header.topics);
      const { configs } = only((await call("describeConfigs", { topics })).header.results);
      return { body: { ...found, configs } };
    }),
  );

  fastify.post<{ Params: { topic: string }; Body: Buffer }>("/v1/topics/:topic/records", (request, reply) => {
    const { topic } = request.params;
    if (isNdjson(request.raw)) serveNdjson(topic, request.raw, reply.raw, { producer, services });
    else if (!isJson(request.raw)) respondUnsupportedType(reply.raw);
    else serve("POST records", reply.raw, async (call) => producer.produce(topic, request.body, call));
  });

  fastify.get<{ Params: { topic: string; partition: string }; Querystring: Query }>(
    "/v1/topics/:topic/partitions/:partition/records",
    (request, reply) =>
      serve("GET records", reply.raw, (call) => readRecords(request.params, request.query, call, services)),
  );

  fastify.get<{ Params: { topic: string }; Querystring: Query }>("/v1/topics/:topic/stream", (request, reply) =>
    serveStream(
      { topic: request.params.topic, query: request.query, lastEventId: request.headers["last-event-id"] },
      reply.raw,
      services,
    ),
  );

  fastify.get("/v1/groups", (_request, reply) =>
    serve("GET groups", reply.raw, async (call) => ({ body: (await call("listGroups", {})).header })),
  );

  fastify.get<{ Params: { group: string } }>("/v1/groups/:group", (request, reply) =>
    serve("GET group", reply.raw, async (call) => {
      const { header } = await call("describeGroups", { groupIds: [request.params.group] });
      return { body: only(header.groups) };
    }),
  );
}

async function readRecords(
  params: { topic: string; partition: string },
  query: Query,
  call: Call,
  services: HttpServices,
): Promise<{ body: string }> {
  const { broker } = services;
  const topic = params.topic;
  const partition = numberOf(params.partition, "partition", 0, MAX_PARTITION);
  const isolation = isolationOf(query);
  const maxRecords =
    query.maxRecords === undefined
      ? DEFAULT_MAX_RECORDS
      : numberOf(query.maxRecords, "maxRecords", 1, MAX_RECORDS_OF_GET);
  const maxWaitMs =
    query.maxWaitMs === undefined ? 0 : numberOf(query.maxWaitMs, "maxWaitMs", 0, broker.settings["fetch.max.wait.ms"]);
  const offset =
    query.offset === undefined || query.offset === "earliest" || query.offset === "latest"
      ? await offsetAt(query.offset ?? "earliest", topic, partition, isolation, call)
      : numberOf(query.offset, "offset", 0, Number.MAX_SAFE_INTEGER);
  const { header, payload } = await call("fetch", {
    maxWaitMs,
    minBytes: 1,
    maxBytes: broker.settings["max.reply.bytes"],
    isolation,
    partitions: [{ topic, partition, offset }],
  });
  const result = only(header.results);
  const bounds = { maxRecords, maxChars: broker.settings["max.reply.bytes"] };
  const { texts, leftOffset } = await showRecords(payload, offset, bounds, services, { partition });
  const { highWatermark, logStartOffset } = result;
  // What is left out is where to go on.
  const ends = JSON.stringify({ nextOffset: leftOffset ?? result.nextOffset, highWatermark, logStartOffset });
  return { body: `{"records":[${texts.join(",")}],${ends.slice(1)}` };
}

async function offsetAt(
  at: "earliest" | "latest",
  topic: string,
  partition: number,
  isolation: "read_uncommitted" | "read_committed",
  call: Call,
): Promise<number> {
  const { header } = await call("listOffsets", { isolation, partitions: [{ topic, partition, at }] });
  return only(header.results).offset;
}
