// One run: sends by the schedule, reads at the same time, and measures every stage of a record from the moment it was due.
// A broker, a network or a process that stands still for a second therefore shows as a second of late records, not as one slow
// answer (coordinated omission).
// Invariants: what happens never moves the schedule; at most MAX_IN_FLIGHT_RECORDS wait for an answer; after the last send
// the run ends when everything acknowledged has arrived, or when nothing arrived for `quietMs`.

import { type Clock, deferred, sleep } from "@brooklet/protocol/world";
import { Latencies } from "./latencies.ts";
import { dueMs, type Schedule } from "./schedule.ts";
import { Tally } from "./tally.ts";

/** Beyond it the generator waits: memory is bounded, and the wait counts, because latency begins when a record is due. */
export const MAX_IN_FLIGHT_RECORDS = 100_000;
/** Sends without a pause; then answers and arrivals have their turn. */
const BURST = 1_000;
/** How often the end looks whether the last records have arrived. */
const SETTLE_POLL_MS = 5;

/** Where the load goes and comes back from. */
export interface Target {
  /** Resolves when the record is acknowledged. */
  send(number: number): Promise<unknown>;
  /** What has arrived since; waits a short while for something. */
  receive(): Promise<readonly Arrival[]>;
}

export interface Arrival {
  readonly number: number;
  readonly partition: number;
}

export interface LoadOptions {
  readonly clock: Clock;
  readonly schedule: Schedule;
  readonly target: Target;
  /** How long nothing may arrive before what is missing counts as lost. */
  readonly quietMs: number;
  /** Ends the sending; what is on its way is still awaited for `quietMs` at most. */
  readonly signal: AbortSignal;
  /** Default: MAX_IN_FLIGHT_RECORDS. */
  readonly maxInFlightRecords?: number;
}

/** What happened, and how long after it was due: sent, acknowledged, arrived. */
export class Load {
  readonly sending = new Latencies();
  readonly acknowledging = new Latencies();
  readonly arriving = new Latencies();
  readonly tally: Tally;
  sent = 0;
  failed = 0;
  /** Of the sends that failed. */
  firstError: unknown;
  /** From the first due time to the last send; 0 before. */
  sendingMs = 0;
  /** How often the generator waited because too many records were unanswered. */
  waitsForRoom = 0;

  readonly #options: LoadOptions;
  readonly #startMs: number;
  #inFlight = 0;
  #room = deferred();
  #idle = deferred();
  #arrivedMs: number;
  #over = false;

  constructor(options: LoadOptions) {
    this.#options = options;
    this.tally = new Tally(options.schedule.records);
    this.#startMs = options.clock.nowMs();
    this.#arrivedMs = this.#startMs;
  }

  /** Milliseconds since the first record was due. */
  get elapsedMs(): number {
    return this.#options.clock.nowMs() - this.#startMs;
  }

  /** Runs to the end; rejects when receiving does. */
  async run(): Promise<void> {
    const reading = this.#read();
    // Ends the run at once when reading fails; awaited below in any case.
    const failed = reading.then(() => new Promise<never>(() => undefined));
    try {
      await Promise.race([this.#generate(), failed]);
      await Promise.race([this.#settle(), failed]);
    } finally {
      this.#over = true;
      await reading;
    }
  }

  async #generate(): Promise<void> {
    const { clock, schedule, signal } = this.#options;
    let burst = 0;
    while (this.sent < schedule.records && !signal.aborted && !this.#over) {
      const aheadMs = dueMs(schedule, this.sent) - this.elapsedMs;
      if (aheadMs > 0) {
        await sleep(clock, aheadMs, signal).catch(() => undefined);
        burst = 0;
        continue;
      }
      if (this.#inFlight >= (this.#options.maxInFlightRecords ?? MAX_IN_FLIGHT_RECORDS)) {
        this.waitsForRoom++;
        this.#room = deferred();
        await this.#room.promise;
        continue;
      }
      this.#send(this.sent++);
      if (++burst % BURST === 0) await new Promise<void>((resolve) => clock.defer(resolve));
    }
  }

  #send(number: number): void {
    this.#record(this.sending, number);
    this.sendingMs = this.elapsedMs;
    this.#inFlight++;
    const settled = () => {
      this.#inFlight--;
      this.#room.resolve();
      if (this.#inFlight === 0) this.#idle.resolve();
    };
    this.#options.target.send(number).then(
      () => {
        this.tally.acknowledge(number);
        this.#record(this.acknowledging, number);
        settled();
      },
      (error: unknown) => {
        this.failed++;
        this.firstError ??= error;
        settled();
      },
    );
  }

  #record(latencies: Latencies, number: number): void {
    const { schedule } = this.#options;
    if (number >= schedule.warmUpRecords) latencies.record(this.elapsedMs - dueMs(schedule, number));
  }

  async #read(): Promise<void> {
    while (!this.#over) {
      const arrivals = await this.#options.target.receive();
      for (const { number, partition } of arrivals)
        if (this.tally.arrive(number, partition)) this.#record(this.arriving, number);
      if (arrivals.length > 0) this.#arrivedMs = this.#options.clock.nowMs();
    }
  }

  /** Until every send is answered and everything acknowledged has arrived, or nothing moves any more. */
  async #settle(): Promise<void> {
    const { clock, quietMs } = this.#options;
    while (this.#inFlight > 0) {
      this.#idle = deferred();
      await this.#idle.promise;
    }
    const lastAnswerMs = clock.nowMs();
    while (this.tally.missing > 0 && clock.nowMs() - Math.max(lastAnswerMs, this.#arrivedMs) < quietMs)
      await sleep(clock, SETTLE_POLL_MS);
  }
}
