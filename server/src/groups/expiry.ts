// Offsets that nobody uses expire after offsets.retention.minutes, and so do groups of which nothing is left.
//
// Invariants: the rules are Kafka's (GroupCoordinator's OffsetExpirationCondition): an offset of a group without members counts
// from when the last one left, one of a group that never had any from its commit, and a topic that members subscribe to keeps
// its offsets. A pass takes bounded steps; between them the broker serves. After `close` there is no timer.

import type { Clock, Timers } from "@brooklet/protocol/world";
import type { StoredOffset } from "../storage/storage.ts";
import type { Logger } from "../world.ts";
import type { GroupEntry } from "./group-entry.ts";
import type { GroupRemoval } from "./group-removal.ts";
import type { OffsetStore } from "./offset-store.ts";

/** Groups and offsets looked at in one step; one group's offsets are looked at together. */
const LOOKED_AT_PER_STEP = 5000;
const PAUSE_BETWEEN_STEPS_MS = 1;

export interface ExpiryParts {
  readonly groups: ReadonlyMap<string, GroupEntry>;
  readonly store: OffsetStore;
  readonly removal: GroupRemoval;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly retentionMs: number;
  readonly checkIntervalMs: number;
}

interface Pass {
  readonly groupIds: readonly string[];
  next: number;
  /** Removals whose turn is not durable yet. */
  open: number;
  expiredOffsets: number;
  removedGroups: number;
}

/** What decides about a group's offsets. */
export interface ExpiryFacts {
  readonly memberCount: number;
  readonly emptySinceMs: number | undefined;
  /** Topics that members subscribe to. */
  readonly subscribed: ReadonlySet<string>;
}

/** Whether an offset has expired. Pure. */
export function hasExpired(
  { topic, committedAtMs }: Pick<StoredOffset, "topic" | "committedAtMs">,
  { memberCount, emptySinceMs, subscribed }: ExpiryFacts,
  { wallMs, retentionMs }: { wallMs: number; retentionMs: number },
): boolean {
  if (memberCount > 0 && subscribed.has(topic)) return false;
  const since = memberCount === 0 ? Math.max(emptySinceMs ?? committedAtMs, committedAtMs) : committedAtMs;
  return wallMs - since >= retentionMs;
}

export class Expiry {
  readonly #parts: ExpiryParts;
  readonly #timers: Timers;

  constructor(parts: ExpiryParts) {
    this.#parts = parts;
    this.#timers = parts.clock.timers();
  }

  start(): void {
    this.#timers.schedule("pass", this.#parts.checkIntervalMs, () => {
      const groupIds = [...this.#parts.groups.keys()];
      this.#step({ groupIds, next: 0, open: 0, expiredOffsets: 0, removedGroups: 0 });
    });
  }

  close(): void {
    this.#timers.close();
  }

  #step(pass: Pass): void {
    let looked = 0;
    while (pass.next < pass.groupIds.length && looked < LOOKED_AT_PER_STEP) {
      const entry = this.#parts.groups.get(pass.groupIds[pass.next++] as string);
      looked += 1 + (entry === undefined ? 0 : this.#look(entry, pass));
    }
    if (pass.next < pass.groupIds.length) {
      this.#timers.schedule("step", PAUSE_BETWEEN_STEPS_MS, () => this.#step(pass));
      return;
    }
    this.#tell(pass);
    this.start();
  }

  /** Returns how many offsets it looked at. */
  #look(entry: GroupEntry, pass: Pass): number {
    const { store, removal, clock, retentionMs } = this.#parts;
    const { group, durable } = entry;
    // What is on its way decides first; the next pass comes.
    if (entry.removal !== undefined || !group.isQuiet) return 0;
    const { groupId, memberCount, subscribed } = group;
    const facts = { memberCount, emptySinceMs: durable?.emptySinceMs, subscribed };
    const now = { wallMs: clock.wallMs(), retentionMs };
    const offsets = [...store.committed.ofGroup(groupId)];
    const places = store.committed.placesOf(groupId);
    const expired = offsets.filter(
      (offset) => hasExpired(offset, facts, now) && !store.committed.isUnderWay(groupId, offset),
    );
    if (memberCount === 0 && expired.length === places.length) {
      this.#follow(pass, removal.remove(entry), () => {
        pass.expiredOffsets += expired.length;
        pass.removedGroups++;
      });
    } else if (expired.length > 0) {
      this.#follow(pass, store.remove(groupId, expired), () => {
        pass.expiredOffsets += expired.length;
      });
    }
    return offsets.length;
  }

  /** A removal that fails is tried again by the next pass. */
  #follow(pass: Pass, removal: Promise<void>, count: () => void): void {
    pass.open++;
    const settle = () => {
      pass.open--;
      this.#tell(pass);
    };
    removal.then(() => {
      count();
      settle();
    }, settle);
  }

  /** One line a pass, when all of it is durable. */
  #tell({ groupIds, next, open, expiredOffsets, removedGroups }: Pass): void {
    if (next < groupIds.length || open > 0 || expiredOffsets + removedGroups === 0) return;
    this.#parts.logger.info({ expiredOffsets, removedGroups }, "committed offsets expired");
  }
}
