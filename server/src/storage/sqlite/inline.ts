// The inline executor: one connection in the broker's own thread. For `memory`, unit tests and simulations; the levels that
// wait for a disk use threads.ts, because here a slow disk would hold up heartbeats.

import { type Clock, type Deferred, deferred } from "@brooklet/protocol/world";
import {
  type Durability,
  leavesBatchesToRemove,
  type ReadRequest,
  type Storage,
  type StorageStats,
  type StoredBatch,
  type Turn,
  type TurnVerdict,
} from "../storage.ts";
import { TurnWriter } from "./apply-turn.ts";
import { BackgroundWork, type StepResult } from "./background.ts";
import { type Connection, databaseBytes, fileSizes, isIoError } from "./connection.ts";
import { markCleanEnd } from "./load-state.ts";
import { BatchReader, type TimestampRequest } from "./read-batches.ts";
import { BatchRemoval } from "./remove-batches.ts";
import { noReserve, type Reserve } from "./reserve.ts";

export interface InlineStorageOptions {
  readonly db: Connection;
  readonly durability: Durability;
  readonly clock: Clock;
  readonly reserve?: Reserve;
  /** When an operation happens; a simulation delays it by its seed. Writes keep their order whatever it does. */
  readonly delay?: (run: () => void) => void;
  /** Runs after the file was closed. */
  readonly release?: () => void;
}

export class InlineStorage implements Storage {
  readonly durability: Durability;
  readonly dataFile: string | undefined;
  readonly #db: Connection;
  readonly #delay: (run: () => void) => void;
  readonly #release: () => void;
  readonly #writer: TurnWriter;
  readonly #reader: BatchReader;
  readonly #unwanted: BatchRemoval;
  readonly #removal: BackgroundWork;
  readonly #failed: Deferred<Error> = deferred<Error>();
  /** Writes that have not happened, oldest first. */
  readonly #pending: (() => void)[] = [];
  #drained: Deferred<void> | undefined;
  #closing: Promise<void> | undefined;

  constructor({ db, durability, clock, reserve = noReserve, delay, release = () => {} }: InlineStorageOptions) {
    this.durability = durability;
    this.dataFile = db.memory ? undefined : db.name;
    this.#db = db;
    this.#delay = delay ?? ((run) => clock.defer(run));
    this.#release = release;
    this.#writer = new TurnWriter(db, reserve);
    this.#reader = new BatchReader(db);
    this.#unwanted = new BatchRemoval(db);
    this.#removal = new BackgroundWork(clock, () => Promise.resolve(this.#removeBatches()));
    if (this.#unwanted.pending) this.#removal.wake();
  }

  get failed(): Promise<Error> {
    return this.#failed.promise;
  }

  write(turn: Turn): Promise<TurnVerdict> {
    if (this.#closing !== undefined) return Promise.resolve({ outcome: "failed", message: "the storage is closed" });
    return new Promise((resolve) => {
      this.#pending.push(() => {
        const verdict = this.#watched(this.#writer.apply(turn));
        if (leavesBatchesToRemove(turn)) this.#removal.wake();
        resolve(verdict);
      });
      this.#delay(() => {
        this.#pending.shift()?.();
        if (this.#pending.length === 0) this.#drained?.resolve();
      });
    });
  }

  read(request: ReadRequest): Promise<readonly StoredBatch[]> {
    return this.#later(() => this.#reader.read(request));
  }

  findByTimestamp(request: TimestampRequest): Promise<StoredBatch | undefined> {
    return this.#later(() => this.#reader.findByTimestamp(request));
  }

  findMaxTimestamp(request: Omit<TimestampRequest, "timestampMs">): Promise<StoredBatch | undefined> {
    return this.#later(() => this.#reader.findMaxTimestamp(request));
  }

  regainSpace(): Promise<boolean> {
    const { regained, verdict } = this.#writer.regainSpace();
    this.#watched(verdict);
    return Promise.resolve(regained);
  }

  stats(): StorageStats {
    if (this.dataFile !== undefined) return fileSizes(this.dataFile);
    return { walBytes: 0, databaseBytes: this.#db.open ? databaseBytes(this.#db) : 0 };
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#removal.close();
    if (this.#pending.length > 0) {
      this.#drained = deferred();
      await this.#drained.promise;
    }
    this.#writer.maintain(() => markCleanEnd(this.#db));
    this.#db.close();
    this.#release();
  }

  #later<T>(run: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#delay(() => {
        try {
          if (!this.#db.open) throw new Error("the storage is closed");
          resolve(run());
        } catch (error) {
          if (isIoError(error)) this.#watched(this.#writer.stop(error));
          reject(error);
        }
      });
    });
  }

  #removeBatches(): StepResult {
    let more = false;
    const { outcome } = this.#watched(
      this.#writer.maintain(() => {
        more = this.#unwanted.step();
      }),
    );
    if (outcome === "full") return "full";
    return more ? "more" : "done";
  }

  #watched(verdict: TurnVerdict): TurnVerdict {
    if (verdict.outcome === "failed") this.#failed.resolve(new Error(verdict.message));
    return verdict;
  }
}
