// A topic that is deleted and created again while a group reads it and a producer writes to it, over real sockets: nobody is
// handed a record of the one for the other, a commit for the old one is refused, and both go on with the new one.

import { Admin, Consumer, type ConsumerRecord, Producer, string } from "@brooklet/client";
import { expect, test } from "vitest";
import { startBrokerProcess } from "../../support/children/processes.ts";
import { eventually } from "../../support/eventually.ts";
import { Feed } from "../../support/feed.ts";
import { testFolder } from "../../support/storage-on-file.ts";

const PARTITIONS = 2;
const RECORDS = 200;
const topic = "orders";
const partitions = Array.from({ length: PARTITIONS }, (_, partition) => ({ topic, partition }));

const written = ({ partition, offset, value }: ConsumerRecord<string, string>) => ({ partition, offset, value });

test("a topic deleted and created again under a reader and a producer is another topic for both", async () => {
  // Who creates it again is the test alone.
  const broker = await startBrokerProcess({ data: testFolder(), settings: { "auto.create.topics.enable": false } });
  const common = { "bootstrap.servers": broker.server, "retry.backoff.max.ms": 100 };
  const reading = {
    ...common,
    "key.deserializer": string,
    "value.deserializer": string,
    "auto.offset.reset": "earliest",
  } as const;
  await using admin = new Admin(common);
  const [created] = await admin.createTopics([{ topic, partitions: PARTITIONS }]);
  await using producer = new Producer<string, string>({
    ...common,
    "key.serializer": string,
    "value.serializer": string,
  });
  await using consumer = new Consumer<string, string>({
    ...reading,
    "group.id": "billing",
    "enable.auto.commit": false,
  });
  await using byHand = new Consumer<string, string>(reading);
  consumer.subscribe([topic]);
  byHand.assign(partitions);
  await using feed = new Feed(producer, { topic, partitions: PARTITIONS, inFlight: 8 });
  const seen: ConsumerRecord<string, string>[] = [];
  while (seen.length < RECORDS) seen.push(...(await consumer.poll(100)));
  expect((await byHand.poll(10_000)).length).toBeGreaterThan(0);
  expect(await consumer.commit()).toHaveLength(PARTITIONS);

  const sentBefore = feed.sent;
  await admin.deleteTopics([topic]);
  const [recreated] = await admin.createTopics([{ topic, partitions: PARTITIONS }]);
  expect(recreated?.topicId).not.toBe(created?.topicId);
  await eventually(() => feed.sent > sentBefore + RECORDS, "the producer goes on by itself");

  // The consumer has not polled since: its positions are the old topic's, and mean nothing in the new one.
  await expect(consumer.commit()).rejects.toMatchObject({
    name: "CommitFailedError",
    code: "UNKNOWN_TOPIC_ID",
    definite: true,
    partitions: expect.arrayContaining(partitions),
  });
  expect(await admin.listGroupOffsets("billing")).toEqual([]);
  const pollByHand = (async () => {
    for (;;) for (const record of await byHand.poll(100)) expect(Number(record.value)).toBeLessThan(sentBefore);
  })();
  await expect(pollByHand).rejects.toMatchObject({ code: "UNKNOWN_TOPIC_ID" });

  await feed.stop();
  expect(feed.failed).toEqual([]);
  await using fresh = new Consumer<string, string>(reading);
  fresh.assign(partitions);
  const ends = await fresh.endOffsets(partitions);
  const total = ends.reduce((sum, { offset }) => sum + offset, 0);
  expect(total).toBeGreaterThan(RECORDS / 2);
  const log: ConsumerRecord<string, string>[] = [];
  while (log.length < total) log.push(...(await fresh.poll(1_000)));
  const [before, after]: ConsumerRecord<string, string>[][] = [seen, []];
  const newValues = new Set(log.map(({ value }) => value));
  while ((after?.length ?? 0) < total) {
    for (const record of await consumer.poll(1_000)) (newValues.has(record.value) ? after : before)?.push(record);
  }
  // Of each topic every partition in order, from its first record, without a gap; of the new one exactly its log.
  for (const records of [before, after]) {
    for (const { partition } of partitions) {
      const offsets = records?.filter((one) => one.partition === partition).map(({ offset }) => offset) ?? [];
      expect(offsets).toEqual(offsets.map((_, index) => index));
    }
  }
  for (const { partition } of partitions) {
    const of = (records: ConsumerRecord<string, string>[] = []) =>
      records.filter((one) => one.partition === partition).map(written);
    expect(of(after)).toEqual(of(log));
    // The producer kept its order across the two, and sent nothing twice.
    const values = log.filter((one) => one.partition === partition).map(({ value }) => Number(value));
    expect(values).toEqual(values.map((_, index) => (values[0] ?? 0) + index * PARTITIONS));
  }
  expect(before?.filter(({ value }) => newValues.has(value))).toEqual([]);
  expect(await consumer.commit()).toHaveLength(PARTITIONS);
});
