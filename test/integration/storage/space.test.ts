// Room is given back while the storage runs: after a log start moved, and after a topic was deleted, the data file shrinks and
// the WAL stays small, while turns go on.

import { statSync } from "node:fs";
import { join } from "node:path";
import { sleep, systemClock } from "@brooklet/protocol/world";
import { expect, test } from "vitest";
import { connect } from "../../../server/src/storage/sqlite/connection.ts";
import type { Change } from "../../../server/src/storage/storage.ts";
import { eventually } from "../../support/eventually.ts";
import { openTestStorage, testFolder } from "../../support/storage-on-file.ts";
import { append, putCounter, storedTopic, turn } from "../../support/stored.ts";

const MIB = 1024 * 1024;
const BATCHES = 96;
const KEPT = 4;

const moveLogStart = (logStartOffset: number): Change => ({
  kind: "moveLogStart",
  partitionId: 1,
  logStartOffset,
  firstSegmentOffset: logStartOffset,
});

test.each<[string, Change, number]>([
  ["a log start that moves", moveLogStart(BATCHES - KEPT), KEPT + 1],
  ["a deleted topic", { kind: "deleteTopic", topicId: "orders-id" }, 1],
])("%s gives its room back while turns go on", async (_, change, rowsLeft) => {
  const data = testFolder();
  const { storage } = await openTestStorage(data);
  const file = join(data, "brooklet.db");
  let number = 0;
  const write = async (records: Change[]) => {
    number += 1;
    expect(await storage.write(turn(number, { records }))).toEqual({ outcome: "durable" });
  };
  await write([
    { kind: "createTopic", topic: storedTopic("orders", 1) },
    { kind: "createTopic", topic: storedTopic("kept", 2) },
  ]);
  for (let offset = 0; offset < BATCHES; offset += 4)
    await write([0, 1, 2, 3].map((next) => append(1, offset + next, { valueBytes: MIB / 2 })));
  // The last page of the file is one that stays.
  await write([append(2, 0, { valueBytes: MIB })]);
  await eventually(() => statSync(file).size > (BATCHES / 2) * MIB, "the checkpoint of all of it");

  let walBytes = 0;
  let going = true;
  const turns = (async () => {
    for (let count = 0; going; count++) {
      await write([putCounter("count", count)]);
      walBytes = Math.max(walBytes, storage.stats().walBytes);
      // Gaps for checkpoints, as load has them; turns without any gap fill the WAL up to its cap.
      await sleep(systemClock, 20);
    }
  })();
  await write([change]);
  const look = connect(file, "process");
  const freePages = () => look.pragma("freelist_count", { simple: true });
  await eventually(
    () => freePages() === 0 && storage.stats().databaseBytes < (KEPT + 4) * MIB,
    "every free page given back, and the file shrinking",
  );
  look.close();
  going = false;
  await turns;
  expect(walBytes).toBeLessThan(80 * MIB);
  expect(storage.stats().databaseBytes).toBe(statSync(file).size);
  await storage.close();

  const db = connect(file, "process");
  expect(db.prepare("SELECT count(*) FROM batches").pluck().get()).toBe(rowsLeft);
  expect(db.pragma("freelist_count", { simple: true })).toBe(0);
  expect(db.pragma("integrity_check", { simple: true })).toBe("ok");
  expect(db.prepare("SELECT count(*) FROM trimmed_partitions").pluck().get()).toBe(0);
  db.close();
});

test("a removal that a restart interrupts goes on", async () => {
  const data = testFolder();
  const { storage } = await openTestStorage(data);
  await storage.write(turn(1, { records: [{ kind: "createTopic", topic: storedTopic("orders", 1) }] }));
  for (let number = 2; number < 10; number++)
    await storage.write(turn(number, { records: [append(1, number - 2, { valueBytes: 2 * MIB })] }));
  await storage.write(turn(10, { records: [moveLogStart(7)] }));
  await storage.close();
  const before = statSync(join(data, "brooklet.db")).size;
  expect(before).toBeGreaterThan(10 * MIB);

  const { storage: again, state } = await openTestStorage(data);
  expect(state.topics[0]?.partitions[0]?.logStartOffset).toBe(7);
  await eventually(() => again.stats().databaseBytes < 5 * MIB, "the file shrinking");
  expect(await again.read({ partitionId: 1, fromOffset: 0, endOffset: 8, maxBytes: 1 })).toMatchObject([
    { baseOffset: 7 },
  ]);
});
