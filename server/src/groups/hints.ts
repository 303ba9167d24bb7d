// Who is to be told `heartbeatNow` so that a rebalance takes milliseconds. Hints only: assignments travel in answers.
// Invariant: at most one unanswered hint per member, and none before what it hints at is durable.

import type { Effect } from "./effects.ts";
import type { Member } from "./member.ts";
import type { Roster } from "./roster.ts";

export class Hints {
  /** By member id, the version that must be durable first. */
  readonly #since = new Map<string, number>();

  /** Whoever would get or give up something now is to heartbeat once the roster's version is durable. */
  find(roster: Roster): void {
    for (const member of roster.members.values()) {
      if (member.departed) continue;
      const step = roster.stepOf(member, undefined);
      const moves = step !== undefined && step.granted.length + step.revoking.length > 0;
      const untold = member.owed === undefined && member.told !== undefined && member.told < member.assignmentVersion;
      if (moves || untold) this.#since.set(member.id, roster.version);
    }
  }

  durable(version: number, members: ReadonlyMap<string, Member>): Effect[] {
    const effects: Effect[] = [];
    for (const [memberId, sinceVersion] of this.#since) {
      if (sinceVersion > version) continue;
      this.#since.delete(memberId);
      const member = members.get(memberId);
      if (member?.peer === undefined || member.hinted || member.owed !== undefined) continue;
      member.hinted = true;
      effects.push({ kind: "hint", peer: member.peer });
    }
    return effects;
  }

  clear(): void {
    this.#since.clear();
  }
}
