// Questions about offsets that move nothing: committed ones, beginnings, ends, by time. Retried within the caller's time.

import type { Clock, Random } from "@brooklet/protocol/world";
import { BrookletError, fromWire, IllegalStateError, type OffsetAndMetadata, type TopicPartition } from "../errors.ts";
import { inParts } from "../network/chunks.ts";
import type { BrokerClient } from "../network/client.ts";
import type { MetadataCache } from "../network/metadata.ts";
import { type BackoffPolicy, retrying } from "../network/retry.ts";
import type { CommitIdentity } from "./commits.ts";
import type { Positions } from "./positions.ts";
import { nameOf } from "./types.ts";

export interface OffsetQueriesOptions {
  readonly client: BrokerClient;
  readonly clock: Clock;
  readonly random: Random;
  readonly backoff: BackoffPolicy;
  readonly requestTimeoutMs: number;
  readonly isolationLevel: "read_uncommitted" | "read_committed";
  readonly positions: Positions;
  readonly metadata: MetadataCache;
}

/** How long a question may take, and what ends it before. */
export interface Bounds {
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

export type OffsetQuestion = TopicPartition & { readonly at: "earliest" | "latest" | number };
export type OffsetAnswer = TopicPartition & { offset: number; timestamp: number; leaderEpoch: number };

export class OffsetQueries {
  readonly #options: OffsetQueriesOptions;

  constructor(options: OffsetQueriesOptions) {
    this.#options = options;
  }

  /** In the order asked; offset -1 without a hit. */
  async list(questions: readonly OffsetQuestion[], bounds: Bounds): Promise<OffsetAnswer[]> {
    const { client, isolationLevel } = this.#options;
    if (questions.length === 0) return [];
    return await this.#retrying("looking up offsets", bounds, async (timeoutMs) => {
      const ids = await this.#topicIds(questions, timeoutMs);
      const parts = inParts(questions).map(async (part) => {
        const partitions = part.map(({ topic, partition, at }) => ({ ...idOf(ids, topic), topic, partition, at }));
        const request = { isolation: isolationLevel, partitions };
        const { header } = await client.request("listOffsets", request, { timeoutMs, signal: bounds.signal });
        return part.map(({ topic, partition }, index): OffsetAnswer => {
          const found = fitting(header.results[index], { topic, partition });
          return { topic, partition, ...pick(found) };
        });
      });
      return (await Promise.all(parts)).flat();
    });
  }

  /** In the order asked; null where the group has committed nothing. */
  async committed(
    groupId: string,
    identity: () => CommitIdentity | undefined,
    asked: readonly TopicPartition[],
    bounds: Bounds,
  ): Promise<(OffsetAndMetadata | null)[]> {
    const { client } = this.#options;
    if (asked.length === 0) return [];
    return await this.#retrying("looking up committed offsets", bounds, async (timeoutMs) => {
      const ids = await this.#topicIds(asked, timeoutMs);
      const parts = inParts(asked).map(async (part) => {
        const partitions = part.map(({ topic, partition }) => ({ ...idOf(ids, topic), topic, partition }));
        const request = { groupId, ...identity(), requireStable: true, partitions };
        const { header } = await client.request("offsetFetch", request, { timeoutMs, signal: bounds.signal });
        return part.map(({ topic, partition }, index): OffsetAndMetadata | null => {
          const found = fitting(header.offsets[index], { topic, partition });
          if (found.offset < 0) return null;
          const { offset, metadata, leaderEpoch } = found;
          return { topic, partition, offset, metadata, ...(leaderEpoch < 0 ? {} : { leaderEpoch }) };
        });
      });
      return (await Promise.all(parts)).flat();
    });
  }

  #retrying<T>(what: string, bounds: Bounds, attempt: (timeoutMs: number) => Promise<T>): Promise<T> {
    const { clock, random, backoff, requestTimeoutMs } = this.#options;
    return retrying(
      {
        clock,
        random,
        backoff,
        what,
        ...bounds,
        // The epoch may just have moved: the next attempt carries the new one.
        mayRetry: (error, recovery) =>
          recovery === "retry" ||
          recovery === "refreshMetadata" ||
          (BrookletError.is(error) && error.code === "STALE_MEMBER_EPOCH"),
      },
      ({ remainingMs }) => attempt(Math.min(requestTimeoutMs, remainingMs)),
    );
  }

  async #topicIds(partitions: readonly TopicPartition[], timeoutMs: number): Promise<Map<string, string>> {
    const { positions, metadata } = this.#options;
    const ids = new Map<string, string>();
    const unknown = new Set<string>();
    for (const partition of partitions) {
      const pinned = positions.find(partition)?.topicId;
      if (pinned !== undefined && pinned !== "") ids.set(partition.topic, pinned);
      else unknown.add(partition.topic);
    }
    const loads = [...unknown].filter((topic) => !ids.has(topic));
    await Promise.all(loads.map(async (topic) => ids.set(topic, (await metadata.load(topic, { timeoutMs })).topicId)));
    return ids;
  }
}

function idOf(ids: ReadonlyMap<string, string>, topic: string): { topicId?: string } {
  const topicId = ids.get(topic);
  return topicId === undefined ? {} : { topicId };
}

function pick({ offset, timestamp, leaderEpoch }: { offset: number; timestamp: number; leaderEpoch: number }) {
  return { offset, timestamp, leaderEpoch };
}

function fitting<T extends TopicPartition & { error?: Parameters<typeof fromWire>[0] }>(
  item: T | undefined,
  asked: TopicPartition,
): T {
  if (item === undefined || item.topic !== asked.topic || item.partition !== asked.partition) {
    throw new BrookletError("the broker's answer does not fit the request", { code: "INVALID_RESPONSE" });
  }
  if (item.error !== undefined) throw fromWire(item.error);
  return item;
}

/** Errors: ILLEGAL_STATE for what is no partition. */
export function checkPartitions(partitions: readonly TopicPartition[], what: string): void {
  if (!Array.isArray(partitions)) throw new IllegalStateError(`${what} takes an array of { topic, partition }`);
  for (const one of partitions as readonly Partial<TopicPartition>[]) {
    const legal =
      typeof one?.topic === "string" &&
      one.topic.length > 0 &&
      Number.isSafeInteger(one.partition) &&
      (one.partition ?? -1) >= 0;
    if (!legal) {
      const shown = typeof one?.topic === "string" ? nameOf(one as TopicPartition) : String(one);
      throw new IllegalStateError(`${what}: ${shown} is not a partition`, {
        hint: "a partition is { topic: string, partition: number }",
      });
    }
  }
}
