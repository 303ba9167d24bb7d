// SIGKILL of the broker process, again and again at random moments, while the SDK produces and consumes: restarted on the
// same folder and port, both go on by themselves. Nothing acknowledged is lost, nothing is doubled, order is kept.

import { Admin, Consumer, type ConsumerRecord, Producer, string } from "@brooklet/client";
import { expect, test } from "vitest";
import { startBrokerProcess } from "../../support/children/processes.ts";
import { eventually } from "../../support/eventually.ts";
import { Feed, placeOf } from "../../support/feed.ts";
import { simulatedRandom } from "../../support/simulated-random.ts";
import { testFolder } from "../../support/storage-on-file.ts";

const PARTITIONS = 6;
const ROUNDS = 3;
/** Sends under way: many batches of all partitions, several requests at a time. */
const IN_FLIGHT = 200;
/** Small enough that a partition has several batches under way. */
const BATCH_BYTES = 400;
const MAX_ACKNOWLEDGED_PER_ROUND = 3_000;
const topic = "orders";
const groupId = "billing";
const random = simulatedRandom(20_261_122);

test.each(["disk", "process"] as const)(
  "SIGKILL of the broker at level %s: producer and consumer go on; nothing acknowledged is lost, nothing doubled",
  async (durability) => {
    const data = testFolder();
    let broker = await startBrokerProcess({ data, durability });
    const { port, server } = broker;
    const quickly = { "bootstrap.servers": server, "reconnect.backoff.max.ms": 100, "retry.backoff.max.ms": 100 };
    await using admin = new Admin({ "bootstrap.servers": server });
    await admin.createTopics([{ topic, partitions: PARTITIONS }]);
    await using producer = new Producer<string, string>({
      ...quickly,
      "key.serializer": string,
      "value.serializer": string,
      "batch.size": BATCH_BYTES,
    });
    await using consumer = new Consumer<string, string>({
      ...quickly,
      "key.deserializer": string,
      "value.deserializer": string,
      "group.id": groupId,
      "auto.offset.reset": "earliest",
      "enable.auto.commit": false,
    });
    const rebalances: unknown[] = [];
    consumer.on("rebalance", (detail) => rebalances.push(detail));
    consumer.subscribe([topic]);
    await consumer.ready();

    const delivered: ConsumerRecord<string, string>[] = [];
    await using feed = new Feed(producer, { topic, partitions: PARTITIONS, inFlight: IN_FLIGHT });
    const reading = new AbortController();
    const consuming = (async () => {
      while (!reading.signal.aborted || delivered.length < feed.acknowledged.size) {
        delivered.push(...(await consumer.poll(100)));
      }
    })();
    consuming.catch(() => {});

    for (let round = 0; round < ROUNDS; round++) {
      const target = feed.acknowledged.size + 1 + Math.floor(random.next() * MAX_ACKNOWLEDGED_PER_ROUND);
      await eventually(() => feed.acknowledged.size >= target, `round ${round}: ${target} records are acknowledged`);
      expect(await broker.end("SIGKILL")).toBe("SIGKILL");
      broker = await startBrokerProcess({ data, durability, port });
    }
    const target = feed.acknowledged.size + IN_FLIGHT;
    await eventually(() => feed.acknowledged.size >= target, "the producer goes on after the last restart");
    await feed.stop();
    reading.abort();
    await consuming;

    // Every send was acknowledged in the end, at a place of its own, in order per partition.
    expect(feed.failed).toEqual([]);
    expect(feed.acknowledged.size).toBe(feed.sent);
    const ends = await consumer.endOffsets(
      Array.from({ length: PARTITIONS }, (_, partition) => ({ topic, partition })),
    );
    expect(ends.reduce((sum, { offset }) => sum + offset, 0)).toBe(feed.sent);
    for (const { partition, offset } of ends) {
      const values = Array.from({ length: offset }, (_, at) => Number(feed.acknowledged.get(`${partition}:${at}`)));
      expect(values).toEqual(Array.from({ length: offset }, (_, at) => at * PARTITIONS + partition));
    }

    // The consumer, in one membership over all restarts, got each of them once, and what it got is what was acknowledged.
    expect(delivered.length).toBe(feed.sent);
    expect(new Map(delivered.map((record) => [placeOf(record), record.value]))).toEqual(feed.acknowledged);
    const next = new Map<number, number>();
    for (const { partition, offset } of delivered) {
      expect(offset).toBe(next.get(partition) ?? 0);
      next.set(partition, offset + 1);
    }
    expect(rebalances.length).toBe(1);
  },
);
