// `GET /v1/topics/{topic}/stream?from=&partition=&isolation=`: where a reader begins. What it gets is event-stream.ts.
//
// It begins at Last-Event-ID if there is one (a browser that comes back), else at `from`: latest (the default), earliest,
// milliseconds since 1970, or positions. Everything that can be refused is refused before the first byte, with a status.

import type { ServerResponse } from "node:http";
import { type ApiResponse, ProtocolError } from "@brooklet/protocol";
import { asProtocolError } from "./dispatch.ts";
import { EventStream, tooManyPartitions } from "./event-stream.ts";
import { respondError } from "./http-answers.ts";
import { type Call, callFor, fetchFor, fromWire, type HttpServices } from "./http-exchange.ts";
import { isolationOf, MAX_PARTITION, numberOf, only, type Query } from "./http-query.ts";
import { MAX_STREAM_PARTITIONS, parsePositions } from "./stream-positions.ts";

export const EVENT_STREAM_CONTENT_TYPE = "text/event-stream";

type Metadata = ApiResponse<"metadata">["topics"][number];

export interface StreamRequest {
  readonly topic: string;
  readonly query: Query;
  readonly lastEventId: string | string[] | undefined;
}

/** Opens a stream on the response, or answers why not. */
export function serveStream(request: StreamRequest, response: ServerResponse, services: HttpServices): void {
  const { broker, clock, streams } = services;
  const visible = (error: unknown) => asProtocolError(error, "GET stream", broker.logger);
  const begin = async () => {
    streams.enterReader(response);
    const isolation = isolationOf(request.query);
    const { topic, wholeTopic, offsets } = await beginningOf(request, isolation, callFor(response, services));
    if (response.closed) return;
    const stream = new EventStream({
      topic,
      offsets,
      wholeTopic,
      isolation,
      sink: response,
      clock,
      broker,
      fetch: (fields) => fetchFor(response, services, fields),
      hold: (bytes) => {
        const refusal = services.load.admitAnswer(response, bytes);
        if (refusal !== undefined) throw refusal;
      },
      asProtocolError: visible,
    });
    response.writeHead(200, {
      "content-type": EVENT_STREAM_CONTENT_TYPE,
      "cache-control": "no-store",
      "cross-origin-resource-policy": "same-origin",
      "x-content-type-options": "nosniff",
      "x-accel-buffering": "no",
    });
    streams.opened(response, stream);
    // The topic may have grown since it was looked at.
    const now = broker.log.catalog.byId(topic.topicId);
    if (now !== undefined) stream.extended(now);
    await stream.run();
  };
  begin().catch((error: unknown) => respondError(response, visible(error)));
}

async function beginningOf(
  { topic, query, lastEventId }: StreamRequest,
  isolation: "read_uncommitted" | "read_committed",
  call: Call,
): Promise<{ topic: Metadata; wholeTopic: boolean; offsets: Map<number, number> }> {
  const { header } = await call("metadata", { topics: [topic] });
  const found = only(header.topics);
  const partitions = partitionsOf(found, query.partition);
  const from = typeof lastEventId === "string" && lastEventId !== "" ? lastEventId : query.from;
  const offsets =
    from === undefined || from === "earliest" || from === "latest" || isTimestamp(from)
      ? await offsetsAt(from ?? "latest", found, partitions, isolation, call)
      : offsetsFrom(from, found, partitions);
  return { topic: found, wholeTopic: query.partition === undefined, offsets };
}

function partitionsOf(found: Metadata, wanted: Query[string]): Metadata["partitions"] {
  if (wanted === undefined) {
    if (found.partitions.length <= MAX_STREAM_PARTITIONS) return found.partitions;
    throw tooManyPartitions(found.topic, found.partitions.length);
  }
  const partition = numberOf(wanted, "partition", 0, MAX_PARTITION);
  const one = found.partitions.filter((each) => each.partition === partition);
  if (one.length > 0) return one;
  throw new ProtocolError(
    "UNKNOWN_TOPIC_OR_PARTITION",
    `topic ${found.topic} has no partition ${partition}; it has ${found.partitions.length}`,
  );
}

function isTimestamp(from: string | string[]): from is string {
  return typeof from === "string" && /^\d+$/.test(from);
}

async function offsetsAt(
  from: string,
  { topic, topicId }: Metadata,
  partitions: Metadata["partitions"],
  isolation: "read_uncommitted" | "read_committed",
  call: Call,
): Promise<Map<number, number>> {
  const offsets = new Map<number, number>();
  const ask = async (at: "earliest" | "latest" | number, of: readonly number[]) => {
    const asked = of.map((partition) => ({ topic, topicId, partition, at }));
    const { header } = await call("listOffsets", { isolation, partitions: asked });
    for (const { partition, offset, error } of header.results) {
      if (error !== undefined) throw fromWire(error);
      offsets.set(partition, offset);
    }
  };
  const all = partitions.map(({ partition }) => partition);
  await ask(from === "earliest" || from === "latest" ? from : numberOf(from, "from", 0, Number.MAX_SAFE_INTEGER), all);
  // Nothing is as late as the timestamp: what comes is.
  const late = all.filter((partition) => (offsets.get(partition) ?? -1) < 0);
  if (late.length > 0) await ask("latest", late);
  return new Map(all.map((partition) => [partition, offsets.get(partition) as number]));
}

/** Partitions that are not named are read from their start: they were added meanwhile, or nobody wrote them down. */
function offsetsFrom(
  from: string | string[],
  found: Metadata,
  partitions: Metadata["partitions"],
): Map<number, number> {
  const given = parsePositions(typeof from === "string" ? from : "");
  if (given.topicId !== undefined && given.topicId !== found.topicId) {
    throw new ProtocolError(
      "UNKNOWN_TOPIC_ID",
      `the positions are those of a topic (id ${given.topicId}) that was deleted; ${found.topic} is another one`,
      { hint: "Begin anew, with from=earliest." },
    );
  }
  const known = new Set(found.partitions.map(({ partition }) => partition));
  const stranger = [...given.offsets.keys()].find((partition) => !known.has(partition));
  if (stranger !== undefined) {
    throw new ProtocolError("UNKNOWN_TOPIC_OR_PARTITION", `topic ${found.topic} has no partition ${stranger}`);
  }
  return new Map(
    partitions.map(({ partition, logStartOffset, highWatermark }) => {
      const offset = given.offsets.get(partition) ?? logStartOffset;
      if (offset >= logStartOffset && offset <= highWatermark) return [partition, offset];
      throw new ProtocolError(
        "OFFSET_OUT_OF_RANGE",
        `offset ${offset} of ${found.topic}-${partition} is outside ${logStartOffset} (log start) to ${highWatermark} (high watermark)`,
        {
          hint: "What lies between is gone, or never was: begin anew, with from=earliest.",
          context: { logStartOffset, highWatermark },
        },
      );
    }),
  );
}
