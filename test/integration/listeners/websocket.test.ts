// The WebSocket door over real sockets: limits that are crossed end the one who crosses them, and nobody else.

import { encodeBatch, encodeFrame, FRAME_PREFIX_BYTES, MAX_HEADER_BYTES } from "@brooklet/protocol";
import { type Broker, startBroker } from "@brooklet/server";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { http, postJson, RawSocket, rawTcp, until } from "../../support/raw-client.ts";

const PAYLOAD_LIMIT = 64 * 1024;
let broker: Broker;
let witness: RawSocket;
const batch = encodeBatch([{ key: null, value: Buffer.from("v"), headers: [], timestamp: 1 }]);
const produceOne = { acks: -1, partitions: [{ topic: "t", partition: 0, bytes: batch.length }] };
const read = (offset: number, maxWaitMs: number) => ({
  maxWaitMs,
  minBytes: 1,
  maxBytes: 1_000_000,
  isolation: "read_uncommitted",
  partitions: [{ topic: "t", partition: 0, offset }],
});
const status = async () => (await postJson(broker.url, "/v1/status", {})).json ?? {};

beforeAll(async () => {
  broker = await startBroker({
    settings: {
      "message.max.bytes": 1024,
      "socket.request.max.bytes": PAYLOAD_LIMIT,
      "max.in.flight.request.bytes": 64 * 1024,
      "idle.timeout.ms": 1000,
    },
  });
  await postJson(broker.url, "/v1/createTopics", { topics: [{ topic: "t", partitions: 1 }] });
});
afterAll(() => broker.close());

// Whatever a test does to its own connection, this one must not notice.
beforeEach(async () => {
  witness = await RawSocket.greeted(broker.url);
});
afterEach(async () => {
  expect((await witness.request("status")).header).toMatchObject({ storage: "ok" });
  await witness.close();
});

test("a record goes in and comes out as frames", async () => {
  const { header } = await witness.request("produce", produceOne, [batch]);
  expect(header).toMatchObject({ results: [{ topic: "t", partition: 0 }] });
  const [{ baseOffset }] = header.results as [{ baseOffset: number }];
  const fetched = await witness.request("fetch", read(baseOffset, 0));
  expect(fetched.header).toMatchObject({ results: [{ nextOffset: baseOffset + 1, bytes: batch.length }] });
  expect(Buffer.from(fetched.payload.subarray(16))).toEqual(Buffer.from(batch.subarray(16)));
});

test("a parked fetch holds nothing back; a record wakes it, a cancel ends it", async () => {
  const socket = await RawSocket.greeted(broker.url);
  const { header } = await socket.request("listOffsets", {
    isolation: "read_uncommitted",
    partitions: [{ topic: "t", partition: 0, at: "latest" }],
  });
  const [{ offset }] = header.results as [{ offset: number }];
  const woken = socket.start("fetch", read(offset, 50_000));
  const cancelled = socket.start("fetch", { ...read(offset, 50_000), minBytes: 1_000_000 });
  await socket.request("status");
  await until(async () => (await status()).parkedFetches === 2, "both are parked");
  await socket.request("produce", produceOne, [batch]);
  expect((await woken.answer).header).toMatchObject({ results: [{ nextOffset: offset + 1 }] });
  socket.cancel(cancelled.id);
  expect((await cancelled.answer).header).toHaveProperty("results");
  expect((await status()).parkedFetches).toBe(0);
  await socket.close();
});

test("a closed connection's parked fetches end", async () => {
  const socket = await RawSocket.greeted(broker.url);
  for (let count = 0; count < 5; count++) socket.start("fetch", { ...read(0, 50_000), minBytes: 1_000_000 });
  await until(async () => (await status()).parkedFetches === 5, "they are parked");
  socket.socket.terminate();
  await until(async () => (await status()).parkedFetches === 0, "they have ended");
});

test("a message beyond the limit is refused with 1009", async () => {
  const socket = await RawSocket.greeted(broker.url);
  socket.send(new Uint8Array(FRAME_PREFIX_BYTES + MAX_HEADER_BYTES + PAYLOAD_LIMIT + 1));
  expect((await socket.closed).code).toBe(1009);
});

test("a message that only announces its length is refused with 1009 before it is there", async () => {
  const announced = Buffer.alloc(14);
  announced.writeUInt16BE(0x82ff);
  announced.writeBigUInt64BE(BigInt(FRAME_PREFIX_BYTES + MAX_HEADER_BYTES + PAYLOAD_LIMIT + 1), 2);
  const answer = await rawTcp(broker.url, Buffer.concat([Buffer.from(upgrade()), announced]));
  expect(answer).toMatch(/^HTTP\/1.1 101 /);
  // A close frame: its code, and the reason as text.
  expect(answer).toContain("\x03\xf1MESSAGE_TOO_LARGE: ");
});

test("a text frame is refused with 1003", async () => {
  const socket = await RawSocket.greeted(broker.url);
  socket.send('{"id":1,"api":"status"}');
  expect((await socket.closed).code).toBe(1003);
});

test("a bad frame is refused with 1002, and what follows it on the same socket does nothing", async () => {
  const socket = await RawSocket.greeted(broker.url);
  socket.send(new Uint8Array([0, 0, 0, 1, 0]));
  socket.send(encodeFrame({ id: 9, api: "createTopics", topics: [{ topic: "sneaky" }] }));
  expect((await socket.closed).code).toBe(1002);
  expect((await http(broker.url, "/v1/topics/sneaky")).status).toBe(404);
});

test("a message of too many fragments is refused", async () => {
  const socket = await RawSocket.greeted(broker.url);
  for (let count = 0; count < 200; count++) socket.socket.send(new Uint8Array(1), { fin: false });
  expect((await socket.closed).code).toBe(1008);
});

test("a flood of pings ends the connection and says why; what a network bunches up does not", async () => {
  const bunched = await RawSocket.greeted(broker.url);
  for (let count = 0; count < 50; count++) bunched.socket.ping();
  expect((await bunched.request("status")).header).toHaveProperty("clusterId");
  await bunched.close();
  const flooding = await RawSocket.greeted(broker.url);
  for (let count = 0; count < 200; count++) flooding.socket.ping();
  expect(await flooding.closed).toEqual({ code: 1008, reason: "more than 10 pings a second (max.pings.per.second)" });
});

test("a connection that answers no ping is cut; one that is only quiet stays", async () => {
  const quiet = await RawSocket.greeted(broker.url);
  const mute = await RawSocket.connect(broker.url);
  await mute.hello();
  // Reads nothing any more, so it answers no ping: as good as a half-open connection.
  mute.socket.pause();
  await until(async () => (await status()).connections === 2, "the mute one is cut");
  expect((await quiet.request("status")).header).toHaveProperty("clusterId");
  await quiet.close();
  mute.socket.terminate();
});

test("an old connection is closed by a newer one of the same client, and a late one is refused", async () => {
  const old = await RawSocket.greeted(broker.url, "twice", 1);
  const parked = old.start("fetch", { ...read(0, 50_000), minBytes: 1_000_000 });
  parked.answer.catch(() => {});
  await until(async () => (await status()).parkedFetches === 1, "it is parked");
  const young = await RawSocket.greeted(broker.url, "twice", 2);
  expect((await status()).parkedFetches).toBe(0);
  old.send(encodeFrame({ id: 77, api: "createTopics", topics: [{ topic: "from-the-grave" }] }));
  expect((await old.closed).code).toBe(1008);
  expect((await http(broker.url, "/v1/topics/from-the-grave")).status).toBe(404);
  await expect(RawSocket.greeted(broker.url, "twice", 2)).rejects.toThrow("STALE_CONNECTION");
  expect((await young.request("status")).header).toHaveProperty("clusterId");
  await young.close();
});

test("no extension is negotiated: frames are never compressed", async () => {
  const answer = await rawTcp(broker.url, `${upgrade("Sec-WebSocket-Extensions: permessage-deflate")}\0`);
  expect(answer).toMatch(/^HTTP\/1.1 101 /);
  expect(answer).toMatch(/sec-websocket-protocol: brooklet\.v1\r\n/i);
  expect(answer).not.toMatch(/permessage-deflate/i);
});

/** A WebSocket handshake as it goes over the wire. */
function upgrade(...more: string[]): string {
  return [
    "GET /v1/ws HTTP/1.1",
    `Host: 127.0.0.1:${broker.port}`,
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Protocol: other, brooklet.v1",
    ...more,
    "\r\n",
  ].join("\r\n");
}
