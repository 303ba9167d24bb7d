// Opening the storage: the data folder is taken, the file is created or checked, what is stored is loaded, and the executor
// that fits the durability level is started. What SQLite does is in sqlite/.

import { join } from "node:path";
import type { Clock, Random } from "@brooklet/protocol/world";
import type { Logger } from "../world.ts";
import { StorageOpenError } from "./open-error.ts";
import { type Connection, connect, describeError, sqliteCode } from "./sqlite/connection.ts";
import { DataFolder } from "./sqlite/data-folder.ts";
import { InlineStorage } from "./sqlite/inline.ts";
import { loadState, markStart } from "./sqlite/load-state.ts";
import { BatchRemoval } from "./sqlite/remove-batches.ts";
import { type Reserve, reserveFile } from "./sqlite/reserve.ts";
import { createOrCheck } from "./sqlite/schema.ts";
import { ThreadStorage } from "./sqlite/threads.ts";
import type { Durability, OpenedStorage, StoredState } from "./storage.ts";

export { StorageOpenError, type StorageOpenErrorKind } from "./open-error.ts";

export interface OpenStorageOptions {
  /** The data folder; created if it is missing. Not used when ephemeral. */
  readonly data?: string;
  readonly ephemeral: boolean;
  readonly durability: Durability;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Where the broker listens, if that is known already; else `setHolderUrl` tells. */
  readonly url?: string;
  /** SQLite's locks and shared memory do not hold on most of them. */
  readonly allowNetworkFileSystem?: boolean;
  /** Instead of the clock's `defer`: when operations of the inline executor happen (simulations). */
  readonly delay?: (run: () => void) => void;
}

/** Errors: StorageOpenError, whose message says what to do. */
export async function openStorage(options: OpenStorageOptions): Promise<OpenedStorage> {
  const { data, ephemeral, durability } = options;
  if (ephemeral || durability === "memory") return openMemory(options);
  if (data === undefined)
    throw new StorageOpenError("denied", "there is no data folder: name one, or ask for an ephemeral broker");
  const folder = DataFolder.take(data, { allowNetworkFileSystem: options.allowNetworkFileSystem ?? false });
  try {
    if (options.url !== undefined) folder.setHolderUrl(options.url);
    const file = folder.createDataFile();
    const reserve = join(folder.path, "brooklet.reserve");
    const { db, state } = openFile(file, reserveFile(reserve), options);
    const removalPending = new BatchRemoval(db).pending;
    db.close();
    const release = () => folder.release();
    const storage = await ThreadStorage.start({
      file,
      durability,
      reserve,
      clock: options.clock,
      removalPending,
      release,
    });
    return { storage, state, setHolderUrl: (url) => folder.setHolderUrl(url) };
  } catch (error) {
    folder.release();
    throw error;
  }
}

function openMemory({ clock, random, delay }: OpenStorageOptions): OpenedStorage {
  const { db, state } = prepare(":memory:", "memory", random);
  const storage = new InlineStorage({ db, durability: "memory", clock, ...(delay === undefined ? {} : { delay }) });
  return { storage, state };
}

function openFile(file: string, reserve: Reserve, { durability, random, logger }: OpenStorageOptions) {
  try {
    return prepare(file, durability, random);
  } catch (error) {
    if (!isFull(error)) throw explain(error, file);
    // On a full disk not even an existing file can be opened, because SQLite needs room beside it.
    logger.warn({ file }, "the disk is full: the reserve is given up to open the data file");
    reserve.giveUp();
  }
  try {
    return prepare(file, durability, random);
  } catch (error) {
    throw explain(error, file);
  }
}

function prepare(file: string, durability: Durability, random: Random): { db: Connection; state: StoredState } {
  const db = connect(file, durability);
  try {
    createOrCheck(db);
    markStart(db, durability, () => random.uuid());
    return { db, state: loadState(db) };
  } catch (error) {
    db.close();
    throw error;
  }
}

function isFull(error: unknown): boolean {
  const code = sqliteCode(error);
  return code === "SQLITE_FULL" || code?.startsWith("SQLITE_IOERR_SHM") === true;
}

function explain(error: unknown, file: string): unknown {
  const said = describeError(error);
  // A row of JSON that does not parse.
  const code = error instanceof SyntaxError ? "SQLITE_CORRUPT" : sqliteCode(error);
  if (code === undefined) return error;
  if (isFull(error)) {
    return new StorageOpenError(
      "full",
      `${file} cannot be opened: the disk is full (${said}); free some space and start again`,
      error,
    );
  }
  if (code.startsWith("SQLITE_CORRUPT") || code === "SQLITE_NOTADB") {
    return new StorageOpenError(
      "damaged",
      `${file} is damaged, or not a data file of brooklet (${said}); nothing was changed: restore it from a copy, or choose another data folder`,
      error,
    );
  }
  if (/^SQLITE_(READONLY|CANTOPEN|PERM|AUTH)/.test(code)) {
    return new StorageOpenError(
      "denied",
      `${file} cannot be written (${said}); give this user the right to, or choose another data folder`,
      error,
    );
  }
  if (code.startsWith("SQLITE_BUSY")) {
    return new StorageOpenError(
      "conflict",
      `${file} is held by another program (${said}); close it, or choose another data folder`,
      error,
    );
  }
  return new StorageOpenError("damaged", `${file} cannot be opened (${said}); check the disk`, error);
}
