// Answers with one result per item: all succeeded, or the first error that tells of all.

import type { WireError } from "@brooklet/protocol";
import { fromWire } from "../errors.ts";

/**
 * The picked results, in the order of the request.
 *
 * `isInDoubt`: an earlier attempt of the same request may have happened, so no refusal is certain any more.
 * Errors: the first item's error; its `context.results` holds every item, with `error` where it failed.
 */
export function succeeded<R extends { readonly error?: WireError }, T extends object>(
  results: readonly R[],
  isInDoubt: boolean,
  pick: (result: R, index: number) => T,
): T[] {
  const truthful = (error: WireError): WireError => (isInDoubt ? { ...error, definite: false } : error);
  const first = results.find(({ error }) => error !== undefined)?.error;
  if (first === undefined) return results.map(pick);
  const all = results.map((result, index) => ({
    ...pick(result, index),
    ...(result.error === undefined ? {} : { error: fromWire(truthful(result.error)) }),
  }));
  throw fromWire({ ...truthful(first), context: { ...first.context, results: all } });
}
