// allow.auto.create.topics: names a subscription's topics to the broker once, which creates what is missing. The assignment
// itself needs none of it: the broker assigns topics when they appear.

import type { Clock, Random, Timers } from "@brooklet/protocol/world";
import type { BrookletError } from "../errors.ts";
import type { MetadataCache } from "../network/metadata.ts";
import { type BackoffPolicy, backoffMs } from "../network/retry.ts";
import type { ClientLogger } from "../world.ts";
import { asBrookletError } from "./member-session.ts";

export interface TopicCreationOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly backoff: BackoffPolicy;
  readonly metadata: MetadataCache;
  readonly requestTimeoutMs: number;
  readonly logger: ClientLogger;
  onChange(): void;
}

export class TopicCreation {
  readonly #options: TopicCreationOptions;
  readonly #timers: Timers;
  #unnamed = new Set<string>();
  #raised: BrookletError | undefined;
  #failures = 0;
  #attempted = false;
  #underWay = false;

  constructor(options: TopicCreationOptions) {
    this.#options = options;
    this.#timers = options.clock.timers();
  }

  subscribe(topics: readonly string[]): void {
    this.#unnamed = new Set(topics);
    this.#attempted = topics.length === 0;
  }

  /** Every topic was asked for once, whatever came of it. */
  get attempted(): boolean {
    return this.#attempted;
  }

  pump(): void {
    if (this.#unnamed.size === 0 || this.#underWay || this.#timers.has("retry")) return;
    this.#underWay = true;
    void Promise.all([...this.#unnamed].map((topic) => this.#name(topic))).then(() => {
      this.#underWay = false;
      this.#attempted = true;
      this.#options.onChange();
    });
  }

  takeRaised(): BrookletError | undefined {
    const raised = this.#raised;
    this.#raised = undefined;
    return raised;
  }

  close(): void {
    this.#unnamed.clear();
    this.#timers.close();
  }

  async #name(topic: string): Promise<void> {
    const { metadata, requestTimeoutMs, logger, random, backoff, onChange } = this.#options;
    try {
      await metadata.load(topic, { timeoutMs: requestTimeoutMs });
      this.#unnamed.delete(topic);
    } catch (thrown) {
      const error = asBrookletError(thrown);
      if (error.code === "UNKNOWN_TOPIC_OR_PARTITION") {
        logger.warn({ topic }, `the subscribed topic ${topic} does not exist; it is assigned when it appears`);
        this.#unnamed.delete(topic);
      } else if (error.retriable) {
        this.#failures += 1;
        this.#timers.schedule("retry", backoffMs(backoff, this.#failures, random), onChange);
      } else {
        this.#unnamed.delete(topic);
        this.#raised = error;
      }
    }
  }
}
