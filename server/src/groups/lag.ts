// How far groups are behind: in records, against the high watermark, and in seconds, by the time of the oldest unread record.
// Both come from what is durable, so they are right also when no consumer is alive.
//
// Invariant: an answer costs a bounded number of look-ups; where the bound is reached lag in seconds is left out, not guessed.

import type { ApiResponse } from "@brooklet/protocol";
import type { Clock } from "@brooklet/protocol/world";
import type { RecordTimes, TopicCatalog } from "../log/log.ts";
import type { StoredOffset } from "../storage/storage.ts";
import type { CommittedOffsets } from "./offsets.ts";

type DescribedGroup = ApiResponse<"describeGroups">["groups"][number];

/** Times looked up for one answer, and at once. */
const MAX_TIMES = 1000;
const TIMES_AT_ONCE = 8;

export interface GroupLag {
  readonly groupId: string;
  readonly topic: string;
  readonly partition: number;
  /** Records that are visible and not committed. */
  readonly lag: number;
  /** For how long the oldest of them has been in the log; 0 when there is none, absent when unknown. */
  readonly lagSeconds?: number;
}

/** Those that were asked for, and how many there are. */
export interface GroupLags {
  readonly lags: readonly GroupLag[];
  readonly total: number;
}

interface Position {
  readonly topicId: string;
  readonly partition: number;
  readonly offset: number;
}

/** The end of the partition, and how many records lie before it that are still there and not committed. */
export function lagOf({ topicId, partition, offset }: Position, catalog: TopicCatalog) {
  const highWatermark = catalog.highWatermark(topicId, partition) ?? 0;
  return { highWatermark, lag: Math.max(0, highWatermark - firstUnread({ topicId, partition, offset }, catalog)) };
}

/** Where the consumer goes on: records before the log's start are gone. */
function firstUnread({ topicId, partition, offset }: Position, catalog: TopicCatalog): number {
  return Math.max(offset, catalog.logStartOffset(topicId, partition) ?? 0);
}

export interface LagsParts {
  readonly committed: CommittedOffsets;
  readonly catalog: TopicCatalog;
  readonly recordTimes: RecordTimes;
  readonly clock: Clock;
}

export class Lags {
  readonly #parts: LagsParts;

  constructor(parts: LagsParts) {
    this.#parts = parts;
  }

  /** The lag of each committed offset, at most `max` of them. Partitions without a commit have none: where they begin is the consumer's. */
  async all(max: number): Promise<GroupLags> {
    const { catalog } = this.#parts;
    const { offsets, total } = this.#offsets(max);
    const known = offsets.map((offset) => ({ ...offset, ...lagOf(offset, catalog) }));
    const seconds = await this.#seconds(known);
    const lags = known.map(({ groupId, topic, partition, lag }, index) => ({
      groupId,
      topic,
      partition,
      lag,
      ...asField(seconds[index]),
    }));
    return { lags, total };
  }

  /** The described groups with `lagSeconds` beside `lag`. */
  async withSeconds(groups: readonly DescribedGroup[]): Promise<DescribedGroup[]> {
    const seconds = await this.#seconds(groups.flatMap(({ offsets }) => offsets));
    let index = 0;
    return groups.map((group) => ({
      ...group,
      offsets: group.offsets.map((offset) => ({ ...offset, ...asField(seconds[index++]) })),
    }));
  }

  #offsets(max: number): { offsets: StoredOffset[]; total: number } {
    const { committed } = this.#parts;
    const offsets: StoredOffset[] = [];
    let total = 0;
    for (const groupId of committed.groupIds())
      for (const offset of committed.ofGroup(groupId)) if (++total <= max) offsets.push(offset);
    return { offsets, total };
  }

  /** In the order given; undefined: unknown. */
  async #seconds(items: readonly (Position & { readonly lag: number })[]): Promise<(number | undefined)[]> {
    const { catalog, recordTimes, clock } = this.#parts;
    const seconds: (number | undefined)[] = items.map(({ lag }) => (lag === 0 ? 0 : undefined));
    const behind = items.flatMap((item, index) => (item.lag === 0 ? [] : [{ item, index }])).slice(0, MAX_TIMES);
    let next = 0;
    const lookUp = async () => {
      for (let wanted = behind[next++]; wanted !== undefined; wanted = behind[next++]) {
        const { topicId, partition } = wanted.item;
        const timestamp = await recordTimes.at(topicId, partition, firstUnread(wanted.item, catalog));
        if (timestamp !== undefined) seconds[wanted.index] = Math.max(0, clock.wallMs() - timestamp) / 1000;
      }
    };
    await Promise.all(Array.from({ length: Math.min(TIMES_AT_ONCE, behind.length) }, lookUp));
    return seconds;
  }
}

function asField(lagSeconds: number | undefined): { lagSeconds?: number } {
  return lagSeconds === undefined ? {} : { lagSeconds };
}
