// Tokens at every door: who has none gets nothing but /healthz, and the token itself comes out nowhere.

import { encodeFrame, FRAME_CONTENT_TYPE, WEBSOCKET_PATH } from "@brooklet/protocol";
import { apis } from "@brooklet/protocol/apis";
import { type Broker, startBroker } from "@brooklet/server";
import { afterAll, beforeAll, expect, test } from "vitest";
import { MAX_WRONG_TOKENS } from "../../../server/src/listeners/authenticator.ts";
import { type HttpAnswer, http, postJson, RawSocket, rawTcp } from "../../support/raw-client.ts";

const CANARY = "canary-0123456789abcdef";
const SECOND = "second-0123456789abcdef";
const bearer = { authorization: `Bearer ${CANARY}` };
const lines: unknown[] = [];
const write = (...line: unknown[]) => void lines.push(line);
let broker: Broker;

beforeAll(async () => {
  broker = await startBroker({
    token: [CANARY, SECOND],
    allowedOrigins: ["https://console.example"],
    logger: { debug: write, info: write, warn: write, error: write },
  });
});
afterAll(async () => {
  await broker.close();
  expect(JSON.stringify(lines)).not.toMatch(/canary|second-0/);
});

const routes: [string, string][] = [
  ["GET", "/metrics"],
  ["GET", "/openapi.json"],
  ["GET", "/v1/topics"],
  ["GET", "/v1/topics/x"],
  ["GET", "/v1/topics/x/stream"],
  ["GET", "/v1/topics/x/partitions/0/records"],
  ["GET", "/v1/groups"],
  ["GET", "/v1/groups/x"],
  ["POST", "/v1/topics/x/records"],
  ["OPTIONS", "/v1/topics"],
  ["GET", "/no-such-route"],
  ["GET", WEBSOCKET_PATH],
  ...Object.keys(apis).map((api): [string, string] => ["POST", `/v1/${api}`]),
];

function expectNoCanary(answer: HttpAnswer): void {
  expect(JSON.stringify(answer.headers) + answer.body.toString()).not.toMatch(/canary|second-0/);
}

test.each(routes)("%s %s wants a token: none and a wrong one are 401, with how to show one", async (method, path) => {
  const body = method === "POST" ? { body: "{}" } : {};
  for (const contentType of ["application/json", FRAME_CONTENT_TYPE]) {
    const answer = await http(broker.url, path, { method, headers: { "content-type": contentType }, ...body });
    expect(answer.status).toBe(401);
    expect(answer.headers["www-authenticate"]).toBe('Bearer realm="brooklet"');
    expect(answer.json?.error).toMatchObject({
      code: "SASL_AUTHENTICATION_FAILED",
      retriable: false,
      definite: true,
      hint: expect.stringContaining("Authorization: Bearer"),
    });
  }
  const good = await http(broker.url, path, {
    method,
    headers: { "content-type": "application/json", ...bearer },
    ...body,
  });
  expect(good.status).not.toBe(401);
  expectNoCanary(good);
});

test("/healthz is open, and says nothing", async () => {
  const { status, json } = await http(broker.url, "/healthz");
  expect({ status, json }).toEqual({ status: 200, json: { status: "ok" } });
});

test("a WebSocket shows its token in the upgrade's header or in hello", async () => {
  const byHeader = await RawSocket.connect(broker.url, { headers: bearer });
  expect((await byHeader.hello()).header).toHaveProperty("clusterId");
  const byHello = await RawSocket.connect(broker.url);
  const { header } = await byHello.request("hello", {
    client: "raw",
    versions: [1],
    clientInstanceId: "with-token",
    connectionSeq: 1,
    token: SECOND,
  });
  expect(header).toHaveProperty("clusterId");
  expect(JSON.stringify(header)).not.toContain("second-0");
  await Promise.all([byHeader.close(), byHello.close()]);
});

test.each([[{}], [{ token: "wrong-0123456789abcdef" }], [{ token: "" }], [{ token: `${CANARY}x` }]])(
  "a hello with %j is refused, and the socket closed",
  async (more) => {
    const socket = await RawSocket.connect(broker.url);
    const fields = { client: "raw", versions: [1], clientInstanceId: `i${Math.random()}`, connectionSeq: 1, ...more };
    const { header } = await socket.request("hello", fields);
    expect(header.error).toMatchObject({ code: "SASL_AUTHENTICATION_FAILED" });
    expect(JSON.stringify(header)).not.toContain("canary");
    expect(await socket.closed).toMatchObject({
      code: 1008,
      reason: expect.stringContaining("SASL_AUTHENTICATION_FAILED"),
    });
  },
);

test("without a token nothing but hello acts, not even what is sent right behind it", async () => {
  const first = await RawSocket.connect(broker.url);
  first.start("createTopics", { topics: [{ topic: "sneaky" }] });
  expect((await first.closed).code).toBe(1008);
  const second = await RawSocket.connect(broker.url);
  second.start("hello", { client: "raw", versions: [1], clientInstanceId: "sneaky", connectionSeq: 1 });
  second.start("createTopics", { topics: [{ topic: "sneaky" }] });
  expect((await second.closed).code).toBe(1008);
  expect((await http(broker.url, "/v1/topics/sneaky", { headers: bearer })).status).toBe(404);
});

test("a hello above 64 KiB is refused before anybody is known, whatever token it holds", async () => {
  const socket = await RawSocket.connect(broker.url);
  socket.send(encodeFrame({ id: 1, api: "hello", token: CANARY, client: "x".repeat(70_000) }));
  expect((await socket.closed).code).toBe(1009);
});

test("an upgrade with a wrong token, or with one in its URL, is refused before it is one", async () => {
  await expect(RawSocket.connect(broker.url, { headers: { authorization: "Bearer x" } })).rejects.toThrow("401");
  await expect(RawSocket.connect(broker.url, { path: `${WEBSOCKET_PATH}?token=${CANARY}` })).rejects.toThrow("400");
  const answer = await rawTcp(
    broker.url,
    `GET ${WEBSOCKET_PATH} HTTP/1.1\r\nHost: 127.0.0.1:${broker.port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nAuthorization: Bearer x\r\n\r\n`,
  );
  expect(answer).toMatch(/^HTTP\/1.1 401 /);
  expect(answer).toMatch(/\r\nwww-authenticate: Bearer/);
});

test("a token in a URL is refused with a hint and repeated nowhere", async () => {
  for (const path of [`/v1/topics?token=${CANARY}`, `/nowhere?access_token=${CANARY}`, `/healthz?token=${CANARY}`]) {
    const answer = await http(broker.url, path, { headers: bearer });
    expect(answer.status).toBe(400);
    expect(answer.json?.error).toMatchObject({ hint: expect.stringContaining("Authorization") });
    expectNoCanary(answer);
  }
  expectNoCanary(await http(broker.url, `/nowhere?secret=${CANARY}`, { headers: bearer }));
});

test("an allowed page asks before it brings its token, and may read what it is refused", async () => {
  const origin = "https://console.example";
  const preflight = await http(broker.url, "/v1/topics", {
    method: "OPTIONS",
    headers: { origin, "access-control-request-method": "POST", "access-control-request-headers": "authorization" },
  });
  expect(preflight.status).toBe(204);
  expect(preflight.headers).toMatchObject({
    "access-control-allow-origin": origin,
    "access-control-allow-headers": expect.stringContaining("authorization"),
    vary: "Origin",
  });
  const refused = await http(broker.url, "/v1/topics", { headers: { origin } });
  expect({ status: refused.status, allowed: refused.headers["access-control-allow-origin"] }).toEqual({
    status: 401,
    allowed: origin,
  });
});

test("what the broker tells of itself holds no token", async () => {
  await postJson(broker.url, "/v1/createTopics", { topics: [{ topic: "t" }] });
  for (const [path, body] of [
    ["/v1/status", "{}"],
    ["/v1/describeConfigs", JSON.stringify({ resources: [{ type: "broker" }] })],
    ["/metrics", undefined],
  ] as const) {
    const headers = { ...bearer, ...(body === undefined ? {} : { "content-type": "application/json" }) };
    expectNoCanary(await http(broker.url, path, { headers, ...(body === undefined ? {} : { body }) }));
  }
});

test("above twenty wrong tokens each is answered late, in the same words, and a right one passes meanwhile", async () => {
  const before = await guesses();
  const guess = () => http(broker.url, "/v1/topics", { headers: { authorization: "Bearer wrong" } });
  const { status, body } = await guess();
  expect(status).toBe(401);
  const wrong = Array.from({ length: 2 * MAX_WRONG_TOKENS }, async () => {
    const late = await guess();
    expect({ status: late.status, body: late.body.toString() }).toEqual({ status: 401, body: body.toString() });
  });
  const upgrade = expect(RawSocket.connect(broker.url, { headers: { authorization: "Bearer x" } })).rejects.toThrow(
    "401",
  );
  const hello = helloWith("wrong-0123456789abcdef");
  expect((await http(broker.url, "/v1/topics", { headers: bearer })).status).toBe(200);
  const inside = await RawSocket.connect(broker.url, { headers: bearer });
  expect((await inside.hello()).header).toHaveProperty("clusterId");
  expect(await helloWith(SECOND)).toHaveProperty("clusterId");
  await Promise.all([...wrong, upgrade]);
  expect(await hello).toMatchObject({ error: { code: "SASL_AUTHENTICATION_FAILED" } });
  expect(await guesses()).toBeGreaterThanOrEqual(before + MAX_WRONG_TOKENS + 2);
  await inside.close();
});

test("guesses that are sent ahead of the late answer to the first one are not judged", async () => {
  const line = `GET /v1/topics HTTP/1.1\r\nHost: 127.0.0.1:${broker.port}\r\nAuthorization: Bearer wrong\r\n\r\n`;
  const before = await guesses();
  const answer = await rawTcp(broker.url, line.repeat(200));
  expect(answer.match(/HTTP\/1\.1 /g)).toHaveLength(1);
  expect(answer).toMatch(/^HTTP\/1\.1 401 /);
  expect(await guesses()).toBe(before + 1);
});

/** Says hello on a socket of its own and closes it. */
async function helloWith(token: string): Promise<unknown> {
  const socket = await RawSocket.connect(broker.url);
  const fields = { client: "raw", versions: [1], clientInstanceId: `i${Math.random()}`, connectionSeq: 1, token };
  const { header } = await socket.request("hello", fields);
  await socket.close();
  return header;
}

/** Wrong tokens that were answered late. */
async function guesses(): Promise<number> {
  const { body } = await http(broker.url, "/metrics", { headers: bearer });
  return Number(/brooklet_rejected_total\{reason="guessing"\} (\d+)/.exec(body.toString())?.[1]);
}
