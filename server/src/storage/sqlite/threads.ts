// The executor of the levels that wait for a disk: a worker writes, another reads and checkpoints, so that neither a slow
// sync nor a cold read nor a checkpoint holds up the broker's thread. Here is only the broker's end of it.

import { type Clock, type Deferred, deferred, type Timers } from "@brooklet/protocol/world";
import { expectKind, WorkerLine } from "../../worker-line.ts";
import {
  type Durability,
  leavesBatchesToRemove,
  type ReadRequest,
  type Storage,
  StorageCorruptionError,
  type StorageStats,
  type StoredBatch,
  type Turn,
  type TurnVerdict,
} from "../storage.ts";
import { BackgroundWork, type StepResult } from "./background.ts";
import { fileSizes } from "./connection.ts";
import {
  type FromReader,
  type FromWriter,
  packTurn,
  type ReadCall,
  type ToReader,
  type ToWriter,
  unpackBatches,
  type WorkerStart,
} from "./messages.ts";
import type { TimestampRequest } from "./read-batches.ts";

// Named once: a build that bundles the workers replaces these two lines.
const WRITER_FILE = new URL("./writer.worker.ts", import.meta.url);
const READER_FILE = new URL("./reader.worker.ts", import.meta.url);

/** After the first turn that is not checkpointed. */
const CHECKPOINT_DELAY_MS = 50;
/** Reads at the reader; each answer holds up to its `maxBytes` in memory. The others wait here. */
const MAX_READS_IN_FLIGHT = 16;
/** Steps of the removal between two checkpoints that it waits for: it must not let the WAL grow. */
const STEPS_PER_CHECKPOINT = 8;

export interface ThreadStorageOptions extends WorkerStart {
  readonly clock: Clock;
  /** The last run left batches to remove. */
  readonly removalPending: boolean;
  /** Runs after the file was closed. */
  readonly release: () => void;
}

export class ThreadStorage implements Storage {
  readonly durability: Durability;
  readonly dataFile: string;
  readonly #writer: WorkerLine<ToWriter, FromWriter>;
  readonly #reader: WorkerLine<ToReader, FromReader>;
  readonly #release: () => void;
  readonly #timers: Timers;
  readonly #removal: BackgroundWork;
  readonly #failed: Deferred<Error> = deferred<Error>();
  readonly #waitingReads: (() => void)[] = [];
  #readsInFlight = 0;
  #removalSteps = 0;
  /** Turns under way that take batches out of sight. Removed before the broker knows, they would be a gap to its readers. */
  #untoldRemovals = 0;
  #stopped: Error | undefined;
  #closing: Promise<void> | undefined;

  private constructor({ file, durability, reserve, clock, release }: ThreadStorageOptions) {
    this.durability = durability;
    this.dataFile = file;
    const start: WorkerStart = { file, durability, reserve };
    this.#writer = new WorkerLine("writer", WRITER_FILE, start);
    this.#reader = new WorkerLine("reader", READER_FILE, start);
    this.#release = release;
    this.#timers = clock.timers();
    this.#removal = new BackgroundWork(clock, () => this.#removeBatches());
    for (const line of [this.#writer, this.#reader]) void line.died.then((cause) => this.#stop(cause));
  }

  /** The file exists and has its tables. Rejects when the writer cannot open it. */
  static async start(options: ThreadStorageOptions): Promise<ThreadStorage> {
    const storage = new ThreadStorage(options);
    // Reads wait for the reader; nobody else has to. If it cannot open the file, it dies, and that stops the storage.
    storage.#reader.ready().catch(() => {});
    try {
      await storage.#writer.ready();
    } catch (error) {
      await storage.#endWorkers();
      throw error;
    }
    if (options.removalPending) storage.#removal.wake();
    return storage;
  }

  get failed(): Promise<Error> {
    return this.#failed.promise;
  }

  async write(turn: Turn): Promise<TurnVerdict> {
    if (this.#closing !== undefined) return { outcome: "failed", message: "the storage is closed" };
    if (this.#stopped !== undefined) return { outcome: "failed", message: this.#stopped.message };
    const packed = packTurn(turn);
    const leavesBatches = leavesBatchesToRemove(turn);
    if (leavesBatches) this.#untoldRemovals += 1;
    try {
      const answer = await this.#writer.call({ kind: "write", turn: packed }, [packed.buffer]);
      const { verdict } = expectKind(answer, "written");
      if (verdict.outcome === "failed") this.#stop(new Error(verdict.message));
      if (verdict.outcome === "durable" || verdict.outcome === "essentialOnly") this.#written(turn);
      return verdict;
    } catch (error) {
      return { outcome: "failed", message: this.#stop(error).message };
    } finally {
      if (leavesBatches) this.#untoldRemovals -= 1;
    }
  }

  read(request: ReadRequest): Promise<readonly StoredBatch[]> {
    return this.#read({ kind: "read", request });
  }

  async findByTimestamp(request: TimestampRequest): Promise<StoredBatch | undefined> {
    const [found] = await this.#read({ kind: "findByTimestamp", request });
    return found;
  }

  async findMaxTimestamp(request: Omit<TimestampRequest, "timestampMs">): Promise<StoredBatch | undefined> {
    const [found] = await this.#read({ kind: "findMaxTimestamp", request });
    return found;
  }

  async regainSpace(): Promise<boolean> {
    const { regained, verdict } = expectKind(await this.#writer.call({ kind: "regainSpace" }), "space");
    if (verdict.outcome === "failed") this.#stop(new Error(verdict.message));
    return regained;
  }

  stats(): StorageStats {
    return fileSizes(this.dataFile);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#timers.close();
    this.#removal.close();
    await this.#endWorkers();
    this.#release();
  }

  async #endWorkers(): Promise<void> {
    // The reader first: emptying the WAL into the file needs the file alone. A writer that has stopped leaves no mark.
    await this.#reader.end({ kind: "close" });
    await this.#writer.end({ kind: "close" });
  }

  #written(turn: Turn): void {
    this.#scheduleCheckpoint();
    if (leavesBatchesToRemove(turn)) this.#removal.wake();
  }

  #scheduleCheckpoint(): void {
    if (!this.#timers.has("checkpoint"))
      this.#timers.schedule("checkpoint", CHECKPOINT_DELAY_MS, () => void this.#checkpoint());
  }

  async #checkpoint(): Promise<void> {
    try {
      const answer = await this.#reader.call({ kind: "checkpoint" });
      if (answer.kind === "stopped") this.#stop(new Error(answer.message));
      // What was left over is taken along with the next turn's.
    } catch (error) {
      this.#stop(error);
    }
  }

  async #removeBatches(): Promise<StepResult> {
    if (this.#untoldRemovals > 0) return "more";
    try {
      const { verdict, more } = expectKind(await this.#writer.call({ kind: "removeBatches" }), "removed");
      if (verdict.outcome === "failed") this.#stop(new Error(verdict.message));
      // The file shrinks with the checkpoint.
      this.#scheduleCheckpoint();
      this.#removalSteps += 1;
      if (this.#removalSteps % STEPS_PER_CHECKPOINT === 0 && this.#closing === undefined) await this.#checkpoint();
      if (verdict.outcome === "full") return "full";
      return more ? "more" : "done";
    } catch (error) {
      this.#stop(error);
      return "done";
    }
  }

  async #read(call: ReadCall): Promise<StoredBatch[]> {
    if (this.#readsInFlight >= MAX_READS_IN_FLIGHT) {
      await new Promise<void>((resolve) => this.#waitingReads.push(resolve));
    }
    this.#readsInFlight += 1;
    try {
      if (this.#closing !== undefined) throw new Error("the storage is closed");
      return this.#taken(await this.#reader.call({ kind: "call", call }));
    } finally {
      this.#readsInFlight -= 1;
      this.#waitingReads.shift()?.();
    }
  }

  #taken(answer: FromReader): StoredBatch[] {
    switch (answer.kind) {
      case "corrupt":
        throw new StorageCorruptionError(answer.partitionId, answer.baseOffset, answer.message);
      case "stopped":
        throw this.#stop(new Error(answer.message));
      case "refused":
        throw new Error(answer.message);
      default:
        return unpackBatches(expectKind(answer, "batches").packed);
    }
  }

  /** Fail-stop: no turn is written any more; close() ends the workers without the mark of a clean end. */
  #stop(cause: unknown): Error {
    this.#stopped ??= cause instanceof Error ? cause : new Error(String(cause));
    this.#timers.close();
    this.#removal.close();
    this.#failed.resolve(this.#stopped);
    return this.#stopped;
  }
}
