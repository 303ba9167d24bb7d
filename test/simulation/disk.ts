// The simulated broker's disk: real SQL on a real file through the inline executor, as slow and as full as a story wants.
// The file outlives the broker that crashes: what was written is there at the next start, what was on its way is not.

import { rmSync, writeFileSync } from "node:fs";
import type { Random } from "@brooklet/protocol/world";
import { type Connection, connect } from "../../server/src/storage/sqlite/connection.ts";
import { InlineStorage } from "../../server/src/storage/sqlite/inline.ts";
import { loadState, markStart } from "../../server/src/storage/sqlite/load-state.ts";
import { createOrCheck } from "../../server/src/storage/sqlite/schema.ts";
import type { Durability, OpenedStorage } from "../../server/src/storage/storage.ts";
import { FaultyStorage, type TurnFault } from "../support/faulty-storage.ts";
import type { SimulatedProcess } from "./process.ts";

export class SimulatedDisk {
  /** How long each operation takes. */
  delayMs: () => number = () => 0;
  readonly #file: string;
  #db: Connection | undefined;
  #storage: FaultyStorage | undefined;
  #order = 0;
  readonly #faultyTurns: { storage: FaultyStorage; number: number }[] = [];
  readonly #durability: Durability;

  /** Below `disk` a power loss takes what was written last: `powerLoss`. */
  constructor(file: string, durability: Durability = "disk") {
    this.#file = file;
    this.#durability = durability;
  }

  async open(process: SimulatedProcess, random: Random): Promise<OpenedStorage> {
    // Without syncs, which only cost time here: a simulated crash does not take the machine's power.
    const db = connect(this.#file, "process");
    createOrCheck(db);
    markStart(db, this.#durability, () => random.uuid());
    const state = loadState(db);
    const timers = process.clock.timers();
    const inline = new InlineStorage({
      db,
      durability: this.#durability,
      clock: process.clock,
      delay: (run) => {
        const delayMs = this.delayMs();
        if (delayMs <= 0) process.clock.defer(run);
        else timers.schedule(`disk-${this.#order++}`, delayMs, run);
      },
      release: () => timers.close(),
    });
    this.#db = db;
    this.#storage = new FaultyStorage(inline, { clock: process.clock });
    return { storage: this.#storage, state };
  }

  /** The broker is dead: nothing that is on its way arrives. */
  crash(): void {
    this.#db?.close();
    this.#db = undefined;
  }

  /** What is on the disk now; a power loss may leave no more than this. */
  synced(): Uint8Array {
    if (this.#db === undefined) throw new Error("the broker does not run");
    return this.#db.serialize();
  }

  /** As `crash`, and everything written since is gone. */
  powerLoss(synced: Uint8Array): void {
    this.crash();
    for (const name of [`${this.#file}-wal`, `${this.#file}-shm`]) rmSync(name, { force: true });
    writeFileSync(this.#file, synced);
  }

  /** The next turn that is handed in meets a full disk. */
  fillNextTurn(fault: TurnFault): void {
    const storage = this.#storage;
    if (storage === undefined) return;
    const number = (storage.turns.at(-1)?.number ?? 0) + 1;
    storage.failTurn(number, fault);
    this.#faultyTurns.push({ storage, number });
  }

  /** How many of the filled turns have come. */
  get failedTurns(): number {
    return this.#faultyTurns.filter(({ storage, number }) => (storage.turns.at(-1)?.number ?? 0) >= number).length;
  }

  /** Writes wait until `release`: a sync that does not return. */
  hold(): void {
    this.#storage?.hold();
  }

  release(): void {
    this.#storage?.release();
  }

  heal(): void {
    this.delayMs = () => 0;
    this.release();
    this.#storage?.freeDisk();
  }

  close(): void {
    if (this.#db?.open) this.#db.close();
  }
}
