// /metrics of a running broker: what happened stands there, for each broker of a process by itself.

import { Consumer, Producer } from "@brooklet/client";
import { type Broker, startBroker } from "@brooklet/server";
import { afterEach, expect, test } from "vitest";
import { eventually } from "../../support/eventually.ts";
import { http, postJson, RawSocket } from "../../support/raw-client.ts";

const brokers: Broker[] = [];
afterEach(async () => {
  await Promise.all(brokers.splice(0).map((broker) => broker.close()));
});

async function start(settings: Record<string, number> = {}): Promise<Broker> {
  const broker = await startBroker({ settings });
  brokers.push(broker);
  return broker;
}

async function scrape(broker: Broker): Promise<{ text: string; value: (line: string) => number | undefined }> {
  const { status, headers, body } = await http(broker.url, "/metrics");
  expect({ status, type: headers["content-type"] }).toEqual({
    status: 200,
    type: "text/plain; version=0.0.4; charset=utf-8",
  });
  const text = body.toString();
  const lines = new Map(text.split("\n").map((line) => [line.slice(0, line.lastIndexOf(" ")), line]));
  return {
    text,
    value: (name) => {
      const line = lines.get(name);
      return line === undefined ? undefined : Number(line.slice(name.length + 1));
    },
  };
}

test("records, bytes, offsets, lag, members, rebalances, requests and refusals", async () => {
  const broker = await start();
  const server = new URL(broker.url).host;
  await postJson(broker.url, "/v1/createTopics", { topics: [{ topic: "orders", partitions: 2 }] });
  await using producer = new Producer({ "bootstrap.servers": server });
  for (let count = 0; count < 10; count++)
    await producer.send({ topic: "orders", partition: 0, value: Buffer.from(`v${count}`) });
  await using consumer = new Consumer({
    "bootstrap.servers": server,
    "group.id": "billing",
    "auto.offset.reset": "earliest",
    "enable.auto.commit": false,
  });
  await consumer.subscribe(["orders"]);
  let read = 0;
  while (read < 10) read += (await consumer.poll(1000)).length;
  await consumer.commit([{ topic: "orders", partition: 0, offset: 4 }]);
  await http(broker.url, "/v1/topics", { headers: { host: "evil.test" } });

  const { value, text } = await scrape(broker);
  expect(value("brooklet_records_in_total")).toBeGreaterThanOrEqual(10);
  expect(value("brooklet_records_out_total")).toBeGreaterThanOrEqual(10);
  expect(value("brooklet_bytes_in_total")).toBeGreaterThan(100);
  expect(value("brooklet_bytes_out_total")).toBeGreaterThan(100);
  expect(value('brooklet_topic_partition_end_offset{topic="orders",partition="0"}')).toBe(10);
  expect(value('brooklet_topic_partition_end_offset{topic="orders",partition="1"}')).toBe(0);
  expect(value('brooklet_topic_partition_last_stable_offset{topic="orders",partition="0"}')).toBe(10);
  expect(value('brooklet_consumer_group_lag{group="billing",topic="orders",partition="0"}')).toBe(6);
  expect(value('brooklet_consumer_group_lag_seconds{group="billing",topic="orders",partition="0"}')).toBeGreaterThan(0);
  expect(value('brooklet_consumer_group_members{group="billing"}')).toBe(1);
  expect(value('brooklet_consumer_group_rebalances_total{reason="join"}')).toBe(1);
  expect(value('brooklet_request_duration_seconds_count{api="produce"}')).toBeGreaterThanOrEqual(1);
  expect(value('brooklet_request_duration_seconds_count{api="fetch"}')).toBeGreaterThanOrEqual(1);
  expect(value("brooklet_storage_commit_duration_seconds_count")).toBeGreaterThanOrEqual(2);
  expect(value("brooklet_connections")).toBe(2);
  expect(value('brooklet_rejected_total{reason="host"}')).toBe(1);
  expect(value('brooklet_rejected_total{reason="token"}')).toBe(0);
  expect(value("brooklet_database_bytes")).toBeGreaterThan(0);
  expect(text).not.toMatch(/NaN|undefined/);

  await consumer.close();
  await eventually(
    async () => (await scrape(broker)).value('brooklet_consumer_group_members{group="billing"}') === 0,
    "the member has left",
  );
  // The consumer has gone: how far it is behind stays to be seen.
  const later = await scrape(broker);
  expect(later.value('brooklet_consumer_group_lag{group="billing",topic="orders",partition="0"}')).toBe(6);
});

test("brokers of one process count by themselves", async () => {
  const [busy, idle] = [await start(), await start()];
  await postJson(busy.url, "/v1/topics/t/records", { records: [{ value: 1 }] });
  expect((await scrape(busy)).value("brooklet_records_in_total")).toBe(1);
  expect((await scrape(idle)).value("brooklet_records_in_total")).toBe(0);
});

test("topics with the names of Object's own properties, and more partitions than may have series", async () => {
  const broker = await start({ "max.metric.partitions": 4 });
  const names = ["__proto__", "constructor", "hasOwnProperty"];
  await postJson(broker.url, "/v1/createTopics", { topics: names.map((topic) => ({ topic, partitions: 1 })) });
  const few = await scrape(broker);
  for (const topic of names)
    expect(few.value(`brooklet_topic_partition_end_offset{topic="${topic}",partition="0"}`)).toBe(0);
  await postJson(broker.url, "/v1/createTopics", { topics: [{ topic: "wide", partitions: 500 }] });
  const many = await scrape(broker);
  expect(many.text.match(/^brooklet_topic_partition_end_offset\{/gm)).toHaveLength(4);
  expect(many.value('brooklet_series_left_out{of="partitions"}')).toBe(499);
});

test("max.metric.groups: so many groups have series, the others are counted", async () => {
  const broker = await start({ "max.metric.groups": 2 });
  await postJson(broker.url, "/v1/createTopics", { topics: [{ topic: "t", partitions: 1 }] });
  const offsets = [{ topic: "t", partition: 0, offset: 0 }];
  for (const groupId of ["a", "b", "c"]) await postJson(broker.url, "/v1/offsetCommit", { groupId, offsets });
  const { text, value } = await scrape(broker);
  expect(text.match(/^brooklet_consumer_group_members\{/gm)).toHaveLength(2);
  expect(value('brooklet_series_left_out{of="groups"}')).toBe(1);
});

test("a refused request counts with its duration, a flood of scrapes is answered, and nobody is held up", async () => {
  const broker = await start();
  const socket = await RawSocket.greeted(broker.url);
  await socket.request("describeGroups", { groupIds: "no list" });
  const scrapes = Promise.all(Array.from({ length: 100 }, () => http(broker.url, "/metrics")));
  expect((await socket.request("status")).header).toHaveProperty("clusterId");
  for (const { status } of await scrapes) expect(status).toBe(200);
  expect((await scrape(broker)).value('brooklet_request_duration_seconds_count{api="describeGroups"}')).toBe(1);
  await socket.close();
});

test("group ids that would be one series, and one on the disk, are refused; odd ones are escaped", async () => {
  const broker = await start();
  await postJson(broker.url, "/v1/createTopics", { topics: [{ topic: "t", partitions: 1 }] });
  const offsets = [{ topic: "t", partition: 0, offset: 0 }];
  const refused = await postJson(broker.url, "/v1/offsetCommit", { groupId: "a\ud800", offsets });
  expect(refused.json?.error).toMatchObject({ code: "INVALID_GROUP_ID" });
  await postJson(broker.url, "/v1/offsetCommit", { groupId: 'x"} 1\\n{y="', offsets });
  const { text } = await scrape(broker);
  expect(text).toContain('brooklet_consumer_group_members{group="x\\"} 1\\\\n{y=\\""} 0\n');
});
