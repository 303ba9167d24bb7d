// The admin client before a real broker: every call that changes something does, and says truthfully what it did not; tokens at
// the door, as Kafka's users write them.

import { inspect } from "node:util";
import { Admin, type AdminConfig, BrookletError, Consumer, Producer, string } from "@brooklet/client";
import { type Broker, startBroker } from "@brooklet/server";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { eventually } from "../../support/eventually.ts";

const TOKEN = "a-token-of-the-team-4092";

let broker: Broker;
let admin: Admin;
beforeAll(async () => {
  broker = await startBroker();
  admin = new Admin({ "bootstrap.servers": `127.0.0.1:${broker.port}` });
});
afterAll(async () => {
  await admin.close();
  await broker.close();
});

const servers = () => ({ "bootstrap.servers": `127.0.0.1:${broker.port}` });
const tp = (topic: string, partition = 0) => ({ topic, partition });

async function filled(topic: string, count: number, partitions = 1): Promise<void> {
  await admin.createTopics([{ topic, partitions }]);
  await using producer = new Producer<string, string>({
    ...servers(),
    "key.serializer": string,
    "value.serializer": string,
  });
  const sends = Array.from({ length: count }, (_, index) => producer.send({ topic, partition: 0, value: `${index}` }));
  await Promise.all(sends);
}

test("partitions grow, and never shrink", async () => {
  await admin.createTopics([{ topic: "grows", partitions: 1 }]);
  await admin.createPartitions([{ topic: "grows", partitions: 5 }], { validateOnly: true });
  expect((await admin.describeTopics(["grows"]))[0]?.partitions).toHaveLength(1);
  await admin.createPartitions([{ topic: "grows", partitions: 3 }]);
  expect((await admin.describeTopics(["grows"]))[0]?.partitions).toHaveLength(3);
  const changes = [tp("grows"), tp("nope")].map(({ topic }) => ({ topic, partitions: 2 }));
  await expect(admin.createPartitions(changes)).rejects.toMatchObject({
    code: "INVALID_PARTITIONS",
    definite: true,
    context: {
      results: [
        { topic: "grows", error: { code: "INVALID_PARTITIONS" } },
        { topic: "nope", error: { code: "UNKNOWN_TOPIC_OR_PARTITION" } },
      ],
    },
  });
});

test("configurations are described with their source, altered in use, and go back to the default", async () => {
  await admin.createTopics([{ topic: "configured", configs: { "retention.ms": "1000000" } }]);
  const read = async () => {
    const [described] = await admin.describeConfigs(["configured"]);
    return described?.configs.find(({ name }) => name === "retention.ms");
  };
  expect(await read()).toEqual({ name: "retention.ms", value: "1000000", source: "topic" });
  const change = (value: string | null) => [{ topic: "configured", configs: { "retention.ms": value } }];
  await admin.alterConfigs(change("2000000"), { validateOnly: true });
  expect((await read())?.value).toBe("1000000");
  await admin.alterConfigs(change("2000000"));
  expect((await read())?.value).toBe("2000000");
  await admin.alterConfigs(change(null));
  expect((await read())?.source).not.toBe("topic");
  await expect(admin.alterConfigs(change("soon"))).rejects.toMatchObject({ code: "INVALID_CONFIG", definite: true });
  expect((await admin.describeBrokerConfigs()).map(({ name }) => name)).toContain("num.partitions");
});

test("records are deleted up to an offset; the log starts there", async () => {
  await filled("shortened", 10);
  expect(await admin.deleteRecords([{ ...tp("shortened"), offset: 4 }])).toEqual([
    { ...tp("shortened"), logStartOffset: 4 },
  ]);
  expect(await admin.listOffsets([{ ...tp("shortened"), at: "earliest" }])).toMatchObject([{ offset: 4 }]);
  await expect(admin.deleteRecords([{ ...tp("shortened"), offset: 99 }])).rejects.toMatchObject({
    code: "OFFSET_OUT_OF_RANGE",
  });
  expect(await admin.deleteRecords([{ ...tp("shortened"), offset: -1 }])).toMatchObject([{ logStartOffset: 10 }]);
});

test("offsets and groups are deleted, but not under their members; members are removed with a reason", async () => {
  await filled("read", 3);
  const consumer = new Consumer({ ...servers(), "group.id": "readers", "auto.offset.reset": "earliest" });
  onTestFinished(() => consumer.close().catch(() => {}));
  consumer.subscribe(["read"]);
  await consumer.ready();
  while ((await consumer.poll(500)).length === 0);
  await consumer.commit();
  await expect(admin.deleteGroups(["readers"])).rejects.toMatchObject({ code: "NON_EMPTY_GROUP", definite: true });
  await expect(admin.deleteGroupOffsets("readers", [tp("read")])).rejects.toMatchObject({
    code: "GROUP_SUBSCRIBED_TO_TOPIC",
  });

  const { memberId } = consumer.groupMetadata();
  await admin.removeMembersFromGroup("readers", [{ memberId }], { reason: "moved to another rack" });
  const [group] = await admin.describeGroups(["readers"]);
  expect(group?.members.map((member) => member.memberId)).not.toContain(memberId);
  expect(JSON.stringify(group?.timeline)).toContain("moved to another rack");
  await expect(admin.removeMembersFromGroup("readers", [{ memberId: "nobody" }])).rejects.toMatchObject({
    code: "UNKNOWN_MEMBER_ID",
  });
  await consumer.close();
  const isEmpty = async () => (await admin.describeGroups(["readers"]))[0]?.state === "Empty";
  await eventually(isEmpty, "the group is empty");

  await admin.alterGroupOffsets("readers", [{ ...tp("read"), offset: 1 }]);
  expect(await admin.listGroupOffsets("readers")).toMatchObject([{ ...tp("read"), offset: 1, lag: 2 }]);
  await admin.deleteGroupOffsets("readers", [tp("read")]);
  expect(await admin.listGroupOffsets("readers")).toEqual([]);
  await admin.alterGroupOffsets("readers", [{ ...tp("read"), offset: 2 }]);
  await expect(admin.deleteGroups(["readers", "nobody"])).rejects.toMatchObject({ code: "GROUP_ID_NOT_FOUND" });
  expect((await admin.listGroups()).map(({ groupId }) => groupId)).not.toContain("readers");
});

test("a thousand topics at once, and all of their descriptions", async () => {
  const topics = Array.from({ length: 1_200 }, (_, index) => `many-${index}`);
  const created = await admin.createTopics(topics.map((topic) => ({ topic, partitions: 1 })));
  expect(created.map(({ topic }) => topic)).toEqual(topics);
  expect((await admin.describeTopics(topics)).map(({ topic }) => topic)).toEqual(topics);
  expect((await admin.listTopics()).filter((topic) => topic.startsWith("many-"))).toHaveLength(1_200);
  await admin.deleteTopics(topics);
});

test.each<[string, Partial<AdminConfig>]>([
  ["token", { token: TOKEN }],
  ["PLAIN", { "security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN", "sasl.password": TOKEN }],
  ["JAAS", { "sasl.jaas.config": `org.example.PlainLoginModule required username="u" password="${TOKEN}";` }],
])("a broker that asks for a token lets in who shows it as %s, and tells who does not", async (_, config) => {
  const guarded = await startBroker({ token: TOKEN });
  onTestFinished(() => guarded.close());
  const address = { "bootstrap.servers": `127.0.0.1:${guarded.port}` };
  await using welcome = new Admin({ ...address, ...config });
  expect(await welcome.createTopics([{ topic: "t" }])).toMatchObject([{ topic: "t" }]);
  for (const wrong of [{}, { token: "another-token-of-somebody" }]) {
    const lines: unknown[] = [];
    const note = (...line: unknown[]) => void lines.push(line);
    const logger = { debug: note, info: note, warn: note, error: note };
    await using stranger = new Admin({ ...address, ...wrong }, { logger });
    await using producer = new Producer({ ...address, ...wrong }, { logger });
    const errors = await Promise.all(
      [stranger.listTopics(), stranger.listTopics(), producer.send({ topic: "t", value: new Uint8Array(1) })].map(
        (call: Promise<unknown>) => call.then(() => undefined).catch((error: unknown) => error),
      ),
    );
    for (const error of errors) {
      expect(error).toMatchObject({ code: "SASL_AUTHENTICATION_FAILED", fatal: true });
      expect(BrookletError.is(error)).toBe(true);
    }
    const shown = inspect([errors, lines, stranger, producer], { showHidden: true, depth: null });
    expect(shown).not.toContain("another-token");
    expect(shown).not.toContain(TOKEN);
  }
});
