// What is counted while it happens: plain numbers, one set per broker. Everything else is looked at when somebody scrapes.

import { countRecords } from "@brooklet/protocol";
import { Histogram } from "./histogram.ts";

export interface ProducedPartition {
  readonly batches: Uint8Array;
}

interface ProduceResult {
  readonly error?: unknown;
}

export class Meters {
  recordsIn = 0;
  bytesIn = 0;
  recordsOut = 0;
  bytesOut = 0;
  readonly commits = new Histogram();
  /** By API; bounded by the table of APIs. */
  readonly requests = new Map<string, Histogram>();
  readonly #nowMs: () => number;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** A request that arrived at `sinceMs` (monotonic) has its answer or its refusal. */
  finished(api: string, sinceMs: number): void {
    let histogram = this.requests.get(api);
    if (histogram === undefined) {
      histogram = new Histogram();
      this.requests.set(api, histogram);
    }
    histogram.observe((this.#nowMs() - sinceMs) / 1000);
  }

  /** A produce request was answered: what has no error is stored. */
  produced(partitions: readonly ProducedPartition[], results: readonly ProduceResult[]): void {
    for (const [index, result] of results.entries()) {
      const batches = partitions[index]?.batches;
      if (result.error !== undefined || batches === undefined) continue;
      this.bytesIn += batches.byteLength;
      this.recordsIn += countRecords(batches);
    }
  }

  /** A batch is part of an answer. */
  fetched(batch: Uint8Array): void {
    this.bytesOut += batch.byteLength;
    this.recordsOut += countRecords(batch);
  }
}
