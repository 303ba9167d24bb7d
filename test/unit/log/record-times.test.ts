// When the record at an offset was written: from the cache, from the storage, and when nobody can say.

import { expect, test } from "vitest";
import { batchOf, LogUnderTest } from "./log-under-test.ts";

async function written(settings: ConstructorParameters<typeof LogUnderTest>[0] = {}) {
  const at = new LogUnderTest({ "log.retention.ms": -1, ...settings });
  const topicId = await at.create("orders", 2);
  await at.produce("orders", batchOf(["a", "b"], { timestamps: [1000, 2000] }));
  await at.produce("orders", batchOf(["c"], { timestamps: [3000] }));
  await at.produce("orders", batchOf(["d"], { timestamps: [-1] }));
  const timeAt = (offset: number, partition = 0) => at.during(at.log.recordTimes.at(topicId, partition, offset));
  return { at, topicId, timeAt };
}

test.each([
  ["from the tail cache", {}, 0],
  ["from the storage", { "tail.cache.bytes": 0 }, 1],
])("the largest timestamp of the batch at the offset, %s", async (_, settings, reads) => {
  const { at, timeAt } = await written(settings);
  let calls = 0;
  const { read } = at.storage;
  at.storage.read = (request) => {
    calls++;
    return read.call(at.storage, request);
  };
  expect([await timeAt(0), await timeAt(1), await timeAt(2)]).toEqual([2000, 2000, 3000]);
  expect(calls).toBe(3 * reads);
  // A consumer that stands still is looked up once.
  expect(await timeAt(1)).toBe(2000);
  expect(calls).toBe(3 * reads);
});

test("unknown where nothing visible is, without a timestamp, and behind damage", async () => {
  const { at, timeAt, topicId } = await written({ "tail.cache.bytes": 0 });
  expect([await timeAt(3), await timeAt(4), await timeAt(-1), await timeAt(0, 1), await timeAt(0, 2)]).toEqual([
    undefined,
    undefined,
    undefined,
    undefined,
    undefined,
  ]);
  at.damage(1, 2);
  expect(await timeAt(2)).toBeUndefined();
  expect(await timeAt(0)).toBe(2000);
  await at.during(at.log.deleteTopics({ topics: ["orders"] }));
  expect(await at.log.recordTimes.at(topicId, 0, 0)).toBeUndefined();
});

test("records that are not durable have no time yet", async () => {
  const at = new LogUnderTest({ "log.retention.ms": -1 });
  const topicId = await at.create("orders");
  at.storage.hold();
  const produced = at.log.produce(-1, [{ topic: "orders", partition: 0, batches: batchOf(["a"]) }]);
  await at.clock.advance(10);
  expect(await at.log.recordTimes.at(topicId, 0, 0)).toBeUndefined();
  at.storage.release();
  await at.during(produced);
  expect(await at.log.recordTimes.at(topicId, 0, 0)).toBe(1000);
});
