// What a client takes from outside. By default the machine's; a simulation gives its own through ClientOptions.world.

import { type Clock, type Random, systemClock, systemRandom, type Transport } from "@brooklet/protocol/world";
import { webSocketTransport } from "#websocket";
import { IllegalStateError } from "./errors.ts";
import type { BrokerClient } from "./network/client.ts";

export interface ClientWorld {
  readonly clock: Clock;
  readonly random: Random;
  readonly transport: Transport;
  /** Stands in for the network as a whole: tests, and another kind of cluster behind the same SDK. */
  readonly brokerClient?: BrokerClient;
}

/** What the SDK needs of a logger; pino's and console's shape both fit. Default: silent. */
export interface ClientLogger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** For tests and embedding: a logger, and the world (clock, random, transport) that a simulation owns. */
export interface ClientOptions {
  /** A ClientLogger. */
  logger?: unknown;
  /** A ClientWorld, or parts of one. */
  world?: unknown;
}

const silent: ClientLogger = { debug() {}, info() {}, warn() {}, error() {} };

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

function isLogger(value: unknown): value is ClientLogger {
  return (
    isObject(value) &&
    ["debug", "info", "warn", "error"].every((level) => typeof Reflect.get(value, level) === "function")
  );
}

/**
 * The world and the logger of a client: what the options bring, the machine's for the rest.
 *
 * Errors: ILLEGAL_STATE when one of them has not the shape it must have.
 */
export function clientSurroundings(options: ClientOptions = {}): { world: ClientWorld; logger: ClientLogger } {
  const { logger = silent, world = {} } = options;
  if (!isLogger(logger)) throw new IllegalStateError("options.logger must have debug, info, warn and error");
  if (!isObject(world)) throw new IllegalStateError("options.world must be an object with clock, random and transport");
  const { clock = systemClock, random = systemRandom, transport = webSocketTransport } = world as Partial<ClientWorld>;
  const { brokerClient } = world as Partial<ClientWorld>;
  return { logger, world: { clock, random, transport, ...(brokerClient === undefined ? {} : { brokerClient }) } };
}
