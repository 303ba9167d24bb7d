// The masking key of frames: zeros where no proxy can stand between, random ones elsewhere (docs/adr/0003).

import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { expect, test } from "vitest";
import { isLoopback } from "../../../../client-sdk/src/network/loopback.ts";
import { webSocketTransport } from "../../../../client-sdk/src/network/websocket.node.ts";

test.each([
  ["localhost:4092", true],
  ["LOCALHOST:4092", true],
  ["127.0.0.1:4092", true],
  ["127.8.9.10:1", true],
  ["[::1]:4092", true],
  ["broker:4092", false],
  ["10.0.0.1:4092", false],
  ["localhost.example.org:4092", false],
  ["127.0.0.1.example.org:4092", false],
  ["[::2]:4092", false],
  ["128.0.0.1:4092", false],
])("%s is on the loopback: %s", (address, expected) => {
  expect(isLoopback(address)).toBe(expected);
});

test("a frame to the loopback is masked, with a key of zeros", async () => {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const upgraded = once(server, "upgrade");
  const opened = Promise.withResolvers<void>();
  const closed = Promise.withResolvers<void>();
  const handlers = { onOpen: opened.resolve, onMessage() {}, onClose: () => closed.resolve() };
  const limits = { maxMessageBytes: 100, connectTimeoutMs: 5_000 };
  const link = webSocketTransport.connect(`127.0.0.1:${port}`, handlers, limits);
  const [request, socket] = (await upgraded) as [{ headers: Record<string, string> }, Duplex];
  const key = `${request.headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`;
  const accept = createHash("sha1").update(key).digest("base64");
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n` +
      `Sec-WebSocket-Protocol: ${request.headers["sec-websocket-protocol"]}\r\n\r\n`,
  );
  await opened.promise;
  const arrived = once(socket, "data");
  link.send(new Uint8Array([7, 8, 9]));
  const [frame] = (await arrived) as [Buffer];
  expect([...frame]).toEqual([0x82, 0x80 | 3, 0, 0, 0, 0, 7, 8, 9]);
  link.terminate();
  await closed.promise;
  socket.destroy();
  server.close();
});
