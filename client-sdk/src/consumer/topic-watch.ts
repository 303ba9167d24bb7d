// subscribe(RegExp): keeps the list of topics that match, from the broker's metadata: at the start, every `metadata.max.age.ms`,
// and after events of the group. The broker hears of the matching topics as if the application had named them.
//
// Invariant: one request at a time, and at least the back-off between two; an answer counts only for the pattern it was asked for.

import type { Clock, Random, Timers } from "@brooklet/protocol/world";
import type { BrookletError } from "../errors.ts";
import type { BrokerClient } from "../network/client.ts";
import { type BackoffPolicy, backoffMs } from "../network/retry.ts";
import type { ClientLogger } from "../world.ts";
import { asBrookletError } from "./member-session.ts";

export interface TopicWatchOptions {
  readonly client: BrokerClient;
  readonly clock: Clock;
  readonly random: Random;
  readonly backoff: BackoffPolicy;
  readonly requestTimeoutMs: number;
  /** `metadata.max.age.ms`. */
  readonly maxAgeMs: number;
  /** `exclude.internal.topics`. */
  readonly excludesInternal: boolean;
  readonly logger: ClientLogger;
  /** Called with what matches now, sorted, when that has changed. */
  onMatched(topics: string[]): void;
  onChange(): void;
}

/** As Kafka's Pattern.matcher(topic).matches(): the whole name, and the same every time (`g` and `y` keep a place). */
export function wholeName(pattern: RegExp): RegExp {
  return new RegExp(`^(?:${pattern.source})$`, pattern.flags.replace(/[gy]/g, ""));
}

export class TopicWatch {
  readonly #options: TopicWatchOptions;
  readonly #timers: Timers;
  #pattern: RegExp | undefined;
  #matched: readonly string[] | undefined;
  #underWay = false;
  #dueMs = 0;
  #askedMs = Number.NEGATIVE_INFINITY;
  #failures = 0;
  #lastFailure: BrookletError | undefined;
  #raised: BrookletError | undefined;

  constructor(options: TopicWatchOptions) {
    this.#options = options;
    this.#timers = options.clock.timers();
  }

  /** Replaces the pattern. */
  watch(pattern: RegExp): void {
    this.stop();
    this.#pattern = wholeName(pattern);
    this.#dueMs = 0;
  }

  stop(): void {
    this.#pattern = undefined;
    this.#matched = undefined;
    this.#failures = 0;
    this.#lastFailure = undefined;
    this.#timers.cancel("due");
  }

  /** There is nothing to wait for before the member joins. */
  get settled(): boolean {
    return this.#pattern === undefined || this.#matched !== undefined;
  }

  /** Why the topics are not known yet. */
  get lastFailure(): BrookletError | undefined {
    return this.#lastFailure;
  }

  /** Something happened that topics coming or going may have caused. */
  refresh(): void {
    if (this.#pattern === undefined) return;
    this.#askAt(Math.max(this.#options.clock.nowMs(), this.#askedMs + this.#options.backoff.initialMs));
  }

  pump(): void {
    if (this.#pattern === undefined || this.#underWay || this.#options.clock.nowMs() < this.#dueMs) return;
    void this.#ask(this.#pattern);
  }

  /** An error that no retry cures, once. */
  takeRaised(): BrookletError | undefined {
    const raised = this.#raised;
    this.#raised = undefined;
    return raised;
  }

  close(): void {
    this.stop();
    this.#timers.close();
  }

  #askAt(dueMs: number): void {
    const { clock, onChange } = this.#options;
    this.#dueMs = dueMs;
    this.#timers.schedule("due", Math.max(0, dueMs - clock.nowMs()), onChange);
  }

  async #ask(pattern: RegExp): Promise<void> {
    const { client, clock, random, backoff, requestTimeoutMs, maxAgeMs, logger, onChange } = this.#options;
    this.#underWay = true;
    this.#askedMs = clock.nowMs();
    try {
      const { header } = await client.request("metadata", {}, { timeoutMs: requestTimeoutMs });
      if (pattern === this.#pattern) {
        this.#failures = 0;
        this.#lastFailure = undefined;
        this.#askAt(clock.nowMs() + maxAgeMs);
        this.#take(pattern, header.topics);
      }
    } catch (thrown) {
      const error = asBrookletError(thrown);
      if (pattern === this.#pattern) {
        this.#failures += 1;
        this.#lastFailure = error;
        this.#askAt(clock.nowMs() + backoffMs(backoff, this.#failures, random));
        logger.debug({ code: error.code }, `looking for topics that match ${pattern.source}: ${error.message}`);
        if (!error.retriable) this.#raised = error;
      }
    } finally {
      this.#underWay = false;
      onChange();
    }
  }

  #take(pattern: RegExp, topics: readonly { topic: string; internal?: boolean; error?: unknown }[]): void {
    const { excludesInternal, logger, onMatched } = this.#options;
    const matched = topics
      .filter(({ internal, error }) => error === undefined && !(excludesInternal && internal === true))
      .map(({ topic }) => topic)
      .filter((topic) => pattern.test(topic))
      .sort();
    const before = this.#matched;
    this.#matched = matched;
    if (before !== undefined && before.length === matched.length && before.every((one, at) => one === matched[at]))
      return;
    logger.info({ pattern: pattern.source, topics: matched }, `${matched.length} topics match the subscription`);
    onMatched(matched);
  }
}
