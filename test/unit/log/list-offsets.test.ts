// Offsets by place and by time, exact to the record.

import type { ApiRequest } from "@brooklet/protocol";
import { expect, test } from "vitest";
import { batchOf, LogUnderTest } from "./log-under-test.ts";

type At = ApiRequest<"listOffsets">["partitions"][number]["at"];

async function lookUp(at: LogUnderTest, where: At, item: object = {}) {
  const partitions = [{ topic: "orders", partition: 0, at: where, ...item }];
  const [result] = await at.during(at.log.listOffsets({ isolation: "read_uncommitted", partitions }));
  return result;
}

/** Timestamps do not rise: 10 30 20 | 5 6 | 30 25. */
async function withRecords() {
  const at = new LogUnderTest();
  await at.create("orders");
  await at.produce("orders", batchOf(["a", "b", "c"], { timestamps: [10, 30, 20] }));
  await at.produce("orders", batchOf(["d", "e"], { timestamps: [5, 6] }));
  await at.produce("orders", batchOf(["f", "g"], { timestamps: [30, 25] }));
  return at;
}

test.each<[At, number, number, number]>([
  ["earliest", 0, -1, 0],
  ["latest", 7, -1, 0],
  ["maxTimestamp", 1, 30, 0],
  [0, 0, 10, 0],
  [10, 0, 10, 0],
  [11, 1, 30, 0],
  [30, 1, 30, 0],
  [31, -1, -1, -1],
])("%s is offset %d of %d", async (where, offset, timestamp, leaderEpoch) => {
  const at = await withRecords();
  expect(await lookUp(at, where)).toEqual({ topic: "orders", partition: 0, offset, timestamp, leaderEpoch });
});

test("where the broker stamps, its time is what is looked for, also after a restart", async () => {
  const at = new LogUnderTest({ "log.message.timestamp.type": "LogAppendTime" });
  await at.create("orders");
  const firstMs = at.clock.wallMs();
  await at.produce("orders", batchOf(["a", "b"], { timestamps: [10, 30] }));
  await at.clock.advance(1000);
  await at.produce("orders", batchOf(["c"], { timestamps: [20] }));
  const secondMs = (await lookUp(at, "maxTimestamp"))?.timestamp ?? 0;
  expect(secondMs).toBeGreaterThanOrEqual(firstMs + 1000);
  for (let round = 0; round < 2; round++) {
    expect(await lookUp(at, firstMs + 500)).toMatchObject({ offset: 2, timestamp: secondMs });
    expect(await lookUp(at, 31)).toMatchObject({ offset: 0 });
    expect(await lookUp(at, "maxTimestamp")).toMatchObject({ offset: 2, timestamp: secondMs });
    await at.restart();
  }
});

test.each<[At, number]>([
  ["earliest", 0],
  ["latest", 0],
  ["maxTimestamp", -1],
  [0, -1],
])("in an empty partition %s is %d", async (where, offset) => {
  const at = new LogUnderTest();
  await at.create("orders");
  expect((await lookUp(at, where))?.offset).toBe(offset);
});

test.each<[string, At, object, string]>([
  ["a negative timestamp", -5, {}, "INVALID_REQUEST"],
  ["no such topic", "latest", { topic: "missing" }, "UNKNOWN_TOPIC_OR_PARTITION"],
  ["no such partition", "latest", { partition: 5 }, "UNKNOWN_TOPIC_OR_PARTITION"],
  ["another topic's id", "latest", { topicId: "x" }, "UNKNOWN_TOPIC_ID"],
])("%s is an error of its item", async (_, where, item, code) => {
  const at = await withRecords();
  expect(await lookUp(at, where, item)).toMatchObject({ offset: -1, timestamp: -1, error: { code } });
});

test("records before the log start are not found, though their batch is", async () => {
  const at = await withRecords();
  at.sql("UPDATE partitions SET log_start_offset = 2");
  await at.restart();
  expect((await lookUp(at, "earliest"))?.offset).toBe(2);
  expect((await lookUp(at, 11))?.offset).toBe(2);
  expect(await lookUp(at, 21)).toMatchObject({ offset: 5, timestamp: 30 });
});

test("a topic that is deleted during the look-up is not answered for", async () => {
  const at = await withRecords();
  const find = at.storage.findByTimestamp.bind(at.storage);
  at.storage.findByTimestamp = async (request) => {
    const found = await find(request);
    await at.log.deleteTopics({ topics: ["orders"] });
    return found;
  };
  expect((await lookUp(at, 5))?.error?.code).toBe("UNKNOWN_TOPIC_ID");
});

test("a damaged batch fails the look-up that meets it, and says where it is", async () => {
  const at = await withRecords();
  at.damage(1, 0);
  const result = await lookUp(at, 11);
  expect(result?.error?.code).toBe("KAFKA_STORAGE_ERROR");
  expect(result?.error?.message).toContain("offset 0");
  expect((await lookUp(at, "latest"))?.offset).toBe(7);
});
