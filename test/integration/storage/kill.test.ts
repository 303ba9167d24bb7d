// SIGKILL of a process that writes: what it said to be durable is there afterwards, and no turn is there by half.

import { expect, test, vi } from "vitest";
import type { OpenedStorage } from "../../../server/src/storage/storage.ts";
import { startScript } from "../../support/child.ts";
import { openTestStorage, testFolder } from "../../support/storage-on-file.ts";
import { storedBatch } from "../../support/stored.ts";

const CYCLES = 3;
// Processes start slowly on a busy machine.
vi.setConfig({ testTimeout: 90_000 });

/** Reads everything and checks it; returns the last turn's number. */
async function checkWhole({ storage, state }: OpenedStorage): Promise<number> {
  const last = state.counters.last ?? -1;
  expect(state.logEnds).toEqual([
    { partitionId: 1, logEndOffset: last + 1 },
    { partitionId: 2, logEndOffset: last + 1 },
  ]);
  for (const partitionId of [1, 2]) {
    let next = 0;
    while (next <= last) {
      const batches = await storage.read({ partitionId, fromOffset: next, endOffset: last + 1, maxBytes: 1_000_000 });
      for (const batch of batches) {
        const valueBytes = partitionId === 1 ? (next * 37) % 5000 : 10;
        expect(batch.baseOffset).toBe(next);
        expect(Buffer.compare(batch.bytes, storedBatch(partitionId, next, { valueBytes }).bytes)).toBe(0);
        next += 1;
      }
      expect(batches.length).toBeGreaterThan(0);
    }
  }
  return last;
}

test.each(["disk", "process"] as const)(
  "after SIGKILL at level %s everything acknowledged is there, nothing is torn",
  async (level) => {
    const data = testFolder();
    let before = -1;
    for (let cycle = 0; cycle < CYCLES; cycle++) {
      const child = startScript("./writer-child.ts", import.meta.url, [data, level]);
      const wanted = before + 20 + cycle * 17;
      await child.line((line) => line === `durable ${wanted}`);
      child.kill("SIGKILL");
      expect(await child.exited).toBe("SIGKILL");

      const acknowledged = child.lines
        .filter((line) => line.startsWith("durable "))
        .map((line) => Number(line.slice(8)));
      const opened = await openTestStorage(data, { durability: level });
      // A level below `disk` that did not end cleanly may have lost records, as far as the next start can know.
      expect(opened.state.bootEpoch).toBe(level === "disk" ? 0 : cycle + 1);
      const last = await checkWhole(opened);
      expect(last).toBeGreaterThanOrEqual(Math.max(...acknowledged));
      expect(acknowledged).toEqual(Array.from(acknowledged, (_, index) => before + 1 + index));
      before = last;
      await opened.storage.close();
    }
  },
);

test("a folder whose holder was killed is free at once", async () => {
  const data = testFolder();
  const child = startScript("./writer-child.ts", import.meta.url, [data, "disk"]);
  await child.line((line) => line === "durable 1");
  const refused = openTestStorage(data);
  await expect(refused).rejects.toMatchObject({ name: "StorageOpenError", kind: "conflict" });
  await expect(refused).rejects.toThrow(`process id ${child.pid}`);
  await expect(refused).rejects.toThrow("http://127.0.0.1:4092");
  child.kill("SIGKILL");
  await child.exited;
  await openTestStorage(data);
});
