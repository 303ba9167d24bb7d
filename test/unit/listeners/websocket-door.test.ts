// The WebSocket door over a stream that the test feeds: what no network can be made to do reliably.

import type { IncomingMessage } from "node:http";
import { Duplex } from "node:stream";
import { expect, test } from "vitest";
import { RefusalLog } from "../../../server/src/listeners/refusal-log.ts";
import { WebSocketDoor } from "../../../server/src/listeners/websocket.ts";
import { parseSettings } from "../../../server/src/settings.ts";
import { SimulatedClock, settle } from "../../support/simulated-clock.ts";

function opened() {
  const clock = new SimulatedClock();
  const logger = { debug() {}, info() {}, warn() {}, error() {} };
  const refusals = new RefusalLog(logger, clock);
  const messages: number[] = [];
  const closes: number[] = [];
  const door = new WebSocketDoor({
    accept: () => ({
      onMessage: (message) => void messages.push(message.byteLength),
      onClose: (code) => void closes.push(code),
    }),
    clock,
    settings: parseSettings({}).settings,
    logger,
    refusals,
  });
  const written: Buffer[] = [];
  const socket = new Duplex({
    read() {},
    write(chunk, _encoding, done) {
      written.push(chunk);
      done();
    },
  });
  const headers = {
    upgrade: "websocket",
    connection: "Upgrade",
    "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
    "sec-websocket-version": "13",
    "sec-websocket-protocol": "brooklet.v1",
  };
  const request = { method: "GET", url: "/v1/ws", headers, socket: { remoteAddress: "10.0.0.1", remotePort: 1 } };
  door.upgrade(request as unknown as IncomingMessage, socket, Buffer.alloc(0), false);
  const output = () => Buffer.concat(written).toString("latin1");
  const flooded = () => new Map(refusals.totals()).get("flood");
  return { door, socket, messages, closes, output, flooded };
}

/** Feeds one byte at a time, as many reads of a socket would bring them. */
async function feed(socket: Duplex, bytes: number): Promise<void> {
  for (let fed = 0; fed < bytes; fed++) {
    socket.push(Buffer.alloc(1));
    if (fed % 1000 === 0) await settle();
  }
  await settle();
}

test("a message in too many small pieces is refused with 1008, one in many is taken", async () => {
  const announced = (bytes: number) => {
    const head = Buffer.alloc(14);
    head.writeUInt16BE(0x82ff);
    head.writeBigUInt64BE(BigInt(bytes), 2);
    return head;
  };
  const patient = opened();
  patient.socket.push(announced(60_000));
  await feed(patient.socket, 60_000);
  expect(patient.messages).toEqual([60_000]);
  const { door, socket, messages, output, flooded } = opened();
  expect(output()).toMatch(/^HTTP\/1.1 101 /);
  socket.push(announced(1_000_000));
  await feed(socket, 66_000);
  expect(messages).toEqual([]);
  expect(output()).toContain("\x88\x02\x03\xf0");
  expect(flooded()).toBe(1);
  for (const each of [door, patient.door]) each.close();
});
