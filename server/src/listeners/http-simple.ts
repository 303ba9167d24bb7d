// The simple routes, for curl and browsers: the same handlers as the APIs, in forms that a person can type.
//
// A GET has no effect: it never creates a topic. Every route answers in JSON, errors included.

import type { ServerResponse } from "node:http";
import { ProtocolError, parseHeader, type WireError } from "@brooklet/protocol";
import type { FastifyInstance } from "fastify";
import { asProtocolError } from "./dispatch.ts";
import { respondError, respondJson } from "./http-answers.ts";
import { isJson, respondUnsupportedType } from "./http-api.ts";
import { type Call, callFor, fromWire, type HttpServices } from "./http-exchange.ts";
import { ReadableProducer } from "./http-produce.ts";
import { recordsFrom, showRecord } from "./readable-records.ts";

/** Of one GET of records. */
const DEFAULT_MAX_RECORDS = 100;
const MAX_RECORDS = 10_000;

type Query = Record<string, string | string[] | undefined>;

export function addSimpleRoutes(fastify: FastifyInstance, services: HttpServices): void {
  const producer = new ReadableProducer(services);
  /** Answers with what `run` gives; whatever it throws is an error of this route. */
  const serve = (
    name: string,
    response: ServerResponse,
    run: (call: Call) => Promise<{ httpStatus?: number; body: object }>,
  ) => {
    const refuse = (error: unknown) => respondError(response, asProtocolError(error, name, services.broker.logger));
    run(callFor(response, services)).then(
      ({ httpStatus = 200, body }) => respondJson(response, httpStatus, body),
      refuse,
    );
  };

  fastify.get("/healthz", (_request, reply) => respondJson(reply.raw, 200, { status: "ok" }));

  fastify.get("/v1/topics", (_request, reply) =>
    serve("GET topics", reply.raw, async (call) => ({ body: (await call("metadata", {})).header })),
  );

  fastify.get<{ Params: { topic: string } }>("/v1/topics/:topic", (request, reply) =>
    serve("GET topic", reply.raw, async (call) => {
      const { header } = await call("metadata", { topics: [request.params.topic] });
      return { body: only(header.topics) };
    }),
  );

  fastify.post<{ Params: { topic: string }; Body: Buffer }>("/v1/topics/:topic/records", (request, reply) => {
    if (!isJson(request.raw)) respondUnsupportedType(reply.raw);
    else {
      serve("POST records", reply.raw, async (call) =>
        producer.produce(request.params.topic, parseHeader(request.body), call),
      );
    }
  });

  fastify.get<{ Params: { topic: string; partition: string }; Querystring: Query }>(
    "/v1/topics/:topic/partitions/:partition/records",
    (request, reply) =>
      serve("GET records", reply.raw, (call) => readRecords(request.params, request.query, call, services)),
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
  { broker }: HttpServices,
): Promise<{ body: object }> {
  const topic = params.topic;
  const partition = numberOf(params.partition, "partition", 0, 2_147_483_647);
  const isolation = oneOf(query.isolation, "isolation", ["read_uncommitted", "read_committed"] as const);
  const maxRecords =
    query.maxRecords === undefined ? DEFAULT_MAX_RECORDS : numberOf(query.maxRecords, "maxRecords", 1, MAX_RECORDS);
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
  const records = recordsFrom(payload, offset, maxRecords + 1);
  // One more than asked for was looked at: what is left out is where to go on.
  const nextOffset = records.length > maxRecords ? records[maxRecords]?.offset : result.nextOffset;
  return {
    body: {
      records: records.slice(0, maxRecords).map((record) => ({ partition, ...showRecord(record) })),
      nextOffset,
      highWatermark: result.highWatermark,
      logStartOffset: result.logStartOffset,
    },
  };
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

/** The only item of an answer; its error is the answer's. */
function only<T extends { error?: WireError }>(items: readonly T[]): T {
  const [item] = items;
  if (item === undefined) throw new ProtocolError("UNKNOWN_SERVER_ERROR", "the broker answered with nothing");
  if (item.error !== undefined) throw fromWire(item.error);
  return item;
}

function numberOf(text: string | string[] | undefined, name: string, min: number, max: number): number {
  const value = typeof text === "string" && /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isSafeInteger(value) && value >= min && value <= max) return value;
  throw new ProtocolError("INVALID_REQUEST", `${name} is a whole number from ${min} to ${max}`);
}

function oneOf<const T extends string>(value: unknown, name: string, allowed: readonly [T, ...T[]]): T {
  if (value === undefined) return allowed[0];
  const found = allowed.find((one) => one === value);
  if (found === undefined) throw new ProtocolError("INVALID_REQUEST", `${name} is ${allowed.join(" or ")}`);
  return found;
}
