// Consumers and a log start that moves under them: by deleteRecords and by retention, with and without a reset policy.

import { Admin, Consumer, OffsetOutOfRangeError, Producer, string } from "@brooklet/client";
import { startBroker } from "@brooklet/server";
import { expect, onTestFinished, test } from "vitest";
import { eventually } from "../../support/eventually.ts";

const topic = "orders";
const at = { topic, partition: 0 };

async function withRecords(configs: Record<string, string> = {}) {
  const broker = await startBroker({ settings: { "log.retention.check.interval.ms": 20, "log.segment.bytes": 1024 } });
  onTestFinished(() => broker.close());
  const server = broker.url.replace("http://", "");
  const admin = new Admin({ "bootstrap.servers": server });
  onTestFinished(() => admin.close());
  await admin.createTopics([{ topic, partitions: 1, configs }]);
  const producer = new Producer({ "bootstrap.servers": server, "value.serializer": string });
  onTestFinished(() => producer.close());
  // One after the other: each is a batch of its own.
  for (let index = 0; index < 20; index++) await producer.send({ ...at, value: `${index}`.padEnd(300, ".") });
  const consumer = (policy: "earliest" | "latest" | "none") => {
    const made = new Consumer<string, string>({
      "bootstrap.servers": server,
      "auto.offset.reset": policy,
      "key.deserializer": string,
      "value.deserializer": string,
    });
    onTestFinished(() => made.close());
    made.assign([at]);
    return made;
  };
  return { admin, consumer, producer };
}

test("a position that deleteRecords left behind is reset to the new start, or to the end, or is an error", async () => {
  const { admin, consumer, producer } = await withRecords({ "retention.ms": "-1" });
  const [earliest, latest, none] = [consumer("earliest"), consumer("latest"), consumer("none")];
  for (const each of [earliest, latest, none]) each.seek(at, 3);
  expect(await admin.deleteRecords([{ ...at, offset: 12 }])).toMatchObject([{ logStartOffset: 12 }]);
  expect((await earliest.beginningOffsets([at]))[0]?.offset).toBe(12);
  expect((await earliest.poll(5000))[0]?.offset).toBe(12);
  await expect(none.poll(5000)).rejects.toBeInstanceOf(OffsetOutOfRangeError);
  const polled = latest.poll(10_000);
  let next = 20;
  const seen: number[] = [];
  const reading = polled.then((records) => seen.push(...records.map(({ offset }) => offset)));
  while (seen.length === 0) {
    await producer.send({ ...at, value: "new" });
    next += 1;
    await Promise.race([reading, new Promise<void>((resolve) => setImmediate(resolve))]);
  }
  expect(seen[0]).toBeGreaterThanOrEqual(20);
  expect(seen[0]).toBeLessThan(next);
});

test("retention by bytes on a running broker: whole segments go, a consumer that is behind goes on at the start", async () => {
  const { admin, consumer } = await withRecords({ "retention.bytes": "3000", "retention.ms": "-1" });
  const start = async () => (await admin.listOffsets([{ ...at, at: "earliest" }]))[0]?.offset ?? -1;
  await eventually(async () => (await start()) > 0, "retention");
  const reader = consumer("earliest");
  reader.seek(at, 0);
  expect((await reader.poll(5000))[0]?.offset).toBe(await start());
});
