// ListOffsets: offsets by place (earliest, latest) or by time. Places come from memory, times from the storage's index,
// exact to the record inside the batch.
// Invariant: nothing at or above the end captured first (high watermark, last stable offset) is ever named as a record.

import { type ApiRequest, type ApiResponse, decodeBatch, ProtocolError, readBatchHeader } from "@brooklet/protocol";
import { type Storage, StorageCorruptionError, type StoredBatch } from "../storage/storage.ts";
import type { Logger } from "../world.ts";
import type { Catalog } from "./catalog.ts";
import { findPartition } from "./find-partition.ts";
import type { Isolation, Partition } from "./partition.ts";
import { readable, type Unpacker } from "./unpacker.ts";

type Item = ApiRequest<"listOffsets">["partitions"][number];
type Result = ApiResponse<"listOffsets">["results"][number];
type Place = Pick<Result, "offset" | "timestamp" | "leaderEpoch">;

/** Kafka's answer when no record fits. */
const NO_HIT: Place = { offset: -1, timestamp: -1, leaderEpoch: -1 };

export interface OffsetListerParts {
  readonly catalog: Catalog;
  readonly storage: Storage;
  readonly logger: Logger;
  readonly bootEpoch: number;
  readonly unpacker: Unpacker;
}

export class OffsetLister {
  readonly #parts: OffsetListerParts;

  constructor(parts: OffsetListerParts) {
    this.#parts = parts;
  }

  /**
   * Answers each item, one after the other.
   *
   * Shape: `latest` is the high watermark, or the last stable offset under read_committed; a timestamp asks for the first
   * record whose timestamp is at least that; `maxTimestamp` for the first of those with the largest.
   * Errors: INVALID_REQUEST for a negative timestamp; the partition's own; KAFKA_STORAGE_ERROR.
   * Source: Kafka, ListOffsets; KIP-79, KIP-734.
   */
  async list(request: ApiRequest<"listOffsets">): Promise<Result[]> {
    const results: Result[] = [];
    for (const item of request.partitions) {
      const { topic, partition } = item;
      try {
        results.push({ topic, partition, ...(await this.#listOne(item, request.isolation)) });
      } catch (error) {
        results.push({ topic, partition, ...NO_HIT, error: this.#refusal(error, item).toWire() });
      }
    }
    return results;
  }

  async #listOne(item: Item, isolation: Isolation): Promise<Place> {
    const partition = findPartition(this.#parts.catalog, item);
    const end = partition.visibleEnd(isolation);
    if (item.at === "earliest") {
      const { logStartOffset } = partition;
      return {
        ...NO_HIT,
        offset: logStartOffset,
        leaderEpoch: partition.epochs.at(logStartOffset) ?? this.#parts.bootEpoch,
      };
    }
    if (item.at === "latest") return { ...NO_HIT, offset: end, leaderEpoch: this.#parts.bootEpoch };
    const place =
      item.at === "maxTimestamp" ? await this.#newest(partition, end) : await this.#firstSince(partition, end, item.at);
    if (partition.deleted)
      throw new ProtocolError("UNKNOWN_TOPIC_ID", `topic ${item.topic} (id ${partition.topic.topicId}) was deleted`);
    return place;
  }

  async #firstSince(partition: Partition, endOffset: number, timestampMs: number): Promise<Place> {
    if (timestampMs < 0)
      throw new ProtocolError("INVALID_REQUEST", `a timestamp to look for is not negative; ${timestampMs} is`, {
        hint: 'Places have names: "earliest", "latest", "maxTimestamp".',
      });
    const { partitionId } = partition;
    let fromOffset = partition.logStartOffset;
    while (fromOffset < endOffset) {
      const batch = await this.#parts.storage.findByTimestamp({ partitionId, fromOffset, endOffset, timestampMs });
      if (batch === undefined) return NO_HIT;
      const hit = (await this.#recordsOf(batch, partition)).find(({ timestamp }) => timestamp >= timestampMs);
      if (hit !== undefined) return placeOf(hit, batch);
      // What is young enough in this batch lies before the log start.
      fromOffset = batch.lastOffset + 1;
    }
    return NO_HIT;
  }

  async #newest(partition: Partition, endOffset: number): Promise<Place> {
    const { partitionId } = partition;
    let newest = NO_HIT;
    let fromOffset = partition.logStartOffset;
    while (fromOffset < endOffset) {
      const batch = await this.#parts.storage.findMaxTimestamp({ partitionId, fromOffset, endOffset });
      if (batch === undefined || batch.maxTimestampMs <= newest.timestamp) break;
      for (const record of await this.#recordsOf(batch, partition))
        if (newest.offset === -1 || record.timestamp > newest.timestamp) newest = placeOf(record, batch);
      // Its largest timestamp may be that of a record before the log start: what follows may have a larger one than the rest.
      if (newest.timestamp === batch.maxTimestampMs) break;
      fromOffset = batch.lastOffset + 1;
    }
    return newest;
  }

  async #recordsOf(batch: StoredBatch, partition: Partition): Promise<{ offset: number; timestamp: number }[]> {
    const bytes = await readable(this.#parts.unpacker, batch.bytes);
    return decodeBatch(bytes).filter(({ offset }) => offset >= partition.logStartOffset);
  }

  #refusal(error: unknown, item: Item): ProtocolError {
    if (error instanceof ProtocolError) return error;
    const message = error instanceof Error ? error.message : String(error);
    const { topic, partition } = item;
    this.#parts.logger.error({ topic, partition, error: message }, "offset lookup failed");
    const damaged = error instanceof StorageCorruptionError ? ` (a damaged batch at offset ${error.baseOffset})` : "";
    return new ProtocolError(
      "KAFKA_STORAGE_ERROR",
      `${topic}-${partition} could not be searched for ${item.at}${damaged}: ${message}`,
    );
  }
}

function placeOf({ offset, timestamp }: { offset: number; timestamp: number }, batch: StoredBatch): Place {
  return { offset, timestamp, leaderEpoch: readBatchHeader(batch.bytes).partitionLeaderEpoch };
}
