// What JavaScript's objects are made of is a name like any other: topic, group, member, client id, record key and record
// header key, through the SDK, readable HTTP and the command. A map that is an object would lose or invent one of them.

import { Admin, Consumer, type ConsumerRecord, Producer, string } from "@brooklet/client";
import { type Broker, startBroker } from "@brooklet/server";
import { afterAll, beforeAll, expect, test } from "vitest";
import { brooklet } from "../../integration/cli/command.ts";
import { http, postJson, RawSocket } from "../../support/raw-client.ts";

const names = ["__proto__", "constructor", "hasOwnProperty"];
const text = (value: string) => Buffer.from(value);

let broker: Broker;
let server: string;
beforeAll(async () => {
  broker = await startBroker();
  server = `127.0.0.1:${broker.port}`;
});
afterAll(() => broker.close());

test.each(names)(
  "%s through the SDK: created, produced, consumed, committed, described, listed, deleted",
  async (name) => {
    await using admin = new Admin({ "bootstrap.servers": server, "client.id": name });
    await admin.createTopics([{ topic: name, partitions: 2 }]);
    await using producer = new Producer<string, string>({
      "bootstrap.servers": server,
      "client.id": name,
      "key.serializer": string,
      "value.serializer": string,
    });
    const header = { key: name, value: text(name) };
    const sent = await producer.send({ topic: name, key: name, value: name, headers: [header, header] });
    const partition = { topic: name, partition: sent.partition };

    const consumer = new Consumer<string, string>({
      "bootstrap.servers": server,
      "group.id": name,
      "client.id": name,
      "auto.offset.reset": "earliest",
      "enable.auto.commit": false,
      "key.deserializer": string,
      "value.deserializer": string,
    });
    consumer.subscribe([name]);
    const records: ConsumerRecord<string, string>[] = [];
    while (records.length === 0) records.push(...(await consumer.poll(200)));
    expect(records).toMatchObject([{ ...partition, offset: 0, key: name, value: name }]);
    expect(records[0]?.headers.map(({ key, value }) => [key, String(Buffer.from(value ?? []))])).toEqual([
      [name, name],
      [name, name],
    ]);
    expect(await consumer.commit()).toContainEqual(expect.objectContaining({ ...partition, offset: 1 }));
    expect(await consumer.committed([partition])).toMatchObject([{ ...partition, offset: 1 }]);

    expect(await admin.listTopics()).toContain(name);
    expect(await admin.describeTopics([name])).toMatchObject([{ topic: name, partitions: [{}, {}] }]);
    expect(await admin.listGroups()).toContainEqual(expect.objectContaining({ groupId: name, state: "Stable" }));
    expect(await admin.describeGroups([name])).toMatchObject([{ groupId: name, members: [{ clientId: name }] }]);
    await consumer.close();
    expect(await admin.listGroupOffsets(name)).toContainEqual(
      expect.objectContaining({ ...partition, offset: 1, lag: 0 }),
    );
    await admin.deleteTopics([name]);
    expect(await admin.listTopics()).not.toContain(name);
  },
);

test.each(names)(
  "%s as a member id: it joins, commits, leaves, and is told apart from who is not there",
  async (name) => {
    const socket = await RawSocket.greeted(broker.url, name);
    await socket.request("createTopics", { topics: [{ topic: `of-${name}` }] });
    const groupId = `members-${name}`;
    const unknown = await socket.request("groupHeartbeat", { groupId, memberId: name, memberEpoch: 1, seq: 1 });
    expect(unknown.header).toMatchObject({ error: { code: "GROUP_ID_NOT_FOUND" } });
    const joined = await socket.request("groupHeartbeat", {
      groupId,
      memberId: name,
      memberEpoch: 0,
      seq: 2,
      subscription: [`of-${name}`],
      owned: [],
      sessionTimeoutMs: 45_000,
      rebalanceTimeoutMs: 45_000,
    });
    expect(joined.header).toMatchObject({ memberId: name, memberEpoch: 1, assignment: [{ partition: 0 }] });
    for (const other of names.filter((one) => one !== name)) {
      const stranger = await socket.request("groupHeartbeat", { groupId, memberId: other, memberEpoch: 1, seq: 1 });
      expect(stranger.header).toMatchObject({ error: { code: "UNKNOWN_MEMBER_ID" } });
    }
    const offsets = [{ topic: `of-${name}`, partition: 0, offset: 0 }];
    const committed = await socket.request("offsetCommit", {
      groupId,
      memberId: name,
      memberEpoch: 1,
      seq: 1,
      offsets,
    });
    expect(committed.header).toMatchObject({ results: [{ offset: 0 }] });
    expect(committed.header).not.toHaveProperty("results[0].error");
    const left = await socket.request("groupHeartbeat", { groupId, memberId: name, memberEpoch: -1, seq: 3 });
    expect(left.header).toMatchObject({ memberEpoch: -1 });
    await socket.close();
  },
);

test.each(names)("%s through readable HTTP: produced, read, shown", async (name) => {
  const topic = `${name}.http`;
  for (const [where, key] of [
    [topic, name],
    [name, name],
  ] as const) {
    const { status } = await postJson(broker.url, `/v1/topics/${where}/records`, {
      records: [{ key, valueText: name, partition: 0, headers: [{ key: name, value: name }] }],
    });
    expect(status).toBe(200);
    expect((await http(broker.url, `/v1/topics/${where}/partitions/0/records`)).json).toMatchObject({
      records: [{ key, valueText: name, headers: [{ key: name, value: name }] }],
    });
    expect((await http(broker.url, `/v1/topics/${where}`)).json).toMatchObject({ topic: where });
  }
  const { json } = await postJson(broker.url, "/v1/metadata", { topics: [name, "toString"] });
  expect(json?.topics).toMatchObject([{ topic: name }, { error: { code: "UNKNOWN_TOPIC_OR_PARTITION" } }]);
});

test("the command makes, fills, reads and shows them", async () => {
  await using own = await startBroker();
  const b = ["-b", `127.0.0.1:${own.port}`];
  expect((await brooklet(["topics", "create", ...names, ...b])).code).toBe(0);
  for (const name of names) {
    expect((await brooklet(["produce", name, "-k", ",", ...b], { stdin: `${name},${name}\n` })).code).toBe(0);
    const { stdout } = await brooklet(["consume", name, "-g", name, "-e", "--json", ...b]);
    expect(JSON.parse(stdout)).toMatchObject({ topic: name, key: name, valueText: name });
    const described = JSON.parse((await brooklet(["groups", "describe", name, "--json", ...b])).stdout);
    expect(described).toMatchObject([{ groupId: name, offsets: [{ topic: name, offset: 1, lag: 0 }] }]);
  }
  const listed = (await brooklet(["groups", "list", ...b])).stdout;
  for (const name of names) expect(listed).toContain(name);
});

test("where only known names are possible they are refused by name: settings and options", async () => {
  for (const name of names) {
    const option = JSON.parse(`{ "bootstrap.servers": ${JSON.stringify(server)}, ${JSON.stringify(name)}: 1 }`);
    for (const make of [() => new Consumer(option), () => new Producer(option), () => new Admin(option)])
      expect(make).toThrow(`${name}: is not an option`);
    const settings = JSON.parse(`{ ${JSON.stringify(name)}: 1 }`);
    await expect(startBroker({ settings })).rejects.toThrow(name);
    expect(await brooklet(["--ephemeral", "--port", "0", "--set", `${name}=1`])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining(name),
    });
  }
});
