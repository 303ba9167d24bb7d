// Fetch: whole batches of many partitions, from the tail cache or, for what is older, from the storage. What must wait is
// handed to delayed-fetch.ts. A fetch that memory can answer touches neither storage nor timer.
// Invariant: the visible ends are taken at the start of each attempt, before the first byte is read, and clip all of it.

import { type ApiRequest, ProtocolError, type WireError } from "@brooklet/protocol";
import type { Random } from "@brooklet/protocol/world";
import type { Settings } from "../settings.ts";
import { type Storage, StorageCorruptionError } from "../storage/storage.ts";
import type { Logger } from "../world.ts";
import type { Catalog } from "./catalog.ts";
import type { Attempt, DelayedFetches } from "./delayed-fetch.ts";
import { findPartition } from "./find-partition.ts";
import { positionRefusal } from "./leader-epoch-ends.ts";
import type { FetchResults, FetchWaiting } from "./log.ts";
import type { Partition } from "./partition.ts";

type FetchRequest = ApiRequest<"fetch">;
type FetchItem = FetchRequest["partitions"][number];
type FetchResult = FetchResults[number];

/** Kafka's max.partition.fetch.bytes, for an item that does not say. */
const DEFAULT_PARTITION_MAX_BYTES = 1024 * 1024;

export interface FetcherParts {
  readonly catalog: Catalog;
  readonly storage: Storage;
  readonly delayed: DelayedFetches;
  readonly settings: Settings;
  readonly random: Random;
  readonly logger: Logger;
  readonly bootEpoch: number;
}

/** An item and the partition it meant when the request came: a later topic of the same name is another one. */
interface Target {
  readonly item: FetchItem;
  readonly found: Partition | ProtocolError;
}

/** One request, across all its attempts. */
interface Plan {
  readonly request: FetchRequest;
  readonly targets: readonly Target[];
  readonly maxBytes: number;
  abandoned: boolean;
}

/** What readers saw of a partition at the start of an attempt. */
interface View {
  readonly highWatermark: number;
  readonly lastStableOffset: number;
  readonly logStartOffset: number;
  readonly end: number;
}

/** One attempt under way. */
interface Progress {
  readonly plan: Plan;
  readonly views: readonly (View | undefined)[];
  /** In request order, whatever the order of reading. */
  readonly results: FetchResult[];
  /** Where the rotation began, and how many partitions are done. */
  readonly start: number;
  done: number;
  bytes: number;
  refused: boolean;
}

export class Fetcher {
  readonly #parts: FetcherParts;

  constructor(parts: FetcherParts) {
    this.#parts = parts;
  }

  /**
   * Reads whole batches from each partition's offset up to the high watermark, or the last stable offset under
   * read_committed.
   *
   * Shape: results in request order; batches as stored, the first may start before the offset asked for.
   * Units: `maxBytes` (bounded by max.reply.bytes) and each partition's own are soft: the answer's first batch is whole.
   * Waits at most `maxWaitMs` (bounded by fetch.max.wait.ms) for `minBytes`; an error is answered at once.
   * Errors: THROTTLING_QUOTA_EXCEEDED refuses the request; everything else is the item's.
   * Source: Kafka, Fetch; KIP-74 (progress past an oversized batch). Differs: no fetch sessions.
   */
  fetch(request: FetchRequest, waiting: FetchWaiting): Promise<FetchResults> {
    const { settings, delayed } = this.#parts;
    const plan: Plan = {
      request,
      targets: request.partitions.map((item) => ({ item, found: this.#find(item) })),
      maxBytes: Math.min(request.maxBytes, settings["max.reply.bytes"]),
      abandoned: false,
    };
    const minBytes = request.partitions.length === 0 ? 0 : Math.min(request.minBytes, plan.maxBytes);
    const waitMs = Math.min(request.maxWaitMs, settings["fetch.max.wait.ms"]);
    const first = this.#attempt(plan);
    if (!(first instanceof Promise) && (first.refused || first.bytes >= minBytes || waitMs === 0))
      return Promise.resolve(first.results);
    return delayed.wait(
      {
        partitions: [...new Set(plan.targets.flatMap(({ found }) => (found instanceof ProtocolError ? [] : [found])))],
        minBytes: waitMs === 0 ? 0 : minBytes,
        waitMs,
        attempt: () => this.#attempt(plan),
        nothing: () => plan.targets.map(({ item, found }) => resultOf(item, viewOf(found, request), [])),
        abandon: () => {
          plan.abandoned = true;
        },
      },
      first,
      waiting,
    );
  }

  #find(item: FetchItem): Partition | ProtocolError {
    try {
      return findPartition(this.#parts.catalog, item);
    } catch (error) {
      if (error instanceof ProtocolError) return error;
      throw error;
    }
  }

  #attempt(plan: Plan): Attempt | Promise<Attempt> {
    const count = plan.targets.length;
    return this.#advance({
      plan,
      views: plan.targets.map(({ found }) => viewOf(found, plan.request)),
      results: new Array<FetchResult>(count),
      // Chance instead of a memory per client: no partition is last for ever.
      start: count > 1 ? Math.floor(this.#parts.random.next() * count) : 0,
      done: 0,
      bytes: 0,
      refused: false,
    });
  }

  /** Goes on synchronously until a partition must be read from the storage. */
  #advance(progress: Progress): Attempt | Promise<Attempt> {
    const { plan, start, views, results } = progress;
    const count = plan.targets.length;
    while (progress.done < count) {
      const index = (start + progress.done++) % count;
      const { item, found } = plan.targets[index] as Target;
      const view = withLogStartOf(found, views[index]);
      const refusal = found instanceof ProtocolError ? found : this.#refusal(item, found, view as View);
      if (refusal !== undefined) {
        results[index] = resultOf(item, view, [], refusal);
        progress.refused = true;
        continue;
      }
      const partition = found as Partition;
      const { end } = view as View;
      const room = roomFor(progress, item);
      if (plan.abandoned || item.offset >= end || (room <= 0 && progress.bytes > 0)) {
        results[index] = resultOf(item, view, []);
      } else if (item.offset >= (partition.tail.startOffset ?? partition.highWatermark)) {
        results[index] = resultOf(item, view, take(progress, partition.tail.from(item.offset), room, end));
      } else {
        return this.#readCold(progress, index, room).then(() => this.#advance(progress));
      }
    }
    return progress;
  }

  async #readCold(progress: Progress, index: number, room: number): Promise<void> {
    const { plan, results, views } = progress;
    const { item, found } = plan.targets[index] as Target;
    const partition = found as Partition;
    let view = views[index] as View;
    try {
      const batches = await this.#parts.storage.read({
        partitionId: partition.partitionId,
        fromOffset: item.offset,
        endOffset: view.end,
        maxBytes: Math.max(1, room),
      });
      // Meanwhile the topic may be gone, or the log may start later, and what was read may lack what was removed.
      view = withLogStartOf(partition, view);
      const refusal = this.#refusal(item, partition, view);
      if (refusal !== undefined) throw refusal;
      results[index] = resultOf(item, view, take(progress, batches, room, view.end));
    } catch (error) {
      results[index] = resultOf(item, view, [], this.#readError(error, item, partition));
      progress.refused = true;
    }
  }

  /** Why this item is not read, by what is visible. */
  #refusal(item: FetchItem, partition: Partition, view: View): ProtocolError | undefined {
    if (partition.deleted)
      return new ProtocolError("UNKNOWN_TOPIC_ID", `topic ${item.topic} (id ${partition.topic.topicId}) was deleted`, {
        hint: "Ask for metadata again: one of the same name would be another topic.",
      });
    const misplaced = positionRefusal(partition, item, view.highWatermark, this.#parts.bootEpoch);
    if (misplaced !== undefined) return misplaced;
    if (item.offset >= view.logStartOffset && item.offset <= view.highWatermark) return undefined;
    return new ProtocolError(
      "OFFSET_OUT_OF_RANGE",
      `offset ${item.offset} of ${partition.name} is outside ${view.logStartOffset} (log start) to ${view.highWatermark} (high watermark)`,
      { context: { logStartOffset: view.logStartOffset, highWatermark: view.highWatermark } },
    );
  }

  #readError(error: unknown, item: FetchItem, partition: Partition): ProtocolError {
    if (error instanceof ProtocolError) return error;
    const message = error instanceof Error ? error.message : String(error);
    if (error instanceof StorageCorruptionError) {
      this.#parts.logger.error(
        { topic: partition.topic.topic, partition: partition.partition, offset: error.baseOffset, error: message },
        "damaged batch on the disk",
      );
      // The storage names topic, partition and offsets, and says what can be done.
      return new ProtocolError(
        "CORRUPT_MESSAGE",
        `offset ${item.offset} of ${partition.name} cannot be read: ${message}`,
        {
          context: { topic: partition.topic.topic, partition: partition.partition, baseOffset: error.baseOffset },
        },
      );
    }
    this.#parts.logger.error(
      { topic: partition.topic.topic, partition: partition.partition, error: message },
      "read failed",
    );
    return new ProtocolError(
      "KAFKA_STORAGE_ERROR",
      `${partition.name} could not be read at offset ${item.offset}: ${message}`,
    );
  }
}

function viewOf(found: Partition, request: FetchRequest): View;
function viewOf(found: Partition | ProtocolError, request: FetchRequest): View | undefined;
function viewOf(found: Partition | ProtocolError, request: FetchRequest): View | undefined {
  if (found instanceof ProtocolError) return undefined;
  return {
    highWatermark: found.highWatermark,
    lastStableOffset: found.lastStableOffset,
    logStartOffset: found.logStartOffset,
    end: found.visibleEnd(request.isolation),
  };
}

/**
 * The visible ends stay as they were; a log start that moved since counts at once, because what lies before it may be gone
 * already.
 */
function withLogStartOf<V extends View | undefined>(found: Partition | ProtocolError, view: V): V {
  if (view === undefined || found instanceof ProtocolError || found.logStartOffset === view.logStartOffset) return view;
  return { ...view, logStartOffset: found.logStartOffset };
}

/** Bytes this item may still take. */
function roomFor({ plan, bytes }: Progress, item: FetchItem): number {
  return Math.min(item.maxBytes ?? DEFAULT_PARTITION_MAX_BYTES, plan.maxBytes - bytes);
}

interface ReadableBatch {
  readonly lastOffset: number;
  readonly bytes: Uint8Array;
}

/** Takes whole batches below `end` as long as they fit; the first of the answer always does. */
function take(progress: Progress, batches: Iterable<ReadableBatch>, room: number, end: number): ReadableBatch[] {
  const taken: ReadableBatch[] = [];
  let left = room;
  for (const batch of batches) {
    const length = batch.bytes.length;
    if (batch.lastOffset >= end || (length > left && progress.bytes > 0)) break;
    taken.push(batch);
    left -= length;
    progress.bytes += length;
  }
  return taken;
}

function resultOf(
  item: FetchItem,
  view: View | undefined,
  batches: readonly ReadableBatch[],
  refusal?: ProtocolError,
): FetchResult {
  const last = batches.at(-1);
  const error: { error?: WireError } = refusal === undefined ? {} : { error: refusal.toWire() };
  return {
    topic: item.topic,
    partition: item.partition,
    highWatermark: view?.highWatermark ?? -1,
    lastStableOffset: view?.lastStableOffset ?? -1,
    logStartOffset: view?.logStartOffset ?? -1,
    nextOffset: last === undefined ? Math.max(-1, item.offset) : last.lastOffset + 1,
    batches: batches.map(({ bytes }) => bytes),
    ...error,
  };
}
