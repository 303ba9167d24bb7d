// interceptor.classes: objects that see, and may change, what poll hands out, and see what was committed.
//
// Invariant: nothing that an interceptor throws reaches the application; the others go on (Kafka: ConsumerInterceptors).

import type { ConsumerInterceptor, ConsumerRecord } from "../consumed.ts";
import type { OffsetAndMetadata } from "../errors.ts";
import type { ClientLogger } from "../world.ts";

export class Interceptors<K, V> {
  readonly #chain: readonly ConsumerInterceptor<K, V>[];
  readonly #logger: ClientLogger;

  constructor(chain: readonly ConsumerInterceptor<K, V>[], logger: ClientLogger) {
    this.#chain = chain;
    this.#logger = logger;
  }

  /** What to hand out: each gets what the one before returned. */
  onConsume(records: ConsumerRecord<K, V>[]): ConsumerRecord<K, V>[] {
    if (this.#chain.length === 0 || records.length === 0) return records;
    let current = records;
    for (const one of this.#chain) {
      if (one.onConsume === undefined) continue;
      const returned: unknown = this.#call("onConsume", () => one.onConsume?.(current));
      if (Array.isArray(returned)) current = returned as ConsumerRecord<K, V>[];
      else if (returned !== undefined) {
        this.#logger.error(
          { returned: typeof returned },
          "an interceptor's onConsume returns records or nothing; kept as they were",
        );
      }
    }
    return current;
  }

  onCommit(offsets: readonly OffsetAndMetadata[]): void {
    for (const one of this.#chain) {
      // A copy each: what one changes is its own.
      if (one.onCommit !== undefined)
        this.#call("onCommit", () => one.onCommit?.(offsets.map((offset) => ({ ...offset }))));
    }
  }

  close(): void {
    for (const one of this.#chain) if (one.close !== undefined) this.#call("close", () => one.close?.());
  }

  #call(what: string, run: () => unknown): unknown {
    const failed = (error: unknown) => this.#logger.error({ error }, `an interceptor's ${what} failed`);
    try {
      const returned = run();
      if (!(returned instanceof Promise)) return returned;
      // Nobody waits for it: its failure must not go unheard, nor end the process.
      returned.catch(failed);
      return what === "onConsume" ? returned : undefined;
    } catch (error) {
      failed(error);
      return undefined;
    }
  }
}
