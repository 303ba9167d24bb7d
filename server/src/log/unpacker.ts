// What the broker does with compressed batches: it checks them whole before they are stored, and unpacks copies for readers
// that look into records. Never in the broker's own thread where that serves others (unpacker-thread.ts); here is what an
// unpacker is, and the executor for simulations and unit tests, which works in the caller's thread.
// Invariant: at most `max.decompressed.batch.bytes` are unpacked of a batch; what is stored and served stays as it was sent.

import { type CheckedBatchHeader, checkBatch, isCompressed, unpackBatchSync } from "@brooklet/protocol";
import type { Clock } from "@brooklet/protocol/world";

export interface Unpacker {
  /**
   * Checks a compressed batch as protocol's checkBatch does. Calls are answered in their order.
   *
   * Errors: those of checkBatch; BROKER_NOT_AVAILABLE when it could not be done: the batch is neither good nor bad.
   */
  check(batch: Uint8Array): Promise<CheckedBatchHeader>;
  /** An uncompressed copy. Errors: those of protocol's unpackBatch; THROTTLING_QUOTA_EXCEEDED; BROKER_NOT_AVAILABLE. */
  unpack(batch: Uint8Array): Promise<Uint8Array>;
  /** Ends what it started; what is open was answered or is refused. */
  close(): Promise<void>;
}

/** A batch whose records can be decoded: itself, or an uncompressed copy. */
export function readable(unpacker: Unpacker, batch: Uint8Array): Promise<Uint8Array> {
  return isCompressed(batch) ? unpacker.unpack(batch) : Promise.resolve(batch);
}

export interface InlineUnpackerOptions {
  readonly clock: Clock;
  readonly maxUnpackedBytes: number;
  /** When a batch's turn comes; a simulation delays it by its seed. The order stays whatever it does. */
  readonly delay?: (run: () => void) => void;
}

/** Unpacks in the thread that asks, a little later. */
export class InlineUnpacker implements Unpacker {
  readonly #maxUnpackedBytes: number;
  readonly #delay: (run: () => void) => void;
  /** Oldest first; bounded by whoever asks. */
  readonly #pending: (() => void)[] = [];

  constructor({ clock, maxUnpackedBytes, delay }: InlineUnpackerOptions) {
    this.#maxUnpackedBytes = maxUnpackedBytes;
    this.#delay = delay ?? ((run) => clock.defer(run));
  }

  check(batch: Uint8Array): Promise<CheckedBatchHeader> {
    return this.#later(() => checkBatch(batch, this.#maxUnpackedBytes));
  }

  unpack(batch: Uint8Array): Promise<Uint8Array> {
    return this.#later(() => unpackBatchSync(batch, this.#maxUnpackedBytes));
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #later<T>(work: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#pending.push(() => {
        try {
          resolve(work());
        } catch (error) {
          reject(error);
        }
      });
      this.#delay(() => this.#pending.shift()?.());
    });
  }
}
