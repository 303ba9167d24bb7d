// Lets an event happen to the group and measures, from outside, what moved and how long each partition stood still.

import { systemClock } from "@brooklet/protocol/world";
import type { Group } from "../shared/group.ts";
import type { Stage } from "../shared/stage.ts";
import type { EventFigures, EventName } from "./report.ts";

/** The event's place in the broker's timeline. */
export interface Observed {
  readonly figures: EventFigures;
  readonly fromMs: number;
  readonly toMs: number;
}

export class Observer {
  readonly observed: Observed[] = [];
  /** The members' names by their ids. */
  readonly names = new Map<string, string>();
  /** By partition: the longest time without a record while nothing happened. */
  readonly quietMs: number[] = [];
  readonly #stage: Stage;
  readonly #group: Group;
  readonly #quietRecords: number;

  constructor(stage: Stage, group: Group, quietRecords: number) {
    this.#stage = stage;
    this.#group = group;
    this.#quietRecords = quietRecords;
  }

  /** Lets the event happen; over when the group is settled and every partition's records flow. */
  async see(event: EventName, announcement: string, happen: () => Promise<void>): Promise<void> {
    const { ledger, handovers } = this.#group;
    await this.#quiet();
    const [before, known] = [await this.#epoch(), handovers.length];
    const ownersBefore = this.#partitions.map((partition) => this.#group.ownerOf(partition));
    this.#stage.screen.say(announcement);
    const fromMs = systemClock.wallMs();
    await happen();
    await this.#flowing();
    const toMs = systemClock.wallMs();
    const figures: EventFigures = {
      event,
      epochs: [before, await this.#epoch()],
      handovers: handovers.slice(known),
      pausesMs: this.#partitions.map((partition) => ledger.longestGapMs(partition, fromMs, toMs)),
      ownersBefore,
      tookMs: toMs - fromMs,
    };
    this.observed.push({ figures, fromMs, toMs });
    this.#stage.screen.say(`Settled: ${this.#group.shares}`);
  }

  get #partitions(): number[] {
    return Array.from({ length: this.#stage.partitions }, (_, partition) => partition);
  }

  /** A while without an event. */
  async #quiet(): Promise<void> {
    await this.#flowing();
    const fromMs = systemClock.wallMs();
    await this.#group.more(this.#quietRecords);
    const toMs = systemClock.wallMs();
    for (const partition of this.#partitions) {
      const pauseMs = this.#group.ledger.longestGapMs(partition, fromMs, toMs);
      this.quietMs[partition] = Math.max(this.quietMs[partition] ?? 0, pauseMs);
    }
  }

  async #epoch(): Promise<number> {
    const [group] = await this.#stage.admin.describeGroups([this.#group.groupId]);
    for (const { memberId, clientId } of group?.members ?? []) this.names.set(memberId, clientId);
    return group?.epoch ?? 0;
  }

  /** From now on a record of every partition has come. */
  async #flowing(): Promise<void> {
    const { ledger } = this.#group;
    const sinceMs = systemClock.wallMs();
    await this.#group.until("a record of every partition", () =>
      this.#partitions.every((partition) => ledger.lastAtMs(partition) > sinceMs),
    );
  }
}
