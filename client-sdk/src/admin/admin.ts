// The Admin of contract.d.ts, as far as the APIs go: each call mirrors one, results in the order of the request.
// What changes something is repeated only where the error table says that it helps.
// Invariant: a partial failure rejects with the first error, whose context.results holds all.

import type { ApiName, ApiRequest, ApiResponse } from "@brooklet/protocol";
import { type AdminConfig, type AdminSettings, parseAdminConfig } from "../config/admin.ts";
import { ClosedError, type CommittedOffset, type OffsetAndMetadata, type TopicPartition } from "../errors.ts";
import { createBrokerClient } from "../network/broker-client.ts";
import type { BrokerClient } from "../network/client.ts";
import { retrying } from "../network/retry.ts";
import { type ClientOptions, type ClientWorld, clientSurroundings } from "../world.ts";
import { succeeded } from "./results.ts";

export interface NewTopic {
  topic: string;
  /** Default: the broker's num.partitions. */
  partitions?: number;
  configs?: Record<string, string>;
}

export interface TopicDescription {
  topic: string;
  topicId: string;
  partitions: { partition: number; logStartOffset: number; highWatermark: number }[];
}

/** A group with its members, committed offsets with lag, and its timeline with the reasons. */
export type GroupDescription = Omit<ApiResponse<"describeGroups">["groups"][number], "error">;

export type ListedOffset = TopicPartition & { offset: number; timestamp: number };
export type BrokerStatus = ApiResponse<"status">;

/** Partitions that one request asks the ends of. */
const MAX_PARTITIONS_PER_REQUEST = 1_000;
const GONE: ReadonlySet<string> = new Set(["UNKNOWN_TOPIC_OR_PARTITION", "UNKNOWN_TOPIC_ID"]);

/**
 * Creates, lists and describes topics and groups.
 *
 * Each call ends within default.api.timeout.ms. Unlike a consumer or producer it takes whatever log its servers hold.
 * Source: Kafka, Admin (KafkaAdminClient).
 */
export class Admin implements AsyncDisposable {
  readonly #settings: AdminSettings;
  readonly #world: ClientWorld;
  readonly #client: BrokerClient;
  readonly #closed = new AbortController();

  /** Throws ConfigError with all problems at once. Connects at the first call. */
  constructor(config: AdminConfig, options?: ClientOptions) {
    const settings = parseAdminConfig(config);
    const { world, logger } = clientSurroundings(options);
    for (const { option, why } of settings.ignoredOptions) logger.debug({ option }, `${option} has no effect: ${why}`);
    this.#settings = settings;
    this.#world = world;
    this.#client = createBrokerClient({
      ...settings,
      connectTimeoutMs: settings.socketConnectionSetupTimeoutMs,
      pinCluster: false,
      world,
      logger,
    });
  }

  /** Creates topics, each by itself; `validateOnly` checks and creates nothing (topicId is empty then). */
  async createTopics(
    topics: NewTopic[],
    { validateOnly = false }: { validateOnly?: boolean } = {},
  ): Promise<{ topic: string; topicId: string }[]> {
    const { header, isInDoubt } = await this.#call("createTopics", { topics, validateOnly });
    return succeeded(header.results, isInDoubt, ({ topic, topicId }) => ({ topic, topicId }));
  }

  /** Deletes topics with their records and committed offsets. */
  async deleteTopics(topics: string[]): Promise<void> {
    const { header, isInDoubt } = await this.#call("deleteTopics", { topics });
    succeeded(header.results, isInDoubt, ({ topic }) => ({ topic }));
  }

  /** Names in order; internal topics only with `internal`. */
  async listTopics({ internal = false }: { internal?: boolean } = {}): Promise<string[]> {
    const { header } = await this.#call("metadata", {});
    return header.topics
      .filter((topic) => internal || topic.internal !== true)
      .map(({ topic }) => topic)
      .sort();
  }

  /** Ids and partitions of topics; asking creates none. */
  async describeTopics(topics: string[]): Promise<TopicDescription[]> {
    if (topics.length === 0) return [];
    const { header } = await this.#call("metadata", { topics, allowAutoCreate: false });
    return succeeded(header.topics, false, ({ topic, topicId, partitions }) => ({ topic, topicId, partitions }));
  }

  /** Offsets by place or time; offset and timestamp are -1 where there is no such record. */
  async listOffsets(
    queries: (TopicPartition & { at: "earliest" | "latest" | "maxTimestamp" | number })[],
  ): Promise<ListedOffset[]> {
    const partitions = queries.map(({ topic, partition, at }) => ({ topic, partition, at }));
    const { header } = await this.#call("listOffsets", { isolation: "read_uncommitted", partitions });
    return succeeded(header.results, false, ({ topic, partition, offset, timestamp }) => ({
      topic,
      partition,
      offset,
      timestamp,
    }));
  }

  /** All groups, by id. */
  async listGroups(): Promise<{ groupId: string; state: string }[]> {
    return (await this.#call("listGroups", {})).header.groups;
  }

  /** Members, assignment, offsets with lag and the timeline of groups. */
  async describeGroups(groupIds: string[]): Promise<GroupDescription[]> {
    const { header } = await this.#call("describeGroups", { groupIds });
    return succeeded(header.groups, false, ({ error: _, ...group }) => group);
  }

  /**
   * What a group has committed, with the records still to read.
   *
   * Shape: all committed partitions, or the named ones in their order, without those that have no committed offset.
   */
  async listGroupOffsets(
    groupId: string,
    partitions?: TopicPartition[],
  ): Promise<(OffsetAndMetadata & { lag: number })[]> {
    const request = { groupId, ...(partitions === undefined ? {} : { partitions: partitions.map(place) }) };
    const { header } = await this.#call("offsetFetch", request);
    const committed = succeeded(header.offsets, false, (result) => result).filter(({ offset }) => offset >= 0);
    const described: (OffsetAndMetadata & { lag: number })[] = [];
    for (let from = 0; from < committed.length; from += MAX_PARTITIONS_PER_REQUEST) {
      const some = committed.slice(from, from + MAX_PARTITIONS_PER_REQUEST);
      const ends = await this.#endOffsets(some);
      some.forEach(({ topic, partition, offset, metadata, leaderEpoch }, index) => {
        const end = ends[index];
        if (end === undefined) return;
        const known = leaderEpoch < 0 ? {} : { leaderEpoch };
        described.push({ topic, partition, offset, metadata, ...known, lag: Math.max(0, end - offset) });
      });
    }
    return described;
  }

  /** High watermarks; undefined where the topic was deleted meanwhile, which takes its committed offsets with it. */
  async #endOffsets(some: readonly (TopicPartition & { topicId: string })[]): Promise<(number | undefined)[]> {
    const partitions = some.map(({ topicId, ...at }) => ({ ...place(at), topicId, at: "latest" as const }));
    const { header } = await this.#call("listOffsets", { isolation: "read_uncommitted", partitions });
    const known = header.results.filter(({ error }) => error === undefined || !GONE.has(error.code));
    succeeded(known, false, place);
    return header.results.map(({ error, offset }) => (error === undefined ? offset : undefined));
  }

  /** Sets a group's next offsets; only while it has no members. Resolves with what the broker recorded. */
  async alterGroupOffsets(groupId: string, offsets: OffsetAndMetadata[]): Promise<CommittedOffset[]> {
    const { header, isInDoubt } = await this.#call("offsetCommit", {
      groupId,
      offsets: offsets.map(({ topic, partition, offset, metadata, leaderEpoch }) => ({
        topic,
        partition,
        offset,
        ...(metadata === undefined ? {} : { metadata }),
        ...(leaderEpoch === undefined ? {} : { leaderEpoch }),
      })),
    });
    return succeeded(header.results, isInDoubt, ({ error: _, ...result }, index) => {
      const metadata = offsets[index]?.metadata;
      return { ...result, ...(metadata === undefined ? {} : { metadata }) };
    });
  }

  /** What the broker is, where its data lies and what it holds. */
  async status(): Promise<BrokerStatus> {
    return (await this.#call("status", {})).header;
  }

  /** `isInDoubt`: an attempt before the answered one may have happened. */
  async #call<A extends ApiName>(
    api: A,
    request: ApiRequest<A>,
  ): Promise<{ header: ApiResponse<A>; isInDoubt: boolean }> {
    const { retryBackoffMs, retryBackoffMaxMs, defaultApiTimeoutMs, requestTimeoutMs, retries } = this.#settings;
    let isInDoubt = false;
    const { header } = await retrying(
      {
        ...this.#world,
        backoff: { initialMs: retryBackoffMs, maxMs: retryBackoffMaxMs },
        timeoutMs: defaultApiTimeoutMs,
        signal: this.#closed.signal,
        what: api,
        // A topic that does not exist is an answer here, not something to wait for.
        mayRetry: (error, recovery, attempts) => {
          isInDoubt ||= !error.definite;
          return recovery === "retry" && attempts <= retries;
        },
      },
      ({ remainingMs }) => this.#client.request(api, request, { timeoutMs: Math.min(remainingMs, requestTimeoutMs) }),
    );
    return { header, isInDoubt };
  }

  /** Ends the connection; calls that wait reject with ClosedError. */
  close(): Promise<void> {
    this.#closed.abort(new ClosedError("the admin client was closed", { code: "CLOSED" }));
    return this.#client.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

function place({ topic, partition }: TopicPartition): TopicPartition {
  return { topic, partition };
}
