// Opening a SQLite connection with everything the durability levels rest on set, and read back: SQLite ignores a pragma
// it does not like without a word. What is in the tables is schema.ts.

import { statfsSync, statSync } from "node:fs";
import { dirname } from "node:path";
import Database from "better-sqlite3";
import { StorageOpenError } from "../open-error.ts";
import type { Durability } from "../storage.ts";

export type Connection = Database.Database;

/** The first version without the bug that could lose a commit when the WAL was reset. */
const MIN_SQLITE_VERSION = [3, 51, 3] as const;
/** Only a cap: the reader checkpoints all the time, so that no commit has to. */
const WAL_CAP_BYTES = 256 * 1024 * 1024;
/** What the WAL file is cut back to when it starts over. */
const WAL_KEPT_BYTES = 64 * 1024 * 1024;
export const PAGE_BYTES = 16_384;
const CACHE_BYTES = 16 * 1024 * 1024;
/** Only strangers (a shell on the file) ever hold a lock for long. */
const BUSY_TIMEOUT_MS = 10_000;
const SYNCHRONOUS_LEVELS = { off: 0, normal: 1, full: 2 } as const;

/** A connection to the file, or to a new database in memory. */
export function connect(file: string, durability: Durability): Connection {
  const db = new Database(file, { timeout: BUSY_TIMEOUT_MS });
  try {
    checkVersion(String(db.prepare("SELECT sqlite_version()").pluck().get()));
    setSynchronous(db, durability);
    db.pragma(`cache_size = -${CACHE_BYTES / 1024}`);
    db.pragma(`wal_autocheckpoint = ${WAL_CAP_BYTES / PAGE_BYTES}`);
    db.pragma(`journal_size_limit = ${WAL_KEPT_BYTES}`);
    db.pragma("temp_store = MEMORY");
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

/** `disk` syncs at every commit, `process` only at checkpoints; better-sqlite3 is built with NORMAL as its default. */
export function setSynchronous(db: Connection, durability: Durability): void {
  const level = { disk: "full", process: "normal", memory: "off" } as const;
  expectPragma(db, "synchronous", SYNCHRONOUS_LEVELS[level[durability]]);
  if (process.platform === "darwin") {
    // There fsync does not reach the platter; checkpoints always, commits where they are synced.
    expectPragma(db, "fullfsync", durability === "disk" ? 1 : 0);
    expectPragma(db, "checkpoint_fullfsync", durability === "memory" ? 0 : 1);
  }
}

/** Sets a pragma and reads it back. */
export function expectPragma(db: Connection, name: string, value: number | string): void {
  db.pragma(`${name} = ${value}`);
  const got = db.pragma(name, { simple: true });
  if (got !== value) {
    throw new StorageOpenError(
      "unsupported",
      `${db.name}: SQLite has ${name} ${got} where ${value} was asked for; brooklet does not run without it`,
    );
  }
}

/** Errors: StorageOpenError `unsupported` for a SQLite that is too old. */
export function checkVersion(version: string): void {
  const parts = version.split(".").map(Number);
  for (const [index, least] of MIN_SQLITE_VERSION.entries()) {
    const part = parts[index] ?? 0;
    if (part > least) return;
    if (part < least) {
      throw new StorageOpenError(
        "unsupported",
        `SQLite ${version} may lose commits; brooklet needs ${MIN_SQLITE_VERSION.join(".")} or newer: reinstall better-sqlite3`,
      );
    }
  }
}

/** The data file and the WAL beside it, as the file system sees them. */
export function fileSizes(file: string): { walBytes: number; databaseBytes: number } {
  const sizeOf = (path: string) => statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  return { walBytes: sizeOf(`${file}-wal`), databaseBytes: sizeOf(file) };
}

/** What is in the database, with free pages. */
export function databaseBytes(db: Connection): number {
  return Number(db.pragma("page_count", { simple: true })) * PAGE_BYTES;
}

/**
 * Whether what the WAL holds fits into the file. A checkpoint that meets a full disk has taken the last room of it, which
 * commits need more.
 */
export function hasRoomForCheckpoint(db: Connection): boolean {
  const growthBytes = databaseBytes(db) - statSync(db.name).size;
  const { bavail, bsize } = statfsSync(dirname(db.name));
  return growthBytes <= bavail * bsize;
}

/**
 * Cuts the WAL to nothing if all of it fits into the file. SQLite keeps its length for reuse, which a full disk has no use for.
 * Does not wait for strangers' reads: what they still need stays.
 */
export function cutWal(db: Connection): void {
  if (!hasRoomForCheckpoint(db)) return;
  db.pragma("busy_timeout = 0");
  try {
    db.pragma("wal_checkpoint(TRUNCATE)");
  } finally {
    db.pragma(`busy_timeout = ${BUSY_TIMEOUT_MS}`);
  }
}

/** SQLite's name of an error, as better-sqlite3 gives it: "SQLITE_FULL", "SQLITE_IOERR_FSYNC"; else undefined. */
export function sqliteCode(error: unknown): string | undefined {
  return error instanceof Database.SqliteError ? error.code : undefined;
}

/** After one of these nothing that SQLite says about the file can be relied on (fail-stop). */
export function isIoError(error: unknown): boolean {
  return sqliteCode(error)?.startsWith("SQLITE_IOERR") === true;
}

/** An error as a person reads it, with SQLite's name for it. */
export function describeError(error: unknown): string {
  const code = sqliteCode(error);
  const message = error instanceof Error ? error.message : String(error);
  return code === undefined ? message : `${message} (${code})`;
}
