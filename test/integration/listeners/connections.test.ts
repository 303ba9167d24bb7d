// Bounds on connections: what is above them is refused, who is in stays in, and room comes back.

import { connect, type Socket } from "node:net";
import { encodeBatch, encodeFrame, FRAME_CONTENT_TYPE } from "@brooklet/protocol";
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
  const above = await http(broker.url, "/healthz");
  expect({ status: above.status, error: above.json?.error }).toMatchObject({
    status: 503,
    error: { code: "THROTTLING_QUOTA_EXCEEDED", message: "the broker has 8 connections, which is max.connections" },
  });
  await expect(RawSocket.connect(broker.url)).rejects.toThrow("503");
  await until(() => idle.filter((socket) => socket.destroyed).length >= 12, "those above the bound are cut");
  expect((await inside.request("status")).header).toMatchObject({ connections: 1 });
  for (const socket of idle) socket.destroy();
  await until(isUp, "there is room again");
  await inside.close();
});

test("one address has max.connections.per.ip sockets, and as many again when they are gone", async () => {
  broker = await startBroker({ settings: { "max.connections.per.ip": 6 } });
  const mine = Array.from({ length: 10 }, () => connect(broker.port, "127.0.0.1").on("error", () => {}));
  await until(() => mine.filter(({ destroyed }) => destroyed).length >= 4, "those above the bound are cut");
  expect(mine.filter(({ destroyed }) => !destroyed)).toHaveLength(6);
  const above = await http(broker.url, "/healthz");
  expect({ status: above.status, error: above.json?.error }).toMatchObject({
    status: 503,
    error: { message: "127.0.0.1 has 6 connections, which is max.connections.per.ip" },
  });
  for (const socket of mine) socket.destroy();
  await until(isUp, "there is room again");
});

test("a flood of connections above the bound is cut, told or not, and leaves nothing behind", async () => {
  broker = await startBroker({ settings: { "max.connections": 2 } });
  const inside = await RawSocket.greeted(broker.url);
  const flood = Array.from({ length: 300 }, () => connect(broker.port, "127.0.0.1").on("error", () => {}));
  await until(() => flood.filter(({ destroyed }) => destroyed).length >= 299, "those above the bound are cut");
  expect((await inside.request("status")).header).toMatchObject({ connections: 1 });
  for (const socket of flood) socket.destroy();
  await until(isUp, "there is room again");
  await inside.close();
});

test("a broker with refused connections closes at once", async () => {
  broker = await startBroker({ settings: { "max.connections": 1 } });
  const sockets = Array.from({ length: 10 }, () => connect(broker.port, "127.0.0.1").on("error", () => {}));
  await until(() => sockets.every(({ pending }) => !pending), "all have reached the listener");
  await broker.close();
  await until(() => sockets.every(({ destroyed }) => destroyed), "none is left");
});

test("max.pings.per.second: ten seconds' worth of pings pass, more end the connection", async () => {
  broker = await startBroker({ settings: { "max.pings.per.second": 2 } });
  const calm = await RawSocket.greeted(broker.url);
  for (let count = 0; count < 20; count++) calm.socket.ping();
  expect((await calm.request("status")).header).toHaveProperty("clusterId");
  await calm.close();
  const eager = await RawSocket.greeted(broker.url);
  for (let count = 0; count < 50; count++) eager.socket.ping();
  expect(await eager.closed).toEqual({ code: 1008, reason: "more than 2 pings a second (max.pings.per.second)" });
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
    return status.json?.parkedFetches === 16;
  }, "16 of them are parked");
  await postJson(broker.url, "/v1/topics/t/records", { records: [{ valueText: "1" }] });
  const text = await answer;
  expect(text.match(/HTTP\/1.1 200/g)).toHaveLength(16);
  expect(text).toContain("HTTP/1.1 429");
  expect(text).toContain("THROTTLING_QUOTA_EXCEEDED");
});

test("HTTP answers that nobody reads are bounded in all; when they are gone there is room again", async () => {
  broker = await startBroker();
  await postJson(broker.url, "/v1/createTopics", { topics: [{ topic: "t" }] });
  const producer = await RawSocket.greeted(broker.url);
  const batch = encodeBatch([{ key: null, value: Buffer.alloc(1_000_000, "x"), headers: [], timestamp: 1 }]);
  for (let count = 0; count < 8; count++) {
    await producer.request("produce", { acks: -1, partitions: [{ topic: "t", partition: 0, bytes: batch.length }] }, [
      batch,
    ]);
  }
  await producer.close();
  const body = encodeFrame({
    maxWaitMs: 0,
    minBytes: 1,
    maxBytes: 8_000_000,
    isolation: "read_uncommitted",
    partitions: [{ topic: "t", partition: 0, offset: 0, maxBytes: 8_000_000 }],
  });
  const head = `POST /v1/fetch HTTP/1.1\r\nHost: 127.0.0.1:${broker.port}\r\nContent-Type: ${FRAME_CONTENT_TYPE}\r\nContent-Length: ${body.length}\r\n\r\n`;
  const request = Buffer.concat([Buffer.from(head), body]);
  const fetchOnce = () =>
    http(broker.url, "/v1/fetch", { headers: { "content-type": FRAME_CONTENT_TYPE }, body }).then(
      ({ status }) => status,
    );
  const deaf: Socket[] = [];
  while (deaf.length < 10 && (await fetchOnce()) === 200) {
    const socket = connect(broker.port, "127.0.0.1").on("error", () => {});
    socket.pause();
    socket.write(Buffer.concat(Array.from({ length: 16 }, () => request)));
    deaf.push(socket);
  }
  expect(await fetchOnce()).toBe(429);
  expect(deaf.length).toBeGreaterThanOrEqual(2);
  expect(await isUp()).toBe(true);
  for (const socket of deaf) socket.destroy();
  await until(async () => (await fetchOnce()) === 200, "there is room again");
});
