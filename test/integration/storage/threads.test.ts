// The threads executor over a real file: writes, reads, background work, a dying thread, a clean end.

import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { systemClock, type Timers } from "@brooklet/protocol/world";
import { expect, onTestFinished, test } from "vitest";
import { connect } from "../../../server/src/storage/sqlite/connection.ts";
import {
  type Change,
  StorageCorruptionError,
  type StoredBatch,
  type Turn,
} from "../../../server/src/storage/storage.ts";
import { CommitQueue } from "../../../server/src/storage/turns.ts";
import { openTestStorage, silentLogger, testFolder } from "../../support/storage-on-file.ts";
import { append, putCounter, storedBatch, storedTopic, turn } from "../../support/stored.ts";

const topic = { kind: "createTopic", topic: storedTopic("orders", 1, 2) } as const;
const all = { fromOffset: 0, endOffset: 1_000_000, maxBytes: 1_000_000_000 };

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise<void>((resolve) => systemClock.defer(resolve));
}

test.each(["disk", "process"] as const)(
  "at level %s what is durable is read, and is there after a restart",
  async (durability) => {
    const data = testFolder();
    const { storage, state } = await openTestStorage(data, { durability });
    expect(state).toMatchObject({ topics: [], logEnds: [], offsets: [], groups: [], bootEpoch: 0 });
    expect(storage).toMatchObject({ durability, dataFile: join(data, "brooklet.db") });
    const verdicts = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        storage.write(
          turn(index + 1, {
            records: [
              ...(index === 0 ? [topic] : []),
              append(1, index, { valueBytes: 100 * index }),
              putCounter("a", index),
            ],
          }),
        ),
      ),
    );
    expect(verdicts.every((verdict) => verdict.outcome === "durable")).toBe(true);
    const expected = Array.from({ length: 20 }, (_, index) => storedBatch(1, index, { valueBytes: 100 * index }));
    const same = (read: readonly StoredBatch[]) => expect(read).toEqual(expected);
    same(await storage.read({ partitionId: 1, ...all }));
    expect(await storage.findByTimestamp({ partitionId: 1, ...all, timestampMs: 5 })).toEqual(expected[0]);
    expect(await storage.findMaxTimestamp({ partitionId: 2, ...all })).toBeUndefined();
    await storage.close();
    // Emptied into the file and removed with the last connection.
    expect(readdirSync(data).sort()).toEqual(["brooklet.db", "brooklet.lock", "brooklet.reserve"]);

    const again = await openTestStorage(data, { durability });
    expect(again.state).toMatchObject({
      clusterId: state.clusterId,
      bootEpoch: 0,
      counters: { a: 19 },
      topics: [topic.topic],
    });
    expect(again.state.logEnds).toEqual([{ partitionId: 1, logEndOffset: 20 }]);
    same(await again.storage.read({ partitionId: 1, ...all }));
  },
);

test("many reads at once are all answered", async () => {
  const { storage } = await openTestStorage(testFolder());
  await storage.write(turn(1, { records: [topic, ...Array.from({ length: 50 }, (_, index) => append(1, index))] }));
  const reads = await Promise.all(
    Array.from({ length: 100 }, (_, index) =>
      storage.read({ partitionId: 1, ...all, fromOffset: index % 50, maxBytes: 1 }),
    ),
  );
  expect(reads.map(([first]) => first?.baseOffset)).toEqual(Array.from({ length: 100 }, (_, index) => index % 50));
});

test("reads that wait when the storage closes are refused, every one of them", async () => {
  const { storage } = await openTestStorage(testFolder());
  await storage.write(turn(1, { records: [topic, append(1, 0)] }));
  const reads = Array.from({ length: 60 }, () =>
    storage.read({ partitionId: 1, ...all }).then(
      () => "read",
      (error: Error) => error.message,
    ),
  );
  await storage.close();
  expect(new Set(await Promise.all(reads))).toEqual(new Set(["read", "the storage is closed"]));
});

test("the WAL is checkpointed while the broker runs", async () => {
  const data = testFolder();
  const { storage } = await openTestStorage(data);
  const file = join(data, "brooklet.db");
  const sizeBefore = statSync(file).size;
  await storage.write(turn(1, { records: [topic, append(1, 0, { valueBytes: 2_000_000 })] }));
  await until(() => statSync(file).size > sizeBefore + 1_000_000);
});

test("batches of a deleted topic go in the background, also when a restart comes in between", async () => {
  const data = testFolder();
  const rows = () => {
    const db = connect(join(data, "brooklet.db"), "process");
    const count = db.prepare("SELECT count(*) FROM batches").pluck().get();
    db.close();
    return count;
  };
  const { storage } = await openTestStorage(data);
  const batches = Array.from({ length: 500 }, (_, index) => append(1, index));
  await storage.write(turn(1, { records: [topic, ...batches] }));
  await storage.write(turn(2, { records: [{ kind: "deleteTopic", topicId: "orders-id" }] }));
  await storage.close();
  expect(rows()).toBeGreaterThan(0);
  const again = await openTestStorage(data);
  expect(again.state.topics).toEqual([]);
  await until(() => rows() === 0);
});

test("a damaged batch fails its own reads and no others", async () => {
  const data = testFolder();
  const { storage } = await openTestStorage(data);
  await storage.write(turn(1, { records: [topic, append(1, 0), append(1, 1), append(2, 0)] }));
  await storage.close();
  const db = connect(join(data, "brooklet.db"), "process");
  const bytes = storedBatch(1, 1).bytes;
  bytes[70] = (bytes[70] as number) ^ 1;
  db.prepare("UPDATE batches SET bytes = ? WHERE partition_id = 1 AND base_offset = 1").run(bytes);
  db.close();

  const again = await openTestStorage(data);
  expect(await again.storage.read({ partitionId: 1, ...all })).toHaveLength(1);
  const refused = again.storage.read({ partitionId: 1, ...all, fromOffset: 1 });
  await expect(refused).rejects.toBeInstanceOf(StorageCorruptionError);
  await expect(refused).rejects.toMatchObject({ partitionId: 1, baseOffset: 1 });
  await expect(refused).rejects.toThrow("offsets 1 to 1 of orders-0");
  expect(await again.storage.read({ partitionId: 2, ...all })).toHaveLength(1);
  expect(await again.storage.write(turn(1, { records: [append(2, 1)] }))).toEqual({ outcome: "durable" });
});

test("a call that makes no sense is refused and stops nothing", async () => {
  const { storage } = await openTestStorage(testFolder());
  await expect(storage.read({ partitionId: 1, ...all, fromOffset: {} as never })).rejects.toThrow();
  await expect(storage.read({ partitionId: 1, ...all, fromOffset: (() => 1) as never })).rejects.toThrow();
  expect(await storage.read({ partitionId: 1, ...all })).toEqual([]);
});

test("a thread that dies stops the storage: what it had is unknown, nothing is written any more", async () => {
  const data = testFolder();
  const { storage } = await openTestStorage(data, { durability: "process" });
  const causes: Error[] = [];
  const queue = new CommitQueue({
    storage,
    clock: systemClock,
    logger: silentLogger,
    onStopped: (cause) => causes.push(cause),
  });
  // A list that becomes nothing on its way cannot be unpacked at the other end.
  const deadly: Turn["parts"][number]["changes"] = Object.assign([putCounter("b", 1)], {
    map: () => undefined as never,
  });
  const codes: string[] = [];
  const stage = (changes: Turn["parts"][number]["changes"]) =>
    queue.stage({
      essential: false,
      changes,
      durable: () => codes.push("durable"),
      failed: (error) => codes.push(error.code),
    });
  stage([topic]);
  await queue.drain();
  stage(deadly);
  await until(() => codes.length === 2);
  stage([putCounter("a", 1)]);
  await queue.drain();
  expect(codes).toEqual(["durable", "KAFKA_STORAGE_ERROR", "KAFKA_STORAGE_ERROR"]);
  expect(causes).toHaveLength(1);
  expect((await storage.failed).message).toContain("the writer thread ended");
  queue.close();
  await storage.close();
  // Not a clean end, and below `disk`.
  expect((await openTestStorage(data)).state).toMatchObject({ bootEpoch: 1, counters: {}, topics: [topic.topic] });
});

test("close waits for the turns under way and refuses later ones", async () => {
  const data = testFolder();
  const { storage } = await openTestStorage(data);
  const first = storage.write(turn(1, { records: [topic, append(1, 0, { valueBytes: 3_000_000 })] }));
  const closed = storage.close();
  expect(await storage.write(turn(2, { records: [append(1, 1)] }))).toMatchObject({ outcome: "failed" });
  await expect(storage.read({ partitionId: 1, ...all })).rejects.toThrow("the storage is closed");
  await closed;
  await storage.close();
  expect(await first).toEqual({ outcome: "durable" });
  expect((await openTestStorage(data)).state.logEnds).toEqual([{ partitionId: 1, logEndOffset: 1 }]);
});

test("batches go only after the broker was told that their log start has moved: a read that finds them gone is explained", async () => {
  const data = testFolder();
  // The test says when a step of the background work runs.
  const steps: (() => void)[] = [];
  const timers: Timers = {
    schedule: (key, _, run) => void (key === "step" && steps.push(() => run(0))),
    cancel() {},
    has: () => steps.length > 0,
    close() {},
    size: 0,
  };
  const { storage } = await openTestStorage(data, { clock: { ...systemClock, timers: () => timers } });
  const move = (partitionId: number): Change => ({
    kind: "moveLogStart",
    partitionId,
    logStartOffset: 1,
    firstSegmentOffset: 1,
  });
  await storage.write(turn(1, { records: [topic, append(1, 0), append(2, 0)] }));
  await storage.write(turn(2, { records: [move(1)] }));
  const look = connect(join(data, "brooklet.db"), "process");
  onTestFinished(() => void look.close());
  const left = look.prepare("SELECT count(*) FROM batches WHERE partition_id = ?").pluck();
  const start = look.prepare("SELECT log_start_offset FROM partitions WHERE partition_id = 2").pluck();
  const trimmed = look.prepare("SELECT count(*) FROM trimmed_partitions").pluck();
  await until(() => {
    if (trimmed.get() !== 0) steps.shift()?.();
    return trimmed.get() === 0 && steps.length > 0;
  });

  const told = storage.write(turn(3, { records: [move(2)] }));
  steps.shift()?.();
  // Nobody can be told anything while this thread looks.
  while (start.get() !== 1);
  for (let looks = 0; looks < 5000; looks++) expect(left.get(2)).toBe(1);
  expect(await told).toEqual({ outcome: "durable" });
  await until(() => {
    steps.shift()?.();
    return left.get(1) === 0 && left.get(2) === 0;
  });
});
