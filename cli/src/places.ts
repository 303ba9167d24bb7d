// Which partitions people mean (`orders`, `orders:0,2`), the places in them that `-o`, `--until`, `--before` and `--to` name, and
// which offset a place comes to. Pure: it is worked out from the log's range, which the broker tells.

import { UsageError } from "./exits.ts";
import { MOMENTS, parseMoment } from "./moment.ts";

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

/** A topic, whole or some of its partitions, in order. */
export interface NamedPartitions {
  readonly topic: string;
  readonly partitions?: readonly number[];
}

export interface LogRange {
  readonly logStartOffset: number;
  readonly highWatermark: number;
}

/** An offset within the log, and what had to be said about it. */
export interface Placed {
  readonly offset: number;
  readonly note?: string;
}

/** Of one `orders:0-5,7`; topics have fewer. */
const MAX_PARTITIONS = 10_000;

/**
 * Reads `start | end | N | +N | -N | @time`: what `consume -o` takes, but for what only a consumer knows.
 *
 * Errors: UsageError, which names the option.
 */
export function logPlaceOf(option: string, text: string, wallMs: number): LogPlace {
  const place = parsePlace(option, text, wallMs);
  if (place.kind !== "stored") return place;
  throw new UsageError(`${option} takes a place in the log: start, end, N, +N, -N or @time; this is "stored"`);
}

/**
 * Reads `orders`, `orders:0,2` and `orders:0-3,7`.
 *
 * Errors: UsageError.
 */
export function parsePartitions(text: string): NamedPartitions {
  const colon = text.indexOf(":");
  if (colon < 0 && text !== "") return { topic: text };
  const refuse = (why: string) =>
    new UsageError(`${JSON.stringify(text)} ${why}; topics are named as orders, orders:0,2 or orders:0-3`);
  if (colon <= 0) throw refuse("names no topic");
  const partitions = new Set<number>();
  for (const part of text.slice(colon + 1).split(",")) {
    const range = /^(\d{1,9})(?:-(\d{1,9}))?$/.exec(part);
    if (range === null) throw refuse(`has ${JSON.stringify(part)} where a partition's number stands`);
    const first = Number(range[1]);
    const last = Number(range[2] ?? range[1]);
    if (last < first) throw refuse(`has a range that ends before it begins`);
    if (last - first + partitions.size >= MAX_PARTITIONS) throw refuse(`names more than ${MAX_PARTITIONS} partitions`);
    for (let partition = first; partition <= last; partition++) partitions.add(partition);
  }
  return { topic: text.slice(0, colon), partitions: [...partitions].sort((a, b) => a - b) };
}

/** Each topic once, with all partitions that were named of it. */
export function merged(named: readonly NamedPartitions[]): NamedPartitions[] {
  const byTopic = new Map<string, readonly number[] | undefined>();
  for (const { topic, partitions } of named) {
    const before = byTopic.get(topic);
    const whole = partitions === undefined || (byTopic.has(topic) && before === undefined);
    byTopic.set(topic, whole ? undefined : [...new Set([...(before ?? []), ...partitions])].sort((a, b) => a - b));
  }
  return [...byTopic].map(([topic, partitions]) => ({ topic, ...(partitions === undefined ? {} : { partitions }) }));
}

/**
 * The offset of a place in a log, within the log. `foundOffset` is what a time came to: the first record at or after it, -1
 * when there is none.
 */
export function placed(place: LogPlace, range: LogRange, foundOffset: number): Placed {
  const { logStartOffset, highWatermark } = range;
  switch (place.kind) {
    case "start":
      return { offset: logStartOffset };
    case "end":
      return { offset: highWatermark };
    case "time":
      return foundOffset < 0
        ? { offset: highWatermark, note: "no record is that new: the end" }
        : clamped(foundOffset, range);
    case "last":
      // Fewer records than that are all of them: nothing to say.
      return { offset: Math.max(logStartOffset, highWatermark - place.value) };
    case "first":
      return { offset: Math.min(highWatermark, logStartOffset + place.value) };
    case "offset":
      return clamped(place.value, range);
  }
}

/** The nearest offset that the log has. */
export function clamped(offset: number, { logStartOffset, highWatermark }: LogRange): Placed {
  if (offset < logStartOffset)
    return { offset: logStartOffset, note: `${offset} is before the log: its start, ${logStartOffset}` };
  if (offset > highWatermark)
    return { offset: highWatermark, note: `${offset} is beyond the log: its end, ${highWatermark}` };
  return { offset };
}
