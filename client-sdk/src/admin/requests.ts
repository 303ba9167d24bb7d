// How the admin client asks: with retries within the call's time, and a long list in several requests.
// What changes something is repeated only where the error table says that it helps.
// Invariant: each call ends by its timeout, its signal or close(), and leaves nothing at the caller's signal.

import type { ApiName, ApiRequest, ApiResponse } from "@brooklet/protocol";
import { type CallOptions, checkCallOptions } from "../call-options.ts";
import type { AdminSettings } from "../config/admin.ts";
import { BrookletError, IllegalStateError } from "../errors.ts";
import { inHeaders } from "../network/chunks.ts";
import type { BrokerClient } from "../network/client.ts";
import { linkSignals } from "../network/linked-signal.ts";
import { retrying } from "../network/retry.ts";
import type { ClientWorld } from "../world.ts";
import { allSucceeded, type Outcome, outcomesOf, type Reading, type Result } from "./results.ts";

/** One API over a list of items, each with a result of its own. */
export interface ItemCall<A extends ApiName, I extends object | string, R extends Result, T extends object>
  extends Reading<I, R, T> {
  readonly api: A;
  readonly items: readonly I[];
  /** Items of one request; default: MAX_PARTITIONS_PER_REQUEST. */
  readonly maxItems?: number;
  readonly request: (items: I[]) => ApiRequest<A>;
  readonly results: (answer: ApiResponse<A>) => readonly R[];
}

/** Keeps the types of a call. */
export function itemCall<A extends ApiName, I extends object | string, R extends Result, T extends object>(
  call: ItemCall<A, I, R, T>,
): ItemCall<A, I, R, T> {
  return call;
}

/** An answer; `isInDoubt`: an attempt before the answered one may have happened. */
export interface Asked<A extends ApiName> {
  readonly header: ApiResponse<A>;
  readonly isInDoubt: boolean;
}

/** The time and the reasons to stop of one public call, over all its requests. */
export interface Bounds {
  readonly deadlineMs: number;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

export class AdminRequests {
  readonly #client: BrokerClient;
  readonly #settings: AdminSettings;
  readonly #world: ClientWorld;
  /** Aborted when the admin client closes. */
  readonly #closed: AbortSignal;

  constructor(client: BrokerClient, settings: AdminSettings, world: ClientWorld, closed: AbortSignal) {
    this.#client = client;
    this.#settings = settings;
    this.#world = world;
    this.#closed = closed;
  }

  /** Runs a public call within its time: `timeoutMs`, by default default.api.timeout.ms. */
  async bounded<T>(call: string, options: CallOptions, run: (bounds: Bounds) => Promise<T>): Promise<T> {
    checkCallOptions(call, options);
    const { timeoutMs = this.#settings.defaultApiTimeoutMs } = options;
    const linked = linkSignals(this.#closed, options.signal);
    try {
      return await run({ deadlineMs: this.#world.clock.nowMs() + timeoutMs, timeoutMs, signal: linked.signal });
    } finally {
      linked.release();
    }
  }

  /** A public call that is nothing but a list of items. */
  async run<A extends ApiName, I extends object | string, R extends Result, T extends object>(
    name: string,
    call: ItemCall<A, I, R, T>,
    options: CallOptions,
  ): Promise<T[]> {
    return await this.bounded(name, options, (bounds) => this.each(call, bounds));
  }

  /** One request, repeated while that may help. */
  async ask<A extends ApiName>(api: A, request: ApiRequest<A>, bounds: Bounds): Promise<Asked<A>> {
    const { retryBackoffMs, retryBackoffMaxMs, requestTimeoutMs, retries } = this.#settings;
    const { signal } = bounds;
    let isInDoubt = false;
    const { header } = await retrying(
      {
        ...this.#world,
        backoff: { initialMs: retryBackoffMs, maxMs: retryBackoffMaxMs },
        timeoutMs: Math.min(bounds.timeoutMs, Math.max(0, bounds.deadlineMs - this.#world.clock.nowMs())),
        signal,
        what: api,
        // A topic that does not exist is an answer here, not something to wait for.
        mayRetry: (error, recovery, attempts) => {
          isInDoubt ||= !error.definite;
          return recovery === "retry" && attempts <= retries;
        },
      },
      ({ remainingMs }) =>
        this.#client.request(api, request, { timeoutMs: Math.min(remainingMs, requestTimeoutMs), signal }),
    );
    return { header, isInDoubt };
  }

  /**
   * One item after the other as the caller wrote them, in as few requests as fit.
   *
   * Shape: one result per item, in order; no request for no items. A request that fails as a whole ends the call: what was
   * to come after it was certainly not sent.
   * Errors: the first one, whose `context.results` holds what became of every item.
   */
  async each<A extends ApiName, I extends object | string, R extends Result, T extends object>(
    call: ItemCall<A, I, R, T>,
    bounds: Bounds,
  ): Promise<T[]> {
    const { api, items, maxItems } = call;
    checkItems(api, items);
    const parts = inHeaders(items, this.#client.limits, maxItems);
    const outcomes: Outcome<T>[] = [];
    for (const part of parts) {
      try {
        const { header, isInDoubt } = await this.ask(api, call.request(part), bounds);
        outcomes.push(...outcomesOf(api, part, call.results(header), isInDoubt, call));
      } catch (error) {
        if (parts.length === 1 || !BrookletError.is(error)) throw error;
        outcomes.push(...part.map((item) => ({ shown: call.place(item), error })));
        const unsent = notSent(api, error);
        outcomes.push(...items.slice(outcomes.length).map((item) => ({ shown: call.place(item), error: unsent })));
        break;
      }
    }
    return allSucceeded(outcomes);
  }
}

function notSent(api: string, cause: BrookletError): BrookletError {
  return new BrookletError(`${api}: not sent, because an earlier part of the same call failed: ${cause.message}`, {
    code: cause.code,
    retriable: cause.retriable,
    fatal: cause.fatal,
    cause,
  });
}

/** Before anything is sent: an item that is no object or text would only puzzle the broker. */
function checkItems(api: string, items: unknown): void {
  if (!Array.isArray(items)) throw new IllegalStateError(`${api}: what it is about must be an array`);
  try {
    JSON.stringify(items);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new IllegalStateError(`${api}: an item cannot be written as JSON: ${why}`, { cause });
  }
  const at = items.findIndex((item) => typeof item !== "string" && (typeof item !== "object" || item === null));
  if (at >= 0) throw new IllegalStateError(`${api}: item ${at} is neither an object nor a text`);
}
