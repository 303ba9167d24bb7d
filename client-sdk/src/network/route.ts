// Which server to try next, and when the search is over: pure, without sockets and clocks.
//
// A round tries every bootstrap server once, beginning with the last one that worked. Invariant: with a pinned cluster
// no other log is ever accepted; when only foreign ones answer, the verdict is final.

/** While a server is down it may be ours, restarting: foreign ones beside it are believed after this. */
export const FOREIGN_GRACE_MS = 5_000;

export interface Foreign {
  readonly address: string;
  readonly clusterId: string;
}

export type Next =
  | { readonly do: "tryNow" }
  /** The round is over. */
  | { readonly do: "waitAndTry" }
  /** Every reachable server holds another log. */
  | { readonly do: "giveUp"; readonly foreign: readonly Foreign[] };

export class Route {
  readonly #addresses: readonly string[];
  #at = 0;
  #tried = 0;
  #foreign: Foreign[] = [];
  #lastForeign: readonly Foreign[] = [];
  #onlyForeignSinceMs: number | undefined;

  constructor(addresses: readonly string[]) {
    this.#addresses = addresses;
  }

  /** The server to try. */
  get address(): string {
    return this.#addresses[this.#at] ?? "";
  }

  /** The foreign logs of the last complete round in which nothing else answered. */
  get onlyForeign(): readonly Foreign[] {
    return this.#onlyForeignSinceMs === undefined ? [] : this.#lastForeign;
  }

  /** The current server works: the next search begins with it. */
  succeeded(): void {
    this.#tried = 0;
    this.#foreign = [];
    this.#onlyForeignSinceMs = undefined;
  }

  /** The current server could not be used; `clusterId` when it holds another log. */
  failed(nowMs: number, clusterId?: string): Next {
    if (clusterId !== undefined) this.#foreign.push({ address: this.address, clusterId });
    this.#at = (this.#at + 1) % this.#addresses.length;
    this.#tried++;
    if (this.#tried < this.#addresses.length) return { do: "tryNow" };

    const foreign = this.#foreign;
    const allAnswered = foreign.length === this.#addresses.length;
    this.#tried = 0;
    this.#foreign = [];
    if (foreign.length === 0) {
      this.#onlyForeignSinceMs = undefined;
      return { do: "waitAndTry" };
    }
    this.#lastForeign = foreign;
    this.#onlyForeignSinceMs ??= nowMs;
    if (allAnswered || nowMs - this.#onlyForeignSinceMs >= FOREIGN_GRACE_MS) return { do: "giveUp", foreign };
    return { do: "waitAndTry" };
  }
}
