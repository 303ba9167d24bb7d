// What every poll does, in this order: coordinator work and callbacks, commits, positions, then records. Also the single
// steps of `for await`, which count as polls.
//
// Invariant: once records were taken from the buffer, nothing throws any more; they reach the caller.

import type { ConsumerRecord } from "../consumed.ts";
import {
  type BrookletError,
  IllegalStateError,
  OffsetOutOfRangeError,
  TimeoutError,
  type TopicPartition,
} from "../errors.ts";
import type { Call } from "./calls.ts";
import type { Taken } from "./fetch-buffer.ts";
import type { GroupParts, Parts } from "./parts.ts";
import type { PartitionState } from "./positions.ts";
import { divergenceOf, isTruncation, truncationError } from "./truncation.ts";
import { nameOf, plain } from "./types.ts";

/** Sockets and timers get a turn at least this often from an application that polls without ever waiting. */
const MAX_TURN_MS = 10;

/** `lastOffset`: of the last record as it was in the log. */
type Handed<K, V> = Taken<K, V> & { readonly lastOffset: number | undefined };

export class Poller<K, V> {
  readonly #parts: Parts<K, V>;
  #running: { readonly what: string; readonly done: Promise<void> } | undefined;
  #pumpedAt = -1;

  constructor(parts: Parts<K, V>) {
    this.#parts = parts;
  }

  /** The call that has the consumer now. */
  get running(): string | undefined {
    return this.#running?.what;
  }

  /** Settles when the call that has the consumer now gives it back. */
  get idle(): Promise<void> {
    return this.#running?.done ?? Promise.resolve();
  }

  /** Runs one call at a time. Errors: ILLEGAL_STATE for an overlapping one. */
  async exclusively<T>(what: string, run: () => Promise<T>): Promise<T> {
    if (this.#running !== undefined) {
      throw new IllegalStateError(
        `${what}() was called while ${this.#running.what}() of the same consumer is running`,
        {
          hint: "await each call; one consumer is read by one loop, and its rebalance callbacks must not poll",
        },
      );
    }
    const done = Promise.withResolvers<void>();
    this.#running = { what, done: done.promise };
    try {
      return await run();
    } finally {
      this.#running = undefined;
      done.resolve();
    }
  }

  async poll(call: Call, maxRecords: number, returnsEarly: boolean): Promise<Handed<K, V>> {
    const { calls, fetcher, positions, settings, interceptors } = this.#parts;
    this.#checkSubscribed();
    await calls.giveTurn(MAX_TURN_MS);
    for (;;) {
      const { version } = calls;
      call.check();
      // Also while it waits: assign([]) ends what would otherwise wait for ever.
      this.#checkSubscribed();
      positions.finishRecord();
      await this.#round();
      call.check();
      const taken = this.#take(maxRecords);
      this.#pump();
      const lastOffset = taken.records.at(-1)?.offset;
      const records = interceptors.onConsume(taken.records);
      if (records.length > 0) return { ...taken, records, lastOffset };
      // Left out by an interceptor or by the log: the positions have moved.
      const advanced = taken.advanced || taken.records.length > 0;
      if (advanced && returnsEarly) return { records, advanced, lastOffset };
      if (call.expired) {
        // Without this, poll(0) in a loop would keep sockets and timers from ever running.
        await calls.giveTurn(0);
        return { records, advanced, lastOffset };
      }
      fetcher.pump();
      // Records that were left out stand for others behind them.
      if (taken.records.length === 0) await call.change(version, settings.maxPollIntervalMs / 2);
    }
  }

  /** Joins, reconciles and finds positions, without handing anything out. */
  async ready(call: Call): Promise<TopicPartition[]> {
    const { calls, positions, settings } = this.#parts;
    for (;;) {
      const { version } = calls;
      call.check();
      this.#checkSubscribed();
      await this.#round();
      call.check();
      this.#pump();
      if (this.#isReady()) return [...positions.all()].map(plain);
      if (call.expired) throw this.#notReady();
      await call.change(version, settings.maxPollIntervalMs / 2);
    }
  }

  /** A step of `for await` that needs no waiting: the next record, if nothing else is due. */
  next(): ConsumerRecord<K, V> | undefined {
    const { calls, group, positions, buffer, subscription, interceptors } = this.#parts;
    if (this.#running !== undefined || subscription.mode === "none") return undefined;
    if (calls.ended || calls.wakeupPending || calls.needsTurn(MAX_TURN_MS)) return undefined;
    positions.finishRecord();
    if (group !== undefined) {
      if (subscription.mode === "group") this.#tellOfPoll(group);
      if (group.rebalancer.pending || group.commits.callbackDue) return undefined;
      group.autoCommit?.poll();
    }
    const { records, last } = buffer.take(1);
    // As it was in the log, whatever an interceptor makes of it; the position may be further already.
    const lastOffset = records[0]?.offset;
    const [record] = interceptors.onConsume(records);
    if (record === undefined || last === undefined || lastOffset === undefined) return undefined;
    positions.beginRecord(last, lastOffset);
    if (buffer.changes !== this.#pumpedAt) this.#pump();
    return record;
  }

  #pump(): void {
    this.#parts.fetcher.pump();
    this.#pumpedAt = this.#parts.buffer.changes;
  }

  #checkSubscribed(): void {
    if (this.#parts.subscription.mode !== "none") return;
    throw new IllegalStateError("the consumer is not subscribed to any topic and has no partition assigned", {
      hint: "call subscribe() or assign() first",
    });
  }

  async #round(): Promise<void> {
    const { group, subscription, resolver, topicCreation, topicWatch } = this.#parts;
    if (group !== undefined) {
      if (subscription.mode === "group") {
        topicCreation?.pump();
        topicWatch.pump();
        this.#tellOfPoll(group);
      }
      group.autoCommit?.poll();
      await group.rebalancer.run();
      group.commits.runCallbacks();
    }
    this.#throwRaised();
    resolver.pump();
    const { missing } = resolver;
    if (missing !== undefined) throw missing;
  }

  /** A first join waits until the topics were named, or those that match are known: then its first assignment has them. */
  #tellOfPoll({ session }: GroupParts): void {
    const { topicCreation, topicWatch } = this.#parts;
    if (session.state === "UNSUBSCRIBED" && (topicCreation?.attempted === false || !topicWatch.settled)) return;
    session.handle({ type: "poll" });
  }

  #throwRaised(): void {
    const { group, fetcher, resolver, topicCreation, topicWatch, client } = this.#parts;
    const error =
      group?.session.fatal ??
      group?.session.takeRaised() ??
      topicCreation?.takeRaised() ??
      topicWatch.takeRaised() ??
      resolver.takeRaised() ??
      fetcher.takeRaised() ??
      client.fatalError;
    if (error !== undefined) throw error;
  }

  #take(maxRecords: number): Taken<K, V> {
    const { buffer, positions } = this.#parts;
    const taken = buffer.take(maxRecords);
    if (taken.failure === undefined) return taken;
    const { state, error } = taken.failure;
    // The record stays in the buffer, before all that follows it: the same failure comes again until the application seeks.
    if (error.code === "RECORD_DESERIALIZATION") throw error;
    if (isTruncation(error)) throw this.#truncated(state, error);
    // Anything else another fetch may cure. What is on its way lies behind it, and must not be handed out first.
    positions.refetch(state);
    if (error.code !== "OFFSET_OUT_OF_RANGE") throw error;
    this.#outOfRange(state, error);
    return { records: [], advanced: false };
  }

  /** Never silent: told once, then reading goes on where the log and what was read part. Without a policy nothing moves. */
  #truncated(state: PartitionState, cause: BrookletError): BrookletError {
    const { settings, positions, logger } = this.#parts;
    const { autoOffsetReset } = settings;
    const error = truncationError(state, cause, autoOffsetReset);
    if (autoOffsetReset === "none") return error;
    logger.warn({ partition: nameOf(state), ...error.context }, error.message);
    const divergence = divergenceOf(cause);
    if (divergence === undefined) positions.requestReset(state, undefined);
    else positions.seek(state, divergence.offset, divergence.leaderEpoch);
    return error;
  }

  /** The log no longer has the position, or never had it. */
  #outOfRange(state: PartitionState, error: BrookletError): void {
    const { settings, positions, resolver, logger } = this.#parts;
    const offset = state.position ?? -1;
    if (settings.autoOffsetReset === "none") {
      throw new OffsetOutOfRangeError(`the position ${offset} of ${nameOf(state)} is out of range: ${error.message}`, {
        partitions: [{ ...plain(state), offset }],
        hint: "seek to an offset that exists, or set auto.offset.reset to earliest or latest",
        cause: error,
      });
    }
    logger.warn({ partition: nameOf(state), offset }, `position out of range, reset to ${settings.autoOffsetReset}`);
    const { retryAtMs, refusals } = state;
    positions.requestReset(state, undefined);
    // The first is at once; a broker whose answers contradict each other is not asked without a pause.
    if (refusals > 1) state.retryAtMs = retryAtMs;
    resolver.pump();
  }

  #isReady(): boolean {
    const { group, subscription, positions } = this.#parts;
    if (subscription.mode === "group" && group?.session.state !== "STABLE") return false;
    for (const state of positions.all()) if (state.position === undefined && !state.halted) return false;
    return true;
  }

  #notReady(): BrookletError {
    const { group, positions, subscription, resolver, topicWatch, client } = this.#parts;
    const unknown = [...positions.all()].filter(({ position }) => position === undefined);
    const isJoining = subscription.mode === "group" && group?.session.state !== "STABLE";
    const cause = isJoining
      ? (group?.session.lastFailure ?? topicWatch.lastFailure)
      : unknown.map((state) => resolver.failureOf(state)).find((failure) => failure !== undefined);
    const why = client.disconnected ?? cause?.message;
    const what = isJoining
      ? `the member is ${group?.session.state}`
      : `positions of ${unknown.map(nameOf).join(", ")} are not known`;
    return new TimeoutError(`the consumer is not ready yet: ${what}${why === undefined ? "" : `; ${why}`}`, {
      code: "TIMEOUT",
      ...(cause === undefined ? {} : { cause, context: { lastError: cause.code } }),
      hint: cause?.hint ?? "is the broker reachable? ready() can be called again",
    });
  }
}
