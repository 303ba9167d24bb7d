// All open sessions: their bounds, and their end together. The door that carries them (WebSocket, a simulated network)
// hands every new link to `accept`.

import type { Link, LinkHandlers } from "@brooklet/protocol/world";
import type { Newcomer } from "../world.ts";
import { Session, type SessionServices } from "./session.ts";

const GOING_AWAY = 1001;
const TRY_AGAIN_LATER = 1013;

export class Sessions {
  readonly #services: SessionServices;
  readonly #maxSessions: number;
  readonly #maxGreeting: number;
  readonly #all = new Set<Session>();
  readonly #greeting = new Set<Session>();
  #stopping = false;

  constructor(services: Omit<SessionServices, "totals" | "isStopping" | "greeted" | "ended">) {
    const { settings } = services.broker;
    this.#maxSessions = settings["max.connections"];
    this.#maxGreeting = settings["max.unauthenticated.connections"];
    this.#services = {
      ...services,
      totals: { requestBytes: 0 },
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
