// Interceptors: the application's own code around every send, for metrics and tracing (Kafka's ProducerInterceptor).
// Invariant: whatever they throw, reject or return, the record goes on and its `send` settles; it is only logged.

import type { BrookletError } from "../errors.ts";
import type { ProducerInterceptor, ProducerRecord, RecordMetadata } from "../produced.ts";
import type { ClientLogger } from "../world.ts";

type Any = ProducerInterceptor<unknown, unknown>;

export class Interceptors {
  readonly #all: readonly Any[];
  readonly #logger: ClientLogger;

  constructor(all: readonly object[], logger: ClientLogger) {
    this.#all = all;
    this.#logger = logger;
  }

  get isEmpty(): boolean {
    return this.#all.length === 0;
  }

  /** The record as the last one gave it; what fails changes nothing. */
  onSend<K, V>(record: ProducerRecord<K, V>): ProducerRecord<K, V> {
    let current = record as ProducerRecord<unknown, unknown>;
    for (const one of this.#all) {
      if (one.onSend === undefined) continue;
      this.#guard("onSend", () => {
        const next: unknown = one.onSend?.(current);
        if (!isRecord(next)) {
          catchRejection(next);
          throw new TypeError("onSend must return a record, and not a promise of one");
        }
        current = next;
      });
    }
    return current as ProducerRecord<K, V>;
  }

  onAcknowledgement(metadata: RecordMetadata, error: BrookletError | null): void {
    for (const one of this.#all) this.#guard("onAcknowledgement", () => one.onAcknowledgement?.(metadata, error));
  }

  close(): void {
    for (const one of this.#all) this.#guard("close", () => one.close?.());
  }

  #guard(method: string, run: () => unknown): void {
    const failed = (error: unknown) => this.#logger.warn({ error, method }, `an interceptor's ${method} failed`);
    try {
      const result = run();
      if (isThenable(result)) result.then(undefined, failed);
    } catch (error) {
      failed(error);
    }
  }
}

function isRecord(value: unknown): value is ProducerRecord<unknown, unknown> {
  return typeof value === "object" && value !== null && !isThenable(value) && "topic" in value;
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && typeof Reflect.get(value, "then") === "function";
}

/** Nobody waits for it: it must not end the process. */
function catchRejection(value: unknown): void {
  if (isThenable(value)) value.then(undefined, () => {});
}
