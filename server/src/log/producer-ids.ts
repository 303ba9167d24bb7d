// Producer ids: reserved durably in blocks, handed out from memory. Invariant: an id is handed out only when the end of its
// block is durable, so none is handed out twice, also after a crash; a block that was begun before a start is left alone.

import { invariant, ProtocolError } from "@brooklet/protocol";
import type { TurnQueue } from "../storage/turns.ts";

const NEXT_PRODUCER_ID = "nextProducerId";
/** Kafka's ProducerIdsBlock.PRODUCER_ID_BLOCK_SIZE. */
export const PRODUCER_ID_BLOCK = 1000;

export class ProducerIds {
  readonly #turns: TurnQueue;
  #next: number;
  /** The first id that is not reserved durably. */
  #end: number;
  #reserving: Promise<void> | undefined;

  constructor(turns: TurnQueue, counters: Readonly<Record<string, number>>) {
    this.#turns = turns;
    this.#end = counters[NEXT_PRODUCER_ID] ?? 0;
    this.#next = this.#end;
  }

  /** Errors: STORAGE_FULL, KAFKA_STORAGE_ERROR; no id is lost or doubled by them. */
  async take(): Promise<number> {
    while (this.#next >= this.#end) {
      this.#reserving ??= this.#reserve().finally(() => {
        this.#reserving = undefined;
      });
      await this.#reserving;
    }
    return this.#next++;
  }

  #reserve(): Promise<void> {
    if (this.#turns.storageFull)
      return Promise.reject(new ProtocolError("STORAGE_FULL", "the disk is full: no producer id can be reserved"));
    const end = this.#end + PRODUCER_ID_BLOCK;
    invariant(Number.isSafeInteger(end), "producer ids are safe integers");
    return new Promise((resolve, reject) => {
      this.#turns.stage({
        changes: [{ kind: "putCounter", name: NEXT_PRODUCER_ID, value: end }],
        essential: false,
        durable: () => {
          this.#end = end;
          resolve();
        },
        failed: reject,
      });
    });
  }
}
