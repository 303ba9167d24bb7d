// Calls about many names, each with a result of its own: what was done is told, and what was refused with its reason.
// Invariant: a refusal of one name hides nobody else's result, and the exit code is that of the first refusal.

import { BrookletError } from "@brooklet/client";
import type { Call } from "./call.ts";
import { describeError, type ExitCode, exitCodeOf } from "./exits.ts";

/** What became of one item: the broker's result, or why it was refused. */
export type Outcome<I, R = unknown> =
  | { readonly item: I; readonly result: R; readonly error?: undefined }
  | { readonly item: I; readonly result?: undefined; readonly error: Error };

/**
 * The outcome of each item, in order. A call that failed as a whole still rejects.
 *
 * Shape: `work` is a call of the Admin about exactly these items; its first error holds all results.
 */
export async function outcomesOf<I, R>(items: readonly I[], work: Promise<R[]>): Promise<Outcome<I, R>[]>;
export async function outcomesOf<I>(items: readonly I[], work: Promise<void>): Promise<Outcome<I>[]>;
export async function outcomesOf<I>(items: readonly I[], work: Promise<unknown>): Promise<Outcome<I>[]> {
  try {
    const results = await work;
    return items.map((item, index) => ({ item, result: Array.isArray(results) ? results[index] : undefined }));
  } catch (error) {
    const results = BrookletError.is(error) ? error.context?.results : undefined;
    if (!Array.isArray(results) || results.length !== items.length) throw error;
    return items.map((item, index) => {
      const result: { error?: unknown } = results[index];
      return result.error instanceof Error ? { item, error: result.error } : { item, result };
    });
  }
}

/** Those that were done. */
export function succeeded<I, R>(outcomes: readonly Outcome<I, R>[]): { item: I; result: R }[] {
  return outcomes.flatMap((outcome) => (outcome.error === undefined ? [outcome] : []));
}

/** Tells every refusal on stderr, by its name; the exit code of the first, undefined when there is none. */
export function reportRefusals<I>(
  { output }: Pick<Call, "output">,
  outcomes: readonly Outcome<I>[],
  nameOf: (item: I) => string,
): ExitCode | undefined {
  let exitCode: ExitCode | undefined;
  for (const { item, error } of outcomes) {
    if (error === undefined) continue;
    output.note(`brooklet: ${nameOf(item)}: ${describeError(error)}`, "red");
    exitCode ??= exitCodeOf(error);
  }
  return exitCode;
}

/** An error as `--json` shows it: as the broker's answers do. */
export function errorFields(error: Error): { code: string; message: string; hint?: string } {
  const { message } = error;
  if (!BrookletError.is(error)) return { code: error.name, message };
  return { code: error.code, message, ...(error.hint === undefined ? {} : { hint: error.hint }) };
}
