// Keeps fetches under way for every partition that may be read, ahead of the application, within bounds. What comes back
// goes into the fetch buffer; positions are moved there, never here.
//
// Invariant: a partition is in at most one fetch at a time, and a fetch covers the version it was sent for: a seek, reset or
// revocation cancels it.

import { type ApiResponse, batchSizeBytes, readBatchHeader } from "@brooklet/protocol";
import type { Clock, Random, Timers } from "@brooklet/protocol/world";
import { BrookletError, fromWire } from "../errors.ts";
import { MAX_PARTITIONS_PER_REQUEST } from "../network/chunks.ts";
import type { BrokerClient } from "../network/client.ts";
import { type BackoffPolicy, backoffMs } from "../network/retry.ts";
import type { ClientLogger } from "../world.ts";
import type { FetchBuffer } from "./fetch-buffer.ts";
import { asBrookletError } from "./member-session.ts";
import type { PartitionState, Positions } from "./positions.ts";
import { isTruncation } from "./truncation.ts";
import { nameOf } from "./types.ts";

/** One may be parked while others answer; a partition whose turn comes does not wait for the parked ones (`#makeRoom`). */
export const MAX_FETCHES_IN_FLIGHT = 4;
/** With more partitions than all fetches in flight can name, a parked one gives way to others after so long. */
const MIN_PARKED_MS = 100;
/** Per partition: the answer being handed out, and the next. */
const MAX_ANSWERS_AHEAD = 2;

export interface FetchSettings {
  readonly fetchMinBytes: number;
  readonly fetchMaxWaitMs: number;
  readonly fetchMaxBytes: number;
  readonly maxPartitionFetchBytes: number;
  readonly isolationLevel: "read_uncommitted" | "read_committed";
  readonly requestTimeoutMs: number;
}

export interface FetcherOptions {
  readonly client: BrokerClient;
  readonly clock: Clock;
  readonly random: Random;
  readonly backoff: BackoffPolicy;
  readonly settings: FetchSettings;
  readonly positions: Positions;
  readonly buffer: FetchBuffer<unknown, unknown>;
  readonly logger: ClientLogger;
  /** Something arrived, failed, or may be tried again. */
  onChange(): void;
  /** The topic of the partition is gone. Says whether to go on asking (false: a new assignment will come). */
  onTopicGone(state: PartitionState, error: BrookletError): boolean;
}

interface Flight {
  readonly abort: AbortController;
  readonly parts: readonly Part[];
  readonly sentAtMs: number;
}

interface Part {
  readonly state: PartitionState;
  readonly version: number;
  readonly offset: number;
  /** Of the last record before `offset`; -1: unknown. */
  readonly leaderEpoch: number;
}

type FetchResult = ApiResponse<"fetch">["results"][number];

export class Fetcher {
  readonly #options: FetcherOptions;
  readonly #timers: Timers;
  readonly #flights = new Set<Flight>();
  readonly #busy = new Map<PartitionState, Flight>();
  /** When each partition was asked last: the longest waiting goes first. */
  readonly #turns = new WeakMap<PartitionState, number>();
  #turn = 0;
  #failures = 0;
  #waits = 0;
  #raised: BrookletError | undefined;
  #closed = false;

  constructor(options: FetcherOptions) {
    this.#options = options;
    this.#timers = options.clock.timers();
  }

  /** Sends what may be sent. Cheap when nothing may. */
  pump(): void {
    while (!this.#closed) {
      if (this.#options.buffer.readyBytes >= Math.max(1, this.#options.settings.fetchMaxBytes)) return;
      const parts = this.#fetchable();
      if (parts.length === 0) return;
      if (this.#flights.size >= MAX_FETCHES_IN_FLIGHT) {
        this.#makeRoom(parts.length);
        return;
      }
      const some = parts.slice(0, MAX_PARTITIONS_PER_REQUEST);
      void this.#fetch({ abort: new AbortController(), parts: some, sentAtMs: this.#options.clock.nowMs() });
    }
  }

  /** An error that no retry cures, once: for the application. */
  takeRaised(): BrookletError | undefined {
    const raised = this.#raised;
    this.#raised = undefined;
    return raised;
  }

  /** The partition moved or is gone: what is on its way for it is void, and the broker need not wait for it. */
  invalidate(state: PartitionState): void {
    this.#busy.get(state)?.abort.abort();
  }

  close(): void {
    this.#closed = true;
    for (const { abort } of this.#flights) abort.abort();
    this.#timers.close();
  }

  /**
   * A fetch that can only be parked gives way: its partitions go again together with those whose turn has come. One that
   * may bring records is never given up, so a slow network cannot make this go on for ever. Where one fetch cannot name them
   * all, they take turns: each stays parked for a while, or none would ever be answered.
   */
  #makeRoom(waiting: number): void {
    const flights = [...this.#flights];
    if (flights.some(({ abort }) => abort.signal.aborted)) return;
    const parked = flights.filter(({ parts }) => parts.every((part) => this.#isAtEnd(part)));
    const fitting = parked.find(({ parts }) => parts.length + waiting <= MAX_PARTITIONS_PER_REQUEST);
    const [longest] = parked;
    const giving = fitting ?? longest;
    if (giving === undefined) return;
    const restMs = giving === fitting ? 0 : giving.sentAtMs + MIN_PARKED_MS - this.#options.clock.nowMs();
    if (restMs <= 0) giving.abort.abort();
    else this.#timers.schedule("turns", restMs, () => this.#options.onChange());
  }

  #isAtEnd({ state, offset }: Part): boolean {
    const isCommitted = this.#options.settings.isolationLevel === "read_committed";
    const end = isCommitted ? state.lastStableOffset : state.highWatermark;
    return end !== undefined && offset >= end;
  }

  #fetchable(): readonly Part[] {
    const { positions, buffer, clock } = this.#options;
    const nowMs = clock.nowMs();
    const ahead = buffer.ahead();
    const parts: Part[] = [];
    for (const state of positions.all()) {
      if (
        state.position === undefined ||
        state.topicId === "" ||
        state.paused ||
        state.revoking ||
        state.assigning ||
        state.halted
      )
        continue;
      if (this.#busy.has(state) || state.retryAtMs > nowMs) continue;
      const byNow = { answers: 0, nextOffset: state.position, leaderEpoch: state.leaderEpoch };
      const { answers, nextOffset, leaderEpoch } = ahead.get(state) ?? byNow;
      if (nextOffset === undefined || answers >= MAX_ANSWERS_AHEAD) continue;
      parts.push({ state, version: state.version, offset: nextOffset, leaderEpoch });
    }
    if (parts.length > 1) {
      parts.sort((left, right) => (this.#turns.get(left.state) ?? 0) - (this.#turns.get(right.state) ?? 0));
    }
    return parts;
  }

  async #fetch(flight: Flight): Promise<void> {
    const { client, settings, clock } = this.#options;
    this.#flights.add(flight);
    this.#turn += 1;
    for (const { state } of flight.parts) {
      this.#busy.set(state, flight);
      this.#turns.set(state, this.#turn);
    }
    try {
      const { header, payload } = await client.request(
        "fetch",
        {
          maxWaitMs: settings.fetchMaxWaitMs,
          minBytes: settings.fetchMinBytes,
          maxBytes: settings.fetchMaxBytes,
          isolation: settings.isolationLevel,
          partitions: flight.parts.map(({ state, offset, leaderEpoch }) => ({
            topic: state.topic,
            topicId: state.topicId,
            partition: state.partition,
            offset,
            leaderEpoch,
            maxBytes: settings.maxPartitionFetchBytes,
          })),
        },
        { timeoutMs: settings.requestTimeoutMs + settings.fetchMaxWaitMs, signal: flight.abort.signal },
      );
      this.#land(flight);
      this.#failures = 0;
      const more = this.#take(flight, header.results, payload);
      // An empty answer is asked again by the next poll only.
      if (more) this.pump();
      else this.#rest(flight, clock.nowMs() - flight.sentAtMs);
    } catch (thrown) {
      this.#land(flight);
      if (flight.abort.signal.aborted || this.#closed) this.pump();
      else this.#failed(flight, asBrookletError(thrown));
    }
    this.#options.onChange();
  }

  #land(flight: Flight): void {
    this.#flights.delete(flight);
    for (const { state } of flight.parts) this.#busy.delete(state);
  }

  #failed(flight: Flight, error: BrookletError): void {
    const { clock, random, backoff, logger } = this.#options;
    this.#failures += 1;
    const waitMs = backoffMs(backoff, this.#failures, random);
    for (const { state } of flight.parts) state.retryAtMs = clock.nowMs() + waitMs;
    this.#wakeAfter(waitMs);
    logger.debug({ code: error.code, partitions: flight.parts.length }, `fetch failed: ${error.message}`);
    if (!error.retriable) this.#raised = error;
  }

  /** With a short fetch.max.wait.ms the broker answers at once: without a pause a poll that waits would ask for ever. */
  #rest(flight: Flight, tookMs: number): void {
    const { settings, backoff, clock } = this.#options;
    const restMs = backoff.initialMs - tookMs;
    if (settings.fetchMaxWaitMs >= backoff.initialMs || restMs <= 0) return;
    for (const { state, version } of flight.parts) {
      if (state.version === version) state.retryAtMs = Math.max(state.retryAtMs, clock.nowMs() + restMs);
    }
    this.#wakeAfter(restMs);
  }

  #wakeAfter(waitMs: number): void {
    // A timer for each wait: one key would let a later wait swallow the end of an earlier one.
    this.#waits += 1;
    this.#timers.schedule(`retry-${this.#waits}`, waitMs, () => this.#options.onChange());
  }

  /** Says whether anything came. */
  #take(flight: Flight, results: readonly FetchResult[], payload: Uint8Array): boolean {
    let at = 0;
    let more = false;
    for (const [index, part] of flight.parts.entries()) {
      const result = results[index];
      if (result === undefined || result.topic !== part.state.topic || result.partition !== part.state.partition) {
        this.#raised = new BrookletError("the broker's answer to a fetch does not fit the request", {
          code: "INVALID_RESPONSE",
        });
        return false;
      }
      const bytes = payload.subarray(at, at + result.bytes);
      at += result.bytes;
      if (part.version !== part.state.version) continue;
      if (result.error !== undefined) more = this.#refused(part, fromWire(result.error)) || more;
      else more = this.#arrived(part, result, bytes) || more;
    }
    return more;
  }

  #arrived(part: Part, result: FetchResult, payload: Uint8Array): boolean {
    const { state, version, offset } = part;
    state.refusals = 0;
    state.highWatermark = result.highWatermark;
    state.lastStableOffset = result.lastStableOffset;
    if (result.bytes === 0 && result.nextOffset <= offset) return false;
    const nextOffset = Math.max(offset, result.nextOffset);
    const nextEpoch = epochBefore(nextOffset, payload);
    this.#options.buffer.add({ state, version, offset, nextOffset, nextEpoch, bytes: result.bytes, payload });
    return true;
  }

  #refused({ state, version, offset }: Part, error: BrookletError): boolean {
    const { clock, backoff, random, buffer, logger, onTopicGone } = this.#options;
    state.refusals += 1;
    const waitMs = backoffMs(backoff, state.refusals, random);
    state.retryAtMs = clock.nowMs() + waitMs;
    this.#wakeAfter(waitMs);
    logger.debug({ partition: nameOf(state), code: error.code, offset }, `fetch refused: ${error.message}`);
    const gone = error.code === "UNKNOWN_TOPIC_ID" || error.code === "UNKNOWN_TOPIC_OR_PARTITION";
    if (gone && !onTopicGone(state, error)) {
      state.halted = true;
      return false;
    }
    if (error.retriable && error.code !== "UNKNOWN_TOPIC_ID" && !isTruncation(error)) return false;
    buffer.add({ state, version, offset, nextOffset: offset, nextEpoch: -1, bytes: 0, payload: EMPTY, error });
    return true;
  }
}

const EMPTY = new Uint8Array(0);

/**
 * The leader epoch of the last record before `nextOffset`; -1 where it is not known: behind what the broker left out, and in a
 * damaged payload, which is told when it is handed out.
 */
function epochBefore(nextOffset: number, payload: Uint8Array): number {
  if (payload.length === 0) return -1;
  try {
    let last = 0;
    for (let at = 0; at < payload.length; at += batchSizeBytes(payload, at)) last = at;
    const { baseOffset, lastOffsetDelta, partitionLeaderEpoch } = readBatchHeader(payload.subarray(last));
    return baseOffset + lastOffsetDelta + 1 === nextOffset ? partitionLeaderEpoch : -1;
  } catch {
    return -1;
  }
}
