// `POST /v1/topics/{topic}/records`: records in readable form, one result per record in their order.
//
// Records are placed as Kafka's producer places them: by the partition they name, by murmur2 of the key, or, without a
// key, together in one partition per request, the next request in the next one.

import { type ApiRequest, ProtocolError, partitionForKey, type RecordData, type WireError } from "@brooklet/protocol";
import { type Call, fromWire, type HttpServices } from "./http-exchange.ts";
import { batchesOf, checkRecordCount, readRecord } from "./readable-records.ts";

type RecordResult = { partition: number; offset: number } | { error: WireError };

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
  async produce(
    topic: string,
    body: Record<string, unknown>,
    call: Call,
  ): Promise<{ httpStatus: number; body: object }> {
    const { records } = body;
    if (!Array.isArray(records)) throw new ProtocolError("INVALID_REQUEST", 'the body needs "records", a list');
    checkRecordCount(records.length);
    const { header } = await call("metadata", { topics: [topic], allowAutoCreate: true });
    const [found] = header.topics;
    if (found === undefined) throw new ProtocolError("UNKNOWN_TOPIC_OR_PARTITION", `there is no topic ${topic}`);
    if (found.error !== undefined) throw fromWire(found.error);
    const { results, byPartition } = this.#sort(records, found.partitions.length);

    // One item per batch: each has an answer of its own, and so has every record in it.
    const partitions: ApiRequest<"produce">["partitions"] = [];
    const payload: Uint8Array[] = [];
    const indexes: number[][] = [];
    for (const [partition, placed] of byPartition) {
      const data = placed.map(({ record }) => record);
      for (const { bytes, first, count } of batchesOf(data, this.#services.broker.settings["message.max.bytes"])) {
        partitions.push({ topic, topicId: found.topicId, partition, bytes: bytes.byteLength });
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
    return { httpStatus: statusOf(results), body: { results } };
  }

  #sort(records: readonly unknown[], partitionCount: number): Sorted {
    const results: RecordResult[] = new Array(records.length);
    const byPartition: Sorted["byPartition"] = new Map();
    const unkeyedPartition = this.#requests++ % partitionCount;
    const nowMs = this.#services.clock.wallMs();
    for (const [index, json] of records.entries()) {
      try {
        const { record, partition } = readRecord(json, nowMs);
        const place =
          partition ?? (record.key === null ? unkeyedPartition : partitionForKey(record.key, partitionCount));
        const placed = byPartition.get(place);
        if (placed === undefined) byPartition.set(place, [{ index, record }]);
        else placed.push({ index, record });
      } catch (error) {
        if (!(error instanceof ProtocolError)) throw error;
        results[index] = { error: error.toWire() };
      }
    }
    return { results, byPartition };
  }
}

/** When nothing at all was stored, the status says so too. */
function statusOf(results: readonly RecordResult[]): number {
  const [first] = results;
  const allFailed = first !== undefined && results.every((result) => "error" in result);
  return allFailed && "error" in first ? fromWire(first.error).row.httpStatus : 200;
}
