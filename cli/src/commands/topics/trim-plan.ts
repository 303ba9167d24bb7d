// What `topics trim` takes away of each partition: from the log's start to a place. Pure.

import { type LogPlace, type LogRange, type Placed, placed } from "../../places.ts";

export interface Trim {
  readonly topic: string;
  readonly partition: number;
  readonly oldStart: number;
  readonly newStart: number;
  /** Offsets that go. */
  readonly records: number;
  /** What had to be said about the place. */
  readonly note?: string;
}

/** `foundOffset`: the first record at or after the place's time, -1 for none. */
export function trimOf(
  at: { readonly topic: string; readonly partition: number },
  range: LogRange,
  place: LogPlace,
  foundOffset: number,
): Trim {
  const { offset, note } = whereTo(range, place, foundOffset);
  return {
    topic: at.topic,
    partition: at.partition,
    oldStart: range.logStartOffset,
    newStart: offset,
    records: offset - range.logStartOffset,
    ...(note === undefined ? {} : { note }),
  };
}

function whereTo(range: LogRange, place: LogPlace, foundOffset: number): Placed {
  if (place.kind === "offset" && place.value <= range.logStartOffset)
    return { offset: range.logStartOffset, note: "nothing is before it" };
  // Every record is older than that: all go, and that is what was asked for.
  if (place.kind === "time" && foundOffset < 0) return { offset: range.highWatermark };
  return placed(place, range, foundOffset);
}
