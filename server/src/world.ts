// What a broker takes from outside. The command and startBroker() give the machine's; a simulation gives its own.

import type { Clock, Link, LinkHandlers, Random } from "@brooklet/protocol/world";
import type { OpenedStorage } from "./storage/storage.ts";

export type { Durability, OpenedStorage } from "./storage/storage.ts";

/** Takes a link that a client opened; returns what the link is to call. */
export type AcceptLink = (link: Link, peer: Newcomer) => LinkHandlers;

/** Who opened a link. */
export interface Newcomer {
  readonly address: string;
  /** It has shown a good token already; otherwise its hello has to. */
  readonly authenticated?: boolean;
}

export interface ServerWorld {
  readonly clock: Clock;
  readonly random: Random;
  /** Instead of sockets: where clients of a simulated network arrive. */
  readonly listen?: (accept: AcceptLink) => { readonly address: string; close(): Promise<void> };
  /** Instead of the configured storage. */
  readonly openStorage?: () => Promise<OpenedStorage>;
  /** With a storage of its own: when a compressed batch's turn comes to be checked; the order stays whatever it does. */
  readonly delayUnpacking?: (run: () => void) => void;
}

/** What the broker needs of a logger; pino's shape. */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}
