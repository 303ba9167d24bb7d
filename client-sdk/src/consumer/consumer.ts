// The Consumer class: what the application calls (Kafka's KafkaConsumer). It checks arguments and states, bounds every wait,
// and hands the work to its parts (parts.ts).

import { type CallOptions, checkCallOptions } from "../call-options.ts";
import { type ConsumerConfig, parseConsumerConfig } from "../config/consumer.ts";
import type { ConsumerRecord } from "../consumed.ts";
import {
  BrookletError,
  type CommittedOffset,
  IllegalStateError,
  type OffsetAndMetadata,
  TimeoutError,
  type TopicPartition,
} from "../errors.ts";
import { type ClientOptions, clientSurroundings } from "../world.ts";
import { type Call, closed } from "./calls.ts";
import { type CloseOptions, checkCloseOptions, closeConsumer } from "./closing.ts";
import type { CommitCallback } from "./commits.ts";
import { consumerEvents } from "./events.ts";
import { RecordIterator } from "./iteration.ts";
import { type Bounds, checkPartitions } from "./offset-queries.ts";
import { assemble, type GroupParts, identityOf, type Parts, refusalOfLost } from "./parts.ts";
import { Poller } from "./poller.ts";
import type { PartitionState, ResetTo } from "./positions.ts";
import {
  assign,
  checkAssigned,
  checkListener,
  checkSettled,
  checkTopics,
  exclusive,
  isNothing,
  subscribe,
  subscribedTopics,
  type Topics,
  unsubscribe,
} from "./subscribing.ts";
import { type ConsumerEvent, type EventListener, list, nameOf, plain, type RebalanceListener } from "./types.ts";

/** Reads topics, alone or with others of its group. One loop reads one consumer. */
export class Consumer<K = Uint8Array, V = Uint8Array> implements AsyncDisposable {
  readonly #parts: Parts<K, V>;
  readonly #poller: Poller<K, V>;
  #closing: Promise<void> | undefined;

  /** Errors: ConfigError with all problems at once. Connects at the first call that needs the broker. */
  constructor(config: ConsumerConfig<K, V>, options?: ClientOptions) {
    const settings = parseConsumerConfig(config);
    const { world, logger } = clientSurroundings(options);
    this.#parts = assemble<K, V>(settings, world, logger);
    this.#poller = new Poller(this.#parts);
  }

  /**
   * Replaces the subscription; the next poll joins the group. No topics: as unsubscribe(), not waited for.
   *
   * Shape: names; a RegExp, matched here against whole names every `metadata.max.age.ms` and at group events; or `{ pattern }`,
   * RE2, matched by the broker (an illegal one is a fatal INVALID_REGULAR_EXPRESSION of the next polls).
   * Errors: INVALID_GROUP_ID without group.id; INVALID_TOPIC_EXCEPTION; ILLEGAL_STATE after assign().
   */
  subscribe(topics: Topics, listener: RebalanceListener = {}): void {
    this.#checkOpen();
    const group = this.#group("subscribe");
    checkTopics(topics);
    checkListener(listener);
    checkSettled(this.#poller, "subscribe", isNothing(topics));
    if (isNothing(topics)) this.#logged(this.unsubscribe());
    else if (this.#parts.subscription.mode === "manual") throw exclusive("subscribe", "assign");
    else subscribe(this.#parts, group, topics, listener);
  }

  /** Gives everything back and leaves the group (a static member keeps its place there), without a commit, as in Kafka. */
  async unsubscribe(): Promise<void> {
    this.#checkOpen();
    const { defaultApiTimeoutMs, requestTimeoutMs } = this.#parts.settings;
    await this.#poller.exclusively("unsubscribe", () =>
      unsubscribe(this.#parts, this.#begin(Math.min(defaultApiTimeoutMs, requestTimeoutMs))),
    );
  }

  /** Reads exactly these partitions, without a group's assignment; replaces earlier ones. None: as unsubscribe(). */
  assign(partitions: TopicPartition[]): void {
    this.#checkOpen();
    checkAssigned(partitions);
    const { mode } = this.#parts.subscription;
    const endsSubscription = partitions.length === 0 && mode === "group";
    checkSettled(this.#poller, "assign", endsSubscription);
    if (endsSubscription) this.#logged(this.unsubscribe());
    else if (mode === "group") throw exclusive("assign", "subscribe");
    else assign(this.#parts, partitions);
  }

  /** The names given, or those that match the RegExp now; with `{ pattern }` the topics of the assigned partitions. */
  subscription(): string[] {
    return subscribedTopics(this.#parts);
  }

  assignment(): TopicPartition[] {
    return [...this.#parts.positions.all()].map(plain);
  }

  /**
   * Drives joining and callbacks like poll until the member is stable and every position is known; returns no records.
   *
   * Errors: TimeoutError after `default.api.timeout.ms`, or `timeoutMs`; as poll().
   */
  async ready(options: CallOptions = {}): Promise<TopicPartition[]> {
    const call = this.#beginCall("ready", options);
    return await this.#poller.exclusively("ready", () => this.#poller.ready(call));
  }

  /**
   * The next records, at most `max.poll.records`; waits up to `timeoutMs` for the first.
   *
   * Shape: empty when the time is up, or when positions moved past what holds no records.
   * Errors: ILLEGAL_STATE without a subscription or while another poll runs; WakeupError; what the group or a deserializer
   * refused. Never once records were taken: then it comes with the next poll.
   */
  async poll(timeoutMs: number, options: { signal?: AbortSignal } = {}): Promise<ConsumerRecord<K, V>[]> {
    const call = this.#beginCall("poll", { ...options, timeoutMs });
    const { maxPollRecords } = this.#parts.settings;
    const taken = await this.#poller.exclusively("poll", () => this.#poller.poll(call, maxPollRecords, true));
    return taken.records;
  }

  [Symbol.asyncIterator](): AsyncIterator<ConsumerRecord<K, V>> {
    const { calls, positions } = this.#parts;
    return new RecordIterator(this.#poller, calls, positions);
  }

  /**
   * Stores the offsets, by default the positions of all assigned partitions, and waits for the broker.
   *
   * Shape: what the broker recorded, in the order given.
   * Errors: CommitFailedError when any partition was refused; TimeoutError; INVALID_GROUP_ID without group.id.
   */
  async commit(offsets?: OffsetAndMetadata[], options: CallOptions = {}): Promise<CommittedOffset[]> {
    const call = this.#beginCall("commit", options);
    const group = this.#group("commit");
    const { commits } = group;
    const wanted = offsets === undefined ? this.#parts.positions.handedOut() : checkedOffsets(offsets, "commit");
    try {
      const refusal = offsets === undefined ? refusalOfLost(group) : undefined;
      if (refusal !== undefined) throw refusal;
      return await this.#bounded(call, `the commit of ${list(wanted)}`, (bounds) => commits.sync(wanted, bounds));
    } finally {
      commits.runCallbacks();
    }
  }

  /** Stores the offsets without waiting and without repeating; the callback runs inside a later poll, commit or close. */
  commitAsync(callback?: CommitCallback): void;
  commitAsync(offsets: OffsetAndMetadata[], callback?: CommitCallback): void;
  commitAsync(first?: OffsetAndMetadata[] | CommitCallback, second?: CommitCallback): void {
    this.#checkOpen();
    const group = this.#group("commitAsync");
    const { commits } = group;
    const refusal = Array.isArray(first) ? undefined : refusalOfLost(group);
    if (Array.isArray(first)) commits.async(checkedOffsets(first, "commitAsync"), second);
    else if (refusal !== undefined) commits.async(refusal.results.map(unrecorded), first ?? second, refusal);
    else commits.async(this.#parts.positions.handedOut(), first ?? second);
  }

  /** What the group has committed, in order; null where nothing. */
  async committed(partitions: TopicPartition[], options: CallOptions = {}): Promise<(OffsetAndMetadata | null)[]> {
    const call = this.#beginCall("committed", options);
    const { groupId, session } = this.#group("committed");
    checkPartitions(partitions, "committed");
    const { queries, subscription } = this.#parts;
    return await this.#bounded(call, "committed()", (bounds) =>
      queries.committed(groupId, () => identityOf(session, subscription), partitions, bounds),
    );
  }

  /** The next offset that will be handed out; resolves it if need be. Errors: ILLEGAL_STATE unless assigned; TimeoutError. */
  async position(partition: TopicPartition, options: CallOptions = {}): Promise<number> {
    const call = this.#beginCall("position", options);
    const { positions, resolver, calls } = this.#parts;
    for (;;) {
      const { version } = calls;
      call.check();
      const state = positions.get(partition, "position");
      if (state.position !== undefined) return state.position;
      state.wanted = true;
      resolver.pump();
      const error = resolver.missing ?? resolver.takeRaised();
      if (error !== undefined) throw error;
      if (call.expired) throw this.#timedOut(`position() of ${nameOf(partition)}`, true, resolver.failureOf(state));
      await call.change(version);
    }
  }

  /** Reads on from `offset`, whatever was committed or fetched. Lazy: the broker judges it at the next poll. */
  seek(partition: TopicPartition, offset: number): void {
    const state = this.#assigned(partition, "seek");
    if (!Number.isSafeInteger(offset) || offset < 0) {
      throw new IllegalStateError(`seek: an offset is a whole number of at least 0; it is ${offset}`);
    }
    this.#parts.positions.seek(state, offset);
    this.#parts.calls.changed();
  }

  seekToBeginning(partitions: TopicPartition[] = []): void {
    this.#seekTo(partitions, "earliest", "seekToBeginning");
  }

  /** Under read_committed: to the last stable offset. */
  seekToEnd(partitions: TopicPartition[] = []): void {
    this.#seekTo(partitions, "latest", "seekToEnd");
  }

  /** Hands out nothing of them until resume(); what was fetched is kept. Heartbeats and commits go on. */
  pause(partitions: TopicPartition[]): void {
    for (const state of partitions.map((one) => this.#assigned(one, "pause"))) state.paused = true;
  }

  resume(partitions: TopicPartition[]): void {
    for (const state of partitions.map((one) => this.#assigned(one, "resume"))) state.paused = false;
    this.#parts.calls.changed();
  }

  paused(): TopicPartition[] {
    return [...this.#parts.positions.all()].filter(({ paused }) => paused).map(plain);
  }

  async beginningOffsets(partitions: TopicPartition[], options: CallOptions = {}): Promise<OffsetAndMetadata[]> {
    return await this.#ends(partitions, "earliest", "beginningOffsets", options);
  }

  /** High watermarks; under read_committed the last stable offsets. */
  async endOffsets(partitions: TopicPartition[], options: CallOptions = {}): Promise<OffsetAndMetadata[]> {
    return await this.#ends(partitions, "latest", "endOffsets", options);
  }

  /** Per query the first record whose timestamp is at least that; null when there is none. */
  async offsetsForTimes(
    queries: (TopicPartition & { timestamp: number })[],
    options: CallOptions = {},
  ): Promise<((TopicPartition & { offset: number; timestamp: number }) | null)[]> {
    const call = this.#beginCall("offsetsForTimes", options);
    checkPartitions(queries, "offsetsForTimes");
    for (const { timestamp } of queries) {
      if (Number.isSafeInteger(timestamp) && timestamp >= 0) continue;
      throw new IllegalStateError(`offsetsForTimes: a timestamp is a whole number of at least 0; it is ${timestamp}`);
    }
    const questions = queries.map(({ topic, partition, timestamp }) => ({ topic, partition, at: timestamp }));
    const answers = await this.#bounded(call, "offsetsForTimes()", (bounds) =>
      this.#parts.queries.list(questions, bounds),
    );
    return answers.map(({ leaderEpoch: _, ...found }) => (found.offset < 0 ? null : found));
  }

  /** Records behind the end, as far as known here; a miss asks the broker in the background, so that a later call knows. */
  currentLag(partition: TopicPartition): number | undefined {
    const state = this.#assigned(partition, "currentLag");
    const isCommitted = this.#parts.settings.isolationLevel === "read_committed";
    const end = isCommitted ? state.lastStableOffset : state.highWatermark;
    if (end !== undefined && state.position !== undefined) return Math.max(0, end - state.position);
    if (end === undefined) this.#parts.resolver.findEnd(state);
    return undefined;
  }

  /** For sendOffsetsToTransaction. */
  groupMetadata(): { groupId: string; memberId: string; memberEpoch: number; instanceId?: string } {
    const { groupId, session } = this.#group("groupMetadata");
    const { memberId, liveEpoch: memberEpoch = -1, instanceId } = session;
    return { groupId, memberId, memberEpoch, ...(instanceId === undefined ? {} : { instanceId }) };
  }

  /** The running or next blocking call rejects with WakeupError, once. */
  wakeup(): void {
    this.#parts.calls.wakeup();
  }

  on(event: ConsumerEvent, listener: EventListener): this {
    if (!consumerEvents.has(event)) {
      throw new IllegalStateError(`on: there is no event "${event}"; there are ${[...consumerEvents].join(", ")}`);
    }
    this.#parts.events.on(event, listener);
    return this;
  }

  /**
   * Commits what is finished (if automatic), gives the partitions back, leaves the group, and ends every waiting call with
   * ClosedError. Works from inside a `for await` body; a second call waits for the first.
   *
   * Units: `timeoutMs` (30 s) bounds it all; what was not finished then is logged.
   * Errors: the first that a callback threw, after everything is closed; ILLEGAL_STATE from inside a rebalance callback.
   */
  async close(options: CloseOptions = {}): Promise<void> {
    if (this.#closing === undefined && this.#parts.group?.rebalancer.enteringCallback === true) {
      throw new IllegalStateError("close: a rebalance callback must not close its consumer", {
        hint: "return from the callback first, then close",
      });
    }
    checkCloseOptions(options);
    this.#closing ??= closeConsumer(this.#parts, this.#poller, options);
    await this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Errors: ClosedError, but for what the callbacks of close() itself call. */
  #checkOpen(): boolean {
    if (this.#closing === undefined) return false;
    if (this.#parts.group?.rebalancer.inCallback === true) return true;
    throw closed();
  }

  #begin(timeoutMs: number, signal?: AbortSignal): Call {
    const duringClose = this.#checkOpen();
    return this.#parts.calls.begin(timeoutMs, signal, duringClose);
  }

  #beginCall(what: string, options: CallOptions): Call {
    checkCallOptions(what, options);
    const { timeoutMs = this.#parts.settings.defaultApiTimeoutMs, signal } = options;
    return this.#begin(timeoutMs, signal);
  }

  #group(what: string): GroupParts {
    const { group } = this.#parts;
    if (group !== undefined) return group;
    throw new BrookletError(`${what}() needs a group.id`, {
      code: "INVALID_GROUP_ID",
      hint: 'set "group.id", or use assign() and seek() without commits',
    });
  }

  #assigned(partition: TopicPartition, what: string): PartitionState {
    this.#checkOpen();
    checkPartitions([partition], what);
    return this.#parts.positions.get(partition, what);
  }

  #seekTo(partitions: TopicPartition[], to: ResetTo, what: string): void {
    this.#checkOpen();
    const { positions, calls } = this.#parts;
    const states = partitions.length === 0 ? [...positions.all()] : partitions.map((one) => this.#assigned(one, what));
    for (const state of states) positions.requestReset(state, to);
    calls.changed();
  }

  async #ends(
    partitions: TopicPartition[],
    at: "earliest" | "latest",
    what: string,
    options: CallOptions,
  ): Promise<OffsetAndMetadata[]> {
    const call = this.#beginCall(what, options);
    checkPartitions(partitions, what);
    const questions = partitions.map(({ topic, partition }) => ({ topic, partition, at }));
    const answers = await this.#bounded(call, `${what}()`, (bounds) => this.#parts.queries.list(questions, bounds));
    return answers.map(({ topic, partition, offset, leaderEpoch }) =>
      leaderEpoch < 0 ? { topic, partition, offset } : { topic, partition, offset, leaderEpoch },
    );
  }

  /** The work ends with its call: by time, abort, wakeup or close. */
  async #bounded<T>(call: Call, what: string, work: (bounds: Bounds) => Promise<T>): Promise<T> {
    call.check();
    const controller = new AbortController();
    try {
      const bounds = { timeoutMs: call.remainingMs, signal: controller.signal };
      return await call.until(
        work(bounds),
        () => this.#timedOut(what, false),
        () => controller.abort(),
      );
    } finally {
      controller.abort();
    }
  }

  #timedOut(what: string, definite: boolean, cause?: BrookletError): TimeoutError {
    const why = this.#parts.client.disconnected ?? cause?.message;
    return new TimeoutError(`${what} did not finish in time${why === undefined ? "" : `: ${why}`}`, {
      code: "TIMEOUT",
      definite,
      ...(cause === undefined ? {} : { cause, context: { lastError: cause.code } }),
      ...(cause?.hint === undefined ? {} : { hint: cause.hint }),
    });
  }

  #logged(promise: Promise<void>): void {
    promise.catch((error: unknown) => this.#parts.logger.error({ error }, "unsubscribing failed"));
  }
}

function unrecorded({ committedAtMs: _, error: __, ...offset }: CommittedOffset): OffsetAndMetadata {
  return offset;
}

function checkedOffsets(offsets: readonly OffsetAndMetadata[], what: string): OffsetAndMetadata[] {
  checkPartitions(offsets, what);
  for (const one of offsets) {
    if (Number.isSafeInteger(one.offset) && one.offset >= 0) continue;
    throw new IllegalStateError(
      `${what}: the offset of ${nameOf(one)} is a whole number of at least 0; it is ${one.offset}`,
    );
  }
  return offsets.map((one) => ({ ...one }));
}
