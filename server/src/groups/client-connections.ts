// group.disconnect.grace.ms: a member whose client closed its last WebSocket and did not come back within it has failed, so that
// a killed consumer on a laptop or in a test costs milliseconds, not a session timeout. Off by default: Kafka's rule is that only
// silence counts.
//
// Invariant: a client that has a connection, or had one within the grace, loses nobody; a connection that a newer one took over
// did not end its client (listeners/instances.ts). Members that came by HTTP have no connection, and are left alone. What is
// remembered of a client is bounded by the memberships it has.

import type { Peer } from "../peer.ts";
import type { Deadlines } from "./deadlines.ts";
import type { Effect } from "./effects.ts";
import type { GroupEntry } from "./group-entry.ts";

/** So many groups of one client are remembered before those are looked for that it is a member of no more. */
const GROUPS_BEFORE_SWEEP = 16;

interface ClientGroups {
  entries: Set<GroupEntry>;
  /** With so many entries they are looked through. */
  sweepAt: number;
}

export interface ClientConnectionsParts {
  /** -1: off. */
  readonly graceMs: number;
  readonly deadlines: Deadlines;
  nowMs(): number;
  apply(entry: GroupEntry, effects: readonly Effect[]): void;
}

export class ClientConnections {
  readonly #parts: ClientConnectionsParts;
  /** By client instance: the groups it was a member of. As long as it is connected, and for the grace after. */
  readonly #groupsOf = new Map<string, ClientGroups>();

  constructor(parts: ClientConnectionsParts) {
    this.#parts = parts;
  }

  /** A heartbeat of the group came by this peer. */
  heard({ clientInstanceId }: Peer, entry: GroupEntry): void {
    if (this.#parts.graceMs < 0 || clientInstanceId === undefined) return;
    const groups = this.#groupsOf.get(clientInstanceId) ?? { entries: new Set(), sweepAt: GROUPS_BEFORE_SWEEP };
    this.#groupsOf.set(clientInstanceId, groups);
    if (groups.entries.add(entry).size < groups.sweepAt) return;
    groups.entries = new Set(this.#membersOf(clientInstanceId).map((member) => member.entry));
    groups.sweepAt = Math.max(GROUPS_BEFORE_SWEEP, 2 * groups.entries.size);
  }

  /** Groups that are remembered of the client. */
  groupCountOf(clientInstanceId: string): number {
    return this.#groupsOf.get(clientInstanceId)?.entries.size ?? 0;
  }

  /** The client's only connection has closed. */
  disconnected(clientInstanceId: string): void {
    if (!this.#groupsOf.has(clientInstanceId)) return;
    this.#arm(clientInstanceId);
  }

  /** The client has a connection again. */
  connected(clientInstanceId: string): void {
    if (!this.#groupsOf.has(clientInstanceId)) return;
    this.#parts.deadlines.cancel(keyOf(clientInstanceId));
    for (const { member } of this.#membersOf(clientInstanceId)) member.graceDueMs = undefined;
  }

  #arm(clientInstanceId: string): void {
    const { deadlines, graceMs } = this.#parts;
    for (const { member } of this.#membersOf(clientInstanceId)) member.graceDueMs = this.#parts.nowMs() + graceMs;
    deadlines.schedule(keyOf(clientInstanceId), graceMs, () => this.#expired(clientInstanceId));
  }

  #expired(clientInstanceId: string): void {
    const { apply, graceMs } = this.#parts;
    const members = this.#membersOf(clientInstanceId);
    for (const { entry, member } of members)
      apply(entry, entry.group.connectionLost(member.id, graceMs, this.#parts.nowMs()));
    // While the broker owes a member an answer its deadlines stand still: it has one more grace.
    if (members.some(({ member }) => member.owed !== undefined)) this.#arm(clientInstanceId);
    else this.#groupsOf.delete(clientInstanceId);
  }

  /** The members that were last heard by a connection of this client. */
  #membersOf(clientInstanceId: string) {
    return [...(this.#groupsOf.get(clientInstanceId)?.entries ?? [])].flatMap((entry) =>
      [...entry.group.members.values()].flatMap((member) =>
        member.peer?.clientInstanceId === clientInstanceId ? { entry, member } : [],
      ),
    );
  }
}

function keyOf(clientInstanceId: string): string {
  return `disconnect\n${clientInstanceId}`;
}
