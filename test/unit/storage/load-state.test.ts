// The marks of a start and of a clean end, and the boot epoch that follows from them (hard place 8).

import { join } from "node:path";
import { expect, test } from "vitest";
import { type Connection, connect } from "../../../server/src/storage/sqlite/connection.ts";
import { loadState, markCleanEnd, markStart } from "../../../server/src/storage/sqlite/load-state.ts";
import { createOrCheck } from "../../../server/src/storage/sqlite/schema.ts";
import type { Durability } from "../../../server/src/storage/storage.ts";
import { testFolder } from "../../support/storage-on-file.ts";

function start(file: string, level: Durability, clusterId = "first"): Connection {
  const db = connect(file, level);
  createOrCheck(db);
  markStart(db, level, () => clusterId);
  return db;
}

const crash = (db: Connection) => void db.close();
const end = (db: Connection) => {
  markCleanEnd(db);
  db.close();
};

test.each([
  ["disk", end, "disk", 0],
  ["disk", crash, "disk", 0],
  ["disk", crash, "process", 0],
  ["process", end, "process", 0],
  ["process", end, "disk", 0],
  ["process", crash, "process", 1],
  ["process", crash, "disk", 1],
] as const)("level %s, %o, then level %s: boot epoch %i", (before, how, after, expected) => {
  const file = join(testFolder(), "test.db");
  // A clean end lies before all of it: its mark must be gone when the run in question ends.
  end(start(file, before));
  how(start(file, before));
  const db = start(file, after);
  expect(loadState(db).bootEpoch).toBe(expected);
  end(db);
  const again = start(file, after);
  expect(loadState(again).bootEpoch).toBe(expected);
  again.close();
});

test("every crash below disk raises it once", () => {
  const file = join(testFolder(), "test.db");
  for (const expected of [0, 1, 2]) {
    const db = start(file, "process");
    expect(loadState(db).bootEpoch).toBe(expected);
    crash(db);
  }
});

test("the cluster id is the one of the creation", () => {
  const file = join(testFolder(), "test.db");
  end(start(file, "disk", "first"));
  const db = start(file, "disk", "second");
  expect(loadState(db).clusterId).toBe("first");
  db.close();
});

test("the marks are synced at every level, and the level is set again afterwards", () => {
  const file = join(testFolder(), "test.db");
  const db = connect(file, "process");
  createOrCheck(db);
  const levels: unknown[] = [];
  const pragma = db.pragma.bind(db);
  db.pragma = ((source: string, options?: { simple: boolean }) => {
    levels.push(source);
    return pragma(source, options as { simple: true });
  }) as typeof db.pragma;
  markStart(db, "process", () => "id");
  expect(levels.filter((level) => String(level).startsWith("synchronous ="))).toEqual([
    "synchronous = 2",
    "synchronous = 1",
  ]);
  db.close();
});
