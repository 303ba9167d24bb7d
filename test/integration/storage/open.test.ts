// Opening a data folder: what is created, what is remembered, and every refusal with its kind and what to do.

import { execFileSync } from "node:child_process";
import {
  chmodSync,
  closeSync,
  copyFileSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { systemClock } from "@brooklet/protocol/world";
import Database from "better-sqlite3";
import { expect, onTestFinished, test } from "vitest";
import { StorageOpenError } from "../../../server/src/storage/open.ts";
import { APPLICATION_ID, SCHEMA_VERSION } from "../../../server/src/storage/sqlite/schema.ts";
import type { Durability } from "../../../server/src/storage/storage.ts";
import { openTestStorage, testDatabase, testFolder } from "../../support/storage-on-file.ts";
import { append, putCounter, storedTopic, turn } from "../../support/stored.ts";

async function refusal(data: string): Promise<StorageOpenError> {
  const error = await openTestStorage(data).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof StorageOpenError)) throw new Error(`not a StorageOpenError: ${error}`);
  return error;
}

/** The files as they lie there at this moment: what a crash now would leave. Returns the folder that has them. */
function crashImage(data: string): string {
  const image = testFolder();
  for (const file of ["brooklet.db", "brooklet.db-wal"]) copyFileSync(join(data, file), join(image, file));
  return image;
}

test("a new folder is for its owner alone, and so is every file in it", async () => {
  const data = join(testFolder(), "deep", "data");
  const { storage } = await openTestStorage(data);
  await storage.write(turn(1, { records: [putCounter("a", 1)] }));
  expect(statSync(data).mode & 0o777).toBe(0o700);
  const files = readdirSync(data);
  expect(files).toEqual(
    expect.arrayContaining(["brooklet.db", "brooklet.db-wal", "brooklet.lock", "brooklet.holder.json"]),
  );
  for (const file of files) expect([file, statSync(join(data, file)).mode & 0o777]).toEqual([file, 0o600]);
});

test("the file has what was promised of it", async () => {
  const data = testFolder();
  await (await openTestStorage(data)).storage.close();
  const db = new Database(join(data, "brooklet.db"), { readonly: true });
  onTestFinished(() => void db.close());
  const pragma = (name: string) => db.pragma(name, { simple: true });
  expect(pragma("page_size")).toBe(16_384);
  expect(pragma("auto_vacuum")).toBe(2);
  expect(pragma("journal_mode")).toBe("wal");
  expect(pragma("application_id")).toBe(APPLICATION_ID);
  expect(pragma("user_version")).toBe(SCHEMA_VERSION);
  const table = db.prepare<[], string>("SELECT sql FROM sqlite_schema WHERE name = 'batches'").pluck().get() ?? "";
  expect(table).not.toContain("WITHOUT ROWID");
  expect(table.trim()).toMatch(/bytes BLOB NOT NULL\s*\) STRICT$/);
  const plan = db.prepare(
    "EXPLAIN QUERY PLAN SELECT last_offset FROM batches WHERE partition_id = 1 ORDER BY base_offset DESC LIMIT 1",
  );
  expect((plan.all() as { detail: string }[]).map((row) => row.detail)).toEqual([
    "SEARCH batches USING INDEX batches_by_offset (partition_id=?)",
  ]);
});

test.each([
  ["disk", 2],
  ["process", 1],
] as const)("at level %s SQLite is set to synchronous %i, whatever it was built with", (level, expected) => {
  const db = testDatabase(join(testFolder(), "test.db"), level);
  expect(db.pragma("synchronous", { simple: true })).toBe(expected);
});

test.each<[Durability, "cleanly" | "by a crash", Durability, number]>([
  ["process", "cleanly", "process", 0],
  ["process", "by a crash", "disk", 1],
])("a run at level %s that ended %s, then one at %s: boot epoch %i", async (before, how, after, expected) => {
  const data = testFolder();
  // A clean end lies before all of it: the start after it must clear its mark.
  await (await openTestStorage(data, { durability: before })).storage.close();
  const first = await openTestStorage(data, { durability: before });
  expect(first.state.bootEpoch).toBe(0);
  const image = how === "by a crash" ? crashImage(data) : data;
  await first.storage.close();
  const second = await openTestStorage(image, { durability: after });
  expect(second.state.bootEpoch).toBe(expected);
  expect(second.state.clusterId).toBe(first.state.clusterId);
  await second.storage.close();
  expect((await openTestStorage(image, { durability: after })).state.bootEpoch).toBe(expected);
});

test("ephemeral: nothing on the disk, a new cluster id at each start, side by side", async () => {
  const data = join(testFolder(), "never");
  const first = await openTestStorage(data, { ephemeral: true });
  const second = await openTestStorage(data, { ephemeral: false, durability: "memory" });
  expect(first.state.clusterId).not.toBe(second.state.clusterId);
  expect(first.storage).toMatchObject({ durability: "memory", dataFile: undefined });
  expect(await first.storage.write(turn(1, { records: [putCounter("a", 1)] }))).toEqual({ outcome: "durable" });
  expect(() => statSync(data)).toThrow("ENOENT");
});

test("a refused opener in the same process does not loosen the holder's lock for other processes", async () => {
  const data = testFolder();
  const { storage } = await openTestStorage(data);
  expect((await refusal(data)).kind).toBe("conflict");
  const program = `
    import Database from "better-sqlite3";
    const lock = new Database(${JSON.stringify(join(data, "brooklet.lock"))}, { timeout: 0 });
    lock.exec("BEGIN EXCLUSIVE");`;
  const take = () =>
    execFileSync(process.execPath, ["--input-type=module", "-e", program], {
      cwd: import.meta.dirname,
      encoding: "utf8",
      stdio: "pipe",
    });
  expect(take).toThrow("database is locked");
  await storage.close();
  expect(take()).toBe("");
});

test("a second opener is refused with the holder's process id and URL, until the first one closes", async () => {
  const data = testFolder();
  const first = await openTestStorage(data);
  expect((await refusal(data)).message).toContain(`process id ${process.pid}`);
  first.setHolderUrl?.("http://127.0.0.1:4092");
  const error = await refusal(data);
  expect(error.kind).toBe("conflict");
  expect(error.message).toContain("http://127.0.0.1:4092");
  expect(error.message).toContain("choose another data folder");
  expect(await first.storage.write(turn(1, { records: [putCounter("a", 1)] }))).toEqual({ outcome: "durable" });
  await first.storage.close();
  expect((await openTestStorage(data)).state.counters).toEqual({ a: 1 });
});

test("a holder file that makes no sense does not hide the refusal", async () => {
  const data = testFolder();
  await openTestStorage(data);
  writeFileSync(join(data, "brooklet.holder.json"), "{");
  expect(await refusal(data)).toMatchObject({
    kind: "conflict",
    message: expect.stringContaining("held by another broker"),
  });
});

test("a newer schema is refused, and left as it is", async () => {
  const data = testFolder();
  await (await openTestStorage(data)).storage.close();
  const db = new Database(join(data, "brooklet.db"));
  db.pragma(`user_version = ${SCHEMA_VERSION + 1}`);
  db.close();
  const error = await refusal(data);
  expect(error.kind).toBe("newer");
  expect(error.message).toContain(`schema ${SCHEMA_VERSION + 1}`);
});

test("another program's SQLite file is refused, and left as it is", async () => {
  const data = testFolder();
  const db = new Database(join(data, "brooklet.db"));
  db.exec("CREATE TABLE theirs (a)");
  db.close();
  const before = readFileSync(join(data, "brooklet.db"));
  expect((await refusal(data)).kind).toBe("foreign");
  expect(readFileSync(join(data, "brooklet.db")).equals(before)).toBe(true);
});

test("a file that is no database is refused as damaged, and left as it is", async () => {
  const data = testFolder();
  writeFileSync(join(data, "brooklet.db"), "not a database at all, but long enough to look like one ".repeat(100));
  const error = await refusal(data);
  expect(error.kind).toBe("damaged");
  expect(error.message).toContain("brooklet.db");
  expect(readFileSync(join(data, "brooklet.db"), "utf8")).toContain("not a database");
});

test("a file whose pages are damaged is refused", async () => {
  const data = testFolder();
  const { storage } = await openTestStorage(data);
  await storage.write(turn(1, { records: [{ kind: "createTopic", topic: storedTopic("orders", 1) }, append(1, 0)] }));
  await storage.close();
  const file = join(data, "brooklet.db");
  const handle = openSync(file, "r+");
  writeSync(handle, new Uint8Array(statSync(file).size - 16_384).fill(0x5a), 0, undefined, 16_384);
  closeSync(handle);
  expect((await refusal(data)).kind).toBe("damaged");
});

test("a row of a small table that is damaged is damage, too", async () => {
  const data = testFolder();
  const { storage } = await openTestStorage(data);
  await storage.write(turn(1, { records: [{ kind: "createTopic", topic: storedTopic("orders", 1) }] }));
  await storage.close();
  const db = new Database(join(data, "brooklet.db"));
  db.exec("UPDATE topics SET configs = '{'");
  db.close();
  expect((await refusal(data)).kind).toBe("damaged");
});

test("a creation that was cut short is finished by the next start", async () => {
  const data = testFolder();
  writeFileSync(join(data, "brooklet.db"), "");
  await (await openTestStorage(data)).storage.close();
  expect((await openTestStorage(data)).state.topics).toEqual([]);
});

test("a folder that cannot be made is refused with the cause", async () => {
  const data = join(testFolder(), "file");
  writeFileSync(data, "");
  const error = await refusal(join(data, "below"));
  expect(error.kind).toBe("denied");
  expect(error.message).toContain("choose another data folder");
});

test("a read-only folder is refused", async (context) => {
  const data = testFolder();
  await (await openTestStorage(data)).storage.close();
  if (process.getuid?.() === 0) {
    // Modes do not bind root; a read-only mount does.
    const mounted = join(testFolder(), "mounted");
    mkdirSync(mounted);
    try {
      execFileSync("mount", ["--bind", data, mounted], { stdio: "ignore" });
      onTestFinished(() => void execFileSync("umount", [mounted]));
      execFileSync("mount", ["-o", "remount,bind,ro", mounted], { stdio: "ignore" });
    } catch {
      context.skip("as root this needs a read-only bind mount, which mount(8) refuses here");
    }
    expect((await refusal(mounted)).kind).toBe("denied");
    return;
  }
  chmodSync(data, 0o500);
  chmodSync(join(data, "brooklet.db"), 0o400);
  chmodSync(join(data, "brooklet.lock"), 0o400);
  expect((await refusal(data)).kind).toBe("denied");
  chmodSync(data, 0o700);
});

test("no data folder is a refusal, not a guess", async () => {
  const error = openTestStorage("unused", { data: undefined } as never);
  await expect(error).rejects.toMatchObject({ kind: "denied" });
  expect(systemClock.timers().size).toBe(0);
});
