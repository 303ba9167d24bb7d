// What reaches the disk, seen from outside: how often a level syncs, and what a sync that fails or hangs does. Needs strace.

import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, type TestContext, test, vi } from "vitest";
import { startScript } from "../../support/child.ts";
import { openTestStorage, testFolder } from "../../support/storage-on-file.ts";

const TURNS = 40;
// Traced processes start slowly on a busy machine.
vi.setConfig({ testTimeout: 90_000 });

function needsStrace(context: TestContext): void {
  const { status } = spawnSync("strace", ["-f", "-e", "trace=fsync", "true"], { stdio: "ignore" });
  if (status !== 0) context.skip("strace is absent or may not trace here");
}

const traced = (output: string, ...more: string[]) => [
  ...["strace", "-f", "-qq", "-o", output, "-e", "trace=fsync,fdatasync", "-e", "signal=none"],
  ...more,
];

/** Syncs of a process that writes `TURNS` turns one after another and closes. */
async function countSyncs(level: string): Promise<number> {
  const folder = testFolder();
  const output = join(folder, "trace");
  const child = startScript(
    "./writer-child.ts",
    import.meta.url,
    [join(folder, "data"), level, `${TURNS}`, "1", "noCheckpoints"],
    traced(output),
  );
  expect(await child.exited).toBe(0);
  expect(child.lines).toContain(`durable ${TURNS - 1}`);
  return readFileSync(output, "utf8")
    .split("\n")
    .filter((line) => /\b(fsync|fdatasync)\(/.test(line)).length;
}

test("level disk syncs at least once for every acknowledged turn, level process does not", async (context) => {
  needsStrace(context);
  expect(await countSyncs("disk")).toBeGreaterThanOrEqual(TURNS);
  expect(await countSyncs("process")).toBeLessThan(TURNS);
});

test.each([8, 15])(
  "when sync %i of the writer fails, its turn is unknown, nothing is acknowledged after it, all before it is there",
  async (when, ...[context]) => {
    needsStrace(context as unknown as TestContext);
    const data = testFolder();
    // Created beforehand, so that the main thread syncs less often than the writer.
    await (await openTestStorage(data, { durability: "disk" })).storage.close();
    const inject = `inject=fsync,fdatasync:error=EIO:when=${when}+`;
    const child = startScript(
      "./writer-child.ts",
      import.meta.url,
      [data, "disk", "200", "1", "noCheckpoints"],
      traced(join(testFolder(), "trace"), "-e", inject),
    );
    expect(await child.exited).toBe(3);
    const said = child.lines.map((line) => line.split(" ")[0]);
    const firstFailure = said.indexOf("KAFKA_STORAGE_ERROR");
    expect(firstFailure).toBeGreaterThan(0);
    expect(said.slice(firstFailure)).not.toContain("durable");
    expect(child.lines.find((line) => line.startsWith("stopped"))).toMatch(/SQLITE_IOERR/);

    const acknowledged = said.filter((word) => word === "durable").length;
    const { state } = await openTestStorage(data, { durability: "disk" });
    // One turn at a time: the one whose sync failed may be there or not.
    expect(state.counters.last).toBeGreaterThanOrEqual(acknowledged - 1);
    expect(state.counters.last).toBeLessThanOrEqual(acknowledged);
  },
);

test("when the sync of a checkpoint fails, the storage stops: the next one would succeed without having written", async (context) => {
  needsStrace(context);
  const data = testFolder();
  await (await openTestStorage(data, { durability: "process" })).storage.close();
  // At this level turns are not synced; only the reader gets to so many syncs.
  const inject = "inject=fsync,fdatasync:error=EIO:when=8+";
  const child = startScript(
    "./writer-child.ts",
    import.meta.url,
    [data, "process", "1000000", "1"],
    traced(join(testFolder(), "trace"), "-e", inject),
  );
  expect(await child.exited).toBe(3);
  expect(child.lines.find((line) => line.startsWith("stopped"))).toMatch(/SQLITE_IOERR/);
});

test("while a sync hangs, the broker's thread runs and reads are answered", async (context) => {
  needsStrace(context);
  const data = testFolder();
  await (await openTestStorage(data, { durability: "disk" })).storage.close();
  // From some sync on, each takes a second.
  const inject = "inject=fsync,fdatasync:delay_enter=1000000:when=6+";
  const child = startScript(
    "./slow-sync-child.ts",
    import.meta.url,
    [data],
    traced(join(testFolder(), "trace"), "-e", inject),
  );
  expect(await child.exited).toBe(0);
  expect(child.lines).toEqual(["read while the write hung", "passes while the write hung: many", "durable"]);
});
