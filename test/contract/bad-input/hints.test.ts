// A refusal that one can do something about says what: on the wire, where it was refused, as the SDK's errors carry it.

import { Consumer, Producer, string } from "@brooklet/client";
import { type Broker, startBroker } from "@brooklet/server";
import { afterAll, beforeAll, expect, test } from "vitest";
import { postJson } from "../../support/raw-client.ts";

let broker: Broker;
beforeAll(async () => {
  broker = await startBroker({ settings: { "auto.create.topics.enable": false } });
  await postJson(broker.url, "/v1/createTopics", { topics: [{ topic: "t", partitions: 2 }] });
});
afterAll(() => broker.close());

const CREATE = /Create the topic.*auto\.create\.topics\.enable.*allow\.auto\.create\.topics/;
const COUNT = /Partitions count from 0/;
const NAME = /Choose another name: 1 to 249/;

const records = [{ valueText: "v" }];
const fetchOf = (topic: string, partition = 0) => ({
  maxWaitMs: 0,
  minBytes: 0,
  maxBytes: 1_000,
  isolation: "read_uncommitted",
  partitions: [{ topic, partition, offset: 0 }],
});

const member = (fields: object) => ({
  groupId: "illegal",
  memberId: "m",
  memberEpoch: 0,
  seq: 1,
  subscription: [],
  ...fields,
});

/** Of the first item. */
function refusalIn(answer: Record<string, unknown> | undefined): unknown {
  const [item] = (answer?.results ?? answer?.topics ?? []) as { error?: object }[];
  return item?.error ?? answer?.error ?? answer;
}

test.each<[string, object, string, RegExp]>([
  ["metadata", { topics: ["none"], allowAutoCreate: true }, "UNKNOWN_TOPIC_OR_PARTITION", CREATE],
  [
    "produce",
    { acks: -1, partitions: [{ topic: "none", partition: 0, records }] },
    "UNKNOWN_TOPIC_OR_PARTITION",
    CREATE,
  ],
  ["produce", { acks: -1, partitions: [{ topic: "t", partition: 2, records }] }, "UNKNOWN_TOPIC_OR_PARTITION", COUNT],
  ["fetch", fetchOf("none"), "UNKNOWN_TOPIC_OR_PARTITION", CREATE],
  ["fetch", fetchOf("t", 2), "UNKNOWN_TOPIC_OR_PARTITION", COUNT],
  ["deleteTopics", { topics: ["none"] }, "UNKNOWN_TOPIC_OR_PARTITION", CREATE],
  [
    "offsetCommit",
    { groupId: "g", offsets: [{ topic: "none", partition: 0, offset: 1 }] },
    "UNKNOWN_TOPIC_OR_PARTITION",
    CREATE,
  ],
  [
    "offsetCommit",
    { groupId: "g", offsets: [{ topic: "t", partition: 2, offset: 1 }] },
    "UNKNOWN_TOPIC_OR_PARTITION",
    COUNT,
  ],
  ["createTopics", { topics: [{ topic: "no/slash" }] }, "INVALID_TOPIC_EXCEPTION", NAME],
  ["createTopics", { topics: [{ topic: "__consumer_offsets" }] }, "INVALID_TOPIC_EXCEPTION", /choose another name/],
  ["deleteTopics", { topics: ["__consumer_offsets"] }, "INVALID_TOPIC_EXCEPTION", /delete topics of yours/],
  ["metadata", { topics: ["."], allowAutoCreate: true }, "INVALID_TOPIC_EXCEPTION", NAME],
  ["produce", { acks: -1, partitions: [{ topic: "a b", partition: 0, records }] }, "INVALID_TOPIC_EXCEPTION", NAME],
  ["groupHeartbeat", member({ pattern: "(a)\\1" }), "INVALID_REGULAR_EXPRESSION", /RE2.*no backreferences/],
  ["groupHeartbeat", member({ pattern: "a(?=b)" }), "INVALID_REGULAR_EXPRESSION", /RE2.*no lookaround/],
  ["groupHeartbeat", member({ pattern: "a{900}" }), "INVALID_REGULAR_EXPRESSION", /Repetitions multiply/],
  ["groupHeartbeat", member({ pattern: "a".repeat(257) }), "INVALID_REGULAR_EXPRESSION", /RE2/],
  ["groupHeartbeat", member({ instanceId: "no/slash" }), "INVALID_REQUEST", /group\.instance\.id: 1 to 249/],
  ["groupHeartbeat", member({ instanceId: "" }), "INVALID_REQUEST", /group\.instance\.id: 1 to 249/],
  ["groupHeartbeat", member({ assignor: "sticky" }), "UNSUPPORTED_ASSIGNOR", /uniform or range/],
  [
    "produce",
    { acks: -1, partitions: [{ topic: "__consumer_offsets", partition: 0, records }] },
    "INVALID_TOPIC_EXCEPTION",
    /Read it/,
  ],
])("%s of %j is refused with %s, and says what to do", async (api, request, code, hint) => {
  const { json } = await postJson(broker.url, `/v1/${api}`, request);
  expect(refusalIn(json)).toMatchObject({ code, hint: expect.stringMatching(hint) });
});

test("a commit that comes too late", async () => {
  const join = (memberId: string) =>
    postJson(broker.url, "/v1/groupHeartbeat", {
      groupId: "late",
      memberId,
      memberEpoch: 0,
      seq: 1,
      subscription: ["t"],
      owned: [],
    });
  const { json: joined } = await join("w1");
  const offsets = [{ topic: "t", partition: 0, offset: 0 }];
  const epoch = Number(joined?.memberEpoch);
  const commit = { groupId: "late", memberId: "w1", memberEpoch: epoch + 1, seq: 1, offsets };
  const { json } = await postJson(broker.url, "/v1/offsetCommit", commit);
  expect(refusalIn(json)).toMatchObject({
    code: "STALE_MEMBER_EPOCH",
    hint: expect.stringMatching(/Do not repeat this commit: poll/),
  });
  const read = { groupId: "late", memberId: "w1", memberEpoch: epoch + 1, partitions: [{ topic: "t", partition: 0 }] };
  expect((await postJson(broker.url, "/v1/offsetFetch", read)).json?.error).toMatchObject({
    code: "STALE_MEMBER_EPOCH",
    hint: expect.stringContaining("Heartbeat first"),
  });
});

test("the SDK refuses illegal names by itself, with the same words", async () => {
  const servers = { "bootstrap.servers": `127.0.0.1:${broker.port}` };
  await using consumer = new Consumer({ ...servers, "group.id": "g" });
  const refusal = { code: "INVALID_TOPIC_EXCEPTION", hint: expect.stringMatching(NAME) };
  expect(() => consumer.subscribe(["no/slash"])).toThrow(expect.objectContaining(refusal));
  await using producer = new Producer({ ...servers, "value.serializer": string });
  await expect(producer.send({ topic: "..", value: "v" })).rejects.toMatchObject(refusal);
});
