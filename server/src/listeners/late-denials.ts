// Wrong tokens that are answered late, by HTTP. Until then their socket is not read, and what it sent ahead is not looked at.
//
// Invariant: one late answer per socket, so max.connections bounds them; none outlives the door.

import type { Socket } from "node:net";
import type { Clock, Timers } from "@brooklet/protocol/world";

export class LateDenials {
  readonly #timers: Timers;
  readonly #held = new WeakSet<Socket>();
  #count = 0;

  constructor(clock: Clock) {
    this.#timers = clock.timers();
  }

  /** Whether an answer is owed to this socket, after which it ends. */
  isHeld(socket: Socket): boolean {
    return this.#held.has(socket);
  }

  /** Answers `delayMs` from now; at once if that is 0. The answer has to end the connection. */
  answer(socket: Socket, delayMs: number, run: () => void): void {
    if (delayMs === 0) {
      run();
      return;
    }
    this.#held.add(socket);
    socket.pause();
    this.#timers.schedule(`denial ${this.#count++}`, delayMs, () => {
      if (socket.destroyed) return;
      run();
      // Read again, so that the client's end is noticed.
      socket.resume();
    });
  }

  close(): void {
    this.#timers.close();
  }
}
