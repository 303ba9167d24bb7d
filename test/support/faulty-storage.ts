// A storage with faults that a test or a simulation asks for, around any real one: slow writes and reads, writes that
// wait until they are released, turns that fail. It keeps the storage's promises: writes stay in order, and after a failed
// turn every later one of its generation is refused without reaching the storage behind.

import { type Clock, type Deferred, deferred, sleep } from "@brooklet/protocol/world";
import type {
  Durability,
  Storage,
  StorageStats,
  StoredBatch,
  Turn,
  TurnVerdict,
} from "../../server/src/storage/storage.ts";

export type TurnFault =
  /** The disk is full: the essential parts are written, if there are any, the others not. */
  | "essentialOnly"
  /** The disk is full: nothing is written. */
  | "full"
  /** Fail-stop, and nothing was written. */
  | "failed"
  /** Fail-stop, and the turn lies on the disk nevertheless. */
  | "failedButStored";

const MESSAGES = { full: "database or disk is full (injected)", failed: "disk I/O error (injected)" } as const;

export class FaultyStorage implements Storage {
  /** Added to every write and read; may be changed at any time. */
  delayMs: number;
  /** What `regainSpace` answers after a full disk. */
  hasSpace = true;
  /** Every turn that was handed in, in order. */
  readonly turns: Turn[] = [];
  readonly #inner: Storage;
  readonly #clock: Clock;
  readonly #faults = new Map<number, TurnFault>();
  readonly #failed: Deferred<Error> = deferred<Error>();
  #everyProduceIsFull = false;
  #held: Deferred<void> | undefined;
  #refusedGeneration: number | undefined;
  #stopped: TurnVerdict | undefined;
  #lastWrite: Promise<unknown> = Promise.resolve();

  constructor(inner: Storage, { clock, delayMs = 0 }: { clock: Clock; delayMs?: number }) {
    this.#inner = inner;
    this.#clock = clock;
    this.delayMs = delayMs;
    void inner.failed.then((cause) => this.#failed.resolve(cause));
  }

  get durability(): Durability {
    return this.#inner.durability;
  }

  get dataFile(): string | undefined {
    return this.#inner.dataFile;
  }

  get failed(): Promise<Error> {
    return this.#failed.promise;
  }

  /** The turn of this number fails when its time comes. Turns are numbered from 1 by the commit queue. */
  failTurn(number: number, fault: TurnFault): void {
    this.#faults.set(number, fault);
  }

  forgetFaults(): void {
    this.#faults.clear();
  }

  /** Until `freeDisk`: every turn with a part that is not essential meets a full disk. */
  fillDisk(): void {
    this.#everyProduceIsFull = true;
    this.hasSpace = false;
  }

  freeDisk(): void {
    this.#everyProduceIsFull = false;
    this.hasSpace = true;
  }

  /** From now on turns wait before they are written: a sync that does not return. */
  hold(): void {
    this.#held ??= deferred();
  }

  release(): void {
    this.#held?.resolve();
    this.#held = undefined;
  }

  write(turn: Turn): Promise<TurnVerdict> {
    this.turns.push(turn);
    const before = this.#lastWrite;
    const written = this.#write(turn, before);
    this.#lastWrite = written;
    return written;
  }

  async #write(turn: Turn, before: Promise<unknown>): Promise<TurnVerdict> {
    if (this.delayMs > 0) await sleep(this.#clock, this.delayMs);
    await before;
    // Held again while it waited: it goes on waiting.
    while (this.#held !== undefined) await this.#held.promise;
    if (this.#stopped !== undefined) return this.#stopped;
    if (turn.generation === this.#refusedGeneration) {
      return { outcome: "refused", message: "an earlier turn of the generation failed (injected)" };
    }
    const essential = turn.parts.filter((part) => part.essential);
    const fault =
      this.#faults.get(turn.number) ??
      (this.#everyProduceIsFull && essential.length < turn.parts.length ? "essentialOnly" : undefined);
    switch (fault) {
      case undefined:
        return this.#inner.write(turn);
      case "essentialOnly":
        this.#refusedGeneration = turn.generation;
        if (essential.length === 0) return { outcome: "full", message: MESSAGES.full };
        await this.#inner.write({ ...turn, parts: essential });
        return { outcome: "essentialOnly", message: MESSAGES.full };
      case "full":
        this.#refusedGeneration = turn.generation;
        return { outcome: "full", message: MESSAGES.full };
      case "failed":
      case "failedButStored":
        if (fault === "failedButStored") await this.#inner.write(turn);
        this.#stopped = { outcome: "failed", message: MESSAGES.failed };
        this.#failed.resolve(new Error(MESSAGES.failed));
        return this.#stopped;
    }
  }

  async read(request: Parameters<Storage["read"]>[0]): Promise<readonly StoredBatch[]> {
    if (this.delayMs > 0) await sleep(this.#clock, this.delayMs);
    return this.#inner.read(request);
  }

  async findByTimestamp(request: Parameters<Storage["findByTimestamp"]>[0]): Promise<StoredBatch | undefined> {
    if (this.delayMs > 0) await sleep(this.#clock, this.delayMs);
    return this.#inner.findByTimestamp(request);
  }

  async findMaxTimestamp(request: Parameters<Storage["findMaxTimestamp"]>[0]): Promise<StoredBatch | undefined> {
    if (this.delayMs > 0) await sleep(this.#clock, this.delayMs);
    return this.#inner.findMaxTimestamp(request);
  }

  stats(): StorageStats {
    return this.#inner.stats();
  }

  regainSpace(): Promise<boolean> {
    return Promise.resolve(this.hasSpace);
  }

  async close(): Promise<void> {
    this.release();
    await this.#lastWrite;
    await this.#inner.close();
  }
}
