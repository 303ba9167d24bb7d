// The calls about topics: what goes into a request, and what comes out of a result. What they mean: admin.ts.

import type { TopicPartition } from "../errors.ts";
import { itemCall } from "./requests.ts";
import type { ConfigChange, NewTopic } from "./types.ts";

export function createTopics(topics: readonly NewTopic[], validateOnly: boolean) {
  return itemCall({
    api: "createTopics",
    items: topics,
    request: (some) => ({ topics: some, validateOnly }),
    results: ({ results }) => results,
    place: topicOf,
    pick: ({ topic, topicId }) => ({ topic, topicId }),
  });
}

export function deleteTopics(topics: readonly string[]) {
  return itemCall({
    api: "deleteTopics",
    items: topics,
    request: (some) => ({ topics: some }),
    results: ({ results }) => results,
    place: asTopic,
    pick: ({ topic }) => ({ topic }),
  });
}

export function describeTopics(topics: readonly string[]) {
  return itemCall({
    api: "metadata",
    items: topics,
    request: (some) => ({ topics: some, allowAutoCreate: false }),
    results: (answer) => answer.topics,
    place: asTopic,
    pick: ({ topic, topicId, partitions }) => ({ topic, topicId, partitions }),
  });
}

export function createPartitions(changes: readonly { topic: string; partitions: number }[], validateOnly: boolean) {
  return itemCall({
    api: "createPartitions",
    items: changes,
    request: (some) => ({ topics: some.map(({ topic, partitions }) => ({ topic, partitions })), validateOnly }),
    results: ({ results }) => results,
    place: topicOf,
    pick: ({ topic }) => ({ topic }),
  });
}

export function describeConfigs(topics: readonly string[]) {
  return itemCall({
    api: "describeConfigs",
    items: topics,
    request: (some) => ({ topics: some }),
    results: ({ results }) => results,
    place: asTopic,
    pick: ({ topic, configs }) => ({ topic, configs }),
  });
}

export function alterConfigs(changes: readonly ConfigChange[], validateOnly: boolean) {
  return itemCall({
    api: "alterConfigs",
    items: changes,
    request: (some) => ({ changes: some.map(({ topic, configs }) => ({ topic, configs })), validateOnly }),
    results: ({ results }) => results,
    place: topicOf,
    pick: ({ topic }) => ({ topic }),
  });
}

export function deleteRecords(before: readonly (TopicPartition & { offset: number })[]) {
  return itemCall({
    api: "deleteRecords",
    items: before,
    request: (some) => ({ partitions: some.map((one) => ({ ...partitionOf(one), offset: one.offset })) }),
    results: ({ results }) => results,
    place: partitionOf,
    pick: ({ topic, partition, logStartOffset }) => ({ topic, partition, logStartOffset }),
  });
}

export type OffsetQuery = TopicPartition & { at: "earliest" | "latest" | "maxTimestamp" | number };

export function listOffsets(queries: readonly OffsetQuery[]) {
  return itemCall({
    api: "listOffsets",
    items: queries,
    request: (some) => ({
      isolation: "read_uncommitted",
      partitions: some.map((query) => ({ ...partitionOf(query), at: query.at })),
    }),
    results: ({ results }) => results,
    place: partitionOf,
    pick: ({ topic, partition, offset, timestamp }) => ({ topic, partition, offset, timestamp }),
  });
}

function topicOf({ topic }: { readonly topic: string }): { topic: string } {
  return { topic };
}

function asTopic(topic: string): { topic: string } {
  return { topic };
}

/** Only the two fields. */
export function partitionOf({ topic, partition }: TopicPartition): TopicPartition {
  return { topic, partition };
}
