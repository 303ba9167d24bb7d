// Where `groups reset-offsets` moves each partition's committed offset: old, new, and the lag that it makes. Pure.

import { clamped, type LogPlace, type LogRange, type Placed, placed } from "../../places.ts";

/** Where to: a place in the log, so many from the committed offset, or what another group has committed. */
export type ResetTo =
  | { readonly kind: "place"; readonly place: LogPlace }
  | { readonly kind: "shift"; readonly by: number }
  | { readonly kind: "group"; readonly groupId: string };

/** One partition. Without `newOffset` it stays as it is, and `note` says why. */
export interface Reset {
  readonly topic: string;
  readonly partition: number;
  readonly oldOffset?: number;
  readonly newOffset?: number;
  /** Records to read from the new offset, or from the old one where it stays. */
  readonly lag?: number;
  readonly note?: string;
}

/** What is known of the partition. */
export interface Position {
  readonly range: LogRange;
  /** What the group has committed. */
  readonly committed: number | undefined;
  /** What the other group has committed. */
  readonly others: number | undefined;
  /** What the place's time came to; -1: no record. */
  readonly found: number;
}

export function resetOf(
  { topic, partition }: { readonly topic: string; readonly partition: number },
  position: Position,
  to: ResetTo,
): Reset {
  const { range, committed } = position;
  const { offset, note } = target(position, to);
  const next = offset ?? committed;
  return {
    topic,
    partition,
    ...(committed === undefined ? {} : { oldOffset: committed }),
    ...(offset === undefined ? {} : { newOffset: offset }),
    ...(next === undefined ? {} : { lag: Math.max(0, range.highWatermark - Math.max(next, range.logStartOffset)) }),
    ...(note === undefined ? {} : { note }),
  };
}

function target({ range, committed, others, found }: Position, to: ResetTo): Partial<Placed> {
  switch (to.kind) {
    case "place":
      return placed(to.place, range, found);
    case "shift":
      return committed === undefined
        ? { note: "nothing is committed that could be shifted" }
        : clamped(committed + to.by, range);
    case "group":
      return others === undefined ? { note: `${to.groupId} has committed nothing of it` } : clamped(others, range);
  }
}

/** Those that move: the others are there already, or stay. */
export function moving(resets: readonly Reset[]): (Reset & { readonly newOffset: number })[] {
  return resets.flatMap((reset) =>
    reset.newOffset === undefined || reset.newOffset === reset.oldOffset
      ? []
      : [{ ...reset, newOffset: reset.newOffset }],
  );
}
