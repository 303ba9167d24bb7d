// The data folder: created for its owner alone, and held by one broker at a time. What lies in it is schema.ts.
//
// Invariant: whoever has the folder holds an exclusive transaction on the lock database in it, which the system releases
// with the process, however that ends; the side file only says who it is.

import { closeSync, mkdirSync, openSync, readFileSync, rmSync, statfsSync, statSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { dirname, join, resolve } from "node:path";
import Database from "better-sqlite3";
import { StorageOpenError } from "../open-error.ts";

const DATA_FILE = "brooklet.db";
const LOCK_FILE = "brooklet.lock";
const HOLDER_FILE = "brooklet.holder.json";

/** Types of statfs(2) on Linux; local file systems in user space (FUSE) are not among them. */
const NETWORK_FILE_SYSTEMS = new Map([
  [0x6969, "NFS"],
  [0x517b, "SMB"],
  [0xfe534d42, "SMB2"],
  [0xff534d42, "CIFS"],
  [0x5346414f, "AFS"],
  [0x73757245, "Coda"],
  [0x00c36400, "Ceph"],
  [0x01021997, "9P"],
]);

interface Holder {
  readonly pid: number;
  readonly host: string;
  readonly url?: string;
}

export class DataFolder {
  readonly path: string;
  readonly #lock: Database.Database;

  private constructor(path: string, lock: Database.Database) {
    this.path = path;
    this.#lock = lock;
  }

  /** Errors: StorageOpenError `conflict` with the holder's pid and URL, `denied`, `full`. */
  static take(folder: string, { allowNetworkFileSystem }: { allowNetworkFileSystem: boolean }): DataFolder {
    const path = resolve(folder);
    orDenied(path, () => makeFolder(path));
    if (!allowNetworkFileSystem) refuseNetworkFileSystem(path);
    const lockFile = join(path, LOCK_FILE);
    orDenied(path, () => createPrivate(lockFile));
    const lock = orDenied(path, () => new Database(lockFile, { timeout: 0 }));
    try {
      // No journal file: it would need room on a full disk, and nothing is ever written.
      lock.pragma("journal_mode = MEMORY");
      lock.exec("BEGIN EXCLUSIVE");
    } catch (error) {
      lock.close();
      throw isBusy(error) ? heldBy(path, error) : denied(path, error);
    }
    const taken = new DataFolder(path, lock);
    taken.#writeHolder({ pid: process.pid, host: hostname() });
    return taken;
  }

  /** The data file's path; it exists from now on, readable by its owner alone. */
  createDataFile(): string {
    const file = join(this.path, DATA_FILE);
    orDenied(this.path, () => createPrivate(file));
    return file;
  }

  setHolderUrl(url: string): void {
    this.#writeHolder({ pid: process.pid, host: hostname(), url });
  }

  release(): void {
    if (!this.#lock.open) return;
    // Before the lock goes: a successor's file must not be removed.
    rmSync(join(this.path, HOLDER_FILE), { force: true });
    this.#lock.close();
  }

  #writeHolder(holder: Holder): void {
    try {
      writeFileSync(join(this.path, HOLDER_FILE), `${JSON.stringify(holder)}\n`, { mode: 0o600 });
    } catch {
      // A full disk: the lock holds all the same, only a refusal cannot say by whom.
    }
  }
}

/** Not `recursive`: Node's never returns where a file system answers ENOENT in a folder that exists (/proc). */
function makeFolder(path: string): void {
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "EEXIST" && statSync(path).isDirectory()) return;
    if (code !== "ENOENT" || dirname(path) === path) throw error;
    makeFolder(dirname(path));
    mkdirSync(path, { mode: 0o700 });
  }
}

/**
 * SQLite would create files readable by everybody; the WAL beside a file gets its mode. A file that exists is not even
 * opened: closing any descriptor of it would drop every lock that this process holds on it (POSIX), also another broker's.
 */
function createPrivate(file: string): void {
  try {
    closeSync(openSync(file, "wx", 0o600));
  } catch (error) {
    if ((error as { code?: string }).code !== "EEXIST") throw error;
  }
}

function refuseNetworkFileSystem(path: string): void {
  if (process.platform !== "linux") return;
  // Signed on some systems, as the kernel's field is.
  const name = NETWORK_FILE_SYSTEMS.get(statfsSync(path).type >>> 0);
  if (name === undefined) return;
  throw new StorageOpenError(
    "denied",
    `${path} lies on a network file system (${name}), where SQLite's locks do not hold and data may be lost; choose a local folder, or force it with network.file.system.enable=true`,
  );
}

function heldBy(path: string, cause: unknown): StorageOpenError {
  let who = "another broker";
  try {
    const { pid, host, url } = JSON.parse(readFileSync(join(path, HOLDER_FILE), "utf8")) as Holder;
    who = `the broker with process id ${Number(pid)} on ${host}${url === undefined ? "" : `, ${url}`}`;
  } catch {
    // The holder has not written it yet, or could not.
  }
  return new StorageOpenError(
    "conflict",
    `the data folder ${path} is held by ${who}; use that one, stop it, or choose another data folder`,
    cause,
  );
}

function denied(path: string, cause: unknown): StorageOpenError {
  const said = cause instanceof Error ? cause.message : String(cause);
  if (["ENOSPC", "EDQUOT", "SQLITE_FULL"].includes((cause as { code?: string }).code ?? "")) {
    return new StorageOpenError(
      "full",
      `the disk of ${path} is full (${said}); free some space and start again`,
      cause,
    );
  }
  if (isNoFolder(cause)) {
    return new StorageOpenError(
      "denied",
      `the data folder ${path} is, or lies in, a file (${said}); choose another data folder`,
      cause,
    );
  }
  return new StorageOpenError(
    "denied",
    `the data folder ${path} cannot be written (${said}); give this user the right to, or choose another data folder`,
    cause,
  );
}

/** makeFolder takes a folder that exists: what exists otherwise is a file. */
function isNoFolder(cause: unknown): boolean {
  return ["EEXIST", "ENOTDIR"].includes((cause as { code?: string }).code ?? "");
}

function orDenied<T>(path: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    throw denied(path, error);
  }
}

function isBusy(error: unknown): boolean {
  return error instanceof Database.SqliteError && error.code.startsWith("SQLITE_BUSY");
}
