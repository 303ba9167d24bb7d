// What the client knows of topics: ids and partition counts, asked once for all who want them at the same time.
// It never retries: callers wrap `load` in `retrying`. Invariant: what `peek` returns came from the pinned cluster.

import type { ApiResponse } from "@brooklet/protocol";
import type { Clock } from "@brooklet/protocol/world";
import { BrookletError, fromWire } from "../errors.ts";
import type { BrokerClient, RequestOptions } from "./client.ts";

export interface TopicMetadata {
  readonly topic: string;
  readonly topicId: string;
  readonly partitionCount: number;
  readonly internal: boolean;
}

/** The oldest entry goes when a client touches more topics than this. */
const MAX_CACHED_TOPICS = 10_000;
/** Topics that one request asks for; the rest goes into the next. */
const MAX_TOPICS_PER_REQUEST = 1_000;

interface Entry {
  readonly metadata: TopicMetadata;
  readonly staleAtMs: number;
}

interface Wanted {
  readonly promise: Promise<TopicMetadata>;
  readonly resolve: (metadata: TopicMetadata) => void;
  readonly reject: (error: unknown) => void;
}

export interface MetadataOptions {
  readonly client: BrokerClient;
  readonly clock: Clock;
  /** `metadata.max.age.ms`. */
  readonly maxAgeMs: number;
  /** Whether asking creates a missing topic, if the broker allows it. */
  readonly allowAutoCreate: boolean;
}

/** A client's cache of topic metadata. */
export class MetadataCache {
  readonly #options: MetadataOptions;
  readonly #entries = new Map<string, Entry>();
  readonly #loading = new Map<string, Wanted>();
  #unsent: string[] = [];

  constructor(options: MetadataOptions) {
    this.#options = options;
  }

  /** What is known now. Older than `metadata.max.age.ms` it is still given, and asked again in the background. */
  peek(topic: string): TopicMetadata | undefined {
    const entry = this.#entries.get(topic);
    if (entry === undefined) return undefined;
    // Refreshing may fail; the next peek tries again.
    if (entry.staleAtMs <= this.#options.clock.nowMs()) this.load(topic, {}).catch(() => {});
    return entry.metadata;
  }

  /** Forgets a topic that an error has proven wrong. */
  invalidate(topic: string): void {
    this.#entries.delete(topic);
  }

  /** Asks the broker now, together with all who ask in the same turn; joins a question that is already on its way. */
  load(topic: string, options: Pick<RequestOptions, "timeoutMs">): Promise<TopicMetadata> {
    const loading = this.#loading.get(topic);
    if (loading !== undefined) return loading.promise;
    const wanted = Promise.withResolvers<TopicMetadata>();
    this.#loading.set(topic, wanted);
    this.#unsent.push(topic);
    if (this.#unsent.length === 1) queueMicrotask(() => this.#send(options));
    return wanted.promise;
  }

  #send(options: Pick<RequestOptions, "timeoutMs">): void {
    const topics = this.#unsent;
    this.#unsent = [];
    for (let from = 0; from < topics.length; from += MAX_TOPICS_PER_REQUEST) {
      void this.#ask(topics.slice(from, from + MAX_TOPICS_PER_REQUEST), options);
    }
  }

  async #ask(topics: readonly string[], options: Pick<RequestOptions, "timeoutMs">): Promise<void> {
    const { client, allowAutoCreate } = this.#options;
    try {
      const { header } = await client.request("metadata", { topics: [...topics], allowAutoCreate }, options);
      const answers = new Map(header.topics.map((answer) => [answer.topic, answer]));
      for (const topic of topics) this.#settle(topic, answers.get(topic));
    } catch (error) {
      for (const topic of topics) this.#fail(topic, error);
    }
  }

  #settle(topic: string, answer: ApiResponse<"metadata">["topics"][number] | undefined): void {
    if (answer === undefined || answer.error !== undefined) {
      const error = answer?.error ?? {
        code: "UNKNOWN_TOPIC_OR_PARTITION",
        message: `the broker's answer leaves out the topic ${topic}`,
        retriable: true,
        definite: true,
      };
      if (error.code === "UNKNOWN_TOPIC_OR_PARTITION") this.invalidate(topic);
      this.#fail(topic, fromWire(error));
      return;
    }
    if (answer.partitions.length === 0) {
      const message = `the broker's answer to metadata is malformed: it gives the topic ${topic} no partitions`;
      this.#fail(topic, new BrookletError(message, { code: "UNKNOWN_SERVER_ERROR" }));
      return;
    }
    const metadata: TopicMetadata = {
      topic,
      topicId: answer.topicId,
      partitionCount: answer.partitions.length,
      internal: answer.internal === true,
    };
    this.#entries.delete(topic);
    this.#entries.set(topic, { metadata, staleAtMs: this.#options.clock.nowMs() + this.#options.maxAgeMs });
    const [oldest] = this.#entries.keys();
    if (this.#entries.size > MAX_CACHED_TOPICS && oldest !== undefined) this.#entries.delete(oldest);
    this.#take(topic)?.resolve(metadata);
  }

  #fail(topic: string, error: unknown): void {
    this.#take(topic)?.reject(error);
  }

  #take(topic: string): Wanted | undefined {
    const wanted = this.#loading.get(topic);
    this.#loading.delete(topic);
    return wanted;
  }
}
