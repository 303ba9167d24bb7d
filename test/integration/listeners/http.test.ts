// HTTP as a client meets it: a record in and out by every face, readable records, errors in one shape.

import {
  decodeFrame,
  encodeBatch,
  encodeFrame,
  FRAME_CONTENT_TYPE,
  MAX_HEADER_BYTES,
  partitionForKey,
  splitBatches,
} from "@brooklet/protocol";
import { type Broker, startBroker } from "@brooklet/server";
import { afterAll, beforeAll, expect, test } from "vitest";
import { http, postJson, until } from "../../support/raw-client.ts";

let broker: Broker;
beforeAll(async () => {
  broker = await startBroker({ settings: { "message.max.bytes": 4096, "socket.request.max.bytes": 65_536 } });
});
afterAll(() => broker.close());

const topicRecords = (topic: string, partition = 0, query = "") =>
  http(broker.url, `/v1/topics/${topic}/partitions/${partition}/records${query}`);
const produce = (topic: string, records: unknown) => postJson(broker.url, `/v1/topics/${topic}/records`, { records });
const postFrame = async (api: string, header: object, payload: Uint8Array[] = []) => {
  const answer = await http(broker.url, `/v1/${api}`, {
    headers: { "content-type": FRAME_CONTENT_TYPE },
    body: encodeFrame(header, payload),
  });
  expect(answer.headers["content-type"]).toBe(FRAME_CONTENT_TYPE);
  return { status: answer.status, ...decodeFrame(answer.body, { maxHeaderBytes: MAX_HEADER_BYTES }) };
};
const read = (topic: string, offset: number, maxWaitMs = 0) => ({
  maxWaitMs,
  minBytes: 1,
  maxBytes: 1_000_000,
  isolation: "read_uncommitted",
  partitions: [{ topic, partition: 0, offset }],
});

test("a record goes in as a frame and comes out as a frame, byte for byte", async () => {
  await postJson(broker.url, "/v1/createTopics", { topics: [{ topic: "framed", partitions: 1 }] });
  const batch = encodeBatch([{ key: Buffer.from("k"), value: Buffer.from("v"), headers: [], timestamp: 1 }]);
  const produced = await postFrame(
    "produce",
    { id: 7, acks: -1, partitions: [{ topic: "framed", partition: 0, bytes: batch.length }] },
    [batch],
  );
  expect(produced).toMatchObject({ status: 200, header: { id: 7, results: [{ baseOffset: 0 }] } });
  const fetched = await postFrame("fetch", read("framed", 0));
  expect(fetched.header).not.toHaveProperty("id");
  const [same] = splitBatches(fetched.payload);
  // The broker writes the base offset and its epoch, and nothing else.
  expect(Buffer.from(same ?? []).subarray(16)).toEqual(Buffer.from(batch.subarray(16)));
});

test("records go in as JSON and come out in the narrowest exact form", async () => {
  const records = [
    { key: "a", valueText: "plain" },
    { key: "a", value: null },
    { keyBase64: "/wA=", valueBase64: "//79" },
    {
      valueText: "null",
      headers: [
        { key: "h", value: "1" },
        { key: "h", value: null },
        { key: "__proto__", valueBase64: "/w==" },
      ],
    },
    { key: "__proto__", valueText: "", timestamp: 42 },
    { key: "", valueText: "\ufeffBOM" },
  ].map((record) => ({ ...record, partition: 0 }));
  const { status, json } = await produce("readable", records);
  expect(status).toBe(200);
  expect(json?.results).toEqual(records.map((_record, offset) => ({ partition: 0, offset })));
  const { json: got } = await topicRecords("readable");
  expect(got).toMatchObject({ nextOffset: 6, highWatermark: 6, logStartOffset: 0 });
  const timestamp = expect.any(Number);
  expect(got?.records).toEqual([
    { partition: 0, offset: 0, timestamp, key: "a", valueText: "plain", headers: [] },
    { partition: 0, offset: 1, timestamp, key: "a", value: null, headers: [] },
    { partition: 0, offset: 2, timestamp, keyBase64: "/wA=", valueBase64: "//79", headers: [] },
    {
      partition: 0,
      offset: 3,
      timestamp,
      key: null,
      valueText: "null",
      headers: [
        { key: "h", value: "1" },
        { key: "h", value: null },
        { key: "__proto__", valueBase64: "/w==" },
      ],
    },
    { partition: 0, offset: 4, timestamp: 42, key: "__proto__", valueText: "", headers: [] },
    { partition: 0, offset: 5, timestamp, key: "", valueText: "\ufeffBOM", headers: [] },
  ]);
});

test("produce and fetch as JSON carry records in place of bytes", async () => {
  const produced = await postJson(broker.url, "/v1/produce", {
    id: 3,
    acks: -1,
    partitions: [
      { topic: "json", partition: 0, records: [{ valueText: "a" }, { valueText: "b" }, { valueText: "c" }] },
    ],
  });
  expect(produced.json).toMatchObject({ id: 3, results: [{ baseOffset: 0 }] });
  const { json } = await postJson(broker.url, "/v1/fetch", read("json", 1));
  expect(json).toMatchObject({ results: [{ nextOffset: 3, records: [{ offset: 1, valueText: "b" }, { offset: 2 }] }] });
  expect(JSON.stringify(json)).not.toContain('"bytes"');
});

test("each record is placed as Kafka's producer would place it", async () => {
  await postJson(broker.url, "/v1/createTopics", { topics: [{ topic: "placed", partitions: 5 }] });
  const keys = ["a", "b", "airport", "KSFO", "", "ключ"];
  const { json } = await produce("placed", [
    ...keys.map((key) => ({ key, valueText: key })),
    { partition: 4, valueText: "there" },
  ]);
  const results = json?.results as { partition: number }[];
  expect(results.map(({ partition }) => partition)).toEqual([
    ...keys.map((key) => partitionForKey(Buffer.from(key), 5)),
    4,
  ]);
  const unkeyed = new Set<number>();
  for (let request = 0; request < 5; request++) {
    const { json: answer } = await produce("placed", [{ valueText: "1" }, { valueText: "2" }]);
    const [first, second] = (answer?.results ?? []) as { partition: number }[];
    expect(first?.partition).toBe(second?.partition);
    unkeyed.add(first?.partition ?? -1);
  }
  expect(unkeyed.size).toBe(5);
});

test("one result per record, in order: a bad one harms no other", async () => {
  const { status, json } = await produce("mixed", [
    { valueText: "0", partition: 0 },
    { key: "a" },
    { valueText: "1", partition: 9 },
    "text",
    { valueText: "x".repeat(5000), partition: 0 },
    { valueText: "1", partition: 0, timestamp: -5 },
    { key: "\ud800", valueText: "1" },
    { valueBase64: "!", partition: 0 },
    { valueText: "1", value: null },
    { valueText: "1", headers: { key: "a" } },
    { valueText: "9", partition: 0 },
  ]);
  expect(status).toBe(200);
  const results = json?.results as { offset?: number; error?: { code: string; message: string } }[];
  expect(results.map(({ offset, error }) => offset ?? error?.code)).toEqual([
    0,
    "INVALID_RECORD",
    "UNKNOWN_TOPIC_OR_PARTITION",
    "INVALID_RECORD",
    "MESSAGE_TOO_LARGE",
    "INVALID_RECORD",
    "INVALID_RECORD",
    "INVALID_RECORD",
    "INVALID_RECORD",
    "INVALID_RECORD",
    1,
  ]);
  expect(results[1]?.error?.message).toContain("valueText");
});

test("when no record at all was stored the status says so", async () => {
  expect((await produce("nothing", [{ valueText: 1 }])).status).toBe(400);
  expect((await produce("nothing", [{ valueText: "x".repeat(5000) }])).status).toBe(413);
  expect((await produce("nothing", [])).status).toBe(200);
  expect((await produce("..", [{ valueText: "x" }])).status).toBe(400);
});

test("more records than one batch holds keep their order and their results", async () => {
  const records = Array.from({ length: 50 }, (_, index) => ({
    partition: 0,
    valueText: `${index}`.padStart(500, "."),
  }));
  const { json } = await produce("many", records);
  expect(((json?.results ?? []) as { offset: number }[]).map(({ offset }) => offset)).toEqual(
    records.map((_, index) => index),
  );
  let next = 0;
  const seen: string[] = [];
  while (next < 50) {
    const { json: page } = await topicRecords("many", 0, `?offset=${next}&maxRecords=7`);
    const got = page?.records as { valueText: string; offset: number }[];
    expect(got.length).toBeLessThanOrEqual(7);
    expect(got[0]?.offset).toBe(next);
    seen.push(...got.map(({ valueText }) => valueText));
    next = page?.nextOffset as number;
  }
  expect(seen).toEqual(records.map(({ valueText }) => valueText));
});

test("reading begins at a number, at the start or at the end, and waits when asked to", async () => {
  await produce("waiting", [{ valueText: "0" }]);
  expect((await topicRecords("waiting", 0, "?offset=latest")).json).toMatchObject({ records: [], nextOffset: 1 });
  expect((await topicRecords("waiting", 0, "?offset=earliest")).json?.records).toHaveLength(1);
  const parked = topicRecords("waiting", 0, "?offset=1&maxWaitMs=20000");
  await until(async () => (await status()).parkedFetches === 1, "the fetch is parked");
  await produce("waiting", [{ valueText: "1" }]);
  expect((await parked).json?.records).toHaveLength(1);
});

test("a parked fetch ends when its client goes away", async () => {
  await produce("deserted", [{ valueText: "0" }]);
  const going = new AbortController();
  const parked = http(broker.url, "/v1/topics/deserted/partitions/0/records?offset=1&maxWaitMs=50000", {
    signal: going.signal,
  });
  parked.catch(() => {});
  await until(async () => (await status()).parkedFetches === 1, "the fetch is parked");
  going.abort();
  await until(async () => (await status()).parkedFetches === 0, "the fetch has ended");
});

async function status(): Promise<Record<string, unknown>> {
  return (await postJson(broker.url, "/v1/status", {})).json ?? {};
}

test("the simple routes show topics and groups, and create nothing", async () => {
  await produce("shown", [{ valueText: "0" }]);
  expect((await http(broker.url, "/healthz")).json).toEqual({ status: "ok" });
  const { json: topics } = await http(broker.url, "/v1/topics");
  expect(((topics?.topics ?? []) as { topic: string }[]).map(({ topic }) => topic)).toContain("shown");
  expect((await http(broker.url, "/v1/topics/shown")).json).toMatchObject({
    topic: "shown",
    partitions: [{ highWatermark: 1 }],
  });
  expect((await http(broker.url, "/v1/groups")).json).toEqual({ groups: [] });
  for (const path of [
    "/v1/topics/absent",
    "/v1/topics/absent/partitions/0/records",
    "/v1/topics/absent/partitions/0/records?offset=0",
    "/v1/topics/shown/partitions/7/records",
    "/v1/groups/absent",
  ]) {
    const answer = await http(broker.url, path);
    expect(answer.status, path).toBe(404);
    expect(answer.json?.error, path).toMatchObject({ code: expect.any(String), message: expect.any(String) });
  }
  expect((await http(broker.url, "/v1/topics")).json).not.toMatchObject({
    topics: expect.arrayContaining([expect.objectContaining({ topic: "absent" })]),
  });
});

test.each(["__proto__", "constructor", "hasOwnProperty", "toString"])(
  "%s is a topic and a key like any other",
  async (name) => {
    expect((await produce(name, [{ key: name, valueText: name, headers: [{ key: name, value: name }] }])).status).toBe(
      200,
    );
    expect((await topicRecords(name)).json?.records).toMatchObject([{ key: name, valueText: name }]);
    expect((await http(broker.url, `/v1/topics/${name}`)).json).toMatchObject({ topic: name });
    expect((await http(broker.url, `/v1/groups/${name}`)).status).toBe(404);
  },
);

test.each<[string, string, string, number, string]>([
  ["GET", "/", "", 404, "INVALID_REQUEST"],
  ["GET", "/v1/topics/", "", 400, "INVALID_TOPIC_EXCEPTION"],
  ["GET", "/v1/nonsense", "", 404, "INVALID_REQUEST"],
  ["GET", "/v1/ws", "", 404, "INVALID_REQUEST"],
  ["PUT", "/nowhere", "", 404, "INVALID_REQUEST"],
  ["GET", "/%", "", 400, "INVALID_REQUEST"],
  ["GET", `/v1/topics/${"x".repeat(3000)}`, "", 414, "INVALID_REQUEST"],
  ["POST", "/v1/nonsense", "{}", 400, "UNSUPPORTED_VERSION"],
  ["POST", "/v1/hello", "{}", 400, "UNSUPPORTED_VERSION"],
  ["POST", "/v1/__proto__", "{}", 400, "UNSUPPORTED_VERSION"],
  ["POST", "/v1/status", "", 400, "INVALID_REQUEST"],
  ["POST", "/v1/status", "{", 400, "INVALID_REQUEST"],
  ["POST", "/v1/status", "[]", 400, "INVALID_REQUEST"],
  ["POST", "/v1/status", '{"__proto__":{"x":1}}', 400, "INVALID_REQUEST"],
  ["POST", "/v1/status", '{"api":"fetch"}', 400, "INVALID_REQUEST"],
  ["POST", "/v1/status", '{"id":"x"}', 400, "INVALID_REQUEST"],
  ["POST", "/v1/status", `${"[".repeat(1000)}${"]".repeat(1000)}`, 400, "INVALID_REQUEST"],
  ["POST", "/v1/fetch", "{}", 400, "INVALID_REQUEST"],
  ["POST", "/v1/produce", '{"acks":-1,"partitions":[{"topic":"x","partition":0}]}', 400, "INVALID_REQUEST"],
  ["POST", "/v1/produce", '{"acks":-1,"partitions":[null]}', 400, "INVALID_REQUEST"],
  ["POST", "/v1/topics/x/records", "{}", 400, "INVALID_REQUEST"],
  ["GET", "/v1/topics/x/partitions/-1/records", "", 400, "INVALID_REQUEST"],
  ["GET", "/v1/topics/x/partitions/0/records?offset=-5", "", 400, "INVALID_REQUEST"],
  ["GET", "/v1/topics/x/partitions/0/records?offset=1e3", "", 400, "INVALID_REQUEST"],
  ["GET", "/v1/topics/x/partitions/0/records?offset=1&offset=2", "", 400, "INVALID_REQUEST"],
  ["GET", "/v1/topics/x/partitions/0/records?maxRecords=0", "", 400, "INVALID_REQUEST"],
  ["GET", "/v1/topics/x/partitions/0/records?maxRecords=10001", "", 400, "INVALID_REQUEST"],
  ["GET", "/v1/topics/x/partitions/0/records?maxWaitMs=999999999", "", 400, "INVALID_REQUEST"],
  ["GET", "/v1/topics/x/partitions/0/records?isolation=none", "", 400, "INVALID_REQUEST"],
])("%s %s %s is answered with %i %s", async (method, path, body, status, code) => {
  const answer = await http(broker.url, path, {
    method,
    ...(method === "POST" ? { body, headers: { "content-type": "application/json" } } : {}),
  });
  expect(answer.status).toBe(status);
  expect(answer.json?.error).toMatchObject({ code });
  expect(answer.headers).toMatchObject({
    "content-type": "application/json",
    "cross-origin-resource-policy": "same-origin",
    "x-content-type-options": "nosniff",
  });
});

test("a bad frame is answered with a frame, with its id where it could be read", async () => {
  expect(await postFrame("status", { id: 5, api: "fetch" })).toMatchObject({
    status: 400,
    header: { id: 5, error: { code: "INVALID_REQUEST" } },
  });
  expect((await postFrame("fetch", { id: 6 })).header).toMatchObject({ id: 6, error: { code: "INVALID_REQUEST" } });
  expect((await postFrame("nonsense", {})).header).toMatchObject({ error: { code: "UNSUPPORTED_VERSION" } });
  const garbage = await http(broker.url, "/v1/status", {
    headers: { "content-type": FRAME_CONTENT_TYPE },
    body: new Uint8Array([0, 0, 0, 200, 1]),
  });
  expect(garbage.status).toBe(400);
  const payloadTooLong = await postFrame("produce", { acks: 1, partitions: [] }, [new Uint8Array(5)]);
  expect(payloadTooLong.header).toMatchObject({ error: { code: "INVALID_REQUEST" } });
});

test.each([
  undefined,
  "",
  "text/plain",
  "text/json",
  "application/json; charset=latin1",
  "application/json;",
  "application/json; boundary=x",
  "application/json;\tcharset=utf-8",
  "application/json, text/plain",
  "application/jsonp",
  "application/vnd.brooklet; charset=utf-8",
  "application/vnd.brooklet+json",
  "application/x-www-form-urlencoded",
  "multipart/form-data; boundary=x",
  "application/octet-stream",
  "*/*",
  "json",
  "application/json/json",
  "application//json",
  "application/ json",
  "\u00e9",
])("the content type %j is refused with 415", async (type) => {
  const body = JSON.stringify({ records: [{ valueText: "sneaked in" }] });
  for (const path of ["/v1/status", "/v1/topics/sneaky/records"]) {
    const answer = await http(broker.url, path, {
      method: "POST",
      body,
      ...(type === undefined ? {} : { headers: { "content-type": type } }),
    });
    expect(answer.status).toBe(415);
    expect(answer.json?.error).toMatchObject({ code: "INVALID_REQUEST" });
  }
  expect((await http(broker.url, "/v1/topics/sneaky")).status).toBe(404);
});

test("JSON with its only charset is JSON", async () => {
  const answer = await http(broker.url, "/v1/status", {
    body: "{}",
    headers: { "content-type": "application/json; charset=UTF-8" },
  });
  expect(answer.status).toBe(200);
});

test("a body beyond the limit is refused with 413, records beyond it too, and the broker goes on", async () => {
  const tooLong = await http(broker.url, "/v1/status", {
    body: Buffer.alloc(65_536 + 1024 * 1024 + 5, " "),
    headers: { "content-type": "application/json" },
  });
  expect(tooLong).toMatchObject({ status: 413, json: { error: { code: "RECORD_LIST_TOO_LARGE" } } });
  const chunked = await http(broker.url, "/v1/status", {
    body: Buffer.alloc(65_536 + 1024 * 1024 + 5, " "),
    headers: { "content-type": "application/json", "transfer-encoding": "chunked" },
  });
  expect(chunked.status).toBe(413);
  const records = Array.from({ length: 30 }, () => ({ valueText: "x".repeat(3000) }));
  expect((await produce("toolarge", records)).json).toMatchObject({ error: { code: "RECORD_LIST_TOO_LARGE" } });
  expect((await http(broker.url, "/healthz")).status).toBe(200);
});

test("JSON without records is as long as a frame's header may be; records in JSON are bounded in number", async () => {
  const padded = (bytes: number) =>
    http(broker.url, "/v1/status", {
      body: Buffer.from("{}".padEnd(bytes)),
      headers: { "content-type": "application/json" },
    });
  expect((await padded(MAX_HEADER_BYTES)).status).toBe(200);
  expect(await padded(MAX_HEADER_BYTES + 1)).toMatchObject({
    status: 400,
    json: { error: { code: "INVALID_REQUEST" } },
  });
  const half = { topic: "many", partition: 0, records: Array.from({ length: 50_001 }, () => ({})) };
  expect((await postJson(broker.url, "/v1/produce", { acks: -1, partitions: [half, half] })).json).toMatchObject({
    error: { code: "INVALID_REQUEST", message: "at most 100000 records go in one request" },
  });
});
