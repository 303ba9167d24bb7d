// One loop for everything that is asked again: by the error table's columns, with back-off, within a deadline.
// Producer batches have their own queue (producer/partition-queue.ts) and use only `backoffMs` and `recoveryOf`.
// Invariant: it ends by its deadline, and what it throws is definite only if every attempt was.

import { errorRow, isErrorCode, type Recovery } from "@brooklet/protocol";
import { type Clock, type Random, sleep } from "@brooklet/protocol/world";
import { BrookletError, ClosedError, type ErrorFields, TimeoutError } from "../errors.ts";

/** `retry.backoff.ms` and `retry.backoff.max.ms`, or those of reconnecting. */
export interface BackoffPolicy {
  readonly initialMs: number;
  readonly maxMs: number;
}

/** Kafka's ExponentialBackoff: doubles with every failure up to the maximum. */
const BACKOFF_MULTIPLIER = 2;
/** Each wait is up to this share longer or shorter, so that clients do not come back in step. */
const BACKOFF_JITTER = 0.2;
/** Beyond this the wait is at its maximum anyway, and the power would overflow. */
const MAX_BACKOFF_EXPONENT = 30;

/** How long to wait after `failures` failures in a row (1 for the first). */
export function backoffMs(policy: BackoffPolicy, failures: number, random: Random): number {
  const exponent = Math.min(Math.max(0, failures - 1), MAX_BACKOFF_EXPONENT);
  const plain = Math.min(policy.initialMs * BACKOFF_MULTIPLIER ** exponent, Math.max(policy.initialMs, policy.maxMs));
  return plain * (1 - BACKOFF_JITTER + 2 * BACKOFF_JITTER * random.next());
}

/** What the error table says to do; a client-side error that may be retried is retried. */
export function recoveryOf(error: unknown): Recovery {
  if (!BrookletError.is(error)) return "raise";
  if (isErrorCode(error.code)) return errorRow(error.code).recovery;
  return error.retriable ? "retry" : "raise";
}

export interface RetryOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly backoff: BackoffPolicy;
  /** Bounds all attempts and waits together. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  /** For the error: what did not finish. */
  readonly what: string;
  /** Whether to try again after so many attempts; default: recovery `retry` or `refreshMetadata`. */
  readonly mayRetry?: (error: BrookletError, recovery: Recovery, attempts: number) => boolean;
}

/** The caller's abort as an error; the signal's reason is its cause. A close that aborts says so. */
export function abortError(what: string, signal: AbortSignal, definite: boolean): BrookletError {
  if (ClosedError.is(signal.reason)) {
    return new ClosedError(`${what}: ${signal.reason.message}`, { code: "CLOSED", definite, cause: signal.reason });
  }
  return new BrookletError(`${what} was aborted by its AbortSignal`, {
    code: "ABORTED",
    definite,
    cause: signal.reason,
  });
}

/**
 * Calls `attempt` until it succeeds, its error is not one to retry, or the time is over. There is at least one attempt.
 *
 * Errors: the attempt's own when it is not retried; TimeoutError with the last one as its cause; ABORTED.
 */
export async function retrying<T>(
  options: RetryOptions,
  attempt: (attempt: { readonly remainingMs: number; readonly number: number }) => Promise<T>,
): Promise<T> {
  const { clock, what, signal, timeoutMs } = options;
  const deadlineMs = clock.nowMs() + timeoutMs;
  const mayRetry = options.mayRetry ?? ((_, recovery) => recovery === "retry" || recovery === "refreshMetadata");
  let definite = true;
  for (let number = 1; ; number++) {
    if (signal?.aborted) throw abortError(what, signal, definite);
    try {
      return await attempt({ remainingMs: Math.max(0, deadlineMs - clock.nowMs()), number });
    } catch (error) {
      if (!BrookletError.is(error)) throw error;
      const isLast = error.fatal || !mayRetry(error, recoveryOf(error), number);
      if (isLast && (definite || !error.definite)) throw error;
      definite &&= error.definite;
      // An earlier attempt may have happened: the refusal of a later one does not undo it.
      if (isLast) throw indefinite(error);
      const waitMs = backoffMs(options.backoff, number, options.random);
      if (clock.nowMs() + waitMs >= deadlineMs) throw timedOut(what, timeoutMs, error, definite);
      await pause(clock, waitMs, what, signal, definite);
    }
  }
}

async function pause(clock: Clock, waitMs: number, what: string, signal: AbortSignal | undefined, definite: boolean) {
  try {
    await sleep(clock, waitMs, signal);
  } catch (reason) {
    if (signal === undefined) throw reason;
    throw abortError(what, signal, definite);
  }
}

function timedOut(what: string, timeoutMs: number, cause: BrookletError, definite: boolean): TimeoutError {
  // That an attempt ran out of time as well says nothing new; why it did does.
  const why = cause.context?.why;
  const reason = typeof why === "string" ? `: ${why}` : `; the last failure: ${cause.message}`;
  return new TimeoutError(`${what} did not finish within ${Math.round(timeoutMs)} ms${reason}`, {
    code: "TIMEOUT",
    definite,
    cause,
    context: { lastError: cause.code },
    ...(cause.hint === undefined ? {} : { hint: cause.hint }),
  });
}

/** The same error, when an earlier attempt leaves open whether it happened after all. */
export function indefinite<E extends BrookletError>(error: E): E {
  if (!error.definite) return error;
  // Of the same class, with its own fields: `TimeoutError.is` and `.partitions` must hold for it too.
  const type = error.constructor as new (message: string, fields: ErrorFields) => E;
  const message = `${error.message}; an earlier attempt of the same may have happened`;
  return new type(message, { ...error, definite: false, cause: error });
}
