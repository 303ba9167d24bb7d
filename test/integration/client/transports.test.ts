// Both WebSocket transports, Node's `ws` and the global one that browsers have, say the same of the same: opening, messages,
// closes, refusals, limits. Before a server of the test's own, and before a broker.

import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { Consumer, Producer, string } from "@brooklet/client";
import type { Link, Transport } from "@brooklet/protocol/world";
import { startBroker } from "@brooklet/server";
import { expect, onTestFinished, test } from "vitest";
import { type WebSocket as ServerSocket, WebSocketServer } from "ws";
import { webSocketTransport as nodeTransport } from "../../../client-sdk/src/network/websocket.node.ts";
import { webSocketTransport as globalTransport } from "../../../client-sdk/src/network/websocket.ts";
import { eventually } from "../../support/eventually.ts";

const transports: [string, Transport][] = [
  ["ws", nodeTransport],
  ["the global WebSocket", globalTransport],
];

async function serve(): Promise<{ address: string; server: WebSocketServer; sockets: ServerSocket[] }> {
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1", maxPayload: 1_000_000 });
  await once(server, "listening");
  const sockets: ServerSocket[] = [];
  server.on("connection", (socket) => {
    sockets.push(socket);
    socket.on("error", () => {});
  });
  onTestFinished(() => {
    for (const socket of sockets) socket.terminate();
    server.close();
  });
  return { address: `127.0.0.1:${(server.address() as AddressInfo).port}`, server, sockets };
}

interface Heard {
  readonly link: Link;
  readonly messages: Uint8Array[];
  readonly closes: { code: number; reason: string }[];
  isOpen: boolean;
}

function connect(transport: Transport, address: string, maxMessageBytes = 1_000): Heard {
  const heard = { messages: [] as Uint8Array[], closes: [] as { code: number; reason: string }[], isOpen: false };
  const handlers = {
    onOpen: () => {
      heard.isOpen = true;
    },
    onMessage: (message: Uint8Array) => void heard.messages.push(message),
    onClose: (code: number, reason: string) => void heard.closes.push({ code, reason }),
  };
  const link = transport.connect(address, handlers, { maxMessageBytes, connectTimeoutMs: 5_000 });
  onTestFinished(() => link.terminate());
  return Object.assign(heard, { link });
}

async function opened(transport: Transport) {
  const served = await serve();
  const heard = connect(transport, served.address);
  await eventually(() => heard.isOpen && served.sockets.length === 1, "the connection is open");
  return { heard, socket: served.sockets[0] as ServerSocket };
}

const ended = (heard: Heard) => eventually(() => heard.closes.length > 0, "the connection has ended");

test.each(transports)("%s: messages go both ways as they are, under our subprotocol", async (_, transport) => {
  const { heard, socket } = await opened(transport);
  expect(socket.protocol).toBe("brooklet.v1");
  socket.on("message", (data, isBinary) => socket.send(data, { binary: isBinary }));
  for (const bytes of [[], [1, 2, 3], [0, 255]]) heard.link.send(Uint8Array.from(bytes));
  await eventually(() => heard.messages.length === 3, "three echoes");
  expect(heard.messages.map((message) => [...message])).toEqual([[], [1, 2, 3], [0, 255]]);
  for (const message of heard.messages) expect(message.constructor).toBe(Uint8Array);
});

test.each(transports)(
  "%s: the server's close code and reason arrive, once, and nothing after",
  async (_, transport) => {
    for (const [code, reason] of [
      [1000, ""],
      [1008, "the token is wrong"],
      [1009, "too large"],
      [4001, "ünicode"],
    ] as const) {
      const { heard, socket } = await opened(transport);
      socket.close(code, reason);
      await ended(heard);
      heard.link.send(Uint8Array.of(1));
      heard.link.close(1000, "late");
      heard.link.terminate();
      expect(heard.closes).toEqual([{ code, reason }]);
    }
  },
);

test.each(transports)(
  "%s: a cut is 1006; so are a refused port and our own end, each told once",
  async (_, transport) => {
    const { heard, socket } = await opened(transport);
    socket.terminate();
    await ended(heard);
    expect(heard.closes).toMatchObject([{ code: 1006 }]);

    const refused = connect(transport, "127.0.0.1:1");
    await ended(refused);
    expect([refused.isOpen, refused.closes.length, refused.closes[0]?.code]).toEqual([false, 1, 1006]);

    const { heard: ours } = await opened(transport);
    ours.link.terminate();
    await ended(ours);
    expect(ours.closes).toMatchObject([{ code: 1006 }]);

    const early = connect(transport, (await serve()).address);
    early.link.terminate();
    await ended(early);
    expect([early.isOpen, early.closes.length]).toEqual([false, 1]);
  },
);

test.each(transports)("%s: our close reaches the server", async (_, transport) => {
  const { heard, socket } = await opened(transport);
  const closed = once(socket, "close");
  heard.link.close(1000, "the client was closed");
  const [code, reason] = (await closed) as [number, Buffer];
  expect([code, String(reason)]).toEqual([1000, "the client was closed"]);
  await ended(heard);
});

test.each(transports)("%s: a text, and a message above the limit, end the connection", async (_, transport) => {
  const first = await opened(transport);
  first.socket.send("text");
  await ended(first.heard);
  const second = await opened(transport);
  second.socket.send(new Uint8Array(1_001));
  await ended(second.heard);
  for (const { heard } of [first, second]) {
    expect(heard.messages).toEqual([]);
    expect(heard.closes).toHaveLength(1);
  }
});

test.each(transports)("%s: what the other side does not read is counted", async (_, transport) => {
  const { heard, socket } = await opened(transport);
  socket.pause();
  const chunk = new Uint8Array(900_000);
  for (let index = 0; index < 20; index++) heard.link.send(chunk);
  expect(heard.link.bufferedBytes).toBeGreaterThan(1_000_000);
  socket.resume();
  await eventually(() => heard.link.bufferedBytes === 0, "all is sent");
});

test.each(transports)("%s: a server that is no WebSocket, or falls silent, is told in words", async (_, transport) => {
  const answers = ["HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n", "\u0000\u0001garbage\r\n\r\n", ""];
  for (const answer of answers) {
    const peers: Socket[] = [];
    const server = createServer((socket) => {
      peers.push(socket);
      socket.on("error", () => {});
      socket.once("data", () => socket.end(answer));
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    onTestFinished(() => void server.close());
    const heard = connect(transport, `127.0.0.1:${(server.address() as AddressInfo).port}`);
    await ended(heard);
    expect([heard.isOpen, heard.closes.length]).toEqual([false, 1]);
    for (const peer of peers) peer.destroy();
  }
});

test.each(transports)("%s: a producer and a consumer work over it", async (_, transport) => {
  const broker = await startBroker();
  onTestFinished(() => broker.close());
  const servers = { "bootstrap.servers": `127.0.0.1:${broker.port}` };
  const options = { world: { transport } };
  await using producer = new Producer<string, string>(
    { ...servers, "key.serializer": string, "value.serializer": string },
    options,
  );
  const values = Array.from({ length: 2_000 }, (_, index) => `${index}`.padEnd(1_000, "."));
  await Promise.all(values.map((value) => producer.send({ topic: "t", partition: 0, value })));
  const consumer = new Consumer<string, string>(
    { ...servers, "value.deserializer": string, "auto.offset.reset": "earliest" },
    options,
  );
  onTestFinished(() => consumer.close());
  consumer.assign([{ topic: "t", partition: 0 }]);
  const read: (string | null)[] = [];
  while (read.length < values.length) read.push(...(await consumer.poll(1_000)).map(({ value }) => value));
  expect(read).toEqual(values);
});
