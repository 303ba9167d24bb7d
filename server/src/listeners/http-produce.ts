// Records in readable form into a topic, one result per record in their order: a whole body of JSON, or the lines of a
// stream (http-ndjson.ts).
//
// Records are placed as Kafka's producer places them: by the partition they name, by murmur2 of the key, or, without a
// key, together in one partition per request (or part of a stream), the next one in the next.

import { type ApiRequest, ProtocolError, partitionForKey, type RecordData, type WireError } from "@brooklet/protocol";
import { parseRecords, type ReadableRecord, readRecord, recordPaths } from "@brooklet/protocol/readable";
import { Breath } from "./breath.ts";
import { type Call, fromWire, type HttpServices } from "./http-exchange.ts";
import { only } from "./http-query.ts";
import { batchesOf, checkRecordCount, MAX_RECORDS } from "./readable-records.ts";

export type RecordResult = { partition: number; offset: number } | { error: WireError };

/** The topic that records go to, as it was when the request began. */
export interface Destination {
  readonly topic: string;
  readonly topicId: string;
  readonly partitionCount: number;
}

/** Records that were refused before they reached the log have their results already. */
interface Sorted {
  readonly results: RecordResult[];
  readonly byPartition: Map<number, { index: number; record: RecordData }[]>;
}

export class ReadableProducer {
  readonly #services: HttpServices;
  #requests = 0;

  constructor(services: HttpServices) {
    this.#services = services;
  }

  /** Errors: the whole request is refused for what concerns all of it; a record for what concerns it alone. */
  async produce(topic: string, json: Uint8Array, call: Call): Promise<{ httpStatus: number; body: object }> {
    const { fields, values } = parseRecords(json, recordPaths.list, { maxValues: MAX_RECORDS });
    if (!Array.isArray(fields.records)) throw new ProtocolError("INVALID_REQUEST", 'the body needs "records", a list');
    checkRecordCount(fields.records.length);
    const destination = await this.destination(topic, call);
    const { clock } = this.#services;
    const nowMs = clock.wallMs();
    const breath = new Breath(clock);
    const records: (ReadableRecord | ProtocolError)[] = [];
    for (const record of fields.records as unknown[]) {
      records.push(asRecord(() => readRecord(record, values, nowMs)));
      const pause = breath.take();
      if (pause !== undefined) await pause;
    }
    const results = await this.store(destination, records, call);
    return { httpStatus: statusOf(results), body: { results } };
  }

  /** The topic, created if it is missing and the broker allows it. */
  async destination(topic: string, call: Call): Promise<Destination> {
    const { header } = await call("metadata", { topics: [topic], allowAutoCreate: true });
    const { topicId, partitions } = only(header.topics);
    return { topic, topicId, partitionCount: partitions.length };
  }

  /** Stores what is a record; resolves when all of it is durable or refused. Errors: what refuses all of it at once. */
  async store(
    destination: Destination,
    records: readonly (ReadableRecord | ProtocolError)[],
    call: Call,
  ): Promise<RecordResult[]> {
    const { topic, topicId } = destination;
    const { results, byPartition } = this.#sort(records, destination.partitionCount);
    // One item per batch: each has an answer of its own, and so has every record in it.
    const partitions: ApiRequest<"produce">["partitions"] = [];
    const payload: Uint8Array[] = [];
    const indexes: number[][] = [];
    for (const [partition, placed] of byPartition) {
      const data = placed.map(({ record }) => record);
      for (const { bytes, first, count } of batchesOf(data, this.#services.broker.settings["message.max.bytes"])) {
        partitions.push({ topic, topicId, partition, bytes: bytes.byteLength });
        payload.push(bytes);
        indexes.push(placed.slice(first, first + count).map(({ index }) => index));
      }
    }
    if (partitions.length > 0) {
      const answer = await call("produce", { acks: -1, partitions }, Buffer.concat(payload));
      for (const [item, { partition, baseOffset, error }] of answer.header.results.entries()) {
        for (const [delta, index] of (indexes[item] ?? []).entries()) {
          results[index] = error === undefined ? { partition, offset: baseOffset + delta } : { error };
        }
      }
    }
    return results;
  }

  #sort(records: readonly (ReadableRecord | ProtocolError)[], partitionCount: number): Sorted {
    const results: RecordResult[] = new Array(records.length);
    const byPartition: Sorted["byPartition"] = new Map();
    const unkeyedPartition = this.#requests++ % partitionCount;
    for (const [index, read] of records.entries()) {
      if (read instanceof ProtocolError) {
        results[index] = { error: read.toWire() };
        continue;
      }
      const { record, partition } = read;
      const place = partition ?? (record.key === null ? unkeyedPartition : partitionForKey(record.key, partitionCount));
      const placed = byPartition.get(place);
      if (placed === undefined) byPartition.set(place, [{ index, record }]);
      else placed.push({ index, record });
    }
    return { results, byPartition };
  }
}

/** What `read` gives, or why it refuses. */
export function asRecord(read: () => ReadableRecord): ReadableRecord | ProtocolError {
  try {
    return read();
  } catch (error) {
    if (error instanceof ProtocolError) return error;
    throw error;
  }
}

/** When nothing at all was stored, the status says so too. */
function statusOf(results: readonly RecordResult[]): number {
  const [first] = results;
  const allFailed = first !== undefined && results.every((result) => "error" in result);
  return allFailed && "error" in first ? fromWire(first.error).row.httpStatus : 200;
}
