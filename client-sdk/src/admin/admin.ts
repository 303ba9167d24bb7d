// The Admin of contract.d.ts: each call mirrors one API, results in the order of the request. How it asks: requests.ts.
// Invariant: a partial failure rejects with the first error, whose context.results holds all; every call ends in its time.

import type { CallOptions } from "../call-options.ts";
import { type AdminConfig, parseAdminConfig } from "../config/admin.ts";
import { ClosedError, type CommittedOffset, type OffsetAndMetadata, type TopicPartition } from "../errors.ts";
import { createBrokerClient } from "../network/broker-client.ts";
import type { BrokerClient } from "../network/client.ts";
import { type ClientOptions, clientSurroundings } from "../world.ts";
import * as groupCalls from "./group-calls.ts";
import { AdminRequests } from "./requests.ts";
import * as topicCalls from "./topic-calls.ts";
import type {
  BrokerStatus,
  ConfigChange,
  ConfigEntry,
  GroupDescription,
  ListedOffset,
  MemberToRemove,
  NewTopic,
  TopicConfigs,
  TopicDescription,
} from "./types.ts";

/** Checks only, changes nothing. */
interface ValidateOnly extends CallOptions {
  validateOnly?: boolean;
}

/**
 * Creates, changes, lists and describes topics and groups.
 *
 * Each call ends within default.api.timeout.ms, or its `timeoutMs`, or with its `signal`; a list too long for one request
 * goes in several. Unlike a consumer or producer it takes whatever log its servers hold.
 * Errors: of items, the first one, with all results in `context.results`; a refusal after an attempt that may have happened
 * (TOPIC_ALREADY_EXISTS, say) is `definite: false`.
 * Source: Kafka, Admin (KafkaAdminClient).
 */
export class Admin implements AsyncDisposable {
  readonly #client: BrokerClient;
  readonly #requests: AdminRequests;
  readonly #closed = new AbortController();

  /** Throws ConfigError with all problems at once. Connects at the first call. */
  constructor(config: AdminConfig, options?: ClientOptions) {
    const settings = parseAdminConfig(config);
    const { world, logger } = clientSurroundings(options);
    for (const { option, why } of settings.ignoredOptions) logger.debug({ option }, `${option} has no effect: ${why}`);
    this.#client = createBrokerClient({
      ...settings,
      connectTimeoutMs: settings.socketConnectionSetupTimeoutMs,
      pinCluster: false,
      world,
      logger,
    });
    this.#requests = new AdminRequests(this.#client, settings, world, this.#closed.signal);
  }

  /** Creates topics, each by itself; `validateOnly` checks and creates nothing (topicId is empty then). */
  createTopics(topics: NewTopic[], options: ValidateOnly = {}): Promise<{ topic: string; topicId: string }[]> {
    const call = topicCalls.createTopics(topics, options?.validateOnly === true);
    return this.#requests.run("createTopics", call, options);
  }

  /** Deletes topics with their records and committed offsets. */
  async deleteTopics(topics: string[], options: CallOptions = {}): Promise<void> {
    await this.#requests.run("deleteTopics", topicCalls.deleteTopics(topics), options);
  }

  /** Names in order; internal topics only with `internal`. */
  listTopics(options: CallOptions & { internal?: boolean } = {}): Promise<string[]> {
    return this.#requests.bounded("listTopics", options, async (bounds) => {
      const { header } = await this.#requests.ask("metadata", {}, bounds);
      return header.topics
        .filter((topic) => options.internal === true || topic.internal !== true)
        .map(({ topic }) => topic)
        .sort();
    });
  }

  /** Ids and partitions of topics; asking creates none. */
  describeTopics(topics: string[], options: CallOptions = {}): Promise<TopicDescription[]> {
    return this.#requests.run("describeTopics", topicCalls.describeTopics(topics), options);
  }

  /** Gives topics more partitions: `partitions` is the new total, never less than before. */
  async createPartitions(changes: { topic: string; partitions: number }[], options: ValidateOnly = {}): Promise<void> {
    const call = topicCalls.createPartitions(changes, options?.validateOnly === true);
    await this.#requests.run("createPartitions", call, options);
  }

  /** All configurations of topics, by name, with where each value comes from. */
  describeConfigs(topics: string[], options: CallOptions = {}): Promise<TopicConfigs[]> {
    return this.#requests.run("describeConfigs", topicCalls.describeConfigs(topics), options);
  }

  /** The broker's own settings; secrets are never among them. */
  describeBrokerConfigs(options: CallOptions = {}): Promise<ConfigEntry[]> {
    return this.#requests.bounded("describeBrokerConfigs", options, async (bounds) => {
      const { header } = await this.#requests.ask("describeConfigs", { broker: true }, bounds);
      return header.broker ?? [];
    });
  }

  /** Changes configurations of topics while they are in use, each topic as a whole; null returns to the default. */
  async alterConfigs(changes: ConfigChange[], options: ValidateOnly = {}): Promise<void> {
    const call = topicCalls.alterConfigs(changes, options?.validateOnly === true);
    await this.#requests.run("alterConfigs", call, options);
  }

  /**
   * Deletes the records before an offset of each partition; -1: all that is visible now.
   *
   * Shape: the new log starts, durable when they are told.
   */
  deleteRecords(
    before: (TopicPartition & { offset: number })[],
    options: CallOptions = {},
  ): Promise<(TopicPartition & { logStartOffset: number })[]> {
    return this.#requests.run("deleteRecords", topicCalls.deleteRecords(before), options);
  }

  /** Offsets by place or time; offset and timestamp are -1 where there is no such record. */
  listOffsets(queries: topicCalls.OffsetQuery[], options: CallOptions = {}): Promise<ListedOffset[]> {
    return this.#requests.run("listOffsets", topicCalls.listOffsets(queries), options);
  }

  /** All groups, by id. */
  listGroups(options: CallOptions = {}): Promise<{ groupId: string; state: string }[]> {
    return this.#requests.bounded("listGroups", options, async (bounds) => {
      const { header } = await this.#requests.ask("listGroups", {}, bounds);
      return header.groups.map(({ groupId, state }) => ({ groupId, state }));
    });
  }

  /** Members, assignment, offsets with lag and the timeline of groupCalls. */
  describeGroups(groupIds: string[], options: CallOptions = {}): Promise<GroupDescription[]> {
    return this.#requests.run("describeGroups", groupCalls.describeGroups(groupIds), options);
  }

  /** Deletes groups without members, with their committed offsets. */
  async deleteGroups(groupIds: string[], options: CallOptions = {}): Promise<void> {
    await this.#requests.run("deleteGroups", groupCalls.deleteGroups(groupIds), options);
  }

  /**
   * Removes members from a group, static ones too: their partitions go to the others at once.
   *
   * `reason` stands in the group's timeline.
   * Source: Kafka, Admin.removeMembersFromConsumerGroup. Differs: no members are nobody (there: everybody).
   */
  async removeMembersFromGroup(
    groupId: string,
    members: MemberToRemove[],
    options: CallOptions & { reason?: string } = {},
  ): Promise<void> {
    const call = groupCalls.leaveGroup(groupId, members, options?.reason);
    await this.#requests.run("removeMembersFromGroup", call, options);
  }

  /**
   * What a group has committed, with the records still to read.
   *
   * Shape: all committed partitions, or the named ones in their order, without those that have no committed offset.
   */
  listGroupOffsets(
    groupId: string,
    partitions?: TopicPartition[],
    options: CallOptions = {},
  ): Promise<(OffsetAndMetadata & { lag: number })[]> {
    return this.#requests.bounded("listGroupOffsets", options, async (bounds) => {
      const all =
        partitions === undefined
          ? groupCalls.committedOf((await this.#requests.ask("offsetFetch", { groupId }, bounds)).header)
          : await this.#requests.each(groupCalls.offsetFetch(groupId, partitions), bounds);
      const committed = all.filter(({ offset }) => offset >= 0);
      const ends = await this.#requests.each(groupCalls.endOffsets(committed), bounds);
      return committed.flatMap(({ topic, partition, offset, metadata, leaderEpoch }, index) => {
        const end = ends[index]?.end;
        if (end === undefined) return [];
        const known = leaderEpoch < 0 ? {} : { leaderEpoch };
        return [{ topic, partition, offset, metadata, ...known, lag: Math.max(0, end - offset) }];
      });
    });
  }

  /** Sets a group's next offsets; only while it has no members. Resolves with what the broker recorded. */
  alterGroupOffsets(
    groupId: string,
    offsets: OffsetAndMetadata[],
    options: CallOptions = {},
  ): Promise<CommittedOffset[]> {
    return this.#requests.run("alterGroupOffsets", groupCalls.offsetCommit(groupId, offsets), options);
  }

  /** Deletes committed offsets of topics that nobody in the group subscribes to. */
  async deleteGroupOffsets(groupId: string, partitions: TopicPartition[], options: CallOptions = {}): Promise<void> {
    await this.#requests.run("deleteGroupOffsets", groupCalls.offsetDelete(groupId, partitions), options);
  }

  /** What the broker is, where its data lies and what it holds. */
  status(options: CallOptions = {}): Promise<BrokerStatus> {
    return this.#requests.bounded("status", options, async (bounds) => {
      return (await this.#requests.ask("status", {}, bounds)).header;
    });
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
