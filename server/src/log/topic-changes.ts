// Changes of topics that exist: more partitions, other configurations; and what is configured. Each topic by itself.
// Invariant: what an answer says is durable when it is said, and nobody sees or obeys a change before. A change is judged
// and staged in one synchronous step, by what is staged before it.

import { type ApiRequest, type ApiResponse, ProtocolError } from "@brooklet/protocol";
import { deferred } from "@brooklet/protocol/world";
import { type Settings, settingDefinitions } from "../settings.ts";
import type { TurnQueue } from "../storage/turns.ts";
import type { Logger } from "../world.ts";
import type { Catalog, StagedTopicChange, TopicState } from "./catalog.ts";
import {
  checkClientTopicName,
  checkTopicName,
  MAX_PARTITIONS_PER_TOPIC,
  namesTwice,
  standsTwice,
  unknownTopic,
} from "./topic-checks.ts";
import { checkTopicConfigs, topicConfigDefinitions } from "./topic-configs.ts";
import { effectiveConfig } from "./topic-rules.ts";

type Result = ApiResponse<"alterConfigs">["results"][number];
type Described = ApiResponse<"describeConfigs">;
type ConfigEntry = Described["results"][number]["configs"][number];

export interface TopicChangesParts {
  readonly turns: TurnQueue;
  readonly catalog: Catalog;
  readonly settings: Settings;
  readonly logger: Logger;
}

export class TopicChanges {
  readonly #turns: TurnQueue;
  readonly #catalog: Catalog;
  readonly #settings: Settings;
  readonly #logger: Logger;

  constructor({ turns, catalog, settings, logger }: TopicChangesParts) {
    this.#turns = turns;
    this.#catalog = catalog;
    this.#settings = settings;
    this.#logger = logger;
  }

  /**
   * Source: Kafka, CreatePartitions: the new total, never fewer.
   *
   * Errors, per topic: those of the API; STORAGE_FULL while the disk is full.
   */
  createPartitions({ topics, validateOnly = false }: ApiRequest<"createPartitions">): Promise<Result[]> {
    return each(topics, ({ topic, partitions }) => this.#extend(topic, partitions, validateOnly));
  }

  /**
   * Source: Kafka, IncrementalAlterConfigs. In force with the next append or retention pass; null returns to the default.
   *
   * Errors, per topic: those of the API; INVALID_CONFIG names all problems at once.
   */
  alterConfigs({ changes, validateOnly = false }: ApiRequest<"alterConfigs">): Promise<Result[]> {
    return each(changes, ({ topic, configs }) => this.#alter(topic, configs, validateOnly));
  }

  /** What is in force. Source: Kafka, DescribeConfigs. */
  describeConfigs({ topics = [], broker = false }: ApiRequest<"describeConfigs">): Described {
    const names = [...topicConfigDefinitions.keys()].sort();
    // A name that stands twice is described once: the answer of a request must not be much larger than the request.
    const results = [...new Set(topics)].map((topic) => {
      try {
        checkTopicName(topic);
        const state = this.#catalog.byName(topic);
        if (state === undefined) throw unknownTopic(topic);
        return { topic, configs: names.map((name) => this.#entryOf(state, name)) };
      } catch (error) {
        if (!(error instanceof ProtocolError)) throw error;
        return { topic, configs: [], error: error.toWire() };
      }
    });
    return broker ? { results, broker: describeSettings(this.#settings) } : { results };
  }

  #entryOf({ configs }: TopicState, name: string): ConfigEntry {
    return { name, ...effectiveConfig(configs, this.#settings, name) };
  }

  async #extend(topic: string, partitionCount: number, validateOnly: boolean): Promise<void> {
    checkClientTopicName(topic);
    let state = this.#newest(topic);
    // What is judged is what will be: a topic that is being created or extended has its verdict first.
    for (let wait = pendingOf(this.#catalog, state); wait !== undefined; wait = pendingOf(this.#catalog, state)) {
      await wait;
      state = this.#newest(topic);
    }
    const current = state.partitionCount;
    if (partitionCount <= current || partitionCount > MAX_PARTITIONS_PER_TOPIC)
      throw new ProtocolError(
        "INVALID_PARTITIONS",
        `topic ${topic} has ${current} partitions and cannot get ${partitionCount}; the new total must be more, and at most ${MAX_PARTITIONS_PER_TOPIC}`,
        { hint: partitionCount < current ? "There is no way to fewer: create another topic." : "Name the new total." },
      );
    this.#catalog.checkRoom(0, partitionCount - current);
    if (validateOnly) return;
    if (this.#turns.storageFull)
      throw new ProtocolError("STORAGE_FULL", `the disk is full: topic ${topic} was given no partitions`);
    const verdict = deferred();
    verdict.promise.catch(() => {});
    this.#stage(this.#catalog.stageExtension(state, partitionCount, verdict.promise), false, verdict);
    await verdict.promise;
  }

  async #alter(topic: string, configs: Readonly<Record<string, string | null>>, validateOnly: boolean): Promise<void> {
    checkClientTopicName(topic);
    checkTopicConfigs(topic, configs);
    let state = this.#newest(topic);
    while (this.#catalog.byName(topic) !== state) {
      await state.creation;
      state = this.#newest(topic);
    }
    if (validateOnly) return;
    const kept = Object.entries(state.configsAhead).filter(([name]) => !Object.hasOwn(configs, name));
    const set = Object.entries(configs).filter((entry): entry is [string, string] => entry[1] !== null);
    const verdict = deferred();
    // Shorter retention is how a full disk gets room again, so it is among what is tried again alone.
    this.#stage(this.#catalog.stageConfigs(state, Object.fromEntries([...kept, ...set])), true, verdict);
    await verdict.promise;
    this.#logger.info({ topic, topicId: state.topicId, configs }, "topic configured");
  }

  /** As the staged turns will leave it. */
  #newest(topic: string): TopicState {
    const state = this.#catalog.newest(topic);
    if (state === undefined) throw unknownTopic(topic);
    return state;
  }

  #stage(
    { changes, durable }: StagedTopicChange,
    essential: boolean,
    verdict: { resolve(): void; reject(error: unknown): void },
  ): void {
    this.#turns.stage({
      changes,
      essential,
      durable: () => {
        durable();
        verdict.resolve();
      },
      failed: (error) => verdict.reject(error),
    });
  }
}

/** The staged change that has to have its verdict before more partitions can be judged. */
function pendingOf(catalog: Catalog, state: TopicState): Promise<void> | undefined {
  return catalog.byName(state.topic) === state ? state.extension : state.creation;
}

/** Runs the synchronous part of each at once; a refusal becomes the item's. */
function each<T extends { readonly topic: string }>(
  items: readonly T[],
  run: (item: T) => Promise<void>,
): Promise<Result[]> {
  const twice = namesTwice(items.map(({ topic }) => topic));
  return Promise.all(
    items.map(async (item): Promise<Result> => {
      const { topic } = item;
      try {
        if (twice.has(topic)) throw standsTwice(topic);
        await run(item);
        return { topic };
      } catch (error) {
        if (error instanceof ProtocolError) return { topic, error: error.toWire() };
        throw error;
      }
    }),
  );
}

/** Every setting by name; `broker` where it is not the default. Secrets are no settings. */
function describeSettings(settings: Settings): ConfigEntry[] {
  return (Object.keys(settingDefinitions) as (keyof Settings)[]).sort().map((name) => ({
    name,
    value: String(settings[name]),
    source: settings[name] === settingDefinitions[name].default ? "default" : "broker",
  }));
}
