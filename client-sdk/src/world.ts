// What a client takes from outside. By default the machine's; a simulation gives its own through ClientOptions.world.

import type { Clock, Random, Transport } from "@brooklet/protocol/world";

export interface ClientWorld {
  readonly clock: Clock;
  readonly random: Random;
  readonly transport: Transport;
}

/** What the SDK needs of a logger; pino's and console's shape both fit. Default: silent. */
export interface ClientLogger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}
