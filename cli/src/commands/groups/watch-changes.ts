// What has changed in a group between two looks at it, for `groups watch`. Pure.

import type { GroupDescription } from "@brooklet/client";
import { counted, timeOfDay } from "../../format.ts";
import { lagOf } from "./lag.ts";
import { eventText, type Naming, type TimelineEvent } from "./timeline.ts";

type GroupOffset = GroupDescription["offsets"][number];

/** One look; a group that does not exist is Dead, as for Kafka. */
export type Seen = Pick<GroupDescription, "groupId" | "state" | "epoch" | "members" | "offsets" | "timeline">;

export type Change =
  | { readonly change: "state"; readonly state: string; readonly epoch: number; readonly members: number }
  | { readonly change: "event"; readonly event: TimelineEvent }
  | {
      readonly change: "lag";
      readonly lag: number;
      readonly lagSeconds?: number;
      /** Those that moved. */
      readonly partitions: readonly Pick<GroupOffset, "topic" | "partition" | "offset" | "highWatermark" | "lag">[];
    };

/** A group that nobody has seen yet. */
export function unseen(groupId: string): Seen {
  return { groupId, state: "Dead", epoch: 0, members: [], offsets: [], timeline: [] };
}

/** In the order in which people want to read it: what happened, how the group is now, what it has to read. */
export function changesOf(before: Seen | undefined, after: Seen): Change[] {
  return [...newEvents(before, after), ...stateChange(before, after), ...lagChange(before, after)];
}

/** What happened before the first look is history: `groups describe` tells it. */
function newEvents(before: Seen | undefined, after: Seen): Change[] {
  if (before === undefined) return [];
  const known = new Set(before.timeline.map((event) => JSON.stringify(event)));
  return after.timeline
    .filter((event) => !known.has(JSON.stringify(event)))
    .map((event) => ({ change: "event", event }));
}

function stateChange(before: Seen | undefined, { state, epoch, members }: Seen): Change[] {
  const isSame = before?.state === state && before.epoch === epoch && before.members.length === members.length;
  return isSame ? [] : [{ change: "state", state, epoch, members: members.length }];
}

function lagChange(before: Seen | undefined, after: Seen): Change[] {
  const nameOf = ({ topic, partition }: GroupOffset) => `${topic}-${partition}`;
  const known = new Map(before?.offsets.map((offset) => [nameOf(offset), offset]));
  const moved = after.offsets.filter((offset) => {
    const old = known.get(nameOf(offset));
    return old?.offset !== offset.offset || old.highWatermark !== offset.highWatermark;
  });
  if (moved.length === 0 && known.size <= after.offsets.length) return [];
  const partitions = moved.map(({ topic, partition, offset, highWatermark, lag }) => ({
    topic,
    partition,
    offset,
    highWatermark,
    lag,
  }));
  return [{ change: "lag", ...lagOf(after), partitions }];
}

/** Of those named in a line. */
const MAX_NAMED = 5;

/** The change as a line: `17:50:01.123 billing lag 12 (orders-0 7, orders-2 5)`. */
export function changeLine(groupId: string, change: Change, atMs: number, naming: Naming): string {
  const at = timeOfDay(change.change === "event" ? change.event.atMs : atMs);
  return `${at} ${groupId} ${changeText(change, naming)}`;
}

function changeText(change: Change, naming: Naming): string {
  switch (change.change) {
    case "event":
      return eventText(change.event, naming);
    case "state":
      return change.state === "Dead"
        ? "does not exist"
        : `is ${change.state}, epoch ${change.epoch}, ${counted(change.members, "member")}`;
    case "lag": {
      const named = change.partitions
        .slice(0, MAX_NAMED)
        .map(({ topic, partition, offset, lag }) => `${topic}-${partition} at ${offset} lag ${lag}`);
      const more = change.partitions.length - named.length;
      const where = [...named, ...(more > 0 ? [`${more} more`] : [])].join(", ");
      return `lag ${change.lag}${where === "" ? "" : `: ${where}`}`;
    }
  }
}
