// What the guide's pages say that the program says, provoked: the real messages, held against the tables at the pages' ends.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Admin, Consumer, json, Producer, string } from "@brooklet/client";
import { type Broker, startBroker } from "@brooklet/server";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { brooklet } from "../cli/command.ts";
import { pages, symptomPattern, symptomsOf } from "./pages.ts";

let broker: Broker;
let servers: { "bootstrap.servers": string };
beforeAll(async () => {
  broker = await startBroker();
  servers = { "bootstrap.servers": `127.0.0.1:${broker.port}` };
  await using admin = new Admin(servers);
  await admin.createTopics([{ topic: "orders", partitions: 2 }]);
});
afterAll(() => broker.close());

const folder = mkdtempSync(join(tmpdir(), "brooklet-symptoms-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The message is what the page's table names by a text with these words. */
function expectNamed(page: string, words: string, message: string): void {
  const symptoms = symptomsOf(pages.find(({ name }) => name === page) ?? { name: page, text: "", blocks: [] });
  const found = symptoms.find((texts) => texts.some((text) => text.includes(words)));
  expect(found, `${page} names nothing with "${words}"`).toBeDefined();
  for (const text of found ?? []) expect(message).toMatch(symptomPattern(text, "[\\s\\S]*?"));
}

async function messageOf(run: () => unknown): Promise<string> {
  try {
    await run();
  } catch (error) {
    return String(error);
  }
  throw new Error("it succeeded");
}

function member(
  config: Partial<ConstructorParameters<typeof Consumer<string, string>>[0]> = {},
): Consumer<string, string> {
  const options = { "group.id": "kitchen", "key.deserializer": string, "value.deserializer": string };
  const consumer = new Consumer<string, string>({ ...servers, ...options, ...config });
  onTestFinished(() => consumer.close());
  return consumer;
}

test("commits.md", async () => {
  const consumer = member({ "group.id": "commits", "auto.offset.reset": "none" });
  consumer.subscribe(["orders"]);
  expectNamed("commits.md", "there is no offset", await messageOf(() => consumer.poll(10_000)));
  await using admin = new Admin(servers);
  const offsets = [{ topic: "orders", partition: 0, offset: 0 }];
  expectNamed("commits.md", "without a member", await messageOf(() => admin.alterGroupOffsets("commits", offsets)));
  const other = member({ "group.id": "commits", "auto.offset.reset": "earliest" });
  other.subscribe(["orders"]);
  while (other.assignment().length === 0) await Promise.all([other.poll(10), consumer.poll(10).catch(() => [])]);
  const [moved] = other.assignment();
  const foreign = [{ topic: "orders", partition: moved?.partition ?? -1, offset: 0 }];
  expectNamed("commits.md", "was refused", await messageOf(() => consumer.commit(foreign)));
  await using producer = new Producer<string, string>({
    ...servers,
    "key.serializer": string,
    "value.serializer": string,
  });
  await producer.send({ topic: "words", key: "a", value: "no JSON" });
  const careful = member({
    "group.id": "careful",
    "auto.offset.reset": "earliest",
    "value.deserializer": json<string>(),
  });
  careful.subscribe(["words"]);
  expectNamed("commits.md", "cannot be deserialized", await messageOf(() => careful.poll(10_000)));
});

test("rebalancing.md and shutdown.md", async () => {
  const consumer = member({ "group.id": "late", "max.poll.interval.ms": 50 });
  consumer.subscribe(["orders"]);
  await consumer.ready();
  await using admin = new Admin(servers);
  let reason: string | undefined;
  while (reason === undefined)
    reason = (await admin.describeGroups(["late"]))[0]?.timeline.find(({ event }) => event === "leave")?.reason;
  expectNamed("rebalancing.md", "max.poll.interval.ms", reason);
  const offsets = [{ topic: "orders", partition: 0, offset: 0 }];
  expectNamed("rebalancing.md", "is not in group", await messageOf(() => consumer.commit(offsets)));

  const waiting = member({ "group.id": "waiting" });
  waiting.subscribe(["orders"]);
  const polling = messageOf(() => waiting.poll(60_000));
  expectNamed("rebalancing.md", "was called while", await messageOf(() => waiting.poll(0)));
  waiting.wakeup();
  expectNamed("shutdown.md", "wakeup()", await polling);
  await waiting.close();
  expectNamed("shutdown.md", "already been closed", await messageOf(() => waiting.poll(0)));
});

test("testing.md", async () => {
  expectNamed("testing.md", "is in use", await messageOf(() => startBroker({ port: broker.port })));
  const short = member({ "session.timeout.ms": 100, "heartbeat.interval.ms": 50 });
  short.subscribe(["orders"]);
  expectNamed("testing.md", "session.timeout.ms is", await messageOf(() => short.poll(10_000)));
  const idle = member({ "group.id": "idle" });
  expectNamed("testing.md", "not subscribed", await messageOf(() => idle.poll(0)));
  const nobody = member({ "bootstrap.servers": "127.0.0.1:1", "group.id": "nobody" });
  nobody.subscribe(["orders"]);
  const notReady = await messageOf(() => nobody.ready({ timeoutMs: 50 }));
  expectNamed("testing.md", "not ready yet", notReady);
  expectNamed("from-kafkajs.md", "no connection to", notReady);
});

test("from-kafkajs.md and from-java.md", async () => {
  const options = {
    ...servers,
    groupId: "kitchen",
    "value.deserializer": "StringDeserializer",
    "max.poll.records": "500",
  };
  const refused = await messageOf(() => new Consumer(options as never));
  expectNamed("from-kafkajs.md", "is not an option", refused);
  for (const words of ["must be an object", "whole number", "the configuration has"])
    expectNamed("from-java.md", words, refused);
  await using producer = new Producer<string, string>({
    ...servers,
    "key.serializer": string,
    "value.serializer": string,
  });
  const sent = await messageOf(() => producer.send({ topic: "orders", key: "a", value: 1 as never }));
  expectNamed("from-kafkajs.md", "expected a", sent);
  const transactional = { ...servers, "transactional.id": "t" };
  for (const page of ["from-kafkajs.md", "from-java.md"])
    expectNamed(page, "not there yet", await messageOf(() => new Producer(transactional as never)));
  const alone = new Consumer(servers);
  expectNamed("from-kafkajs.md", "needs a group.id", await messageOf(() => alone.subscribe(["orders"])));
  const early = member();
  early.subscribe(["orders"]);
  expectNamed(
    "from-kafkajs.md",
    "not assigned",
    await messageOf(() => early.seek({ topic: "orders", partition: 0 }, 0)),
  );
  await alone.close();
});

test("http.md", async () => {
  const said = async (path: string, init: RequestInit = {}) => await (await fetch(`${broker.url}${path}`, init)).text();
  const records = "/v1/topics/orders/records";
  const asJson = { "content-type": "application/json" };
  const origin = { origin: "https://evil.example" };
  expectNamed("http.md", "web origin", await said("/v1/topics", { headers: origin }));
  expectNamed("http.md", "a body is", await said(records, { method: "POST", body: "{}" }));
  const noValue = JSON.stringify({ records: [{ key: "a" }] });
  expectNamed("http.md", "needs value", await said(records, { method: "POST", body: noValue, headers: asJson }));
  expectNamed("http.md", "is outside", await said("/v1/topics/orders/partitions/0/records?offset=99"));
  expectNamed(
    "http.md",
    "begin anew",
    await said("/v1/topics/orders/stream", { headers: { "last-event-id": "0:99,1:0" } }),
  );
  const guarded = await startBroker({ token: "a-token-of-sixteen" });
  onTestFinished(() => guarded.close());
  expectNamed("http.md", "none was shown", await (await fetch(`${guarded.url}/v1/topics`)).text());
  const headers = { authorization: "Bearer another-token-of-16" };
  expectNamed("http.md", "none of those", await (await fetch(`${guarded.url}/v1/topics`, { headers })).text());
});

test("operations.md", async () => {
  const data = join(folder, "data");
  const holder = await startBroker({ data, durability: "process" });
  expectNamed("operations.md", "is held by", await messageOf(() => startBroker({ data })));
  await holder.close();
  writeFileSync(join(data, "brooklet.db"), "no database at all, but long enough to be looked at".repeat(100));
  expectNamed("operations.md", "is damaged", await messageOf(() => startBroker({ data })));
  const tokenFile = join(folder, "tokens.txt");
  writeFileSync(tokenFile, "a-token-of-sixteen\n", { mode: 0o644 });
  const lines: string[] = [];
  const note = (_: object, text: string) => void lines.push(text);
  const logger = { debug: note, info: note, warn: note, error: note };
  await (await startBroker({ tokenFile, logger })).close();
  await (await startBroker({ host: "0.0.0.0", allowAnonymousNetwork: true, logger })).close();
  expectNamed("operations.md", "chmod 600", lines.join("\n"));
  expectNamed("operations.md", "anybody who reaches", lines.join("\n"));
  const { stderr } = await brooklet(["topics", "list", "-b", "127.0.0.1:1", "--timeout-ms", "50"]);
  expectNamed("operations.md", "Is a broker running there?", stderr);
});
