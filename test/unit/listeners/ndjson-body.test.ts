// A body of lines against a store that a test holds back: one part at a time, the body unread meanwhile, results in order.

import type { IncomingMessage, ServerResponse } from "node:http";
import { PassThrough, Writable } from "node:stream";
import type { ProtocolError } from "@brooklet/protocol";
import { expect, test } from "vitest";
import type { HttpServices } from "../../../server/src/listeners/http-exchange.ts";
import { NdjsonBody } from "../../../server/src/listeners/http-ndjson.ts";
import type { RecordResult } from "../../../server/src/listeners/http-produce.ts";
import type { OpenStream } from "../../../server/src/listeners/open-streams.ts";
import { parseSettings } from "../../../server/src/settings.ts";
import { settle } from "../../support/simulated-clock.ts";

/** A part is an eighth of this: 8 KiB. */
const { settings } = parseSettings({ "socket.request.max.bytes": 65_536, "message.max.bytes": 4_096 });
const LINE = `{"value":"${"x".repeat(1_000)}"}\n`;

class World {
  readonly request = new PassThrough({ highWaterMark: 1_000 });
  text = "";
  readonly response = new Writable({
    write: (chunk, _encoding, done) => {
      this.text += chunk;
      done();
    },
  });
  readonly parts: { count: number; finish(): void }[] = [];
  stream: OpenStream | undefined;
  written = 0;
  breaths = 0;
  readonly done: Promise<void>;

  constructor() {
    let offset = 0;
    const services = {
      broker: { settings },
      clock: {
        wallMs: () => 0,
        defer: (run: () => void) => {
          this.breaths++;
          setImmediate(run);
        },
      },
      streams: { opened: (_response: unknown, stream: OpenStream) => (this.stream = stream) },
    } as unknown as HttpServices;
    const store = (records: readonly (object | ProtocolError)[]) =>
      new Promise<RecordResult[]>((resolve) => {
        const finish = () => resolve(records.map(() => ({ partition: 0, offset: offset++ })));
        this.parts.push({ count: records.length, finish });
      });
    const [request, response] = [this.request as unknown, this.response as unknown];
    this.done = new NdjsonBody(request as IncomingMessage, response as ServerResponse, services, store).run();
  }

  /** Writes lines for as long as the body is read. */
  async pour(): Promise<void> {
    for (let idle = 0; idle < 20; idle++) {
      while (!this.request.writableNeedDrain) {
        this.written++;
        this.request.write(LINE);
        idle = 0;
      }
      await settle();
    }
  }

  get results(): { offset: number }[] {
    return this.text === ""
      ? []
      : this.text
          .trimEnd()
          .split("\n")
          .map((line) => JSON.parse(line));
  }
}

test("one part is being stored while the next one fills; beyond that the body is not read", async () => {
  const world = new World();
  await world.pour();
  expect(world.parts).toHaveLength(1);
  // The part in flight, the full one behind it, and what the pipe itself holds.
  expect(world.written * LINE.length).toBeLessThan(8_192 * 3);
  const before = world.written;
  world.parts[0]?.finish();
  await world.pour();
  expect(world.parts).toHaveLength(2);
  expect(world.written).toBeGreaterThan(before);
  expect(world.results).toHaveLength(world.parts[0]?.count ?? -1);
  world.request.end();
  for (let part = 1; part < 10; part++) {
    world.parts[part]?.finish();
    await settle();
  }
  await world.done;
  expect(world.results.map(({ offset }) => offset)).toEqual(Array.from({ length: world.written }, (_, index) => index));
  expect(world.response.writableEnded).toBe(true);
});

test("a stop lets what was taken finish, and reads no more", async () => {
  const world = new World();
  world.request.write(LINE);
  await settle();
  world.request.write(`${LINE}{"val`);
  await settle();
  world.stream?.stop(new Error("unused") as ProtocolError);
  await settle();
  world.request.write(LINE);
  for (let part = 0; part < 2; part++) {
    expect(world.parts[part]?.count).toBe(1);
    world.parts[part]?.finish();
    await settle();
  }
  await world.done;
  expect(world.results).toHaveLength(2);
  expect(world.response.writableEnded).toBe(true);
});

test("a piece of a body with thousands of lines that are no records is judged in pieces: others have their turn between", async () => {
  const world = new World();
  world.request.end("{}\n".repeat(2_000));
  await settle();
  while (world.parts.length === 0) await settle();
  expect(world.breaths).toBeGreaterThan(10);
  for (let next = 0; world.results.length < 2_000; next++) {
    while (world.parts.length <= next) await settle();
    world.parts[next]?.finish();
    await settle();
  }
  await world.done;
});
