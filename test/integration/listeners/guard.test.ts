// The guard at every door: each route and the upgrade are tried with hosts and origins that must not come in.

import { readdirSync, readFileSync } from "node:fs";
import { WEBSOCKET_PATH } from "@brooklet/protocol";
import { apis } from "@brooklet/protocol/apis";
import { type Broker, startBroker } from "@brooklet/server";
import { afterAll, beforeAll, expect, test } from "vitest";
import { routes as tableOfRoutes } from "../../../server/src/listeners/http-routes.ts";
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
  ["GET", "/metrics"],
  ["GET", "/openapi.json"],
  ["GET", "/v1/topics/x/stream"],
  ["GET", "/v1/topics"],
  ["GET", "/v1/topics/x"],
  ["GET", "/v1/topics/x/partitions/0/records"],
  ["GET", "/v1/groups"],
  ["GET", "/v1/groups/x"],
  ["POST", "/v1/topics/x/records"],
  ...Object.keys(apis).map((api): [string, string] => ["POST", `/v1/${api}`]),
  ["OPTIONS", "/v1/topics"],
  ["GET", WEBSOCKET_PATH],
  ["GET", "/no-such-route"],
];

test("no route is missing above: neither an API nor a path that a person can type", () => {
  const path = (route: string) => route.replace(/\{[^}]+\}|:[a-z]+/gi, "x");
  const known = routes.map(([method, url]) => `${method} ${url}`);
  for (const route of tableOfRoutes)
    expect(known.map((text) => text.replace("/partitions/0/", "/partitions/x/"))).toContain(
      `${route.method} ${path(route.path)}`,
    );
  // The sources may not register a route that the table does not name.
  const folder = new URL("../../../server/src/listeners/", import.meta.url);
  for (const file of readdirSync(folder)) {
    const text = readFileSync(new URL(file, folder), "utf8");
    for (const [, method = "", url = ""] of text.matchAll(
      /fastify\.(get|post|put|delete|patch|route|all)\b[^(]*\(\s*"([^"]+)"/g,
    )) {
      if (url === "/v1/:api") continue;
      expect(known.map((one) => one.replace("/partitions/0/", "/partitions/x/"))).toContain(
        `${method.toUpperCase()} ${path(url)}`,
      );
    }
    expect(text, `${file} adds an upgrade path`).not.toMatch(/on\("upgrade"(?![\s\S]*guard\.check)/);
  }
});

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

test("only the pages of allowed origins hear that they may read, by name; nobody else's preflight is answered so", async () => {
  const asked = { "access-control-request-method": "POST", "access-control-request-headers": "content-type" };
  const origin = "https://console.example";
  const preflight = await http(broker.url, "/v1/produce", { method: "OPTIONS", headers: { origin, ...asked } });
  expect(preflight.status).toBe(204);
  expect(preflight.headers).toMatchObject({
    "access-control-allow-origin": origin,
    "access-control-allow-methods": "GET, POST",
    vary: "Origin",
  });
  expect(preflight.headers).not.toHaveProperty("access-control-allow-credentials");
  const answer = await http(broker.url, "/v1/topics", { headers: { origin, "sec-fetch-site": "cross-site" } });
  expect(answer.headers).toMatchObject({ "access-control-allow-origin": origin, vary: "Origin" });
  const own = `http://127.0.0.1:${broker.port}`;
  for (const other of [own, "https://console.example.evil.test", "http://console.example", "null"]) {
    const refused = await http(broker.url, "/v1/produce", { method: "OPTIONS", headers: { origin: other, ...asked } });
    expect(refused.status, other).not.toBe(204);
    for (const name of Object.keys(refused.headers)) expect(name).not.toMatch(/^access-control/);
  }
});

test("every answer forbids other pages to embed it and browsers to guess its type", async () => {
  for (const [path, headers] of [
    ["/healthz", {}],
    ["/metrics", {}],
    ["/v1/topics", {}],
    ["/nowhere", {}],
    ["/healthz", { host: "evil.test" }],
  ] as const) {
    const answer = await http(broker.url, path, { headers });
    expect(answer.headers, path).toMatchObject({
      "cross-origin-resource-policy": "same-origin",
      "x-content-type-options": "nosniff",
    });
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
