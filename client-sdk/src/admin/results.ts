// Answers with one result per item: all succeeded, or the first error that tells of all.
// Invariant: nobody's result is taken for another's, and a refusal after an attempt in doubt is not called certain.

import type { WireError } from "@brooklet/protocol";
import { BrookletError, type ErrorFields, fromWire } from "../errors.ts";
import { indefinite } from "../network/retry.ts";

/** What became of one item: what the caller gets to see of it, with `error` where it failed. */
export type Outcome<T> =
  | { readonly shown: T; readonly error?: undefined }
  | { readonly shown: object; readonly error: BrookletError };

/** What every item's result may have. */
export interface Result {
  readonly error?: WireError;
}

export interface Reading<I, R extends Result, T extends object> {
  /** What names an item, in its result too. */
  readonly place: (item: I) => object;
  /** What the caller gets of a result. */
  readonly pick: (result: R, item: I) => T;
}

/**
 * The outcomes of one answer, in the order of the request.
 *
 * `isInDoubt`: an earlier attempt of the same request may have happened, so no refusal is certain any more.
 * Errors: UNKNOWN_SERVER_ERROR, in doubt, when the answer's items are not those of the request.
 */
export function outcomesOf<I, R extends Result, T extends object>(
  api: string,
  items: readonly I[],
  results: readonly R[],
  isInDoubt: boolean,
  { place, pick }: Reading<I, R, T>,
): Outcome<T>[] {
  if (results.length !== items.length) {
    throw malformed(api, `it has ${results.length} results for ${items.length} items`);
  }
  return items.map((item, index) => {
    // The lengths are the same.
    const result = results[index] as R;
    const name = place(item);
    for (const [field, expected] of Object.entries(name)) {
      const found: unknown = Reflect.get(result, field);
      if (found !== undefined && found !== expected) {
        throw malformed(api, `its result ${index} is of another ${field} than was asked for`);
      }
    }
    if (result.error === undefined) return { shown: pick(result, item) };
    const error = fromWire(result.error);
    return { shown: pick(result, item), error: isInDoubt ? indefinite(error) : error };
  });
}

/**
 * What all items gave, in order.
 *
 * Errors: the first item's error; its `context.results` holds every item, with `error` where it failed.
 */
export function allSucceeded<T>(outcomes: readonly Outcome<T>[]): T[] {
  const first = outcomes.find(({ error }) => error !== undefined)?.error;
  if (first === undefined) return outcomes.map(({ shown }) => shown as T);
  const results = outcomes.map(({ shown, error }) => (error === undefined ? shown : { ...shown, error }));
  // Of the same class, with its own fields.
  const type = first.constructor as new (message: string, fields: ErrorFields) => BrookletError;
  throw new type(first.message, { ...first, cause: first.cause, context: { ...first.context, results } });
}

function malformed(api: string, problem: string): BrookletError {
  return new BrookletError(`the broker's answer to ${api} is malformed: ${problem}`, {
    code: "UNKNOWN_SERVER_ERROR",
    definite: false,
  });
}
