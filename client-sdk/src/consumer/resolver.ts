// Finds where to begin in partitions whose position is unknown: topic id, committed offset, then auto.offset.reset. Works in
// the background while the application polls, and asks again after what may be cured.
//
// Invariant: an answer counts only for the version of the state it was asked for, so a seek always wins.

import type { Clock, Random, Timers } from "@brooklet/protocol/world";
import { BrookletError, fromWire, NoOffsetForPartitionError } from "../errors.ts";
import { inParts } from "../network/chunks.ts";
import type { BrokerClient } from "../network/client.ts";
import type { MetadataCache } from "../network/metadata.ts";
import { type BackoffPolicy, backoffMs } from "../network/retry.ts";
import type { ClientLogger } from "../world.ts";
import type { CommitIdentity } from "./commits.ts";
import { asBrookletError } from "./member-session.ts";
import type { PartitionState, Positions, ResetTo } from "./positions.ts";
import { list, nameOf, plain } from "./types.ts";

export interface ResolverOptions {
  readonly client: BrokerClient;
  readonly clock: Clock;
  readonly random: Random;
  readonly backoff: BackoffPolicy;
  readonly requestTimeoutMs: number;
  readonly isolationLevel: "read_uncommitted" | "read_committed";
  readonly groupId: string | undefined;
  readonly autoOffsetReset: ResetPolicy;
  /** Of `by_duration:…`: the first record that is younger than this. */
  readonly resetByDurationMs: number | undefined;
  readonly positions: Positions;
  readonly metadata: MetadataCache;
  readonly logger: ClientLogger;
  /** As whom to ask for committed offsets; undefined while the membership is not there. */
  identity(): CommitIdentity | undefined;
  onChange(): void;
}

export type ResetPolicy = ResetTo | "none" | `by_duration:${string}`;

interface Asked {
  readonly state: PartitionState;
  readonly version: number;
}

export class Resolver {
  readonly #options: ResolverOptions;
  readonly #timers: Timers;
  readonly #busy = new Set<PartitionState>();
  readonly #ending = new Set<PartitionState>();
  readonly #lastErrors = new WeakMap<PartitionState, BrookletError>();
  #failures = 0;
  #waits = 0;
  #raised: BrookletError | undefined;
  #closed = false;

  constructor(options: ResolverOptions) {
    this.#options = options;
    this.#timers = options.clock.timers();
  }

  /** Asks what must be asked and is not under way. */
  pump(): void {
    const nowMs = this.#options.clock.nowMs();
    const nameless: Asked[] = [];
    const committed: Asked[] = [];
    const resets: Asked[] = [];
    for (const state of this.#options.positions.all()) {
      // A partition assigned by hand needs its topic's id also after a seek.
      if (state.need === undefined && state.topicId !== "") continue;
      if (state.halted || this.#busy.has(state) || state.retryAtMs > nowMs) continue;
      if (state.assigning && !state.wanted) continue;
      const asked = { state, version: state.version };
      if (state.topicId === "") nameless.push(asked);
      else if (state.need === "committed") committed.push(asked);
      else if (state.resetTo !== undefined || this.#options.autoOffsetReset !== "none") resets.push(asked);
    }
    if (nameless.length > 0) this.#run(nameless, () => this.#findTopics(nameless));
    for (const part of inParts(committed)) this.#findCommitted(part);
    for (const part of inParts(resets)) this.#run(part, () => this.#findEnds(part));
  }

  /** Asks for the end of one partition, for its lag only. */
  findEnd(state: PartitionState): void {
    if (this.#ending.has(state) || state.topicId === "" || this.#closed) return;
    this.#ending.add(state);
    const { client, isolationLevel, requestTimeoutMs } = this.#options;
    const { topic, topicId, partition } = state;
    client
      .request(
        "listOffsets",
        { isolation: isolationLevel, partitions: [{ topic, topicId, partition, at: "latest" }] },
        { timeoutMs: requestTimeoutMs },
      )
      .then(({ header }) => {
        const [found] = header.results;
        if (found === undefined || found.error !== undefined) return;
        state.highWatermark ??= found.offset;
        state.lastStableOffset ??= found.offset;
      })
      // Only a hint: the next call asks again.
      .catch(() => {})
      .finally(() => this.#ending.delete(state));
  }

  /** What keeps a position from being known and only the application can cure. */
  get missing(): NoOffsetForPartitionError | undefined {
    if (this.#options.autoOffsetReset !== "none") return undefined;
    const lost: PartitionState[] = [];
    for (const state of this.#options.positions.all()) {
      if (state.need === "reset" && state.resetTo === undefined && !state.revoking) lost.push(state);
    }
    if (lost.length === 0) return undefined;
    const { groupId } = this.#options;
    const where = groupId === undefined ? "the consumer has no group.id" : `group ${groupId} has committed none`;
    return new NoOffsetForPartitionError(`there is no offset to begin with for ${list(lost)}: ${where}`, {
      partitions: lost.map(plain),
      hint: "seek to an offset, or set auto.offset.reset to earliest or latest",
    });
  }

  /** Why the position is not known yet, as far as an answer has said so. */
  failureOf(state: PartitionState): BrookletError | undefined {
    return this.#lastErrors.get(state);
  }

  /** An error that no retry cures, once. */
  takeRaised(): BrookletError | undefined {
    const raised = this.#raised;
    this.#raised = undefined;
    return raised;
  }

  close(): void {
    this.#closed = true;
    this.#timers.close();
  }

  #run(asked: readonly Asked[], ask: () => Promise<void>): void {
    for (const { state } of asked) this.#busy.add(state);
    ask()
      .then(() => {
        this.#failures = 0;
      })
      .catch((thrown: unknown) => this.#failed(asked, asBrookletError(thrown)))
      .finally(() => {
        for (const { state } of asked) this.#busy.delete(state);
        if (this.#closed) return;
        this.pump();
        this.#options.onChange();
      });
  }

  #failed(asked: readonly Asked[], error: BrookletError): void {
    const { logger } = this.#options;
    this.#failures += 1;
    for (const { state } of asked) this.#lastErrors.set(state, error);
    this.#retryLater(asked.map(({ state }) => state));
    logger.debug(
      { code: error.code },
      `looking for positions of ${list(asked.map(({ state }) => state))}: ${error.message}`,
    );
    // The membership tells by its own heartbeats when it is over, and the epoch may just have moved.
    const passing = error.retriable || error.code === "STALE_MEMBER_EPOCH" || error.code === "UNKNOWN_MEMBER_ID";
    if (!passing && !this.#closed) this.#raised = error;
  }

  #retryLater(states: readonly PartitionState[], atLeastMs = 0): void {
    const { clock, backoff, random, onChange } = this.#options;
    const failures = Math.max(1, this.#failures, ...states.map(({ refusals }) => refusals));
    const waitMs = Math.max(atLeastMs, backoffMs(backoff, failures, random));
    for (const state of states) state.retryAtMs = clock.nowMs() + waitMs;
    // A timer for each wait: one key would let a later wait swallow the end of an earlier one.
    this.#waits += 1;
    this.#timers.schedule(`retry-${this.#waits}`, waitMs, onChange);
  }

  /** A partition assigned by hand is pinned to the topic that bears the name now. */
  async #findTopics(asked: readonly Asked[]): Promise<void> {
    const { metadata, requestTimeoutMs } = this.#options;
    await Promise.all(
      asked.map(async ({ state }) => {
        const { topicId, partitionCount } = await metadata.load(state.topic, { timeoutMs: requestTimeoutMs });
        if (state.partition >= partitionCount) {
          throw new BrookletError(
            `${state.topic} has ${partitionCount} partitions; there is no partition ${state.partition}`,
            { code: "UNKNOWN_TOPIC_OR_PARTITION", retriable: true },
          );
        }
        state.topicId = topicId;
        this.#lastErrors.delete(state);
      }),
    );
  }

  #findCommitted(asked: readonly Asked[]): void {
    const { groupId, identity } = this.#options;
    if (groupId === undefined) {
      for (const { state } of asked) this.#decideReset(state);
      this.#options.onChange();
      return;
    }
    const who = identity();
    if (who === undefined) return;
    this.#run(asked, async () => {
      const { client, requestTimeoutMs } = this.#options;
      const { header } = await client.request(
        "offsetFetch",
        {
          groupId,
          ...who,
          requireStable: true,
          partitions: asked.map(({ state: { topic, topicId, partition } }) => ({ topic, topicId, partition })),
        },
        { timeoutMs: requestTimeoutMs },
      );
      for (const [index, { state, version }] of asked.entries()) {
        const found = header.offsets[index];
        if (state.version !== version || state.need !== "committed") continue;
        if (found === undefined) this.#refused(state, unfit());
        else if (found.error !== undefined) this.#refused(state, fromWire(found.error));
        else if (found.offset < 0) this.#decideReset(state);
        else {
          state.position = found.offset;
          state.committed = found.offset;
          state.leaderEpoch = found.leaderEpoch;
          state.need = undefined;
          this.#lastErrors.delete(state);
        }
      }
    });
  }

  #decideReset(state: PartitionState): void {
    state.need = "reset";
    state.resetTo = undefined;
  }

  async #findEnds(asked: readonly Asked[]): Promise<void> {
    const { client, requestTimeoutMs, isolationLevel, autoOffsetReset, logger } = this.#options;
    const byDefault = this.#resetTo();
    const { header } = await client.request(
      "listOffsets",
      {
        isolation: isolationLevel,
        partitions: asked.map(({ state: { topic, topicId, partition, resetTo } }) => ({
          topic,
          topicId,
          partition,
          at: resetTo ?? byDefault,
        })),
      },
      { timeoutMs: requestTimeoutMs },
    );
    for (const [index, { state, version }] of asked.entries()) {
      const found = header.results[index];
      if (state.version !== version || state.need !== "reset") continue;
      if (found === undefined) this.#refused(state, unfit());
      else if (found.error !== undefined) this.#refused(state, fromWire(found.error));
      else if (found.offset < 0) this.#nothingYoung(state);
      else {
        logger.debug(
          {
            topic: state.topic,
            partition: state.partition,
            offset: found.offset,
            to: state.resetTo ?? autoOffsetReset,
          },
          "position reset",
        );
        state.position = found.offset;
        state.leaderEpoch = -1;
        state.need = undefined;
        state.resetTo = undefined;
        this.#lastErrors.delete(state);
      }
    }
  }

  #resetTo(): ResetTo | number {
    const { autoOffsetReset, resetByDurationMs, clock } = this.#options;
    if (resetByDurationMs !== undefined) return Math.max(0, clock.wallMs() - resetByDurationMs);
    return autoOffsetReset === "latest" ? "latest" : "earliest";
  }

  /** As in Kafka the reset stays pending, and is asked again: what is written from now on is young enough. */
  #nothingYoung(state: PartitionState): void {
    const { autoOffsetReset, backoff } = this.#options;
    const message = `no record of ${nameOf(state)} is young enough for auto.offset.reset=${autoOffsetReset}: the position stays open until there is one`;
    this.#lastErrors.set(
      state,
      new BrookletError(message, {
        code: "NO_OFFSET_FOR_PARTITION",
        retriable: true,
        hint: "seek, or wait for a record",
      }),
    );
    this.#retryLater([state], backoff.maxMs);
  }

  #refused(state: PartitionState, error: BrookletError): void {
    this.#lastErrors.set(state, error);
    state.refusals += 1;
    this.#retryLater([state]);
    if (!error.retriable && error.code !== "STALE_MEMBER_EPOCH") this.#raised = error;
  }
}

function unfit(): BrookletError {
  return new BrookletError("the broker's answer leaves out a partition", { code: "INVALID_RESPONSE" });
}
