// The inline executor on the simulated clock, and the removal of deleted batches.

import { join } from "node:path";
import { expect, test } from "vitest";
import { connect } from "../../../server/src/storage/sqlite/connection.ts";
import { InlineStorage } from "../../../server/src/storage/sqlite/inline.ts";
import { loadState } from "../../../server/src/storage/sqlite/load-state.ts";
import type { TurnVerdict } from "../../../server/src/storage/storage.ts";
import { SimulatedClock } from "../../support/simulated-clock.ts";
import { testDatabase, testFolder } from "../../support/storage-on-file.ts";
import { append, putCounter, storedTopic, turn } from "../../support/stored.ts";

test("nothing is written before the clock's next pass", async () => {
  const clock = new SimulatedClock();
  const db = testDatabase();
  const storage = new InlineStorage({ db, durability: "memory", clock });
  let verdict: TurnVerdict | undefined;
  void storage.write(turn(1, { records: [putCounter("a", 1)] })).then((got) => {
    verdict = got;
  });
  expect(loadState(db).counters).toEqual({});
  await clock.advance(0);
  expect(verdict).toEqual({ outcome: "durable" });
  expect(loadState(db).counters).toEqual({ a: 1 });
});

test("writes keep their order whatever the injected delays are", async () => {
  const delayed: (() => void)[] = [];
  const db = testDatabase();
  const storage = new InlineStorage({
    db,
    durability: "memory",
    clock: new SimulatedClock(),
    delay: (run) => void delayed.push(run),
  });
  const order: number[] = [];
  for (const number of [1, 2, 3]) {
    void storage.write(turn(number, { records: [putCounter("a", number)] })).then(() => order.push(number));
  }
  for (const run of delayed.reverse()) run();
  await Promise.resolve().then(() => {});
  expect(order).toEqual([1, 2, 3]);
  expect(loadState(db).counters).toEqual({ a: 3 });
});

test("close waits for the writes under way, refuses later ones, and leaves no timer", async () => {
  const clock = new SimulatedClock();
  const storage = new InlineStorage({ db: testDatabase(), durability: "memory", clock });
  void storage.write(turn(1, { records: [{ kind: "createTopic", topic: storedTopic("orders", 1) }, append(1, 0)] }));
  const last = storage.write(turn(2, { records: [{ kind: "deleteTopic", topicId: "orders-id" }] }));
  const closed = storage.close();
  expect(await storage.write(turn(3, { records: [] }))).toEqual({
    outcome: "failed",
    message: "the storage is closed",
  });
  await clock.advance(0);
  expect(await last).toEqual({ outcome: "durable" });
  await closed;
  expect(clock.liveTimers).toBe(0);
  const late = storage.read({ partitionId: 1, fromOffset: 0, endOffset: 1, maxBytes: 1 });
  const refused = expect(late).rejects.toThrow("the storage is closed");
  await clock.advance(0);
  await refused;
});

test("batches of a deleted topic go step by step, their pages back to the file system; a restart goes on", async () => {
  const clock = new SimulatedClock();
  const file = join(testFolder(), "test.db");
  const pages = () => Number(connect(file, "process").pragma("page_count", { simple: true }));
  const rows = () => connect(file, "process").prepare("SELECT count(*) FROM batches").pluck().get();
  const storage = new InlineStorage({ db: testDatabase(file), durability: "process", clock });
  const batches = Array.from({ length: 300 }, (_, index) => append(1, index, { valueBytes: 14_000 }));
  const written = storage.write(
    turn(1, { records: [{ kind: "createTopic", topic: storedTopic("orders", 1, 2) }, ...batches, append(2, 0)] }),
  );
  await clock.advance(0);
  expect(await written).toEqual({ outcome: "durable" });
  void storage.write(turn(2, { records: [{ kind: "createTopic", topic: storedTopic("kept", 3) }, append(3, 0)] }));
  void storage.write(turn(3, { records: [{ kind: "deleteTopic", topicId: "orders-id" }] }));
  await clock.advance(0);
  expect(rows()).toBe(302);
  await clock.advance(10);
  expect(rows()).toBe(302 - 256);
  await storage.close();
  const full = pages();

  const again = new InlineStorage({ db: testDatabase(file), durability: "process", clock });
  await clock.advance(1000);
  expect(rows()).toBe(1);
  expect(pages()).toBeLessThan(full / 4);
  await again.close();
  expect(clock.liveTimers).toBe(0);
});
