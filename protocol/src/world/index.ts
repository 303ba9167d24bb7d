// The world comes in by constructor: whoever needs time, chance or a network takes these as arguments.

export type { Clock, Timers } from "./clock.ts";
export type { Link, LinkHandlers, Transport } from "./network.ts";
export type { Random } from "./random.ts";
export { systemClock, systemRandom } from "./system.ts";
export { type Deferred, deferred, sleep } from "./waiting.ts";
