// What a crash cost: of a ledger with two lives of one consumer, the records that were lost and those that came again.
// Pure arithmetic; the figures stand in the demo's table.

import type { Ledger } from "../shared/ledger.ts";
import { sum } from "../shared/stage.ts";

/** The names under which the ledger knows the process that is killed, and the one that is started after it. */
export const lives = { first: "before the kill", second: "after the kill" } as const;

export interface Account {
  /** Distinct records. */
  readonly processed: number;
  /** Stored, committed, and never processed: no consumer of the group will see them again. */
  readonly lost: number;
  /** Records that were processed more than once. */
  readonly repeated: number;
  /** What must be lost and repeated, seen from where the second life began: the last commit that the broker had. */
  readonly expected: { readonly lost: number; readonly repeated: number };
}

/** `ends`: the next offset of every partition, which is also what is committed at the end. */
export function accountOf(ledger: Ledger, ends: ReadonlyMap<number, number>): Account {
  const reached = ledger.positions(lives.first);
  const resumed = ledger.beginnings(lives.second);
  // Of a partition whose end was committed nothing comes again.
  const ahead = new Map(
    [...ends].map(([partition, end]) => [partition, (resumed.get(partition) ?? end) - (reached.get(partition) ?? 0)]),
  );
  const positive = (sign: 1 | -1) =>
    sum(new Map([...ahead].map(([partition, by]) => [partition, Math.max(0, sign * by)])));
  return {
    processed: ledger.recordCount,
    lost: ledger.missing(ends).length,
    repeated: new Set(ledger.repetitions.map(({ partition, offset }) => `${partition}:${offset}`)).size,
    expected: { lost: positive(1), repeated: positive(-1) },
  };
}
