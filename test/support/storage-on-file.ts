// Databases for storage tests: in memory, or on a file in a folder of the test's own that goes when the test ends.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock, systemRandom } from "@brooklet/protocol/world";
import { onTestFinished } from "vitest";
import { type OpenStorageOptions, openStorage } from "../../server/src/storage/open.ts";
import { type Connection, connect } from "../../server/src/storage/sqlite/connection.ts";
import { markStart } from "../../server/src/storage/sqlite/load-state.ts";
import { createOrCheck } from "../../server/src/storage/sqlite/schema.ts";
import type { Durability } from "../../server/src/storage/storage.ts";

/** A new, empty folder. */
export function testFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "brooklet-test-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A connection with the tables in it, created if they are missing. */
export function testDatabase(
  file = ":memory:",
  durability: Durability = file === ":memory:" ? "memory" : "process",
): Connection {
  const db = connect(file, durability);
  onTestFinished(() => void db.close());
  createOrCheck(db);
  markStart(db, durability, () => "test-cluster");
  return db;
}

export const silentLogger = { debug() {}, info() {}, warn() {}, error() {} };

/** The storage as the broker opens it, closed when the test ends. */
export async function openTestStorage(data: string, options: Partial<OpenStorageOptions> = {}) {
  const opened = await openStorage({
    data,
    ephemeral: false,
    durability: "process",
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger,
    ...options,
  });
  onTestFinished(() => opened.storage.close());
  return opened;
}
