// Puts the parts of log/ together behind the Log interface, and is their one participant in the commit queue.
// Invariant: after `restore` every part stands where the last durable turn left it, before anybody is answered.

import { type ApiRequest, type ApiResponse, isInternalTopic, ProtocolError } from "@brooklet/protocol";
import type { Clock, Random } from "@brooklet/protocol/world";
import type { Settings } from "../settings.ts";
import type { Storage, StoredState } from "../storage/storage.ts";
import type { TurnQueue } from "../storage/turns.ts";
import type { Logger } from "../world.ts";
import { Appender, type ProduceItem } from "./append.ts";
import { Catalog, type TopicState } from "./catalog.ts";
import { CollidingNames } from "./colliding-names.ts";
import { DelayedFetches } from "./delayed-fetch.ts";
import { deleteRecords } from "./delete-records.ts";
import { Fetcher } from "./fetch.ts";
import { leaderEpochEnds } from "./leader-epoch-ends.ts";
import { OffsetLister } from "./list-offsets.ts";
import type {
  FetchResults,
  FetchWaiting,
  Log,
  OffsetsTopicWriter,
  PartitionUsage,
  RecordTimes,
  TopicCatalog,
} from "./log.ts";
import { LogIndexJournal } from "./log-index-journal.ts";
import { LogStarts } from "./log-starts.ts";
import { OffsetsTopic } from "./offsets-topic.ts";
import type { Partition } from "./partition.ts";
import { ProducerIds } from "./producer-ids.ts";
import { ProducerJournal } from "./producer-journal.ts";
import { BatchPublisher } from "./publish.ts";
import { LogRecordTimes } from "./record-times.ts";
import { Retention } from "./retention.ts";
import { SlabAllocator } from "./slabs.ts";
import { TailCache } from "./tail-cache.ts";
import { TopicAdmin } from "./topic-admin.ts";
import { TopicChanges } from "./topic-changes.ts";
import { TopicRuleBook } from "./topic-rules.ts";
import { InlineUnpacker, readable, type Unpacker } from "./unpacker.ts";

export interface LogParts {
  readonly turns: TurnQueue;
  readonly storage: Storage;
  readonly state: StoredState;
  readonly settings: Settings;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly clusterId: string;
  /** Whoever gives it closes it; absent: one that works in this thread. */
  readonly unpacker?: Unpacker;
}

/** The broker's log over what the storage holds. */
export function createLog(parts: LogParts): Log {
  return new BrokerLog(parts);
}

class BrokerLog implements Log {
  readonly #catalog: Catalog;
  readonly #cache: TailCache;
  readonly #delayed: DelayedFetches;
  readonly #producers: ProducerJournal;
  readonly #producerIds: ProducerIds;
  readonly #appender: Appender;
  readonly #fetcher: Fetcher;
  readonly #lister: OffsetLister;
  readonly #admin: TopicAdmin;
  readonly #changes: TopicChanges;
  readonly #starts: LogStarts;
  readonly #retention: Retention;
  readonly #bootEpoch: number;
  readonly offsetsTopic: OffsetsTopicWriter;
  readonly recordTimes: RecordTimes;
  readonly #unpacker: Unpacker;
  #closed = false;

  constructor({ turns, storage, state, settings, clock, random, logger, clusterId, ...given }: LogParts) {
    const { bootEpoch } = state;
    const maxUnpackedBytes = settings["max.decompressed.batch.bytes"];
    this.#unpacker = given.unpacker ?? new InlineUnpacker({ clock, maxUnpackedBytes });
    const ruleBook = new TopicRuleBook(settings);
    const limits = { maxTopics: settings["max.topics"], maxPartitions: settings["max.partitions"] };
    const catalog = new Catalog(state, isInternalTopic, limits, ruleBook);
    const slabs = new SlabAllocator(settings["tail.cache.bytes"]);
    const cache = new TailCache(settings["tail.cache.bytes"]);
    const delayed = new DelayedFetches(clock, settings["max.parked.fetches"]);
    const producers = new ProducerJournal({
      turns,
      clock,
      expirationMs: settings["producer.id.expiration.ms"],
      partitions: () => partitionsOf(catalog),
    });
    const journal = new LogIndexJournal(turns);
    const stored = new Map(state.logIndexes.map((index) => [index.partitionId, index]));
    for (const partition of partitionsOf(catalog)) {
      const index = stored.get(partition.partitionId);
      if (index !== undefined) partition.loadIndex(index, clock.wallMs());
      if (partition.hasUnsaved) journal.note(partition);
    }
    const publisher = new BatchPublisher({ cache, delayed, journal, clock });
    this.#starts = new LogStarts({ turns, cache, delayed, journal });
    this.#retention = new Retention({
      catalog,
      starts: this.#starts,
      clock,
      logger,
      checkIntervalMs: settings["log.retention.check.interval.ms"],
    });
    this.#bootEpoch = bootEpoch;
    this.#catalog = catalog;
    this.#cache = cache;
    this.#delayed = delayed;
    this.#producers = producers;
    this.#producerIds = new ProducerIds(turns, state.counters);
    this.#appender = new Appender({
      turns,
      catalog,
      slabs,
      publisher,
      producers,
      settings,
      clock,
      random,
      bootEpoch,
      newTopicRules: ruleBook.of({}),
      unpacker: this.#unpacker,
    });
    this.#fetcher = new Fetcher({ catalog, storage, delayed, settings, random, logger, bootEpoch });
    this.#lister = new OffsetLister({ catalog, storage, logger, bootEpoch, unpacker: this.#unpacker });
    this.#admin = new TopicAdmin({ turns, catalog, settings, clock, random });
    this.#changes = new TopicChanges({ turns, catalog, settings, logger });
    this.recordTimes = new LogRecordTimes({ catalog, storage, logger });
    this.offsetsTopic = new OffsetsTopic({
      catalog,
      slabs,
      publisher,
      clock,
      random,
      bootEpoch,
      newPartitionCount: settings["offsets.topic.num.partitions"],
    });
    const collidingNames = new CollidingNames(Array.from(catalog.all(), ({ topic }) => topic));
    catalog.onChange((topic, change) => {
      const { topic: name, topicId, partitionCount } = topic;
      logger.info({ clusterId, topic: name, topicId, partitionCount }, `topic ${change}`);
      if (change === "created") {
        const other = collidingNames.add(name);
        if (other !== undefined)
          logger.warn(
            { topic: name, other },
            `the names ${name} and ${other} are the same where "." is written as "_"`,
          );
      } else if (change === "deleted") {
        collidingNames.delete(name);
        this.#leave(topic);
      }
    });
    turns.register({
      seal: () => {
        producers.seal();
        journal.seal();
      },
      restore: () => {
        catalog.restore();
        producers.restore();
      },
    });
  }

  get catalog(): TopicCatalog {
    return this.#catalog;
  }

  produce(acks: number, items: readonly ProduceItem[]): Promise<ApiResponse<"produce">["results"]> {
    return this.#closed ? refuseStopped() : this.#appender.produce(acks, items);
  }

  fetch(request: ApiRequest<"fetch">, waiting: FetchWaiting): Promise<FetchResults> {
    return this.#closed ? refuseStopped() : this.#fetcher.fetch(request, waiting);
  }

  listOffsets(request: ApiRequest<"listOffsets">): Promise<ApiResponse<"listOffsets">["results"]> {
    return this.#closed ? refuseStopped() : this.#lister.list(request);
  }

  metadata(request: ApiRequest<"metadata">): Promise<ApiResponse<"metadata">["topics"]> {
    return this.#closed ? refuseStopped() : this.#admin.metadata(request);
  }

  createTopics(request: ApiRequest<"createTopics">): Promise<ApiResponse<"createTopics">["results"]> {
    return this.#closed ? refuseStopped() : this.#admin.create(request);
  }

  deleteTopics(request: ApiRequest<"deleteTopics">): Promise<ApiResponse<"deleteTopics">["results"]> {
    return this.#closed ? refuseStopped() : this.#admin.delete(request);
  }

  createPartitions(request: ApiRequest<"createPartitions">): Promise<ApiResponse<"createPartitions">["results"]> {
    return this.#closed ? refuseStopped() : this.#changes.createPartitions(request);
  }

  async describeConfigs(request: ApiRequest<"describeConfigs">): Promise<ApiResponse<"describeConfigs">> {
    return this.#closed ? refuseStopped() : this.#changes.describeConfigs(request);
  }

  alterConfigs(request: ApiRequest<"alterConfigs">): Promise<ApiResponse<"alterConfigs">["results"]> {
    return this.#closed ? refuseStopped() : this.#changes.alterConfigs(request);
  }

  deleteRecords(request: ApiRequest<"deleteRecords">): Promise<ApiResponse<"deleteRecords">["results"]> {
    if (this.#closed) return refuseStopped();
    return deleteRecords(request, { catalog: this.#catalog, starts: this.#starts });
  }

  async offsetForLeaderEpoch(
    request: ApiRequest<"offsetForLeaderEpoch">,
  ): Promise<ApiResponse<"offsetForLeaderEpoch">["results"]> {
    if (this.#closed) return refuseStopped();
    return leaderEpochEnds(request, { catalog: this.#catalog, bootEpoch: this.#bootEpoch });
  }

  async initProducerId(): Promise<ApiResponse<"initProducerId">> {
    if (this.#closed) return refuseStopped();
    return { producerId: await this.#producerIds.take(), producerEpoch: 0 };
  }

  unpack(batch: Uint8Array): Promise<Uint8Array> {
    return this.#closed ? refuseStopped() : readable(this.#unpacker, batch);
  }

  get stats(): Log["stats"] {
    return {
      topics: this.#catalog.topicCount,
      partitions: this.#catalog.partitionCount,
      parkedFetches: this.#delayed.size,
      tailCacheBytes: this.#cache.bytes,
    };
  }

  *usage(): Generator<PartitionUsage, void, undefined> {
    for (const partition of partitionsOf(this.#catalog)) {
      const { logStartOffset, highWatermark, lastStableOffset, sizeBytes, segments } = partition;
      const { topic } = partition.topic;
      yield {
        topic,
        partition: partition.partition,
        logStartOffset,
        highWatermark,
        lastStableOffset,
        sizeBytes,
        segments: segments.length,
      };
    }
  }

  start(): void {
    this.#retention.start();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#appender.close(stopped());
    this.#delayed.close();
    this.#producers.close();
    this.#retention.close();
  }

  #leave(topic: TopicState): void {
    for (const partition of topic.partitions) {
      this.#cache.drop(partition.tail);
      this.#delayed.changed(partition);
    }
  }
}

function refuseStopped(): Promise<never> {
  return Promise.reject(stopped());
}

function stopped(): ProtocolError {
  return new ProtocolError("BROKER_NOT_AVAILABLE", "the broker stops and takes no more requests");
}

function* partitionsOf(catalog: Catalog): Generator<Partition, void, undefined> {
  for (const topic of catalog.all()) yield* topic.partitions;
}
