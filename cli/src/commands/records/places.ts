// Places in partitions, as `-o` and `--until` name them: start, end, an offset, so many records after the start or before the
// end, a time, or what a group has stored.

import type { Consumer, TopicPartition } from "@brooklet/client";
import { UsageError } from "../../exits.ts";
import { MOMENTS, parseMoment } from "../../moment.ts";

/** A place of the log, the same for everybody. */
export type LogPlace =
  | { readonly kind: "start" | "end" }
  /** `first`: so many after the start; `last`: so many before the end; `time`: milliseconds since 1970. */
  | { readonly kind: "offset" | "first" | "last" | "time"; readonly value: number };
export type Place = LogPlace | { readonly kind: "stored" };

const KINDS = { "": "offset", "+": "first", "-": "last" } as const;

/** Reads `start | end | N | +N | -N | @time | stored`; `wallMs` is now. Errors: UsageError that names the option. */
export function parsePlace(option: string, text: string, wallMs: number): Place {
  if (text === "start" || text === "end") return { kind: text };
  if (text === "stored") return { kind: text };
  const [, sign, digits] = /^([+-]?)(\d{1,15})$/.exec(text) ?? [];
  if (digits !== undefined) return { kind: KINDS[sign as keyof typeof KINDS], value: Number(digits) };
  if (!text.startsWith("@"))
    throw new UsageError(`${option} takes start, end, N, +N, -N, @time or stored; this is ${JSON.stringify(text)}`);
  const value = parseMoment(text.slice(1), wallMs);
  if (value === undefined)
    throw new UsageError(`${option} takes a time behind @: ${MOMENTS}; this is ${JSON.stringify(text)}`);
  return { kind: "time", value };
}

/** Where a place lies in a partition; `first` and `next` are what the partition has now. */
export interface Located extends TopicPartition {
  readonly first: number;
  /** Of the record that comes next. */
  readonly next: number;
  /** Never outside of `first` to `next`. */
  readonly offset: number;
}

/** Asks the broker where the place is, once. In the order of `partitions`; `stored` is the consumer's to find. */
export async function locate(
  consumer: Consumer,
  partitions: TopicPartition[],
  place: LogPlace,
  timeoutMs: number,
): Promise<Located[]> {
  if (partitions.length === 0) return [];
  const [firsts, nexts, hits] = await Promise.all([
    consumer.beginningOffsets(partitions, { timeoutMs }),
    consumer.endOffsets(partitions, { timeoutMs }),
    place.kind !== "time"
      ? []
      : consumer.offsetsForTimes(
          partitions.map((partition) => ({ ...partition, timestamp: place.value })),
          { timeoutMs },
        ),
  ]);
  return partitions.map(({ topic, partition }, index) => {
    const first = firsts[index]?.offset ?? 0;
    // A record may have come between the two questions.
    const next = Math.max(first, nexts[index]?.offset ?? 0);
    const wanted = offsetOf(place, first, next, hits[index]?.offset);
    return { topic, partition, first, next, offset: Math.min(Math.max(wanted, first), next) };
  });
}

function offsetOf(place: LogPlace, first: number, next: number, hit: number | undefined): number {
  switch (place.kind) {
    case "start":
      return first;
    case "end":
      return next;
    case "offset":
      return place.value;
    case "first":
      return first + place.value;
    case "last":
      return next - place.value;
    case "time":
      // No record is that young.
      return hit ?? next;
  }
}
