// group.disconnect.grace.ms: a member whose client closed its last WebSocket and did not come back within it has failed, so that
// a killed consumer on a laptop or in a test costs milliseconds, not a session timeout. Off by default: Kafka's rule is that only
// silence counts.
//
// Invariant: a client that has a connection, or had one within the grace, loses nobody; a connection that a newer one took over
// did not end its client (listeners/instances.ts). Members that came by HTTP have no connection, and are left alone.

import type { Peer } from "../peer.ts";
import type { Deadlines } from "./deadlines.ts";
import type { Effect } from "./effects.ts";
import type { GroupEntry } from "./group-entry.ts";

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
  readonly #groupsOf = new Map<string, Set<GroupEntry>>();

  constructor(parts: ClientConnectionsParts) {
    this.#parts = parts;
  }

  /** A heartbeat of the group came by this peer. */
  heard({ clientInstanceId }: Peer, entry: GroupEntry): void {
    if (this.#parts.graceMs < 0 || clientInstanceId === undefined) return;
    const groups = this.#groupsOf.get(clientInstanceId);
    if (groups === undefined) this.#groupsOf.set(clientInstanceId, new Set([entry]));
    else groups.add(entry);
  }

  /** The client's only connection has closed. */
  disconnected(clientInstanceId: string): void {
    if (!this.#groupsOf.has(clientInstanceId)) return;
    const { graceMs } = this.#parts;
    for (const { member } of this.#membersOf(clientInstanceId)) member.graceDueMs = this.#parts.nowMs() + graceMs;
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
    return [...(this.#groupsOf.get(clientInstanceId) ?? [])].flatMap((entry) =>
      [...entry.group.members.values()].flatMap((member) =>
        member.peer?.clientInstanceId === clientInstanceId ? { entry, member } : [],
      ),
    );
  }
}

function keyOf(clientInstanceId: string): string {
  return `disconnect\n${clientInstanceId}`;
}
