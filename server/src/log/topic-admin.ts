// Creating, deleting and listing topics. Checks come first, then one staged part per request; answers follow durability.
// Invariant: what an answer says of a topic (created, deleted, exists already) is durable when it is said.

import {
  type ApiRequest,
  type ApiResponse,
  isInternalTopic,
  ProtocolError,
  topicNameProblem,
} from "@brooklet/protocol";
import { type Clock, deferred, type Random } from "@brooklet/protocol/world";
import type { Settings } from "../settings.ts";
import type { TurnQueue } from "../storage/turns.ts";
import type { Catalog, StagedTopicChange, TopicState } from "./catalog.ts";
import {
  checkClientTopicName,
  MAX_PARTITIONS_PER_TOPIC,
  namesTwice,
  standsTwice,
  unknownTopic,
} from "./topic-checks.ts";
import { checkTopicConfigs } from "./topic-configs.ts";

type TopicDescription = ApiResponse<"metadata">["topics"][number];
type Verdict = { readonly topicId: string } | ProtocolError;

export interface TopicAdminParts {
  readonly turns: TurnQueue;
  readonly catalog: Catalog;
  readonly settings: Settings;
  readonly clock: Clock;
  readonly random: Random;
}

export class TopicAdmin {
  readonly #parts: TopicAdminParts;

  constructor(parts: TopicAdminParts) {
    this.#parts = parts;
  }

  /** Source: Kafka, CreateTopics. Errors: each topic's own; a name that stands twice is refused everywhere it stands. */
  async create(request: ApiRequest<"createTopics">): Promise<ApiResponse<"createTopics">["results"]> {
    const twice = namesTwice(request.topics.map(({ topic }) => topic));
    const creation = deferred();
    creation.promise.catch(() => {});
    const created: StagedTopicChange[] = [];
    const verdicts = request.topics.map((wanted) =>
      settled(() => {
        if (twice.has(wanted.topic)) throw standsTwice(wanted.topic);
        return this.#createOne(wanted, request.validateOnly === true, creation.promise, created);
      }),
    );
    this.#stage(created, false, creation);
    const results = await Promise.all(verdicts);
    return results.map((verdict, index) => {
      const topic = request.topics[index]?.topic ?? "";
      if (verdict instanceof ProtocolError) return { topic, topicId: "", error: verdict.toWire() };
      return { topic, topicId: verdict.topicId };
    });
  }

  async #createOne(
    wanted: ApiRequest<"createTopics">["topics"][number],
    validateOnly: boolean,
    creation: Promise<void>,
    created: StagedTopicChange[],
  ): Promise<{ topicId: string }> {
    const { catalog } = this.#parts;
    const { topic, configs = {} } = wanted;
    checkClientTopicName(topic);
    const existing = catalog.newest(topic);
    if (existing !== undefined) {
      if (catalog.byName(topic) !== existing) await existing.creation;
      throw new ProtocolError("TOPIC_ALREADY_EXISTS", `topic ${topic} exists already`);
    }
    const partitions = this.#partitionsOf(wanted);
    checkTopicConfigs(topic, configs);

    catalog.checkRoom(1, partitions);
    if (validateOnly) return { topicId: "" };
    const staged = this.#stageCreation(topic, partitions, configs, creation);
    created.push(staged);
    await creation;
    return { topicId: staged.state.topicId };
  }

  #partitionsOf({ topic, partitions }: ApiRequest<"createTopics">["topics"][number]): number {
    if (partitions === undefined || partitions === -1) return this.#parts.settings["num.partitions"];
    if (partitions >= 1 && partitions <= MAX_PARTITIONS_PER_TOPIC) return partitions;
    throw new ProtocolError(
      "INVALID_PARTITIONS",
      `topic ${topic} cannot have ${partitions} partitions; 1 to ${MAX_PARTITIONS_PER_TOPIC} are possible, -1 takes num.partitions`,
    );
  }

  #stageCreation(
    topic: string,
    partitions: number,
    configs: Readonly<Record<string, string>>,
    creation: Promise<void>,
  ): StagedTopicChange {
    if (this.#parts.turns.storageFull)
      throw new ProtocolError("STORAGE_FULL", `the disk is full: topic ${topic} was not created`);
    return this.#parts.catalog.stageCreation({
      topicId: this.#parts.random.uuid(),
      topic,
      partitions,
      configs,
      createdAtMs: this.#parts.clock.wallMs(),
      internal: false,
      creation,
    });
  }

  /** Source: Kafka, DeleteTopics. Readers inside are answered UNKNOWN_TOPIC_ID; the records go in the background. */
  async delete(request: ApiRequest<"deleteTopics">): Promise<ApiResponse<"deleteTopics">["results"]> {
    const { catalog } = this.#parts;
    const twice = namesTwice(request.topics);
    const deletion = deferred();
    deletion.promise.catch(() => {});
    const deleted: StagedTopicChange[] = [];
    const verdicts = request.topics.map((topic) =>
      settled(async () => {
        if (twice.has(topic)) throw standsTwice(topic);
        if (isInternalTopic(topic))
          throw new ProtocolError("INVALID_TOPIC_EXCEPTION", `topic ${topic} is internal and cannot be deleted`, {
            hint: "It is the broker's own; delete topics of yours.",
          });
        const state = catalog.newest(topic);
        if (state === undefined) throw unknownTopic(topic);
        deleted.push(catalog.stageDeletion(state));
        await deletion.promise;
        return { topicId: state.topicId };
      }),
    );
    // Deleting is how a full disk gets room again, so it is among what is tried again alone.
    this.#stage(deleted, true, deletion);
    const results = await Promise.all(verdicts);
    return results.map((verdict, index) => {
      const topic = request.topics[index] ?? "";
      return verdict instanceof ProtocolError ? { topic, error: verdict.toWire() } : { topic };
    });
  }

  /**
   * Source: Kafka, Metadata. Without `topics`: all, internal ones too; a name that stands twice is answered once (a thousand
   * times a large topic would be more than fits into memory). Missing ones may be created, then waits for that.
   */
  async metadata(request: ApiRequest<"metadata">): Promise<TopicDescription[]> {
    const { catalog } = this.#parts;
    if (request.topics === undefined) return [...catalog.all()].map(describe);
    const mayCreate = request.allowAutoCreate === true && this.#parts.settings["auto.create.topics.enable"];
    const creation = deferred();
    creation.promise.catch(() => {});
    const created: StagedTopicChange[] = [];
    const topics = [...new Set(request.topics)];
    const verdicts = topics.map((topic) => settled(() => this.#ensure(topic, mayCreate, creation.promise, created)));
    this.#stage(created, false, creation);
    const results = await Promise.all(verdicts);
    return results.map((verdict, index) => {
      const topic = topics[index] ?? "";
      // Looked up afresh: the topic may have been deleted while another was being created.
      const state = catalog.byName(topic);
      if (!(verdict instanceof ProtocolError) && state !== undefined) return describe(state);
      const error = verdict instanceof ProtocolError ? verdict : unknownTopic(topic);
      return { topic, topicId: "", error: error.toWire(), partitions: [] };
    });
  }

  async #ensure(
    topic: string,
    mayCreate: boolean,
    creation: Promise<void>,
    created: StagedTopicChange[],
  ): Promise<{ topicId: string }> {
    const { catalog, settings } = this.#parts;
    const problem = topicNameProblem(topic);
    if (problem !== undefined) throw new ProtocolError("INVALID_TOPIC_EXCEPTION", problem);
    const visible = catalog.byName(topic);
    if (visible !== undefined) return visible;
    if (!mayCreate || isInternalTopic(topic)) throw unknownTopic(topic);
    let state = catalog.newest(topic);
    if (state === undefined) {
      catalog.checkRoom(1, settings["num.partitions"]);
      const staged = this.#stageCreation(topic, settings["num.partitions"], {}, creation);
      created.push(staged);
      state = staged.state;
    }
    await state.creation;
    return state;
  }

  #stage(
    changes: readonly StagedTopicChange[],
    essential: boolean,
    verdict: { resolve(): void; reject(error: unknown): void },
  ): void {
    if (changes.length === 0) return;
    this.#parts.turns.stage({
      changes: changes.flatMap((change) => change.changes),
      essential,
      durable: () => {
        for (const change of changes) change.durable();
        verdict.resolve();
      },
      failed: (error) => verdict.reject(error),
    });
  }
}

/** Runs the synchronous part at once; a refusal becomes a value. */
async function settled(run: () => Promise<{ topicId: string }>): Promise<Verdict> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof ProtocolError) return error;
    throw error;
  }
}

function describe(state: TopicState): TopicDescription {
  return {
    topic: state.topic,
    topicId: state.topicId,
    ...(state.internal ? { internal: true } : {}),
    partitions: state.partitions.map(({ partition, logStartOffset, highWatermark, sizeBytes }) => ({
      partition,
      logStartOffset,
      highWatermark,
      sizeBytes,
    })),
  };
}
