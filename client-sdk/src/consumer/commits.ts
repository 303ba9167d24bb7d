// Commits, in the order of the calls: a synchronous one waits for all before it and holds back all after it, asynchronous
// ones are pipelined and never repeated. So a later commit is never overtaken by an older one.
//
// Invariants: each request has a higher `seq`; callbacks run in the order of their calls, only inside runCallbacks().

import { type Clock, deferred, type Random } from "@brooklet/protocol/world";
import {
  BrookletError,
  CommitFailedError,
  type CommittedOffset,
  fromWire,
  IllegalStateError,
  type OffsetAndMetadata,
  RetriableCommitFailedError,
} from "../errors.ts";
import { inHeaders } from "../network/chunks.ts";
import type { BrokerClient } from "../network/client.ts";
import { abortError, type BackoffPolicy, indefinite, recoveryOf, retrying } from "../network/retry.ts";
import { asBrookletError } from "./member-session.ts";
import { list, nameOf } from "./types.ts";

export type CommitCallback = (error: BrookletError | null, offsets: OffsetAndMetadata[]) => void;

/** As whom a commit speaks: a live member, or nobody (epoch -1). */
export interface CommitIdentity {
  readonly memberId?: string;
  readonly memberEpoch: number;
}

export interface CommitsOptions {
  readonly client: BrokerClient;
  readonly clock: Clock;
  readonly random: Random;
  readonly backoff: BackoffPolicy;
  readonly requestTimeoutMs: number;
  readonly groupId: string;
  /** Throws CommitFailedError when the membership is over. */
  identity(offsets: readonly OffsetAndMetadata[]): CommitIdentity;
  /** What may explain that the membership is over; in parentheses, or nothing. */
  measured(): string;
  topicIdOf(topic: string, partition: number): string | undefined;
  /** The broker recorded them. */
  onCommitted(offsets: readonly CommittedOffset[]): void;
  /** A commit is settled: a callback may be due, and `unsettled` is lower. */
  onSettled(): void;
  /** A commit failed that nobody waits for. */
  onUnheard(error: BrookletError, offsets: readonly OffsetAndMetadata[]): void;
}

export interface SyncOptions {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
  /** Before a rebalance: the epoch may just have moved, and the next attempt carries the new one. */
  readonly retryStale?: boolean;
}

/** Asynchronous commits that are sent or wait, and callbacks that nobody has run yet. */
export const MAX_PENDING_COMMITS = 10_000;

interface Operation {
  readonly alone: boolean;
  run(): Promise<void>;
}

interface Pending {
  readonly offsets: OffsetAndMetadata[];
  readonly callback: CommitCallback;
  outcome?: { readonly error: BrookletError | null };
}

export class Commits {
  readonly #options: CommitsOptions;
  readonly #queue: Operation[] = [];
  readonly #callbacks: Pending[] = [];
  #inFlight = 0;
  #aloneRunning = false;
  #seq = 0;

  constructor(options: CommitsOptions) {
    this.#options = options;
  }

  /** Asynchronous commits that are not settled, waiting ones included. */
  get unsettled(): number {
    return this.#queue.length + this.#inFlight + (this.#aloneRunning ? 1 : 0);
  }

  /** Whether runCallbacks() has something to run. */
  get callbackDue(): boolean {
    return this.#callbacks[0]?.outcome !== undefined;
  }

  /**
   * Stores the offsets and resolves with what the broker recorded, in the order given.
   *
   * Errors: CommitFailedError when a partition was refused or the membership is over; TimeoutError; what the broker said.
   */
  sync(offsets: readonly OffsetAndMetadata[], options: SyncOptions): Promise<CommittedOffset[]> {
    // Also of nothing: who commits wants to know that what was committed before is settled.
    if (offsets.length === 0 && this.unsettled === 0) return Promise.resolve([]);
    const done = deferred<CommittedOffset[]>();
    const { signal } = options;
    const deadlineMs = this.#options.clock.nowMs() + options.timeoutMs;
    const operation: Operation = {
      alone: true,
      run: async () => {
        signal?.removeEventListener("abort", withdraw);
        const timeoutMs = Math.max(0, deadlineMs - this.#options.clock.nowMs());
        await this.#untilStored(offsets, { ...options, timeoutMs }).then(done.resolve, done.reject);
      },
    };
    /** It still waits for others: it certainly does not happen, and those behind it need not wait for it. */
    const withdraw = () => {
      const at = this.#queue.indexOf(operation);
      if (at < 0 || signal === undefined) return;
      this.#queue.splice(at, 1);
      done.reject(abortError(`the commit of ${list(offsets)}`, signal, true));
      this.#pump();
    };
    signal?.addEventListener("abort", withdraw, { once: true });
    this.#enqueue(operation);
    return done.promise;
  }

  /**
   * Stores the offsets with one request, never repeated; the callback runs inside a later runCallbacks().
   * With a `refusal` nothing is sent: it is the outcome.
   */
  async(offsets: readonly OffsetAndMetadata[], callback: CommitCallback | undefined, refusal?: BrookletError): void {
    const { onUnheard } = this.#options;
    const copy = offsets.map((one) => ({ ...one }));
    if (this.#callbacks.length + this.unsettled >= MAX_PENDING_COMMITS) {
      throw new IllegalStateError(`${MAX_PENDING_COMMITS} asynchronous commits are waiting`, {
        hint: "call poll, which runs their callbacks, or await commit()",
      });
    }
    const pending: Pending | undefined = callback === undefined ? undefined : { offsets: copy, callback };
    if (pending !== undefined) this.#callbacks.push(pending);
    const settled = (error: BrookletError | null) => {
      if (pending !== undefined) pending.outcome = { error };
      else if (error !== null) onUnheard(error, copy);
    };
    if (refusal === undefined) this.#sendAsync(copy, settled);
    else settled(refusal);
  }

  /** The automatic commit: as `async`, but the outcome is told at once. */
  quietly(offsets: readonly OffsetAndMetadata[], settled: (error: BrookletError | null) => void): void {
    this.#sendAsync(offsets, settled);
  }

  /** Runs the callbacks that are due, in the order of their commits. Throws the first error that one threw, after all ran. */
  runCallbacks(): void {
    let thrown: { error: unknown } | undefined;
    for (;;) {
      const next = this.#callbacks[0];
      if (next?.outcome === undefined) break;
      this.#callbacks.shift();
      try {
        next.callback(next.outcome.error, next.offsets);
      } catch (error) {
        thrown ??= { error };
      }
    }
    if (thrown !== undefined) throw thrown.error;
  }

  #sendAsync(offsets: readonly OffsetAndMetadata[], settled: (error: BrookletError | null) => void): void {
    if (offsets.length === 0) {
      settled(null);
      return;
    }
    this.#enqueue({
      alone: false,
      run: async () => settled(await this.#once(offsets)),
    });
  }

  #enqueue(operation: Operation): void {
    this.#queue.push(operation);
    this.#pump();
  }

  #pump(): void {
    for (;;) {
      const next = this.#queue[0];
      if (next === undefined || this.#aloneRunning || (next.alone && this.#inFlight > 0)) return;
      this.#queue.shift();
      if (next.alone) this.#aloneRunning = true;
      else this.#inFlight += 1;
      void next.run().finally(() => {
        if (next.alone) this.#aloneRunning = false;
        else this.#inFlight -= 1;
        this.#pump();
        // Only now: close() waits until nothing is unsettled.
        this.#options.onSettled();
      });
    }
  }

  async #once(offsets: readonly OffsetAndMetadata[]): Promise<BrookletError | null> {
    try {
      const results = await this.#send(offsets, { timeoutMs: this.#options.requestTimeoutMs });
      const refused = results.filter(({ error }) => error !== undefined);
      const first = refused[0]?.error;
      if (first === undefined) return null;
      return first.retriable ? retriable(first, offsets) : refusal(refused, results, this.#options.measured());
    } catch (thrown) {
      const error = asBrookletError(thrown);
      return error.retriable ? retriable(error, offsets) : this.#raised(error, offsets);
    }
  }

  async #untilStored(offsets: readonly OffsetAndMetadata[], options: SyncOptions): Promise<CommittedOffset[]> {
    const { client, clock, random, backoff, requestTimeoutMs } = this.#options;
    const results = new Map<string, CommittedOffset>();
    /** It was cut before the broker had told its limits. */
    let isBlind = false;
    let left: readonly OffsetAndMetadata[] = offsets;
    try {
      await retrying(
        {
          clock,
          random,
          backoff,
          timeoutMs: options.timeoutMs,
          signal: options.signal,
          what: `the commit of ${list(offsets)}`,
          mayRetry: (error, recovery) =>
            recovery === "retry" ||
            recovery === "refreshMetadata" ||
            (isBlind && error.code === "RECORD_LIST_TOO_LARGE" && client.limits !== undefined) ||
            (options.retryStale === true && BrookletError.is(error) && error.code === "STALE_MEMBER_EPOCH"),
        },
        async ({ remainingMs }) => {
          const timeoutMs = Math.min(requestTimeoutMs, remainingMs);
          isBlind = client.limits === undefined;
          const onAnswer = (answer: CommittedOffset) => void results.set(nameOf(answer), answer);
          const answers = await this.#send(left, { ...options, timeoutMs }, onAnswer);
          const again = answers.filter(({ error }) => mayCure(error, options.retryStale === true));
          left = left.filter((one) => again.some((answer) => nameOf(answer) === nameOf(one)));
          const [first] = again;
          if (first?.error !== undefined) throw first.error;
        },
      );
    } catch (thrown) {
      throw this.#raised(asBrookletError(thrown), offsets, results);
    }
    const inOrder = offsets.flatMap((one) => results.get(nameOf(one)) ?? []);
    const refused = inOrder.filter(({ error }) => error !== undefined);
    if (refused.length > 0) throw refusal(refused, inOrder, this.#options.measured());
    return inOrder;
  }

  /** One attempt, in as many requests as the headers take. `onAnswer` hears of each partition, also when another request failed. */
  async #send(
    offsets: readonly OffsetAndMetadata[],
    { timeoutMs, signal }: SyncOptions,
    onAnswer: (answer: CommittedOffset) => void = () => {},
  ): Promise<CommittedOffset[]> {
    const { client, groupId, identity, topicIdOf, onCommitted } = this.#options;
    const who = identity(offsets);
    const items = offsets.map(({ topic, partition, offset, metadata, leaderEpoch }) => {
      const topicId = topicIdOf(topic, partition);
      return {
        topic,
        ...(topicId === undefined ? {} : { topicId }),
        partition,
        offset,
        ...(leaderEpoch === undefined ? {} : { leaderEpoch }),
        ...(metadata === undefined ? {} : { metadata }),
      };
    });
    const parts = await Promise.allSettled(
      inHeaders(items, client.limits).map(async (part) => {
        const request = { groupId, ...who, seq: ++this.#seq, offsets: part };
        const options = { timeoutMs, ...(signal === undefined ? {} : { signal }) };
        const { header } = await client.request("offsetCommit", request, options);
        return part.map((asked, index): CommittedOffset => {
          const result = header.results[index];
          if (result === undefined || result.topic !== asked.topic || result.partition !== asked.partition) {
            throw new BrookletError("the broker's answer to a commit does not fit the request", {
              code: "INVALID_RESPONSE",
              definite: false,
            });
          }
          const { topicId: _, ...recorded } = asked;
          return {
            ...recorded,
            offset: result.error === undefined ? result.offset : asked.offset,
            committedAtMs: result.committedAtMs,
            ...(result.error === undefined ? {} : { error: fromWire(result.error) }),
          };
        });
      }),
    );
    const answers = parts.flatMap((part) => (part.status === "fulfilled" ? part.value : []));
    for (const answer of answers) onAnswer(answer);
    const stored = answers.filter(({ error }) => error === undefined);
    if (stored.length > 0) onCommitted(stored);
    const failed = parts.find((part) => part.status === "rejected");
    if (failed !== undefined) throw answers.length === 0 ? failed.reason : indefinite(asBrookletError(failed.reason));
    return answers;
  }

  /**
   * A membership that is over fails the commit for good; the rest is raised as it is. What an earlier attempt has stored
   * stays stored: `answers` says so, and no error of the whole commit is definite then.
   */
  #raised(
    error: BrookletError,
    offsets: readonly OffsetAndMetadata[],
    answers: ReadonlyMap<string, CommittedOffset> = new Map(),
  ): BrookletError {
    const stored = (one: OffsetAndMetadata) => {
      const answer = answers.get(nameOf(one));
      return answer?.error === undefined ? answer : undefined;
    };
    const refused = offsets.filter((one) => stored(one) === undefined);
    const isPartial = refused.length < offsets.length;
    if (CommitFailedError.is(error) && !isPartial) return error;
    const isOver = recoveryOf(error) === "rejoin" || error.code === "STALE_MEMBER_EPOCH" || CommitFailedError.is(error);
    if (!isOver) return isPartial ? indefinite(error) : error;
    const measured = error.message.includes("the client's event loop") ? "" : this.#options.measured();
    return new CommitFailedError(`the commit of ${list(refused)} was refused: ${error.message}${measured}`, {
      code: error.code,
      definite: error.definite,
      hint:
        error.hint ??
        "the partitions belong to others now; poll joins again, and processing repeats from the last commit",
      ...(error.context === undefined ? {} : { context: error.context }),
      cause: error,
      partitions: refused.map(({ topic, partition }) => ({ topic, partition })),
      results: offsets.map((one) => stored(one) ?? { ...one, committedAtMs: -1, error }),
    });
  }
}

/** A deleted topic does not come back under its id, so that refusal is final. */
function mayCure(error: BrookletError | undefined, retryStale: boolean): boolean {
  if (error === undefined) return false;
  if (error.code === "STALE_MEMBER_EPOCH") return retryStale;
  return error.retriable && error.code !== "UNKNOWN_TOPIC_ID";
}

function retriable(cause: BrookletError, offsets: readonly OffsetAndMetadata[]): RetriableCommitFailedError {
  return new RetriableCommitFailedError(`the asynchronous commit of ${list(offsets)} failed: ${cause.message}`, {
    code: cause.code,
    definite: cause.definite,
    hint: "commit the current positions again, never these: a later commit may have succeeded",
    cause,
  });
}

function refusal(refused: readonly CommittedOffset[], results: CommittedOffset[], measured: string): BrookletError {
  const [first] = refused;
  const cause = first?.error;
  // Another process has the place for good: a class of its own, as from poll.
  if (cause?.fatal) return cause;
  const code = cause?.code ?? "UNKNOWN_SERVER_ERROR";
  return new CommitFailedError(`the commit of ${list(refused)} was refused: ${cause?.message ?? code}${measured}`, {
    code,
    ...(cause?.hint === undefined ? {} : { hint: cause.hint }),
    ...(cause?.context === undefined ? {} : { context: cause.context }),
    definite: refused.every(({ error }) => error?.definite !== false),
    cause,
    partitions: refused.map(({ topic, partition }) => ({ topic, partition })),
    results,
  });
}
