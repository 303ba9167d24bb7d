// The consumer's events: told synchronously, to whoever listens; a listener that throws harms nobody.

import type { ClientLogger } from "../world.ts";
import type { ConsumerEvent, EventListener } from "./types.ts";

export const consumerEvents: ReadonlySet<string> = new Set<ConsumerEvent>([
  "rebalance",
  "heartbeatLate",
  "pollIntervalNear",
  "commitFailed",
]);

export class Events {
  readonly #logger: ClientLogger;
  readonly #listeners = new Map<ConsumerEvent, EventListener[]>();

  constructor(logger: ClientLogger) {
    this.#logger = logger;
  }

  on(event: ConsumerEvent, listener: EventListener): void {
    this.#listeners.set(event, [...(this.#listeners.get(event) ?? []), listener]);
  }

  emit(event: ConsumerEvent, detail: Record<string, unknown>): void {
    for (const listener of this.#listeners.get(event) ?? []) {
      const failed = (error: unknown) => this.#logger.error({ event, error }, `a listener of "${event}" threw`);
      try {
        const returned: unknown = listener(detail);
        // Of an asynchronous listener: unheard it would end the process.
        if (returned instanceof Promise) returned.catch(failed);
      } catch (error) {
        failed(error);
      }
    }
  }
}
