// A broker process whose disk is slow: nobody sees a record, at any door, before it is durable; whatever needs no disk is
// answered meanwhile, heartbeats first of all; and a stop waits for what hangs.

import { Admin, Consumer, Producer, string } from "@brooklet/client";
import { encodeBatch } from "@brooklet/protocol";
import { startBroker } from "@brooklet/server";
import { expect, test } from "vitest";
import { startBrokerProcess } from "../../support/children/processes.ts";
import { eventually } from "../../support/eventually.ts";
import { http, postJson, RawSocket } from "../../support/raw-client.ts";
import { slowSyncs } from "../../support/slow-syncs.ts";
import { testFolder } from "../../support/storage-on-file.ts";

const SESSION_TIMEOUT_MS = 1_500;
/** Longer than a session, so that a group that depended on the disk would lose its member. */
const SYNC_MS = 2_000;
const OLD_RECORDS = 20;
const topic = "orders";
const groupId = "billing";
const partition = { topic, partition: 0 };
const fetchFrom = (offset: number, maxWaitMs: number) => ({
  ...{ maxWaitMs, minBytes: 1, maxBytes: 1_000_000, isolation: "read_uncommitted" },
  partitions: [{ ...partition, offset }],
});

test("a record is seen only when it is durable; heartbeats and reads from memory do not wait for the disk", async (context) => {
  const broker = await startBrokerProcess({
    data: testFolder(),
    settings: { "group.min.session.timeout.ms": SESSION_TIMEOUT_MS },
  });
  await using admin = new Admin({ "bootstrap.servers": broker.server });
  await admin.createTopics([{ topic }]);
  await using producer = new Producer<string, string>({
    "bootstrap.servers": broker.server,
    "key.serializer": string,
    "value.serializer": string,
  });
  await using consumer = new Consumer<string, string>({
    "bootstrap.servers": broker.server,
    "key.deserializer": string,
    "value.deserializer": string,
    "group.id": groupId,
    "auto.offset.reset": "earliest",
    "enable.auto.commit": false,
    "session.timeout.ms": SESSION_TIMEOUT_MS,
    "heartbeat.interval.ms": 200,
  });
  consumer.subscribe([topic]);
  await Promise.all(
    Array.from({ length: OLD_RECORDS }, (_, at) => producer.send({ ...partition, value: `old ${at}` })),
  );
  const seen: string[] = [];
  const read = async () => {
    for (const { value } of await consumer.poll(50)) seen.push(value ?? "");
  };
  while (seen.length < OLD_RECORDS) await read();
  const before = await admin.describeGroups([groupId]);
  const socket = await RawSocket.greeted(broker.url);

  const syncs = await slowSyncs(broker.child.pid, SYNC_MS, context);
  const endedBefore = syncs.ended;
  let acknowledgedAfterSyncs: number | undefined;
  const produced = producer.send({ ...partition, value: "new" }).then((metadata) => {
    acknowledgedAfterSyncs = syncs.ended;
    return metadata;
  });
  const parked = socket.request("fetch", fetchFrom(OLD_RECORDS, 20_000)).then(() => syncs.ended);

  // At every door the log ends where it ended, and each answers while the sync hangs.
  const rounds = 3;
  for (let round = 0; round < rounds; round++) {
    const { header, payload } = await socket.request("fetch", fetchFrom(0, 0));
    expect(header.results).toMatchObject([{ highWatermark: OLD_RECORDS, nextOffset: OLD_RECORDS }]);
    expect(payload.length).toBeGreaterThan(0);
    expect((await socket.request("fetch", fetchFrom(OLD_RECORDS, 0))).payload.length).toBe(0);
    expect(await admin.listOffsets([{ ...partition, at: "latest" }])).toMatchObject([{ offset: OLD_RECORDS }]);
    expect(await admin.describeTopics([topic])).toMatchObject([{ partitions: [{ highWatermark: OLD_RECORDS }] }]);
    const { json } = await http(broker.url, `/v1/topics/${topic}/partitions/0/records?offset=${OLD_RECORDS}`);
    expect(json).toMatchObject({ records: [], highWatermark: OLD_RECORDS });
  }
  expect(acknowledgedAfterSyncs).toBeUndefined();

  let seenAfterSyncs: number | undefined;
  while (seenAfterSyncs === undefined) {
    await read();
    if (seen.includes("new")) seenAfterSyncs = syncs.ended;
  }
  expect(await produced).toMatchObject({ offset: OLD_RECORDS });
  // strace writes a sync down before its process goes on: whoever saw the record earlier saw it before it was durable.
  for (const count of [seenAfterSyncs, acknowledgedAfterSyncs, await parked]) {
    expect(count).toBeGreaterThan(endedBefore);
  }
  expect(seen).toHaveLength(OLD_RECORDS + 1);
  await syncs.stop();

  // The member's session would have ended meanwhile, had its heartbeats not been answered.
  expect(await consumer.commit()).toMatchObject([{ offset: OLD_RECORDS + 1 }]);
  const [group] = await admin.describeGroups([groupId]);
  expect(group?.members).toEqual(before[0]?.members);
  expect(group?.timeline.map(({ event }) => event)).not.toContain("eviction");
});

test("SIGTERM while a sync hangs: what was taken is answered when it is durable, the rest is refused for certain", async (context) => {
  const data = testFolder();
  const broker = await startBrokerProcess({ data });
  await postJson(broker.url, "/v1/createTopics", { topics: [{ topic }] });
  const socket = await RawSocket.greeted(broker.url);
  const batch = encodeBatch([{ key: null, value: Buffer.from("taken"), headers: [], timestamp: 1 }]);
  const produce = () =>
    socket.request("produce", { acks: -1, partitions: [{ ...partition, bytes: batch.length }] }, [batch]);

  const syncs = await slowSyncs(broker.child.pid, 600, context);
  const endedBefore = syncs.ended;
  const taken = produce().then(({ header }) => ({ header, syncs: syncs.ended }));
  // A later request's answer: the broker has taken the first.
  await socket.request("status");
  broker.child.kill("SIGTERM");
  const offsets: number[] = [];
  const refusals: unknown[] = [];
  await eventually(() => {
    void produce().then(
      ({ header }) => {
        const [result] = (header.results ?? []) as { baseOffset: number }[];
        if (result === undefined) refusals.push(header.error);
        else offsets.push(result.baseOffset);
      },
      // The connection has ended.
      () => {},
    );
    return refusals.length > 0;
  }, "the broker refuses new records");

  expect(refusals[0]).toMatchObject({ code: "BROKER_NOT_AVAILABLE", definite: true });
  const first = await taken;
  expect(first.header).toMatchObject({ results: [{ baseOffset: 0 }] });
  expect(first.syncs).toBeGreaterThan(endedBefore);
  await syncs.stop();
  expect(await broker.child.exited).toBe(0);
  await using next = await startBroker({ data });
  const { json } = await http(next.url, `/v1/topics/${topic}/partitions/0/records?offset=0&maxRecords=10000`);
  expect(json?.records).toHaveLength(1 + offsets.length);
});
