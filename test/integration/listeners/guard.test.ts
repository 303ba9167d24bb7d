// The guard at every door: each route and the upgrade are tried with hosts and origins that must not come in.

import { WEBSOCKET_PATH } from "@brooklet/protocol";
import { type Broker, startBroker } from "@brooklet/server";
import { afterAll, beforeAll, expect, test } from "vitest";
import { http, RawSocket, rawTcp } from "../../support/raw-client.ts";

let broker: Broker;
beforeAll(async () => {
  broker = await startBroker({ allowedHosts: ["broker.internal"], allowedOrigins: ["https://console.example"] });
});
afterAll(() => broker.close());

const JSON_TYPE = { "content-type": "application/json" };
/** Every route of the HTTP server, and one that is none. */
const routes: [string, string][] = [
  ["GET", "/healthz"],
  ["GET", "/v1/topics"],
  ["GET", "/v1/topics/x"],
  ["GET", "/v1/topics/x/partitions/0/records"],
  ["GET", "/v1/groups"],
  ["GET", "/v1/groups/x"],
  ["POST", "/v1/topics/x/records"],
  ["POST", "/v1/createTopics"],
  ["POST", "/v1/produce"],
  ["POST", "/v1/status"],
  ["OPTIONS", "/v1/topics"],
  ["GET", WEBSOCKET_PATH],
  ["GET", "/no-such-route"],
];

const intruders: [Record<string, string>, number][] = [
  [{ host: "evil.test" }, 421],
  [{ host: "localhost:1" }, 421],
  [{ host: "localhost.evil.test" }, 421],
  [{ origin: "http://evil.test" }, 403],
  [{ origin: "http://localhost:3000" }, 403],
  [{ origin: "null" }, 403],
  [{ "sec-fetch-site": "cross-site" }, 403],
  [{ "sec-fetch-site": "same-site" }, 403],
];

test.each(routes)("%s %s is behind the guard", async (method, path) => {
  for (const [headers, status] of intruders) {
    const answer = await http(broker.url, path, {
      method,
      headers: { ...(method === "POST" ? JSON_TYPE : {}), ...headers },
      ...(method === "POST" ? { body: "{}" } : {}),
    });
    expect(answer.status, JSON.stringify(headers)).toBe(status);
    expect(answer.json?.error).toMatchObject({ code: "CLUSTER_AUTHORIZATION_FAILED", hint: expect.any(String) });
    expect(answer.headers).not.toHaveProperty("access-control-allow-origin");
  }
  expect((await http(broker.url, "/v1/topics")).json?.topics).toEqual([]);
});

test("the upgrade is behind the same guard", async () => {
  for (const [headers, status] of intruders) {
    await expect(RawSocket.connect(broker.url, { headers }), JSON.stringify(headers)).rejects.toThrow(`${status}`);
  }
});

test("who is allowed comes in, by HTTP and by WebSocket", async () => {
  const { port } = broker;
  for (const headers of [
    { host: `localhost:${port}` },
    { host: `app.localhost:${port}` },
    { host: "broker.internal" },
    { host: `localhost:${port}`, origin: `http://localhost:${port}`, "sec-fetch-site": "same-origin" },
    { origin: "https://console.example", "sec-fetch-site": "cross-site" },
  ]) {
    expect((await http(broker.url, "/healthz", { headers })).status).toBe(200);
    const socket = await RawSocket.connect(broker.url, { headers });
    await socket.close();
  }
});

test.each([
  ["no Host", "GET /healthz HTTP/1.1\r\n\r\n", "421"],
  ["two Hosts", "GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nHost: evil.test\r\n\r\n", "421"],
  [
    "two Hosts on upgrade",
    `GET ${WEBSOCKET_PATH} HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nhost: evil.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`,
    "421",
  ],
  ["an empty Host", "GET /healthz HTTP/1.1\r\nHost:\r\n\r\n", "421"],
  ["HTTP/1.0", "GET /healthz HTTP/1.0\r\n\r\n", "421"],
  [
    "an absolute target",
    "GET http://127.0.0.1:PORT/healthz HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nConnection: close\r\n\r\n",
    "400",
  ],
  ["OPTIONS *", "OPTIONS * HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\n\r\n", "400"],
  ["a Host in 17 KiB of headers", `GET /healthz HTTP/1.1\r\nX: ${"x".repeat(17_000)}\r\n\r\n`, "431"],
  ["no HTTP", "\u0016\u0003\u0001hello\r\n\r\n", "400"],
  [
    "an upgrade elsewhere",
    "GET /v1/other HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    "404",
  ],
  [
    "an upgrade without subprotocol",
    `GET ${WEBSOCKET_PATH} HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`,
    "400",
  ],
  [
    "an upgrade with a broken key",
    `GET ${WEBSOCKET_PATH} HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Protocol: brooklet.v1\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: x\r\n\r\n`,
    "400",
  ],
  [
    "an upgrade to something else",
    "GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\r\n",
    "200",
  ],
])("%s is answered, and the broker goes on", async (_what, text, status) => {
  const answer = await rawTcp(broker.url, text.replaceAll("PORT", String(broker.port)));
  expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
  expect((await http(broker.url, "/healthz")).status).toBe(200);
});
