// A broker under attack, in small: what is slow, silent, endless or absurd is refused or cut with a reason, and a healthy client
// notices nothing. The long versions are in test/torture.

import { connect, type Socket } from "node:net";
import { encodeFrame, FRAME_CONTENT_TYPE, FRAME_PREFIX_BYTES, MAX_HEADER_BYTES } from "@brooklet/protocol";
import { type Broker, startBroker } from "@brooklet/server";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { http, RawSocket, until } from "../../support/raw-client.ts";

const MAX_UNAUTHENTICATED = 50;
let broker: Broker;
let witness: RawSocket;
const open: Attacker[] = [];

beforeAll(async () => {
  broker = await startBroker({
    settings: {
      "handshake.timeout.ms": 400,
      "http.request.timeout.ms": 800,
      "idle.timeout.ms": 1000,
      "max.unauthenticated.connections": MAX_UNAUTHENTICATED,
    },
  });
});
afterAll(() => broker.close());

// Whatever happens to others, this client is answered, on the connection it had before.
beforeEach(async () => {
  witness = await RawSocket.greeted(broker.url);
});
afterEach(async () => {
  expect((await witness.request("status")).header).toMatchObject({ storage: "ok" });
  await witness.close();
  for (const attacker of open.splice(0)) attacker.socket.destroy();
  expect((await http(broker.url, "/healthz")).status).toBe(200);
});

/** A TCP connection that keeps what it is told. */
class Attacker {
  readonly socket: Socket;
  text = "";
  ended = false;
  #drip: ReturnType<typeof setInterval> | undefined;

  constructor(first = "", localAddress?: string) {
    this.socket = connect({
      port: broker.port,
      host: "127.0.0.1",
      ...(localAddress === undefined ? {} : { localAddress }),
    });
    this.socket.on("data", (data) => {
      this.text += data.toString("latin1");
    });
    this.socket.on("error", () => {});
    for (const event of ["end", "close"])
      this.socket.on(event, () => {
        this.ended = true;
        clearInterval(this.#drip);
      });
    this.socket.write(first);
    open.push(this);
  }

  /** Sends this again and again, slowly. */
  drips(text: string): this {
    this.#drip = setInterval(() => this.socket.write(text), 40);
    return this;
  }
}

const host = () => `Host: 127.0.0.1:${broker.port}\r\n`;
const upgrade = () =>
  `GET /v1/ws HTTP/1.1\r\n${host()}Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n` +
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: brooklet.v1\r\n\r\n";

test("headers that never end, and connections that never speak, are cut after handshake.timeout.ms", async () => {
  const slow = Array.from({ length: 50 }, () => new Attacker(`GET /v1/topics HTTP/1.1\r\n${host()}`).drips("X: y\r\n"));
  const mute = Array.from({ length: 50 }, () => new Attacker());
  await until(() => [...slow, ...mute].every(({ ended }) => ended), "all are cut");
  expect(slow[0]?.text).toMatch(/^HTTP\/1.1 408 [\s\S]*did not arrive in time/);
});

test("a body that never ends is cut after http.request.timeout.ms", async () => {
  const head = `POST /v1/status HTTP/1.1\r\n${host()}Content-Type: application/json\r\nContent-Length: 5000\r\n\r\n`;
  const chunked = `POST /v1/status HTTP/1.1\r\n${host()}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n`;
  const slow = Array.from({ length: 20 }, () => new Attacker(head).drips(" "));
  const chunks = Array.from({ length: 20 }, () => new Attacker(chunked).drips("1\r\n \r\n"));
  await until(() => [...slow, ...chunks].every(({ ended }) => ended), "all are cut");
  for (const { text } of [...slow, ...chunks]) expect(text).toMatch(/^HTTP\/1.1 408 /);
});

test("an idle connection between two requests is closed after half of idle.timeout.ms", async () => {
  const idle = new Attacker(`GET /healthz HTTP/1.1\r\n${host()}\r\n`);
  await until(() => idle.text.includes('{"status":"ok"}'), "it was answered");
  expect(idle.ended).toBe(false);
  await until(() => idle.ended, "it is closed");
});

test("a thousand sockets that never say hello: so many may wait, the others are refused, all are cut in time", async () => {
  const silent = Array.from({ length: 1000 }, () => new Attacker(upgrade()));
  expect((await witness.request("status")).header).toHaveProperty("clusterId");
  await until(() => silent.every(({ text }) => text.includes("\x88")), "each got a close frame", 20_000);
  const refused = silent.filter(({ text }) => text.includes("max.unauthenticated.connections have not said hello"));
  const late = silent.filter(({ text }) => text.includes("no hello within 0.4 s"));
  expect(refused.length + late.length).toBe(1000);
  expect(refused.length).toBeGreaterThan(0);
  expect(late.length).toBeGreaterThanOrEqual(MAX_UNAUTHENTICATED);
  const welcome = await RawSocket.greeted(broker.url);
  await welcome.close();
});

/** A frame of a WebSocket client as it goes over the wire; the mask is all zeros. */
function wire(first: number, payload: Uint8Array): Buffer {
  const { length } = payload;
  const head = length < 126 ? [first, 0x80 | length] : [first, 0xfe, length >> 8, length & 255];
  return Buffer.concat([Buffer.from(head), Buffer.alloc(4), payload]);
}

test.each<[string, () => Buffer, number]>([
  [
    "one-byte fragments",
    () =>
      Buffer.concat([wire(0x02, Buffer.alloc(1)), ...Array.from({ length: 5000 }, () => wire(0x00, Buffer.alloc(1)))]),
    1008,
  ],
  [
    "empty fragments without end",
    () =>
      Buffer.concat([wire(0x02, Buffer.alloc(0)), ...Array.from({ length: 5000 }, () => wire(0x00, Buffer.alloc(0)))]),
    1008,
  ],
  ["a reserved bit", () => wire(0xc2, Buffer.alloc(1)), 1002],
  ["an unknown opcode", () => wire(0x83, Buffer.alloc(1)), 1002],
  ["a frame without a mask", () => Buffer.from([0x82, 0x01, 0x00]), 1002],
  ["a continuation of nothing", () => wire(0x80, Buffer.alloc(1)), 1002],
  ["a ping of 126 bytes", () => wire(0x89, Buffer.alloc(126)), 1002],
  ["a flood of pings", () => Buffer.concat(Array.from({ length: 5000 }, () => wire(0x89, Buffer.alloc(0)))), 1008],
  ["text that is no UTF-8", () => wire(0x81, Buffer.from([0xff, 0xfe])), 1007],
  ["a header of 4 GiB that is announced", () => wire(0x82, Buffer.from([0xff, 0xff, 0xff, 0xff])), 1002],
])("%s on a WebSocket ends it with a code", async (_what, bytes, code) => {
  const attacker = new Attacker(upgrade());
  await until(() => attacker.text.includes("\r\n\r\n"), "it is open");
  attacker.socket.write(bytes());
  await until(() => attacker.ended, "it is cut");
  const closing = Buffer.from(attacker.text, "latin1");
  const code16 = Buffer.from([code >> 8, code & 255]);
  expect(closing.includes(code16, closing.indexOf(0x88))).toBe(true);
});

const absurd: [string, string][] = [
  ["nested a million deep", "[".repeat(1_000_000)],
  ["nested objects a hundred thousand deep", '{"a":'.repeat(100_000)],
  ["a million keys", `{${'"a":1,'.repeat(140_000)}"b":1}`],
  ["different keys, all numbers", `{${Array.from({ length: 80_000 }, (_, index) => `"${index}":1`).join(",")}}`],
  ["one text of a megabyte that does not end", `{"a":"${"x".repeat(1_000_000)}`],
  ["nothing but colons", ":".repeat(1_000_000)],
  ["__proto__", '{"__proto__":{"admin":true}}'],
  ["constructor.prototype", '{"constructor":{"prototype":{"admin":true}}}'],
];

test.each(absurd)("JSON with %s is refused at every door", async (_what, json) => {
  const header = Buffer.from(json).subarray(0, MAX_HEADER_BYTES);
  const length = Buffer.alloc(FRAME_PREFIX_BYTES);
  length.writeUInt32BE(header.length);
  const frame = Buffer.concat([length, header]);
  for (const [contentType, body] of [
    ["application/json", json],
    [FRAME_CONTENT_TYPE, frame],
  ] as const) {
    for (const path of [
      "/v1/createTopics",
      "/v1/produce",
      ...(contentType === "application/json" ? ["/v1/topics/t/records"] : []),
    ]) {
      const answer = await http(broker.url, path, { headers: { "content-type": contentType }, body });
      expect(answer.status, path).toBe(400);
    }
  }
  const socket = await RawSocket.greeted(broker.url);
  socket.send(frame);
  expect((await socket.closed).code).toBe(1002);
  expect(({} as { admin?: boolean }).admin).toBeUndefined();
});

test("a hello above 64 KiB, and anything else before hello, ends the socket at once", async () => {
  const large = await RawSocket.connect(broker.url);
  large.send(encodeFrame({ id: 1, api: "hello", client: "x".repeat(70_000) }));
  expect((await large.closed).code).toBe(1009);
  const eager = await RawSocket.connect(broker.url);
  eager.start("status");
  expect((await eager.closed).code).toBe(1008);
});

test.skipIf(process.platform !== "linux")(
  "one address takes max.connections.per.ip and no more; others come in (skipped where loopback has one address)",
  async () => {
    const small = await startBroker({ settings: { "max.connections.per.ip": 20 } });
    try {
      const mine = Array.from({ length: 50 }, () => {
        const socket = connect({ port: small.port, host: "127.0.0.1", localAddress: "127.0.0.7" });
        return socket.on("error", () => {});
      });
      await until(() => mine.filter(({ destroyed }) => destroyed).length >= 30, "those above the bound are dropped");
      expect((await http(small.url, "/healthz")).status).toBe(200);
      for (const socket of mine) socket.destroy();
      // The broker may not have seen all of them go.
      const comesIn = () =>
        new Promise<boolean>((resolve) => {
          const again = connect({ port: small.port, host: "127.0.0.1", localAddress: "127.0.0.7" });
          again.on("error", () => resolve(false)).on("close", () => resolve(false));
          again.on("data", (data) => {
            resolve(data.toString().startsWith("HTTP/1.1 200"));
            again.destroy();
          });
          again.write(`GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:${small.port}\r\n\r\n`);
        });
      await until(comesIn, "there is room again");
    } finally {
      await small.close();
    }
  },
);
