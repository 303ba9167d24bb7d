// Event streams as a browser meets them: every record once and in order, across cuts; reasons at the end; bounds.

import { type Broker, startBroker } from "@brooklet/server";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { EventReader } from "../../support/event-reader.ts";
import { eventually } from "../../support/eventually.ts";
import { http, postJson } from "../../support/raw-client.ts";

let broker: Broker;
const readers: EventReader[] = [];
beforeAll(async () => {
  broker = await startBroker({ settings: { "max.stream.readers": 5 } });
});
afterAll(() => broker.close());
afterEach(async () => {
  for (const reader of readers.splice(0)) reader.close();
  await eventually(async () => (await parked()) === 0, "no fetch is left of a reader that has gone");
});

const parked = async (of = broker) => (await postJson(of.url, "/v1/status", {})).json?.parkedFetches;
const create = (topic: string, partitions: number) =>
  postJson(broker.url, "/v1/createTopics", { topics: [{ topic, partitions }] });
const produce = (topic: string, records: object[]) => postJson(broker.url, `/v1/topics/${topic}/records`, { records });
const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => from + index);
function open(topic: string, query = "", lastEventId?: string, of = broker): EventReader {
  const reader = new EventReader(of.url, `/v1/topics/${topic}/stream${query}`, lastEventId);
  readers.push(reader);
  return reader;
}
/** Opened and at its first position, so that what is produced from now on comes. */
async function opened(...args: Parameters<typeof open>): Promise<EventReader> {
  const reader = open(...args);
  await eventually(() => reader.lastEventId !== "" || reader.ended, "the stream is open");
  return reader;
}

test("records come as they are stored, with their values as they were sent, and an id", async () => {
  await create("live", 2);
  const reader = await opened("live");
  expect(reader).toMatchObject({ status: 200, contentType: "text/event-stream", retryMs: 1000 });
  await postJson(broker.url, "/v1/topics/live/records", { records: [{ partition: 1, valueText: "a\nb" }] });
  const body = '{"records":[{"partition":0,"key":"k","value":{"n":9007199254740993,"x":1.0}}]}';
  await http(broker.url, "/v1/topics/live/records", { body, headers: { "content-type": "application/json" } });
  await eventually(() => reader.events.length === 2, "both have come");
  expect(reader.records[0]).toMatchObject({ partition: 1, offset: 0, valueText: "a\nb" });
  expect(reader.events[1]?.data).toContain('"value":{"n":9007199254740993,"x":1.0}');
  expect(reader.lastEventId).toMatch(/^0:1,1:1@.{22}$/);
});

test("a reader that is cut anywhere comes back where it was: nothing lost, nothing twice, order kept", async () => {
  await create("cut", 3);
  const seen: number[][] = [[], [], []];
  let lastEventId: string | undefined;
  const target = 300;
  const producing = (async () => {
    for (let from = 0; from < target; from += 20)
      await produce(
        "cut",
        numbers(from, from + 20).map((value) => ({ partition: value % 3, value })),
      );
  })();
  let reader = open("cut", "?from=earliest");
  for (let cuts = 0; seen.flat().length < target; cuts++) {
    const wanted = seen.flat().length + 1 + ((cuts * 7) % 23);
    await eventually(() => seen.flat().length + reader.events.length >= Math.min(wanted, target), "more records come");
    reader.close();
    for (const { partition, value } of reader.records) seen[partition as number]?.push(value as number);
    lastEventId = reader.events.at(-1)?.id ?? reader.lastEventId;
    readers.splice(readers.indexOf(reader), 1);
    reader = open("cut", "?from=earliest", lastEventId);
  }
  await producing;
  expect(seen).toEqual([0, 1, 2].map((partition) => numbers(0, target).filter((value) => value % 3 === partition)));
});

test("it begins at the end, the start, a time, or positions; one partition by itself", async () => {
  await create("begin", 2);
  const at = (partition: number, timestamp: number) => ({ partition, timestamp, value: timestamp });
  await produce("begin", [at(0, 1_000), at(0, 2_000), at(1, 1_500), at(1, 3_000)]);
  const values = async (query: string, count: number) => {
    const reader = open("begin", query);
    await eventually(() => reader.events.length >= count, `${query} brings ${count}`);
    return reader.records.map(({ value }) => value).sort();
  };
  expect(await values("?from=earliest", 4)).toEqual([1_000, 1_500, 2_000, 3_000]);
  expect(await values("?from=2000", 2)).toEqual([2_000, 3_000]);
  expect(await values("?from=0:1,1:1", 2)).toEqual([2_000, 3_000]);
  expect(await values("?from=0:2", 2)).toEqual([1_500, 3_000]);
  readers[0]?.close();
  expect(await values("?from=earliest&partition=1", 2)).toEqual([1_500, 3_000]);
});

test("from a time beyond all records, and from the end, only what comes later", async () => {
  await create("later", 1);
  await produce("later", [{ value: "before" }]);
  const [latest, beyond] = [await opened("later"), await opened("later", "?from=9007199254740991")];
  await produce("later", [{ value: "after" }]);
  for (const reader of [latest, beyond]) {
    await eventually(() => reader.events.length > 0, "the new one comes");
    expect(reader.records).toMatchObject([{ offset: 1, value: "after" }]);
  }
});

test("a deleted topic ends the stream with the reason, and the positions do not fit a new one of its name", async () => {
  await create("gone", 1);
  const reader = await opened("gone");
  await postJson(broker.url, "/v1/deleteTopics", { topics: ["gone"] });
  await eventually(() => reader.ended, "the stream ends");
  expect(reader.events.at(-1)).toMatchObject({ event: "end" });
  expect(JSON.parse(reader.events.at(-1)?.data ?? "")).toMatchObject({ error: { code: "UNKNOWN_TOPIC_ID" } });
  await create("gone", 1);
  const again = open("gone", "", reader.lastEventId);
  await eventually(() => again.ended, "it is refused");
  expect(again.status).toBe(404);
  expect(JSON.parse(again.body)).toMatchObject({ error: { code: "UNKNOWN_TOPIC_ID" } });
});

test("max.stream.readers bounds them, and who leaves makes room", async () => {
  await create("full", 1);
  const all = await Promise.all([1, 2, 3, 4, 5].map(() => opened("full")));
  expect(all.every(({ status }) => status === 200)).toBe(true);
  const refused = await http(broker.url, "/v1/topics/full/stream");
  expect(refused.status).toBe(429);
  expect(refused.json?.error).toMatchObject({ code: "THROTTLING_QUOTA_EXCEEDED" });
  expect((await http(broker.url, "/healthz")).status).toBe(200);
  all[0]?.close();
  let next = open("full");
  await eventually(async () => {
    if (next.status === 429) next = open("full");
    return next.status === 200;
  }, "there is room again");
});

test("a slow reader holds what it was sent and no more, and gets everything in the end", async () => {
  await create("slow", 1);
  const reader = await opened("slow");
  reader.pause();
  const value = "x".repeat(50_000);
  for (let part = 0; part < 10; part++)
    await produce(
      "slow",
      numbers(0, 20).map((n) => ({ key: `${part * 20 + n}`, value })),
    );
  reader.resume();
  await eventually(() => reader.events.length === 200, "all have come");
  expect(reader.records.map(({ key }) => Number(key))).toEqual(numbers(0, 200));
});

test("a broker that stops ends its streams with the reason, soon", async () => {
  const other = await startBroker();
  try {
    await postJson(other.url, "/v1/createTopics", { topics: [{ topic: "t", partitions: 1 }] });
    const reader = await opened("t", "", undefined, other);
    await other.close();
    await eventually(() => reader.ended, "the stream ends");
    expect(JSON.parse(reader.events.at(-1)?.data ?? "{}")).toMatchObject({ error: { code: "BROKER_NOT_AVAILABLE" } });
  } finally {
    await other.close();
  }
});

test.each([
  ["absent", "", 404, "UNKNOWN_TOPIC_OR_PARTITION"],
  ["refusing", "?partition=2", 404, "UNKNOWN_TOPIC_OR_PARTITION"],
  ["refusing", "?partition=x", 400, "INVALID_REQUEST"],
  ["refusing", "?partition=0&partition=1", 400, "INVALID_REQUEST"],
  ["refusing", "?from=start", 400, "INVALID_REQUEST"],
  ["refusing", "?from=-1", 400, "INVALID_REQUEST"],
  ["refusing", "?from=99999999999999999", 400, "INVALID_REQUEST"],
  ["refusing", "?from=0:1,0:1", 400, "INVALID_REQUEST"],
  ["refusing", "?from=0:1@", 400, "INVALID_REQUEST"],
  ["refusing", `?from=${"0:1,".repeat(3000)}`, 400, "INVALID_REQUEST"],
  ["refusing", "?from=earliest&from=latest", 400, "INVALID_REQUEST"],
  ["refusing", "?from=7:0", 404, "UNKNOWN_TOPIC_OR_PARTITION"],
  ["refusing", "?from=0:1", 416, "OFFSET_OUT_OF_RANGE"],
  ["refusing", "?from=0:0@AAAAAAAAAAAAAAAAAAAAAA", 404, "UNKNOWN_TOPIC_ID"],
  ["refusing", "?isolation=none", 400, "INVALID_REQUEST"],
  ["wide", "", 422, "POLICY_VIOLATION"],
])("%s%s is refused before the stream begins: %i %s", async (topic, query, status, code) => {
  await create("refusing", 2);
  await create("wide", 251);
  const answer = await http(broker.url, `/v1/topics/${topic}/stream${query}`);
  expect(answer).toMatchObject({ status, json: { error: { code } } });
});
