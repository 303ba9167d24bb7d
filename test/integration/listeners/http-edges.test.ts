// What stands at the edges of HTTP: packed bodies, expectations, paths that are no text, garbage behind a request.

import { type Broker, startBroker } from "@brooklet/server";
import { afterAll, beforeAll, expect, test } from "vitest";
import { http, postJson, rawTcp } from "../../support/raw-client.ts";

let broker: Broker;
let host = "";
beforeAll(async () => {
  broker = await startBroker();
  host = `Host: 127.0.0.1:${broker.port}\r\n`;
  await postJson(broker.url, "/v1/createTopics", { topics: [{ topic: "t" }] });
});
afterAll(() => broker.close());

test.each([
  ["/v1/metadata", "application/json"],
  ["/v1/metadata", "application/vnd.brooklet"],
  ["/v1/topics/t/records", "application/x-ndjson"],
])("a packed body to %s as %s is refused, not read as if it were none", async (path, contentType) => {
  const headers = { "content-type": contentType, "content-encoding": "gzip" };
  const { status, json } = await http(broker.url, path, { headers, body: "{}" });
  expect({ status, error: json?.error }).toMatchObject({
    status: 415,
    error: { code: "INVALID_REQUEST", message: expect.stringContaining("Content-Encoding") },
  });
});

test("an expectation that nobody knows is refused behind the guard, in the shape of all errors", async () => {
  const line = (hostLine: string) => `GET /v1/topics HTTP/1.1\r\n${hostLine}Expect: magic\r\n\r\n`;
  expect(await rawTcp(broker.url, line(host))).toMatch(/^HTTP\/1\.1 417 .*"code":"INVALID_REQUEST"/s);
  expect(await rawTcp(broker.url, line("Host: evil.test\r\n"))).toMatch(/^HTTP\/1\.1 421 /);
});

test("a path that is no text is refused without its query", async () => {
  const { status, json } = await http(broker.url, "/v1/topics/%ff?secret=hunter2");
  expect({ status, error: json?.error }).toMatchObject({ status: 400, error: { code: "INVALID_REQUEST" } });
  expect(JSON.stringify(json)).not.toContain("hunter2");
});

test("garbage in the middle of an answer ends the connection, and nothing is written into the answer", async () => {
  const begin = `POST /v1/topics/t/records HTTP/1.1\r\n${host}Content-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n`;
  const answer = await rawTcp(broker.url, `${begin}c\r\n{"value":1}\n\r\nnot a chunk\r\n`);
  expect(answer.match(/HTTP\/1\.1/g) ?? []).toHaveLength(answer === "" ? 0 : 1);
  expect(answer).not.toContain("no HTTP request");
});

test("garbage behind a request that waits is not answered in its place", async () => {
  const parked = `GET /v1/topics/t/partitions/0/records?offset=latest&maxWaitMs=60000 HTTP/1.1\r\n${host}\r\n`;
  expect(await rawTcp(broker.url, `${parked}garbage\r\n\r\n`)).toBe("");
});

test.each(["application/json", "application/vnd.brooklet"])(
  "a body above its bound, as %s, is told the bound",
  async (type) => {
    const { status, json } = await http(broker.url, "/v1/produce", {
      headers: { "content-type": type },
      body: Buffer.alloc(10_000_000, " "),
    });
    expect({ status, error: json?.error }).toMatchObject({
      status: 413,
      error: { code: "RECORD_LIST_TOO_LARGE", message: "the request has more than 9437188 bytes" },
    });
  },
);
