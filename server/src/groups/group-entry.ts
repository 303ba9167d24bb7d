// A group as the coordinator keeps it: the machine, its timeline, and what the store holds of it.

import type { DurableGroup } from "./durable-state.ts";
import type { Group } from "./group.ts";
import type { Timeline } from "./timeline.ts";

export interface GroupEntry {
  readonly group: Group;
  readonly timeline: Timeline;
  /** What the store holds; undefined: nothing yet. */
  durable: DurableGroup | undefined;
  /** What was staged last; what the store holds after a failed turn. */
  staged: DurableGroup | undefined;
  /** While its removal is on its way. */
  removal: Promise<void> | undefined;
}

/**
 * The state as it is to be stored: a group without members says since when. The machine does not know the wall's clock, and
 * offsets expire by it, across restarts.
 */
export function withEmptySince(state: DurableGroup, before: DurableGroup | undefined, wallMs: number): DurableGroup {
  if (state.members.length > 0) return state;
  const since = before?.members.length === 0 ? before.emptySinceMs : undefined;
  return { ...state, emptySinceMs: since ?? wallMs };
}
