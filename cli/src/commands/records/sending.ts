// Records on their way to the broker: how many may be, what became of them, and how that is said.
// Invariants: at most MAX_IN_FLIGHT_RECORDS and MAX_IN_FLIGHT_BYTES are unanswered; what was handed over is stored or failed
// when the producer has closed.

import type { Producer, ProducerRecord, RecordMetadata } from "@brooklet/client";
import { type Deferred, deferred } from "@brooklet/protocol/world";

const MAX_IN_FLIGHT_RECORDS = 20_000;
const MAX_IN_FLIGHT_BYTES = 8 * 1024 * 1024;
/** More partitions are counted, not listed. */
const MAX_LISTED_PARTITIONS = 6;

/** Where in the inputs a record stood. */
export interface Origin {
  /** Which input. */
  readonly input: number;
  /** Counted from 1 in each input. */
  readonly number: number;
}

interface Failure {
  readonly origin: Origin;
  readonly error: unknown;
}

export class Sending {
  readonly #producer: Producer;
  /** Aborted when nothing more is to be handed over. */
  readonly #stop: AbortSignal;
  readonly #offsets = new Map<number, { first: number; last: number }>();
  #inFlight = 0;
  #inFlightBytes = 0;
  #room: Deferred<void> | undefined;
  #stored = 0;
  #failed = 0;
  #unknown = 0;
  #failure: Failure | undefined;

  constructor(producer: Producer, stop: AbortSignal) {
    this.#producer = producer;
    this.#stop = stop;
    stop.addEventListener("abort", () => this.#wake(), { once: true });
  }

  /** Handed over and not answered yet. */
  get inFlight(): number {
    return this.#inFlight;
  }
  get stored(): number {
    return this.#stored;
  }
  get failed(): number {
    return this.#failed;
  }
  /** Of those that failed: how many may be stored all the same. */
  get unknown(): number {
    return this.#unknown;
  }
  /** The first record, in the order of the input, that failed. */
  get failure(): Failure | undefined {
    return this.#failure;
  }

  /** Hands the record over; wait for `room()` while `isFull`. */
  send(record: ProducerRecord<Uint8Array, Uint8Array>, input: number, number: number): void {
    const bytes = (record.key?.length ?? 0) + (record.value?.length ?? 0);
    this.#inFlight++;
    this.#inFlightBytes += bytes;
    this.#producer.send(record).then(
      (metadata) => {
        this.#stored++;
        this.#note(metadata);
        this.#settled(bytes);
      },
      (error: unknown) => {
        this.#fail({ input, number }, error, isDefinite(error));
        this.#settled(bytes);
      },
    );
  }

  get isFull(): boolean {
    return this.#inFlight >= MAX_IN_FLIGHT_RECORDS || this.#inFlightBytes >= MAX_IN_FLIGHT_BYTES;
  }

  /** Resolves when there is room again, or none is needed any more; bounded by the producer's delivery.timeout.ms. */
  async room(): Promise<void> {
    while (this.isFull && !this.isOver) {
      this.#room = deferred();
      await this.#room.promise;
    }
  }

  /** Something failed, or somebody stopped it: nothing more is to be handed over. */
  get isOver(): boolean {
    return this.#failure !== undefined || this.#stop.aborted;
  }

  /** A piece of input that is no record, or cannot be sent: it counts as one that failed. */
  refuse(error: unknown, input: number, number: number): void {
    this.#fail({ input, number }, error, true);
  }

  #note({ partition, offset }: RecordMetadata): void {
    // With acks=0 nobody knows.
    if (offset < 0) return;
    const range = this.#offsets.get(partition);
    if (range === undefined) this.#offsets.set(partition, { first: offset, last: offset });
    else if (offset > range.last) range.last = offset;
    else if (offset < range.first) range.first = offset;
  }

  #fail(origin: Origin, error: unknown, definite: boolean): void {
    this.#failed++;
    if (!definite) this.#unknown++;
    const known = this.#failure?.origin;
    if (
      known === undefined ||
      known.input > origin.input ||
      (known.input === origin.input && known.number > origin.number)
    )
      this.#failure = { origin, error };
  }

  #settled(bytes: number): void {
    this.#inFlight--;
    this.#inFlightBytes -= bytes;
    if (!this.isFull || this.isOver) this.#wake();
  }

  #wake(): void {
    this.#room?.resolve();
    this.#room = undefined;
  }

  /** `: offsets 0-3 of partition 0`, of what was stored; empty without any. */
  get where(): string {
    if (this.#offsets.size > MAX_LISTED_PARTITIONS) return ` in ${this.#offsets.size} partitions`;
    const ranges = [...this.#offsets]
      .sort(([a], [b]) => a - b)
      .map(([partition, { first, last }]) =>
        first === last
          ? `offset ${first} of partition ${partition}`
          : `offsets ${first}-${last} of partition ${partition}`,
      );
    return ranges.length === 0 ? "" : `: ${ranges.join(", ")}`;
  }
}

const isDefinite = (error: unknown): boolean =>
  error instanceof Error && "definite" in error && error.definite === true;
