// How many sockets one address may hold, so that one machine cannot take all of max.connections.

import type { Socket } from "node:net";

export class AddressBound {
  readonly #maxPerAddress: number;
  /** Open sockets; bounded by max.connections, because an address without one is not in it. */
  readonly #sockets = new Map<string, number>();

  constructor(maxPerAddress: number) {
    this.#maxPerAddress = maxPerAddress;
  }

  /** Addresses with a socket. */
  get size(): number {
    return this.#sockets.size;
  }

  /** Counts the socket until it closes; false when its address has too many already. */
  enter(socket: Socket): boolean {
    const address = socket.remoteAddress ?? "unknown";
    const open = this.#sockets.get(address) ?? 0;
    if (open >= this.#maxPerAddress) return false;
    this.#sockets.set(address, open + 1);
    socket.once("close", () => {
      const left = (this.#sockets.get(address) ?? 1) - 1;
      if (left > 0) this.#sockets.set(address, left);
      else this.#sockets.delete(address);
    });
    return true;
  }
}
