// Which topics exist, twice: as the durable state has them (what every reader sees) and as the staged turns will leave
// them (what appends, creations and deletions build on).
// Invariant: a topic is visible between its durable creation and its durable deletion; `restore` forgets everything staged.

import { ProtocolError } from "@brooklet/protocol";
import type { Change, StoredState, StoredTopic } from "../storage/storage.ts";
import type { Topic, TopicCatalog } from "./log.ts";
import { Partition } from "./partition.ts";
import type { TopicConfigs, TopicRuleBook, TopicRules } from "./topic-rules.ts";

const NEXT_PARTITION_ID = "nextPartitionId";

/** A topic with its partitions, for log/ only. */
export class TopicState implements Topic {
  readonly topic: string;
  readonly topicId: string;
  readonly internal: boolean;
  /** Settles with the fate of the creation, while that is staged. */
  readonly creation: Promise<void> | undefined;
  /** Settles with the fate of more partitions, while those are staged; until then nobody sees them. */
  extension: Promise<void> | undefined;
  readonly #ruleBook: TopicRuleBook;
  #partitions: readonly Partition[];
  #configs: TopicConfigs;
  #configsAhead: TopicConfigs;
  #rules: TopicRules;

  constructor(stored: StoredTopic, internal: boolean, ruleBook: TopicRuleBook, creation?: Promise<void>) {
    this.topic = stored.topic;
    this.topicId = stored.topicId;
    this.internal = internal;
    this.#ruleBook = ruleBook;
    this.#configs = stored.configs;
    this.#configsAhead = stored.configs;
    this.#rules = ruleBook.of(stored.configs);
    this.#partitions = stored.partitions.map(
      ({ partitionId, logStartOffset }, partition) => new Partition(this, partition, partitionId, logStartOffset),
    );
    this.creation = creation;
  }

  /** By number. */
  get partitions(): readonly Partition[] {
    return this.#partitions;
  }

  get partitionCount(): number {
    return this.#partitions.length;
  }

  /** What was configured for the topic itself, durably. */
  get configs(): TopicConfigs {
    return this.#configs;
  }

  /** The effective configuration, as of the last durable alteration. Read it anew each time: it is replaced whole. */
  get rules(): TopicRules {
    return this.#rules;
  }

  /** As the staged alterations will leave them. */
  get configsAhead(): TopicConfigs {
    return this.#configsAhead;
  }

  /** An alteration is staged: what comes after it builds on it. */
  stageConfigs(configs: TopicConfigs): void {
    this.#configsAhead = configs;
  }

  /** An alteration is durable. */
  configure(configs: TopicConfigs): void {
    this.#configs = configs;
    this.#rules = this.#ruleBook.of(configs);
  }

  /** More partitions are durable. */
  extend(added: readonly Partition[]): void {
    this.#partitions = [...this.#partitions, ...added];
  }

  /** A turn failed: forgets everything staged. */
  restore(): void {
    this.extension = undefined;
    this.#configsAhead = this.#configs;
    for (const partition of this.#partitions) partition.restore();
  }
}

/** What is staged for a name ahead of the durable state. */
interface Ahead {
  state: TopicState | undefined;
  /** Changes of this name whose fate is open. */
  pending: number;
}

export interface StagedTopicChange {
  readonly state: TopicState;
  readonly changes: readonly Change[];
  /** Makes it visible (or gone) and tells the listeners. */
  durable(): void;
}

export interface NewTopic {
  readonly topicId: string;
  readonly topic: string;
  readonly partitions: number;
  readonly configs: Readonly<Record<string, string>>;
  readonly createdAtMs: number;
  readonly internal: boolean;
  readonly creation?: Promise<void>;
}

export interface CatalogLimits {
  readonly maxTopics: number;
  readonly maxPartitions: number;
}

export class Catalog implements TopicCatalog {
  readonly #limits: CatalogLimits;
  readonly #ruleBook: TopicRuleBook;
  readonly #visible = new Map<string, TopicState>();
  readonly #visibleById = new Map<string, TopicState>();
  readonly #ahead = new Map<string, Ahead>();
  readonly #listeners: ((topic: TopicState, change: "created" | "deleted" | "extended") => void)[] = [];
  readonly #leavingListeners: ((topic: TopicState) => void)[] = [];
  #partitionCount = 0;
  /** Topics and partitions that staged changes add (or take away). */
  #stagedTopics = 0;
  #stagedPartitions = 0;
  /** Never goes back, not even when a creation fails: a number that was ever staged is not used again. */
  #nextPartitionId: number;

  constructor(
    state: StoredState,
    isInternal: (topic: string) => boolean,
    limits: CatalogLimits,
    ruleBook: TopicRuleBook,
  ) {
    this.#limits = limits;
    this.#ruleBook = ruleBook;
    const ends = new Map(state.logEnds.map(({ partitionId, logEndOffset }) => [partitionId, logEndOffset]));
    const byId = new Map<number, Partition>();
    this.#nextPartitionId = state.counters[NEXT_PARTITION_ID] ?? 1;
    for (const stored of state.topics) {
      const topic = new TopicState(stored, isInternal(stored.topic), ruleBook);
      for (const partition of topic.partitions) {
        byId.set(partition.partitionId, partition);
        partition.load(ends.get(partition.partitionId) ?? partition.logStartOffset);
        this.#nextPartitionId = Math.max(this.#nextPartitionId, partition.partitionId + 1);
      }
      this.#add(topic);
    }
    // Oldest first, because that is the order in which they are forgotten.
    for (const producer of [...state.producerStates].sort((a, b) => a.lastAppendMs - b.lastAppendMs))
      byId.get(producer.partitionId)?.producers.commit(producer);
  }

  byName(topic: string): TopicState | undefined {
    return this.#visible.get(topic);
  }

  byId(topicId: string): TopicState | undefined {
    return this.#visibleById.get(topicId);
  }

  all(): Iterable<TopicState> {
    return this.#visible.values();
  }

  onChange(listener: (topic: TopicState, change: "created" | "deleted" | "extended") => void): void {
    this.#listeners.push(listener);
  }

  onLeaving(listener: (topic: TopicState) => void): void {
    this.#leavingListeners.push(listener);
  }

  highWatermark(topicId: string, partition: number): number | undefined {
    return this.#visibleById.get(topicId)?.partitions[partition]?.highWatermark;
  }

  logStartOffset(topicId: string, partition: number): number | undefined {
    return this.#visibleById.get(topicId)?.partitions[partition]?.logStartOffset;
  }

  get topicCount(): number {
    return this.#visible.size;
  }

  get partitionCount(): number {
    return this.#partitionCount;
  }

  /** The topic as the staged turns will leave it. */
  newest(topic: string): TopicState | undefined {
    const ahead = this.#ahead.get(topic);
    return ahead === undefined ? this.#visible.get(topic) : ahead.state;
  }

  /** Throws POLICY_VIOLATION when so many more topics and partitions would exceed max.topics or max.partitions. */
  checkRoom(topics: number, partitions: number): void {
    const topicsThen = this.#visible.size + this.#stagedTopics + topics;
    if (topicsThen > this.#limits.maxTopics)
      throw new ProtocolError(
        "POLICY_VIOLATION",
        `the broker would have ${topicsThen} topics; max.topics is ${this.#limits.maxTopics}`,
        { hint: "Delete topics that are not needed, or raise max.topics." },
      );
    const partitionsThen = this.#partitionCount + this.#stagedPartitions + partitions;
    if (partitionsThen > this.#limits.maxPartitions)
      throw new ProtocolError(
        "POLICY_VIOLATION",
        `the broker would have ${partitionsThen} partitions; max.partitions is ${this.#limits.maxPartitions}`,
        { hint: "Ask for fewer partitions, or raise max.partitions." },
      );
  }

  /** The caller has checked name, number, configs and room, and stages the changes in the same synchronous step. */
  stageCreation(topic: NewTopic): StagedTopicChange {
    const stored: StoredTopic = {
      topicId: topic.topicId,
      topic: topic.topic,
      configs: topic.configs,
      createdAtMs: topic.createdAtMs,
      partitions: Array.from({ length: topic.partitions }, () => ({
        partitionId: this.#nextPartitionId++,
        logStartOffset: 0,
      })),
    };
    const state = new TopicState(stored, topic.internal, this.#ruleBook, topic.creation);
    this.#stage(state.topic, state);
    this.#stagedTopics++;
    this.#stagedPartitions += state.partitionCount;
    return {
      state,
      changes: [
        { kind: "createTopic", topic: stored },
        { kind: "putCounter", name: NEXT_PARTITION_ID, value: this.#nextPartitionId },
      ],
      durable: () => {
        this.#settle(state.topic);
        this.#stagedTopics--;
        this.#stagedPartitions -= state.partitionCount;
        this.#add(state);
        this.#tell(state, "created");
      },
    };
  }

  stageDeletion(state: TopicState): StagedTopicChange {
    this.#stage(state.topic, undefined);
    const { partitionCount } = state;
    this.#stagedTopics--;
    this.#stagedPartitions -= partitionCount;
    for (const listener of this.#leavingListeners) listener(state);
    return {
      state,
      changes: [{ kind: "deleteTopic", topicId: state.topicId }],
      durable: () => {
        this.#settle(state.topic);
        this.#stagedTopics++;
        this.#stagedPartitions += partitionCount;
        // On a full disk the deletion may be durable although the creation before it in the same turn is not.
        if (this.#visible.get(state.topic) !== state) return;
        this.#visible.delete(state.topic);
        this.#visibleById.delete(state.topicId);
        this.#partitionCount -= state.partitionCount;
        for (const partition of state.partitions) partition.markDeleted();
        this.#tell(state, "deleted");
      },
    };
  }

  /** The caller has checked the number and room; one extension of a topic is staged at a time. */
  stageExtension(state: TopicState, partitionCount: number, extension: Promise<void>): StagedTopicChange {
    const added = Array.from(
      { length: partitionCount - state.partitionCount },
      (_, index) => new Partition(state, state.partitionCount + index, this.#nextPartitionId++),
    );
    state.extension = extension;
    this.#stagedPartitions += added.length;
    const partitions = added.map(({ partition, partitionId }) => ({ partition, partitionId }));
    return {
      state,
      changes: [
        { kind: "addPartitions", topicId: state.topicId, partitions },
        { kind: "putCounter", name: NEXT_PARTITION_ID, value: this.#nextPartitionId },
      ],
      durable: () => {
        state.extension = undefined;
        state.extend(added);
        this.#stagedPartitions -= added.length;
        this.#partitionCount += added.length;
        this.#tell(state, "extended");
      },
    };
  }

  /** The caller has checked the names and values. They are in force when they are durable. */
  stageConfigs(state: TopicState, configs: TopicConfigs): StagedTopicChange {
    state.stageConfigs(configs);
    return {
      state,
      changes: [{ kind: "putTopicConfigs", topicId: state.topicId, configs }],
      durable: () => state.configure(configs),
    };
  }

  restore(): void {
    this.#ahead.clear();
    this.#stagedTopics = 0;
    this.#stagedPartitions = 0;
    for (const topic of this.#visible.values()) topic.restore();
  }

  #stage(topic: string, state: TopicState | undefined): void {
    const ahead = this.#ahead.get(topic);
    this.#ahead.set(topic, { state, pending: (ahead?.pending ?? 0) + 1 });
  }

  #settle(topic: string): void {
    const ahead = this.#ahead.get(topic);
    if (ahead === undefined) return;
    ahead.pending--;
    if (ahead.pending === 0) this.#ahead.delete(topic);
  }

  #add(topic: TopicState): void {
    this.#visible.set(topic.topic, topic);
    this.#visibleById.set(topic.topicId, topic);
    this.#partitionCount += topic.partitionCount;
  }

  #tell(topic: TopicState, change: "created" | "deleted" | "extended"): void {
    for (const listener of this.#listeners) listener(topic, change);
  }
}
