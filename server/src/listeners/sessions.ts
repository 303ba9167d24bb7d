// All open sessions: their bounds, and their end together. The door that carries them (WebSocket, a simulated network)
// hands every new link to `accept`.

import type { Link, LinkHandlers } from "@brooklet/protocol/world";
import type { Newcomer } from "../world.ts";
import { type FlowTotals, MAX_UNREAD_OUTPUT_BYTES_IN_ALL } from "./flow.ts";
import { Session, type SessionServices } from "./session.ts";

const GOING_AWAY = 1001;
const TRY_AGAIN_LATER = 1013;

export class Sessions {
  readonly #services: SessionServices;
  readonly #maxSessions: number;
  readonly #maxGreeting: number;
  readonly #all = new Set<Session>();
  readonly #greeting = new Set<Session>();
  readonly #totals: FlowTotals = { requestBytes: 0, unreadBytes: 0, relieve: () => this.#relieve() };
  #stopping = false;

  constructor(services: Omit<SessionServices, "totals" | "isStopping" | "greeted" | "ended">) {
    const { settings } = services.broker;
    this.#maxSessions = settings["max.connections"];
    this.#maxGreeting = settings["max.unauthenticated.connections"];
    this.#services = {
      ...services,
      totals: this.#totals,
      isStopping: () => this.#stopping,
      greeted: (session) => void this.#greeting.delete(session),
      ended: (session) => {
        this.#greeting.delete(session);
        this.#all.delete(session);
      },
    };
  }

  get count(): number {
    return this.#all.size;
  }

  /** Requests of all sessions whose answer is still owed. */
  get pendingCount(): number {
    let count = 0;
    for (const session of this.#all) count += session.pendingCount;
    return count;
  }

  accept(link: Link, peer: Newcomer): LinkHandlers {
    const refusal = this.#refusal();
    if (refusal !== undefined) {
      if (!this.#stopping) this.#services.refusals.refused("connections", peer.address, refusal.reason);
      link.close(refusal.code, refusal.reason);
      return { onMessage: () => {}, onClose: () => {} };
    }
    const session = new Session(link, peer, this.#services);
    this.#all.add(session);
    this.#greeting.add(session);
    return session;
  }

  #refusal(): { code: number; reason: string } | undefined {
    if (this.#stopping) return { code: GOING_AWAY, reason: "the broker is stopping" };
    if (this.#all.size >= this.#maxSessions) return { code: TRY_AGAIN_LATER, reason: "the broker has max.connections" };
    if (this.#greeting.size >= this.#maxGreeting) {
      return { code: TRY_AGAIN_LATER, reason: "max.unauthenticated.connections have not said hello" };
    }
    return undefined;
  }

  /** Many that each keep to their bound are still too much together: those that hold the most go first. */
  #relieve(): void {
    const held = [...this.#all].map((session) => ({ session, bytes: session.countUnread() }));
    held.sort((a, b) => b.bytes - a.bytes);
    for (const { session, bytes } of held) {
      if (this.#totals.unreadBytes <= MAX_UNREAD_OUTPUT_BYTES_IN_ALL) return;
      const reason = `all clients together do not read ${this.#totals.unreadBytes} bytes of answers; ${bytes} are yours`;
      this.#services.refusals.refused("quota", session.description, reason);
      session.end(TRY_AGAIN_LATER, reason);
    }
  }

  /** From now on requests are refused; those that started are still answered. */
  stop(): void {
    this.#stopping = true;
  }

  /** Ends every session. */
  closeAll(reason: string): void {
    this.#stopping = true;
    for (const session of [...this.#all]) session.end(GOING_AWAY, reason);
  }
}
