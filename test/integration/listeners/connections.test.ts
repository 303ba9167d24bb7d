// Bounds on connections: what is above them is refused, who is in stays in, and room comes back.

import { connect, type Socket } from "node:net";
import { type Broker, startBroker } from "@brooklet/server";
import { afterEach, expect, test } from "vitest";
import { http, postJson, RawSocket, rawTcp, until } from "../../support/raw-client.ts";

let broker: Broker;
afterEach(() => broker.close());

const isUp = () =>
  http(broker.url, "/healthz").then(
    ({ status }) => status === 200,
    () => false,
  );

test("sockets are bounded by max.connections, whatever they speak", async () => {
  broker = await startBroker({ settings: { "max.connections": 8 } });
  const inside = await RawSocket.greeted(broker.url);
  const idle: Socket[] = [];
  for (let count = 0; count < 20; count++) idle.push(connect(broker.port, "127.0.0.1").on("error", () => {}));
  await until(() => idle.filter((socket) => socket.destroyed).length >= 12, "those above the bound are dropped");
  expect((await inside.request("status")).header).toMatchObject({ connections: 1 });
  for (const socket of idle) socket.destroy();
  await until(isUp, "there is room again");
  await inside.close();
});

test("sockets that do not say hello are bounded, and leave room for those who do", async () => {
  broker = await startBroker();
  const polite = await RawSocket.greeted(broker.url);
  const strangers = await Promise.all(Array.from({ length: 200 }, () => RawSocket.connect(broker.url)));
  const oneMore = await RawSocket.connect(broker.url);
  expect((await oneMore.closed).code).toBe(1013);
  expect((await polite.request("status")).header).toMatchObject({ connections: 201 });
  strangers.pop()?.socket.terminate();
  await until(async () => {
    const status = await postJson(broker.url, "/v1/status", {});
    return (status.json?.connections as number) < 201;
  }, "one has gone");
  const late = await RawSocket.greeted(broker.url);
  expect((await late.request("status")).header).toHaveProperty("clusterId");
  for (const { socket } of [...strangers, polite, late]) socket.terminate();
});

test("requests sent ahead on one HTTP connection are bounded", async () => {
  broker = await startBroker();
  await postJson(broker.url, "/v1/topics/t/records", { records: [{ valueText: "0" }] });
  const parked = `GET /v1/topics/t/partitions/0/records?offset=1&maxWaitMs=50000 HTTP/1.1\r\nHost: 127.0.0.1:${broker.port}\r\n\r\n`;
  const answer = rawTcp(broker.url, parked.repeat(100));
  await until(async () => {
    const status = await postJson(broker.url, "/v1/status", {});
    return status.json?.parkedFetches === 64;
  }, "64 of them are parked");
  await postJson(broker.url, "/v1/topics/t/records", { records: [{ valueText: "1" }] });
  const text = await answer;
  expect(text.match(/HTTP\/1.1 200/g)).toHaveLength(64);
  expect(text).toContain("HTTP/1.1 429");
  expect(text).toContain("THROTTLING_QUOTA_EXCEEDED");
});
