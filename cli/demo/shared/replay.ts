// The producer of the demos: the reports in the order of their flights, at a steady pace.

import { json, Producer, string } from "@brooklet/client";
import { sleep, systemClock } from "@brooklet/protocol/world";
import type { Report } from "./birdstrikes.ts";
import type { Place } from "./messages.ts";
import type { Stage } from "./stage.ts";
import { TOPIC } from "./stage.ts";

/** How far the replay may be ahead before it waits. */
const TICK_MS = 20;
/** Everything is acknowledged by then, or the demo is over. */
const CLOSE_LIMIT_MS = 1_000;

export interface ReplayOptions {
  /** Absent: at once. */
  readonly perSecond?: number;
  /** Absent: by the key, the airport. */
  readonly partitionOf?: (index: number) => number;
  /** Begins again at the end, until `finish`. */
  readonly endless?: boolean;
}

/** Every report once, or over and over. */
function* inTurn(reports: readonly Report[], endless: boolean): Generator<Report> {
  do yield* reports;
  while (endless);
}

export class Replay {
  readonly #producer: Producer<string, Report>;
  readonly #stage: Stage;
  readonly #hurry = new AbortController();
  #finished = false;
  /** Every acknowledged record; rejects with the first failure, which ends the demo too. */
  readonly acknowledged: Promise<readonly Place[]>;
  sent = 0;

  constructor(stage: Stage, reports: readonly Report[], options: ReplayOptions = {}) {
    this.#stage = stage;
    this.#producer = new Producer<string, Report>({
      "bootstrap.servers": stage.server,
      "client.id": "replay",
      "key.serializer": string,
      "value.serializer": json<Report>(),
    });
    this.acknowledged = this.#run(reports, options);
    this.acknowledged.catch((error: unknown) => stage.stop.abort(error));
  }

  /** The rest at once. */
  hurry(): void {
    this.#hurry.abort();
  }

  /** No more reports. */
  finish(): void {
    this.#finished = true;
    this.hurry();
  }

  async #run(reports: readonly Report[], options: ReplayOptions): Promise<readonly Place[]> {
    const { perSecond = Number.POSITIVE_INFINITY, partitionOf, endless = false } = options;
    const stop = this.#stage.stop.signal;
    const sends: Promise<Place>[] = [];
    const failed = new AbortController();
    const beganMs = systemClock.nowMs();
    try {
      for (const report of inTurn(reports, endless)) {
        const partition = partitionOf?.(this.sent);
        const record = { topic: TOPIC, key: report.airport, value: report };
        const send = this.#producer.send(partition === undefined ? record : { ...record, partition });
        // Each is awaited at the end; a failure ends the replay before.
        send.catch((error: unknown) => failed.abort(error));
        sends.push(send);
        this.sent++;
        const aheadMs = (this.sent * 1000) / perSecond - (systemClock.nowMs() - beganMs);
        if (aheadMs > TICK_MS && !this.#hurry.signal.aborted)
          await sleep(systemClock, aheadMs, AbortSignal.any([this.#hurry.signal, stop])).catch(() => undefined);
        stop.throwIfAborted();
        failed.signal.throwIfAborted();
        if (this.#finished) break;
      }
      return await Promise.all(sends);
    } finally {
      await this.#producer.close({ timeoutMs: CLOSE_LIMIT_MS });
    }
  }
}
