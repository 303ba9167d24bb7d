// Bad input and bad luck through the SDK, over a real broker: the error says what happened, to whom, why and what to do, and
// tells the truth about whether it may have happened. Options: every problem at once, with its range and the nearest name.

import { Admin, Consumer, type ConsumerConfig, Producer, string } from "@brooklet/client";
import { type Broker, startBroker } from "@brooklet/server";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";

type Caught = Error & { code: string; definite: boolean; retriable: boolean; hint?: string };

const MAX_BATCH_BYTES = 4096;
let broker: Broker;
let server: string;
beforeAll(async () => {
  broker = await startBroker({
    settings: { "message.max.bytes": MAX_BATCH_BYTES, "auto.create.topics.enable": false, "num.partitions": 1 },
  });
  server = `127.0.0.1:${broker.port}`;
});
afterAll(() => broker.close());

async function caught(promise: Promise<unknown>): Promise<Caught> {
  try {
    await promise;
  } catch (error) {
    return error as Caught;
  }
  throw new Error("nothing was refused");
}

function consumer(config: Partial<ConsumerConfig<string, string>> = {}): Consumer<string, string> {
  const made = new Consumer<string, string>({
    "bootstrap.servers": server,
    "group.id": "g",
    "auto.offset.reset": "earliest",
    "enable.auto.commit": false,
    "key.deserializer": string,
    "value.deserializer": string,
    ...config,
  });
  onTestFinished(() => made.close({ timeoutMs: 1000 }).catch(() => {}));
  return made;
}

function producer(config: object = {}): Producer<string, string> {
  const made = new Producer<string, string>({
    "bootstrap.servers": server,
    "key.serializer": string,
    "value.serializer": string,
    "max.block.ms": 300,
    ...config,
  });
  onTestFinished(() => made.close({ timeoutMs: 1000 }).catch(() => {}));
  return made;
}

async function withTopic(topic: string): Promise<Admin> {
  const admin = new Admin({ "bootstrap.servers": server });
  onTestFinished(() => admin.close());
  await admin.createTopics([{ topic, partitions: 2 }]);
  return admin;
}

test("a record is refused with its topic, its size and the limit; the next one is taken", async () => {
  await withTopic("sized");
  const sending = producer();
  const refusals: [() => Promise<unknown>, string, string[]][] = [
    [() => sending.send({ topic: "a b", value: "x" }), "INVALID_TOPIC_EXCEPTION", ['"a b"', "letters, digits"]],
    [() => sending.send({ topic: "absent", value: "x" }), "TIMEOUT", ["absent", "max.block.ms", "does not exist"]],
    [() => sending.send({ topic: "sized", partition: 7, value: "x" }), "UNKNOWN_TOPIC_OR_PARTITION", ["sized", "7"]],
    [
      () => sending.send({ topic: "sized", value: "x".repeat(5000) }),
      "MESSAGE_TOO_LARGE",
      ["sized", "message.max.bytes", `${MAX_BATCH_BYTES}`, "Nothing was sent"],
    ],
    [
      () => sending.send({ topic: "sized", value: "", headers: [{ key: "h".repeat(5000), value: null }] }),
      "MESSAGE_TOO_LARGE",
      ["sized", `${MAX_BATCH_BYTES}`],
    ],
    [
      () => sending.send({ topic: "sized", value: 7 as never }),
      "RECORD_SERIALIZATION",
      ["the value", "sized", "number"],
    ],
  ];
  for (const [send, code, words] of refusals) {
    const error = await caught(send());
    expect(error).toMatchObject({ code, definite: true });
    for (const word of words) expect(error.message).toContain(word);
  }
  expect(await sending.send({ topic: "sized", partition: 0, value: "x" })).toMatchObject({ offset: 0 });
});

test("a call that finds nobody ends in its time, says whom it asked and why, and is certain not to have happened", async () => {
  const alone = consumer({ "bootstrap.servers": "127.0.0.1:1", "default.api.timeout.ms": 300 });
  const p0 = { topic: "t", partition: 0 };
  const calls = [() => alone.endOffsets([p0]), () => alone.committed([p0]), () => alone.commit([{ ...p0, offset: 1 }])];
  for (const call of calls) {
    const error = await caught(call());
    expect(error).toMatchObject({ name: "TimeoutError", retriable: true, definite: true });
    expect(error.message).toMatch(/within \d+ ms.*no connection to 127\.0\.0\.1:1: .*ECONNREFUSED/);
  }
});

test("who commits is told to whom the group belongs, and what to do", async () => {
  await withTopic("owned");
  const owner = consumer({ "group.id": "owners", "client.id": "till" });
  owner.subscribe(["owned"]);
  await owner.ready();
  const p0 = { topic: "owned", partition: 0 };
  const stranger = consumer({ "group.id": "owners" });
  stranger.assign([p0]);
  const refused = await caught(stranger.commit([{ ...p0, offset: 1 }]));
  expect(refused).toMatchObject({ name: "CommitFailedError", code: "UNKNOWN_MEMBER_ID", definite: true });
  expect(refused.message).toContain("owned-0");
  expect(refused.message).toContain("group owners has 1 member");
  expect(refused.hint).toContain("commit as one of them");

  const tooLong = await caught(owner.commit([{ ...p0, offset: 0, metadata: "x".repeat(5000) }]));
  expect(tooLong).toMatchObject({ name: "CommitFailedError", code: "OFFSET_METADATA_TOO_LARGE", definite: true });
  expect(tooLong.message).toMatch(/owned-0.*5000.*offset\.metadata\.max\.bytes is 4096/);
});

test("a topic deleted and created again under a commit, a producer and a reader", async () => {
  const admin = await withTopic("again");
  const p0 = { topic: "again", partition: 0 };
  const sending = producer();
  const reading = consumer({ "group.id": "readers" });
  reading.subscribe(["again"]);
  for (const value of ["old 0", "old 1"]) await sending.send({ ...p0, value });
  const seen: string[] = [];
  while (seen.length < 2) seen.push(...(await reading.poll(200)).map(({ value }) => value ?? ""));
  await reading.commit();

  await admin.deleteTopics(["again"]);
  await admin.createTopics([{ topic: "again", partitions: 2 }]);
  const refused = await caught(reading.commit([{ ...p0, offset: 2 }], { timeoutMs: 500 }));
  expect(refused.message).toMatch(/again/);
  expect(refused.message).toMatch(/deleted and created again|not assigned/);
  expect(await sending.send({ ...p0, value: "new 0" })).toMatchObject({ offset: 0 });
  while (seen.length < 3) seen.push(...(await reading.poll(200)).map(({ value }) => value ?? ""));
  // Nothing of the new topic is skipped because of the old one's positions.
  expect(seen).toEqual(["old 0", "old 1", "new 0"]);
});

test("a deserializer that breaks names the record, keeps its bytes, and how to go on", async () => {
  await withTopic("poisoned");
  const sending = producer();
  await sending.send({ topic: "poisoned", partition: 0, key: "k", value: "poison" });
  await sending.send({ topic: "poisoned", partition: 0, key: "k", value: "fine" });
  const picky = consumer({
    "group.id": "picky",
    "value.deserializer": {
      deserialize(topic, bytes, headers) {
        const value = string.deserialize(topic, bytes, headers);
        if (value === "poison") throw new Error("not for me");
        return value;
      },
    },
  });
  const p0 = { topic: "poisoned", partition: 0 };
  picky.assign([p0]);
  for (let turn = 0; turn < 2; turn++) {
    const error = await caught(untilRecords(picky));
    expect(error).toMatchObject({ name: "RecordDeserializationError", ...p0, offset: 0, part: "value" });
    expect(error.message).toMatch(/value of poisoned-0 at offset 0.*not for me/);
    expect(error.hint).toContain("seek to 1");
    expect((error as unknown as { valueBytes: Uint8Array }).valueBytes).toEqual(new Uint8Array(Buffer.from("poison")));
    expect(await picky.position(p0)).toBe(0);
  }
  picky.seek(p0, 1);
  expect(await untilRecords(picky)).toMatchObject([{ offset: 1, value: "fine" }]);
});

async function untilRecords(from: Consumer<string, string>) {
  for (;;) {
    const records = await from.poll(200);
    if (records.length > 0) return records;
  }
}

test("a rebalance callback that throws is thrown once; the partitions are assigned and read", async () => {
  await withTopic("called");
  await producer().send({ topic: "called", value: "x" });
  const reading = consumer({ "group.id": "callers" });
  reading.subscribe(["called"], {
    onPartitionsAssigned() {
      throw new Error("the callback broke");
    },
  });
  await expect(untilRecords(reading)).rejects.toThrow("the callback broke");
  expect(reading.assignment()).toHaveLength(2);
  expect(await untilRecords(reading)).toMatchObject([{ value: "x" }]);
});

test("options: every problem at once, with the range, the contradiction and the nearest name", () => {
  const wrong = {
    "bootstrap.servers": "",
    "gruop.id": "g",
    "auto.offset.reset": "begin",
    "session.timeout.ms": 3000,
    "heartbeat.interval.ms": 5000,
    "max.poll.records": 0,
    "fetch.wait.max.ms": 3,
  };
  expect(() => new Consumer(wrong as never)).toThrow(
    expect.objectContaining({
      name: "ConfigError",
      problems: expect.arrayContaining([
        expect.objectContaining({ setting: "bootstrap.servers" }),
        expect.objectContaining({ setting: "gruop.id", suggestion: "did you mean group.id?" }),
        expect.objectContaining({ setting: "auto.offset.reset", problem: expect.stringContaining('"earliest"') }),
        expect.objectContaining({ setting: "heartbeat.interval.ms", problem: expect.stringContaining("lower than") }),
        expect.objectContaining({ setting: "max.poll.records", problem: expect.stringContaining("from 1 to") }),
        expect.objectContaining({
          setting: "fetch.wait.max.ms",
          suggestion: expect.stringContaining("fetch.max.wait.ms"),
        }),
      ]),
    }),
  );
});
