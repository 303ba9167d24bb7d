// A disk that is really full: a small tmpfs. Needs root and mount(8).

import { rmSync, statfsSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { systemClock } from "@brooklet/protocol/world";
import { expect, onTestFinished, test } from "vitest";
import type { Change } from "../../../server/src/storage/storage.ts";
import { CommitQueue } from "../../../server/src/storage/turns.ts";
import { eventually } from "../../support/eventually.ts";
import { SimulatedClock } from "../../support/simulated-clock.ts";
import { fill, smallDisk } from "../../support/small-disk.ts";
import { openTestStorage, silentLogger } from "../../support/storage-on-file.ts";
import { append, putOffset, storedTopic } from "../../support/stored.ts";

const MIB = 1024 * 1024;

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise<void>((resolve) => systemClock.defer(resolve));
}

/** Stages changes; resolves with "durable" or the error's code. */
function stager(queue: CommitQueue) {
  return (changes: Change[], essential = false) =>
    new Promise<string>((resolve) => {
      queue.stage({ essential, changes, durable: () => resolve("durable"), failed: (error) => resolve(error.code) });
    });
}

test("on a full disk records fail definitely, commits pass, reads go on; with room again records pass without a restart", async (context) => {
  const disk = smallDisk(context, 96);
  const data = join(disk, "data");
  writeFileSync(join(disk, "foreign"), new Uint8Array(40 * MIB).fill(1));
  const { storage } = await openTestStorage(data, { durability: "disk" });
  const stopped: Error[] = [];
  const queue = new CommitQueue({
    storage,
    clock: systemClock,
    logger: silentLogger,
    onStopped: (cause) => stopped.push(cause),
  });
  onTestFinished(() => queue.close());
  const stage = stager(queue);
  expect(await stage([{ kind: "createTopic", topic: storedTopic("orders", 1) }])).toBe("durable");
  await until(() => statSync(join(data, "brooklet.reserve"), { throwIfNoEntry: false })?.size === 16 * MIB);

  let end = 0;
  const produce = async () => {
    // The offset is assigned now and raised when durable, as the log does it.
    const outcome = await stage([append(1, end, { valueBytes: MIB })]);
    if (outcome === "durable") end += 1;
    return outcome;
  };
  let outcome = "durable";
  while (outcome === "durable") outcome = await produce();
  expect(outcome).toBe("STORAGE_FULL");
  expect(end).toBeGreaterThan(5);
  expect(queue.storageFull).toBe(true);

  for (let offset = 0; offset < 50; offset++)
    expect(await stage([putOffset("billing", 0, offset)], true)).toBe("durable");
  expect(await storage.read({ partitionId: 1, fromOffset: 0, endOffset: end, maxBytes: MIB * 100 })).toHaveLength(end);
  expect(queue.storageFull).toBe(true);

  rmSync(join(disk, "foreign"));
  await until(() => !queue.storageFull);
  expect(statSync(join(data, "brooklet.reserve")).size).toBe(16 * MIB);
  expect(await produce()).toBe("durable");
  expect(stopped).toEqual([]);
  await queue.drain();
  await storage.close();

  const { state } = await openTestStorage(data, { durability: "disk" });
  expect(state.logEnds).toEqual([{ partitionId: 1, logEndOffset: end }]);
  expect(state.offsets).toMatchObject([{ offset: 49 }]);
});

test("on a full disk a log start can move, and the room of what lies before it lets records in again", async (context) => {
  const disk = smallDisk(context, 112);
  const data = join(disk, "data");
  const { storage } = await openTestStorage(data, { durability: "process" });
  const stopped: Error[] = [];
  const onStopped = (cause: Error) => stopped.push(cause);
  const queue = new CommitQueue({ storage, clock: systemClock, logger: silentLogger, onStopped });
  onTestFinished(() => queue.close());
  const stage = stager(queue);
  expect(await stage([{ kind: "createTopic", topic: storedTopic("orders", 1) }])).toBe("durable");
  await until(() => statSync(join(data, "brooklet.reserve"), { throwIfNoEntry: false })?.size === 16 * MIB);
  let end = 0;
  while ((await stage([append(1, end, { valueBytes: MIB })])) === "durable") end += 1;
  expect(end).toBeGreaterThan(20);
  expect(queue.storageFull).toBe(true);

  const move = { kind: "moveLogStart", partitionId: 1, logStartOffset: end - 2, firstSegmentOffset: end - 2 } as const;
  // In a turn with records that find no room in any case: the move alone is stored.
  const [moved, refused] = await Promise.all([stage([move], true), stage([append(1, end, { valueBytes: 112 * MIB })])]);
  expect([moved, refused]).toEqual(["durable", "STORAGE_FULL"]);
  await until(() => !queue.storageFull);
  expect(await stage([append(1, end, { valueBytes: MIB })])).toBe("durable");
  expect(stopped).toEqual([]);
  const read = await storage.read({ partitionId: 1, fromOffset: 0, endOffset: end + 1, maxBytes: 100 * MIB });
  expect(read.map(({ baseOffset }) => baseOffset)).toEqual([end - 2, end - 1, end]);
});

test("the room that the WAL keeps for reuse is given up when the reserve needs it", async (context) => {
  const disk = smallDisk(context, 64);
  const data = join(disk, "data");
  const { storage } = await openTestStorage(data, { durability: "process" });
  const file = (name: string) => statSync(join(data, name), { throwIfNoEntry: false })?.size ?? 0;
  await until(() => file("brooklet.reserve") === 16 * MIB);
  const create: Change = { kind: "createTopic", topic: storedTopic("orders", 1) };
  const batches = Array.from({ length: 20 }, (_, offset) => append(1, offset, { valueBytes: MIB }));
  const write = (number: number, changes: Change[]) =>
    storage.write({ number, generation: 1, parts: [{ essential: false, changes }] });
  expect(await write(1, [create, ...batches])).toEqual({ outcome: "durable" });
  await until(() => file("brooklet.db") > 20 * MIB);
  await write(2, [{ kind: "moveLogStart", partitionId: 1, logStartOffset: 19, firstSegmentOffset: 19 }]);
  await until(() => file("brooklet.db") < 4 * MIB);
  expect(file("brooklet.db-wal")).toBeGreaterThan(20 * MIB);

  // As after a full disk: the reserve is gone, and too little is free to take it back.
  rmSync(join(data, "brooklet.reserve"));
  const { bavail, bsize } = statfsSync(disk);
  writeFileSync(join(disk, "foreign"), new Uint8Array(bavail * bsize - 20 * MIB).fill(1));
  // Asked again, as the queue does: the reader's checkpoint may be under way.
  await eventually(async () => (await storage.regainSpace?.()) === true, "the reserve is back");
  expect(file("brooklet.reserve")).toBe(16 * MIB);
  expect(await write(3, [append(1, 20, { valueBytes: MIB })])).toEqual({ outcome: "durable" });
});

test("a checkpoint does not take the room that commits need", async (context) => {
  const disk = smallDisk(context, 64);
  const data = join(disk, "data");
  // Checkpoints come when the test lets time pass: until then everything is in the WAL.
  const clock = new SimulatedClock();
  const { storage } = await openTestStorage(data, { durability: "process", clock });
  const queue = new CommitQueue({ storage, clock: systemClock, logger: silentLogger, onStopped() {} });
  onTestFinished(() => queue.close());
  const stage = stager(queue);
  expect(await stage([{ kind: "createTopic", topic: storedTopic("orders", 1) }])).toBe("durable");
  await until(() => statSync(join(data, "brooklet.reserve"), { throwIfNoEntry: false })?.size === 16 * MIB);
  let end = 0;
  while ((await stage([append(1, end, { valueBytes: MIB })])) === "durable") end += 1;
  expect(end).toBeGreaterThan(20);

  expect(await stage([putOffset("billing", 0, 0)], true)).toBe("durable");
  await clock.advance(100);
  // The reader answers in order: the checkpoint is over, or was left out.
  expect(await storage.read({ partitionId: 1, fromOffset: 0, endOffset: 1, maxBytes: 1 })).toHaveLength(1);
  for (let offset = 1; offset < 50; offset++)
    expect(await stage([putOffset("billing", 0, offset)], true)).toBe("durable");
});

test("a start on a full disk gives the reserve up and serves reads; without a reserve it says that the disk is full", async (context) => {
  const disk = smallDisk(context, 48);
  const data = join(disk, "data");
  const first = await openTestStorage(data, { durability: "disk" });
  const stage = stager(
    new CommitQueue({ storage: first.storage, clock: systemClock, logger: silentLogger, onStopped() {} }),
  );
  await stage([{ kind: "createTopic", topic: storedTopic("orders", 1) }, append(1, 0)]);
  await until(() => statSync(join(data, "brooklet.reserve"), { throwIfNoEntry: false })?.size === 16 * MIB);
  await first.storage.close();

  fill(join(disk, "foreign"));
  const again = await openTestStorage(data, { durability: "disk" });
  expect(await again.storage.read({ partitionId: 1, fromOffset: 0, endOffset: 1, maxBytes: 1 })).toHaveLength(1);
  await again.storage.close();

  rmSync(join(data, "brooklet.reserve"), { force: true });
  fill(join(disk, "more"));
  const refused = openTestStorage(data, { durability: "disk" });
  await expect(refused).rejects.toMatchObject({ name: "StorageOpenError", kind: "full" });
  await expect(refused).rejects.toThrow("free some space");
});
