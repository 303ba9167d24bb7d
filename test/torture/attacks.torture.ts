// The attacks of test/integration/listeners/attacks.test.ts, long and together, while a healthy client produces and consumes: it is
// answered all the time, nothing of it is lost, and memory comes back to where it was.

import { connect, type Socket } from "node:net";
import { encodeBatch, encodeFrame } from "@brooklet/protocol";
import { type Broker, startBroker } from "@brooklet/server";
import { afterAll, beforeAll, expect, test } from "vitest";
import { http, RawSocket, until } from "../support/raw-client.ts";
import { times } from "./share.ts";

const DURATION_MS = times({ full: 600_000, ci: 60_000 });
const MIB = 1024 * 1024;
const MAX_GROWTH_BYTES = 600 * MIB;
let broker: Broker;
const sockets = new Set<Socket>();

beforeAll(async () => {
  broker = await startBroker({
    settings: { "handshake.timeout.ms": 2000, "http.request.timeout.ms": 4000, "idle.timeout.ms": 5000 },
    token: "torture-0123456789abcdef",
  });
});
afterAll(async () => {
  for (const socket of sockets) socket.destroy();
  await broker.close();
});

const bearer = { authorization: "Bearer torture-0123456789abcdef" };
const host = () => `Host: 127.0.0.1:${broker.port}\r\n`;
const upgrade = () =>
  `GET /v1/ws HTTP/1.1\r\n${host()}Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n` +
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: brooklet.v1\r\n\r\n";

/** Opens a socket, writes, and forgets it when it ends. */
function attack(first: string | Buffer, drip?: string): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect({ port: broker.port, host: "127.0.0.1" });
    sockets.add(socket);
    const timer = drip === undefined ? undefined : setInterval(() => socket.write(drip), 100);
    socket.on("error", () => {});
    socket.on("close", () => {
      clearInterval(timer);
      sockets.delete(socket);
      resolve();
    });
    socket.resume();
    socket.write(first);
  });
}

const attacks: Readonly<Record<string, () => Promise<unknown>>> = {
  "slow headers": () => attack(`GET /v1/topics HTTP/1.1\r\n${host()}`, "X: y\r\n"),
  "slow bodies": () => attack(`POST /v1/status HTTP/1.1\r\n${host()}Content-Length: 100000\r\n\r\n`, "x"),
  "silent upgrades": () => attack(upgrade()),
  "connections without a word": () => attack(""),
  pings: () =>
    attack(
      Buffer.concat([
        Buffer.from(upgrade()),
        ...Array.from({ length: 2000 }, () => Buffer.from([0x89, 0x80, 0, 0, 0, 0])),
      ]),
    ),
  fragments: () =>
    attack(
      Buffer.concat([
        Buffer.from(upgrade()),
        Buffer.from([0x02, 0x80, 0, 0, 0, 0]),
        ...Array.from({ length: 2000 }, () => Buffer.from([0x00, 0x81, 0, 0, 0, 0, 0])),
      ]),
    ),
  "announced giants": () =>
    attack(Buffer.concat([Buffer.from(upgrade()), Buffer.from([0x82, 0xff, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0])])),
  "nested JSON": () =>
    http(broker.url, "/v1/createTopics", {
      headers: { ...bearer, "content-type": "application/json" },
      body: "[".repeat(1_000_000),
    }),
  "wide JSON": () =>
    http(broker.url, "/v1/createTopics", {
      headers: { ...bearer, "content-type": "application/json" },
      body: `{${'"a":1,'.repeat(140_000)}"b":1}`,
    }),
  "wrong tokens": () => http(broker.url, "/v1/topics", { headers: { authorization: "Bearer wrong" } }),
  "foreign hosts": () => http(broker.url, "/v1/topics", { headers: { host: "evil.test" } }),
  garbage: () => attack(Buffer.from(Array.from({ length: 500 }, (_, index) => (index * 7919) % 256))),
};

test("thousands of idle WebSockets that said hello cost a bounded amount each, and go all together", async () => {
  const count = times({ full: 5000, ci: 1000 });
  const before = process.memoryUsage.rss();
  const idle: RawSocket[] = [];
  for (let index = 0; index < count; index++) {
    const socket = await RawSocket.connect(broker.url, { headers: bearer });
    await socket.hello();
    idle.push(socket);
  }
  // Both ends live in this process.
  expect((process.memoryUsage.rss() - before) / count).toBeLessThan(250 * 1024);
  for (const { socket } of idle) socket.terminate();
  const witness = await RawSocket.connect(broker.url, { headers: bearer });
  await witness.hello();
  await until(async () => (await witness.request("status")).header.connections === 1, "all are gone", 20_000);
  witness.send(encodeFrame({ id: 99, api: "status" }));
  await witness.close();
});

test(`every attack at once for ${DURATION_MS / 1000} s`, async () => {
  const healthy = await RawSocket.connect(broker.url, { headers: bearer });
  await healthy.hello();
  await healthy.request("createTopics", { topics: [{ topic: "t" }] });
  const before = process.memoryUsage.rss();
  const endsAtMs = performance.now() + DURATION_MS;
  const isOver = () => performance.now() > endsAtMs;
  const attackers = Object.values(attacks).flatMap((once) =>
    Array.from({ length: 10 }, async () => {
      while (!isOver()) await once().catch(() => undefined);
    }),
  );
  const batch = encodeBatch([{ key: null, value: Buffer.alloc(100), headers: [], timestamp: 1 }]);
  const produce = { acks: -1, partitions: [{ topic: "t", partition: 0, bytes: batch.length }] };
  let stored = 0;
  while (!isOver()) {
    const { header } = await healthy.request("produce", produce, [batch]);
    expect(header.results).toMatchObject([{ baseOffset: stored }]);
    stored++;
    expect(process.memoryUsage.rss() - before).toBeLessThan(MAX_GROWTH_BYTES);
  }
  for (const socket of sockets) socket.destroy();
  await Promise.all(attackers);
  const { header } = await healthy.request("listOffsets", {
    isolation: "read_uncommitted",
    partitions: [{ topic: "t", partition: 0, at: "latest" }],
  });
  expect(header.results).toMatchObject([{ offset: stored }]);
  expect(stored).toBeGreaterThan(DURATION_MS / 1000);
  await until(async () => (await healthy.request("status")).header.connections === 1, "all attackers are gone");
  await healthy.close();
});
