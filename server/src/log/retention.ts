// Retention: every log.retention.check.interval.ms the segments that have expired are given up, by what each topic's
// configuration says at that moment. Which those are is segments.ts.
// Invariants: one pass at a time, in slices, so that other work comes in between; internal topics never expire.

import { type Clock, deferred, type Timers } from "@brooklet/protocol/world";
import type { Logger } from "../world.ts";
import type { Catalog } from "./catalog.ts";
import type { LogStartMove, LogStarts } from "./log-starts.ts";
import { expiredSegments } from "./segments.ts";

/** Partitions looked at without a pause. */
const PARTITIONS_PER_SLICE = 1000;
const PASS = "pass";

export interface RetentionParts {
  readonly catalog: Catalog;
  readonly starts: LogStarts;
  readonly clock: Clock;
  readonly logger: Logger;
  /** log.retention.check.interval.ms */
  readonly checkIntervalMs: number;
}

export class Retention {
  readonly #parts: RetentionParts;
  readonly #timers: Timers;
  #closed = false;

  constructor(parts: RetentionParts) {
    this.#parts = parts;
    this.#timers = parts.clock.timers();
  }

  start(): void {
    this.#schedule();
  }

  close(): void {
    this.#closed = true;
    this.#timers.close();
  }

  #schedule(): void {
    this.#timers.schedule(PASS, this.#parts.checkIntervalMs, () => {
      void this.#pass().then(() => this.#schedule());
    });
  }

  async #pass(): Promise<void> {
    const { starts, clock, logger } = this.#parts;
    let partitions = 0;
    for (const moves of this.#slices()) {
      if (moves.length === 0) {
        const pause = deferred();
        clock.defer(() => pause.resolve());
        await pause.promise;
      } else {
        try {
          await starts.move(moves);
          partitions += moves.length;
        } catch (error) {
          if (this.#closed) return;
          // Nothing has moved; the next pass finds the same.
          logger.warn({ err: error, partitions: moves.length }, "retention: expired segments could not be deleted");
        }
      }
      if (this.#closed) return;
    }
    if (partitions > 0) logger.info({ partitions }, "retention: expired segments were deleted");
  }

  /** What has expired, looked up slice by slice. */
  *#slices(): Generator<LogStartMove[], void, undefined> {
    const { catalog, clock } = this.#parts;
    let moves: LogStartMove[] = [];
    let seen = 0;
    for (const topic of catalog.all()) {
      if (topic.internal) continue;
      for (const partition of topic.partitions) {
        // Afresh for each: the last slice may be long ago.
        const { rules } = topic;
        const { segments } = partition;
        const count = rules.deletes && !partition.deleted ? expiredSegments(segments, rules, clock.wallMs()) : 0;
        const last = segments[count - 1];
        if (last !== undefined) moves.push({ partition, logStartOffset: last.endOffset });
        seen += 1;
        if (seen % PARTITIONS_PER_SLICE !== 0) continue;
        yield moves;
        moves = [];
      }
    }
    if (moves.length > 0) yield moves;
  }
}
