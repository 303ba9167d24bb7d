// A server that breaks the WebSocket protocol itself, over real sockets: the connection ends, once and in words, the process
// goes on, and what is kept in memory is bounded. The frames are written byte by byte beside a real handshake.

import { once } from "node:events";
import type { AddressInfo, Socket } from "node:net";
import { Admin } from "@brooklet/client";
import { encodeFrame } from "@brooklet/protocol";
import type { Transport } from "@brooklet/protocol/world";
import { expect, onTestFinished, test } from "vitest";
import { WebSocketServer } from "ws";
import { webSocketTransport as nodeTransport } from "../../../client-sdk/src/network/websocket.node.ts";
import { webSocketTransport as globalTransport } from "../../../client-sdk/src/network/websocket.ts";
import { eventually } from "../../support/eventually.ts";

/** Serves; `onOpen` gets the raw socket below each connection. */
async function serve(onOpen: (raw: Socket, nth: number) => void, answer?: (id: number) => object): Promise<string> {
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  await once(server, "listening");
  const raws: Socket[] = [];
  server.on("connection", (socket, request) => {
    const raw = request.socket;
    raws.push(raw);
    socket.on("error", () => {});
    raw.on("error", () => {});
    if (answer !== undefined) {
      socket.on("message", (data: Buffer) => {
        const { id, api } = JSON.parse(data.subarray(4).toString()) as { id: number; api: string };
        socket.send(encodeFrame(api === "hello" ? { id, ...hello } : { id, ...answer(id) }));
        if (api === "hello") onOpen(raw, raws.length);
      });
    } else onOpen(raw, raws.length);
  });
  onTestFinished(() => {
    for (const raw of raws) raw.destroy();
    server.close();
  });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const hello = {
  clusterId: "c",
  brokerId: 1,
  version: 1,
  features: [],
  limits: {
    maxFramePayloadBytes: 1_000_000,
    maxHeaderBytes: 1_000_000,
    maxBatchBytes: 1_000_000,
    maxInFlightRequestBytes: 1_000_000,
    maxReplyBytes: 1_000_000,
    maxFetchWaitMs: 1_000,
  },
};

function listen(transport: Transport, address: string) {
  const closes: { code: number; reason: string }[] = [];
  const messages: Uint8Array[] = [];
  const link = transport.connect(
    address,
    {
      onMessage: (message) => void messages.push(message),
      onClose: (code, reason) => void closes.push({ code, reason }),
    },
    { maxMessageBytes: 1_000_000, connectTimeoutMs: 5_000 },
  );
  onTestFinished(() => link.terminate());
  return { link, closes, messages };
}

const violations: [string, number[]][] = [
  ["reserved bits", [0xf2, 1, 0]],
  ["a compressed frame that was not agreed on", [0xc2, 1, 0]],
  ["an opcode that there is not", [0x83, 0]],
  ["a masked frame", [0x82, 0x81, 1, 2, 3, 4, 5]],
  ["a continuation of nothing", [0x80, 1, 0]],
  ["a second beginning inside a message", [0x02, 1, 0, 0x82, 1, 0]],
  ["a ping of 200 bytes", [0x89, 126, 0, 200, ...Array<number>(200).fill(0)]],
  ["a ping in fragments", [0x09, 0]],
  ["a message of 2^62 bytes", [0x82, 127, 0x40, 0, 0, 0, 0, 0, 0, 0]],
  ["a message above the limit", [0x82, 127, 0, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff]],
  ["a close code that there is not", [0x88, 2, 0, 5]],
  ["a close of one byte", [0x88, 1, 3]],
  ["a close reason that is no UTF-8", [0x88, 4, 0x03, 0xe8, 0xff, 0xfe]],
  ["text that is no UTF-8", [0x81, 2, 0xff, 0xfe]],
];

test.each(violations)("%s ends the connection once, over both transports", async (_, bytes) => {
  for (const transport of [nodeTransport, globalTransport]) {
    const { closes, messages } = listen(transport, await serve((raw) => raw.write(Uint8Array.from(bytes))));
    await eventually(() => closes.length > 0, "the connection has ended");
    expect(messages).toEqual([]);
    expect(closes).toHaveLength(1);
  }
});

test("endless fragments end at their bound, empty ones too", async () => {
  for (const fragment of [
    [0x00, 0],
    [0x00, 1, 7],
  ]) {
    const flood = Uint8Array.from(Array<number[]>(10_000).fill(fragment).flat());
    const address = await serve((raw) => {
      raw.write(Uint8Array.of(0x02, 0));
      for (let index = 0; index < 10; index++) raw.write(flood);
    });
    const { closes, messages } = listen(nodeTransport, address);
    await eventually(() => closes.length > 0, "the connection has ended");
    expect(closes).toEqual([{ code: 1006, reason: "Too many message fragments" }]);
    expect(messages).toEqual([]);
  }
});

test("a flood of pings by a server that does not read piles up no pongs, and other traffic goes on", async () => {
  const ping = Uint8Array.from([0x89, 125, ...Array<number>(125).fill(0x70)]);
  const flood = Buffer.concat(Array<Uint8Array>(1_000).fill(ping));
  const address = await serve((raw) => {
    raw.pause();
    // 25 MB of pings: their pongs fit into no socket's buffers.
    for (let index = 0; index < 200; index++) raw.write(flood);
    raw.write(Uint8Array.of(0x82, 1, 42));
  });
  const { link, messages } = listen(nodeTransport, address);
  let most = 0;
  await eventually(() => {
    most = Math.max(most, link.bufferedBytes);
    return messages.length === 1;
  }, "the message behind the pings has come");
  expect(most).toBeLessThan(1_000_000);
});

test("an admin client survives a server that breaks the protocol after every hello, and then behaves", async () => {
  const address = await serve(
    (raw, nth) => void (nth < 4 && raw.write(Uint8Array.from(violations[nth % violations.length]?.[1] ?? []))),
    () => ({ groups: [{ groupId: "__proto__", state: "Empty" }] }),
  );
  await using admin = new Admin({ "bootstrap.servers": address, "reconnect.backoff.ms": 5 });
  expect(await admin.listGroups()).toEqual([{ groupId: "__proto__", state: "Empty" }]);
});
