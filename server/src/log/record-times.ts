// When the record at an offset was written, for lag in seconds: from the tail cache where it is, else from the storage.
// Invariant: only what is visible is looked at; what is remembered belongs to one partition id, which is never used again.

import { readBatchHeader } from "@brooklet/protocol";
import type { Storage } from "../storage/storage.ts";
import type { Logger } from "../world.ts";
import type { Catalog } from "./catalog.ts";
import type { RecordTimes } from "./log.ts";
import type { Partition } from "./partition.ts";

/** Looked up on the disk; a consumer that stands still asks for the same one again and again. */
const MAX_REMEMBERED = 10_000;

export class LogRecordTimes implements RecordTimes {
  readonly #catalog: Catalog;
  readonly #storage: Pick<Storage, "read">;
  readonly #logger: Logger;
  /** The least lately used first. */
  readonly #remembered = new Map<string, number>();

  constructor(parts: { catalog: Catalog; storage: Pick<Storage, "read">; logger: Logger }) {
    this.#catalog = parts.catalog;
    this.#storage = parts.storage;
    this.#logger = parts.logger;
  }

  async at(topicId: string, partitionNumber: number, offset: number): Promise<number | undefined> {
    const partition = this.#catalog.byId(topicId)?.partitions[partitionNumber];
    if (partition === undefined || offset < partition.logStartOffset || offset >= partition.highWatermark)
      return undefined;
    const timestamp =
      offset >= (partition.tail.startOffset ?? partition.highWatermark)
        ? cached(partition, offset)
        : await this.#stored(partition, offset);
    return timestamp === undefined || timestamp < 0 ? undefined : timestamp;
  }

  async #stored(partition: Partition, offset: number): Promise<number | undefined> {
    const key = `${partition.partitionId}:${offset}`;
    const known = this.#remembered.get(key);
    this.#remembered.delete(key);
    const timestamp = known ?? (await this.#read(partition, offset));
    if (timestamp === undefined) return undefined;
    this.#remembered.set(key, timestamp);
    for (const oldest of this.#remembered.keys()) {
      if (this.#remembered.size <= MAX_REMEMBERED) break;
      this.#remembered.delete(oldest);
    }
    return timestamp;
  }

  async #read(partition: Partition, fromOffset: number): Promise<number | undefined> {
    const { partitionId, highWatermark: endOffset } = partition;
    try {
      const [batch] = await this.#storage.read({ partitionId, fromOffset, endOffset, maxBytes: 1 });
      return batch?.maxTimestampMs;
    } catch (error) {
      // Lag in records is still right; who reads the partition is told what is wrong with it.
      this.#logger.debug({ err: error, partition: partition.name }, "the time of a record could not be read");
      return undefined;
    }
  }
}

function cached(partition: Partition, offset: number): number | undefined {
  for (const { bytes } of partition.tail.from(offset)) return readBatchHeader(bytes).maxTimestamp;
  return undefined;
}
