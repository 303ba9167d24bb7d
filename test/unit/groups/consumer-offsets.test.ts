// The records of __consumer_offsets against the bytes of Kafka's own classes.

import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import {
  encodeOffsetKey,
  encodeOffsetValue,
  OffsetsTopicBatches,
  offsetsPartition,
} from "../../../server/src/groups/consumer-offsets.ts";
import { FakeOffsetsTopic, FakeTurns, GroupWorld } from "./group-world.ts";

interface KafkaRecord {
  group: string;
  topic: string;
  partition: number;
  offset: number;
  leaderEpoch: number;
  metadata: string;
  commitTimestampMs: number;
  topicId: string | null;
  key: string;
  value: string | null;
}

const records: KafkaRecord[] = JSON.parse(
  readFileSync(new URL("../../fixtures/kafka/offset-commit.json", import.meta.url), "utf8"),
);
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

test("keys and values are Kafka's", () => {
  expect(records.length).toBeGreaterThan(3);
  for (const record of records) {
    expect(hex(encodeOffsetKey({ ...record, groupId: record.group }))).toBe(record.key);
    if (record.value === null) continue;
    const value = encodeOffsetValue({
      ...record,
      committedAtMs: record.commitTimestampMs,
      topicId: record.topicId ?? "",
    });
    expect(hex(value)).toBe(record.value);
  }
});

test("a group's partition follows Java's String.hashCode", () => {
  expect(offsetsPartition("", 50)).toBe(0);
  // "Aa" and "BB" hash to 2112.
  expect(offsetsPartition("Aa", 50)).toBe(2112 % 50);
  expect(offsetsPartition("BB", 50)).toBe(2112 % 50);
  // Its hash is Integer.MIN_VALUE, which has no absolute value.
  expect(offsetsPartition("polygenelubricants", 50)).toBe(0);
  // "billing" hashes to -109829509.
  expect(offsetsPartition("billing", 50)).toBe(109_829_509 % 50);
});

test("one batch per turn and partition, in the turn of its commits", async () => {
  const world = new GroupWorld();
  const commit = (groupId: string) =>
    world.coordinator.commitOffsets({
      groupId,
      offsets: [
        { topic: "orders", partition: 0, offset: 1 },
        { topic: "orders", partition: 1, offset: 2 },
      ],
    });
  const done = [commit("Aa"), commit("BB"), commit("billing")];
  world.turns.seal();
  expect(world.offsetsTopic.batches.map(({ partition, records: items }) => [partition, items.length])).toEqual([
    [2112 % 50, 4],
    [109_829_509 % 50, 2],
  ]);
  const kinds = world.turns.inFlight[0]?.flatMap(({ changes, essential }) =>
    changes.map(({ kind }) => [kind, essential]),
  );
  expect(kinds?.filter(([kind]) => kind === "putOffset")).toHaveLength(6);
  expect(world.turns.inFlight[0]?.every(({ essential }) => essential)).toBe(true);
  world.turns.complete();
  await Promise.all(done);
  world.turns.requestTurn();
  world.turns.seal();
  expect(world.offsetsTopic.batches).toHaveLength(2);
});

test("a failed turn's records are forgotten with its commits", async () => {
  const world = new GroupWorld();
  const done = world.coordinator.commitOffsets({
    groupId: "billing",
    offsets: [{ topic: "orders", partition: 0, offset: 1 }],
  });
  done.catch(() => {});
  world.turns.fail();
  await expect(done).rejects.toMatchObject({ code: "STORAGE_FULL" });
  world.turns.requestTurn();
  world.turns.seal();
  expect(world.offsetsTopic.batches).toEqual([]);
});

test("a deleted topic's offsets get tombstones", async () => {
  const world = new GroupWorld();
  const w1 = world.member("w1");
  await w1.join();
  await w1.commit([{ partition: 0, offset: 1 }]);
  world.offsetsTopic.batches.length = 0;
  world.catalog.delete("orders");
  world.turns.flush();
  const [batch] = world.offsetsTopic.batches;
  expect(batch?.records.map(({ key, value }) => [hex(key), value])).toEqual([
    [hex(encodeOffsetKey({ groupId: "billing", topic: "orders", partition: 0 })), null],
  ]);
});

test("a commit of many partitions becomes several batches that can be handed out", () => {
  const turns = new FakeTurns();
  const writer = new FakeOffsetsTopic();
  const batches = new OffsetsTopicBatches(writer, turns);
  for (let index = 0; index < 20; index++)
    batches.add("billing", { key: new Uint8Array(10), value: new Uint8Array(100 * 1024) });
  batches.seal();
  expect(writer.batches.map(({ records: items }) => items.length)).toEqual([5, 5, 5, 5]);
});
