// Disks that fail under a broker process with clients: a sync that fails once, and a disk that is full until retention makes room.
// Needs strace and mount(8); what is missing skips its test with the reason.

import { Admin, Consumer, Producer, string } from "@brooklet/client";
import { expect, test } from "vitest";
import { startBrokerProcess } from "../support/children/processes.ts";
import { eventually } from "../support/eventually.ts";
import { Feed } from "../support/feed.ts";
import { postJson } from "../support/raw-client.ts";
import { simulatedRandom } from "../support/simulated-random.ts";
import { failingSync } from "../support/slow-syncs.ts";
import { smallDisk } from "../support/small-disk.ts";
import { testFolder } from "../support/storage-on-file.ts";
import { LogReader } from "./log-reader.ts";
import { times } from "./share.ts";

const PARTITIONS = 2;
const topic = "orders";
const random = simulatedRandom(Number(process.env.TORTURE_SEED ?? 20_261_122));

test("a sync fails: the broker ends with the reason, and after its restart the same producer goes on; all once, in order", async (context) => {
  const data = testFolder();
  let broker = await startBrokerProcess({ data });
  const { port, server } = broker;
  const quickly = { "bootstrap.servers": server, "reconnect.backoff.max.ms": 100, "retry.backoff.max.ms": 100 };
  await using admin = new Admin(quickly);
  await admin.createTopics([{ topic, partitions: PARTITIONS }]);
  const name = "p";
  await using producer = new Producer<string, string>({
    ...quickly,
    "key.serializer": string,
    "value.serializer": string,
    "batch.size": 600,
    "interceptor.classes": [{ onSend: (record) => ({ ...record, value: `${name}:${record.value}` }) }],
  });
  await using feed = new Feed(producer, { topic, partitions: PARTITIONS, inFlight: 20 });
  await using log = new LogReader(server, topic, PARTITIONS);
  for (let point = 0; point < times({ full: 40, ci: 5 }); point++) {
    await failingSync(broker.child.pid, 1 + Math.floor(random.next() * 40), context);
    expect(await broker.child.exited).not.toBe(0);
    await expect(broker.child.line(() => false)).rejects.toThrow(/SQLITE_IOERR|disk I\/O error/);
    broker = await startBrokerProcess({ data, port });
    await log.verify([{ name, feed }]);
    const { sent } = feed;
    await eventually(() => feed.sent > sent + 100, "the producer goes on");
  }
  await feed.stop();
  await log.verify([{ name, feed }]);
  expect(feed.failed).toEqual([]);
  expect(log.read).toBe(feed.sent);
  expect([...log.unacknowledged]).toEqual([]);
});

test("a full disk: records are refused, commits and reads pass, and when retention makes room records pass, without a restart", async (context) => {
  const MIB = 1024 * 1024;
  const disk = smallDisk(context, 64);
  const broker = await startBrokerProcess({
    data: `${disk}/data`,
    settings: { "log.retention.check.interval.ms": 200 },
  });
  const servers = { "bootstrap.servers": broker.server };
  await using admin = new Admin(servers);
  await admin.createTopics([{ topic, configs: { "segment.bytes": `${MIB}`, "retention.bytes": "-1" } }]);
  await using producer = new Producer<string, string>({
    ...servers,
    "key.serializer": string,
    "value.serializer": string,
    "retry.backoff.max.ms": 100,
    "request.timeout.ms": 2_000,
    "delivery.timeout.ms": 3_000,
  });
  await using consumer = new Consumer<string, string>({
    ...servers,
    "key.deserializer": string,
    "value.deserializer": string,
    "group.id": "billing",
    "auto.offset.reset": "earliest",
    "enable.auto.commit": false,
  });
  consumer.subscribe([topic]);
  const send = (value: string) => producer.send({ topic, partition: 0, value });
  let acknowledged = 0;
  let number = 0;
  for (let cycle = 0; cycle < times({ full: 50, ci: 2 }); cycle++) {
    let isRefused = false;
    while (!isRefused) {
      const sent = await Promise.allSettled(Array.from({ length: 8 }, () => send(`${number++}`.padEnd(100_000, "x"))));
      acknowledged += sent.filter(({ status }) => status === "fulfilled").length;
      isRefused = sent.some(({ status }) => status === "rejected");
    }
    const large = { records: [{ partition: 0, valueText: "x".repeat(900_000) }] };
    const refused = await postJson(broker.url, `/v1/topics/${topic}/records`, large);
    expect([refused.status, refused.json]).toMatchObject([
      507,
      { results: [{ error: { code: "STORAGE_FULL", definite: true } }] },
    ]);

    // What needs little room, or none, goes on.
    const [{ offset: end } = { offset: 0 }] = await admin.listOffsets([{ topic, partition: 0, at: "latest" }]);
    const [{ offset: start } = { offset: 0 }] = await admin.listOffsets([{ topic, partition: 0, at: "earliest" }]);
    const place = { topic, partition: 0 };
    await consumer.ready();
    let read = 0;
    while ((await consumer.position(place)) < end) read += (await consumer.poll(200)).length;
    expect(read).toBeGreaterThan(0);
    expect(await consumer.commit()).toMatchObject([{ offset: end }]);
    expect(end - start).toBeGreaterThan(0);
    expect(end).toBeGreaterThanOrEqual(acknowledged);

    await admin.alterConfigs([{ topic, configs: { "retention.bytes": `${2 * MIB}` } }]);
    const passes = async () => {
      try {
        await send(`${number++}`);
        acknowledged++;
        return true;
      } catch {
        return false;
      }
    };
    await eventually(passes, "records pass again");
    const [{ offset: later } = { offset: 0 }] = await admin.listOffsets([{ topic, partition: 0, at: "earliest" }]);
    expect(later).toBeGreaterThan(start);
    await admin.alterConfigs([{ topic, configs: { "retention.bytes": "-1" } }]);
  }
  expect(await broker.end("SIGTERM")).toBe(0);
});
