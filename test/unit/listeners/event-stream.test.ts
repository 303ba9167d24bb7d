// One event stream on a clock of the test's own: what keeps it alive, what ends it, and that nothing of it is left.

import { Writable } from "node:stream";
import { encodeBatch, ProtocolError, patchBatch } from "@brooklet/protocol";
import { afterEach, expect, test } from "vitest";
import { EventStream, type EventStreamOptions } from "../../../server/src/listeners/event-stream.ts";
import type { StreamFetch } from "../../../server/src/listeners/http-exchange.ts";
import type { Log } from "../../../server/src/log/log.ts";
import { SimulatedClock, settle } from "../../support/simulated-clock.ts";

const TOPIC = { topic: "t", topicId: "T".repeat(22), internal: false, partitionCount: 2 };
type Answer = Awaited<StreamFetch["answer"]>;
type Result = Answer["header"]["results"][number];

/** A reader that takes nothing while it is `stuck`. */
class Reader extends Writable {
  text = "";
  #stuck = false;
  #taken: (() => void) | undefined;

  constructor() {
    super({ highWaterMark: 1_000, decodeStrings: false });
  }

  set stuck(stuck: boolean) {
    this.#stuck = stuck;
    if (!stuck) this.#taken?.();
  }

  override _write(chunk: string, _encoding: string, done: () => void): void {
    const take = () => {
      this.text += chunk;
      done();
    };
    if (this.#stuck) this.#taken = take;
    else take();
  }
}

let clock: SimulatedClock;
afterEach(() => expect(clock.liveTimers).toBe(0));

class World {
  readonly reader = new Reader();
  readonly asked: { offsets: number[]; cancelled: boolean; answer(answer: Answer): void; fail(error: Error): void }[] =
    [];
  readonly held: number[] = [];
  readonly stream: EventStream;

  constructor(options: Partial<EventStreamOptions> = {}) {
    clock = new SimulatedClock();
    this.stream = new EventStream({
      topic: TOPIC,
      offsets: new Map([
        [0, 5],
        [1, 0],
      ]),
      wholeTopic: true,
      isolation: "read_uncommitted",
      sink: this.reader,
      clock,
      broker: { log: { unpack: async (batch: Uint8Array) => batch } as unknown as Log },
      fetch: ({ partitions }) => {
        const waiting = Promise.withResolvers<Answer>();
        const asked = {
          offsets: partitions.map(({ offset }) => offset),
          cancelled: false,
          answer: waiting.resolve,
          fail: waiting.reject,
        };
        this.asked.push(asked);
        const cancel = () => {
          asked.cancelled = true;
          waiting.resolve(nothing(asked.offsets));
        };
        return { answer: waiting.promise, cancel };
      },
      hold: (bytes) => this.held.push(bytes),
      asProtocolError: (error) =>
        error instanceof ProtocolError ? error : new ProtocolError("UNKNOWN_SERVER_ERROR", String(error)),
      ...options,
    });
  }

  async begin(): Promise<this> {
    void this.stream.run();
    await settle();
    return this;
  }

  get last() {
    return this.asked.at(-1) ?? expect.fail("nothing was asked");
  }
}

const result = (partition: number, nextOffset: number, fields: Partial<Result> = {}): Result => ({
  topic: "t",
  partition,
  highWatermark: 100,
  lastStableOffset: 100,
  logStartOffset: 0,
  nextOffset,
  bytes: 0,
  ...fields,
});
const nothing = (offsets: number[]): Answer => ({
  header: { results: offsets.map((offset, partition) => result(partition, offset)) },
  payload: [],
});
function batch(baseOffset: number, ...values: string[]): Uint8Array {
  const bytes = encodeBatch(
    values.map((value) => ({ key: null, value: Buffer.from(value), headers: [], timestamp: 0 })),
  );
  patchBatch(bytes, { baseOffset, leaderEpoch: 0 });
  return bytes;
}
const records = (partition: number, bytes: Uint8Array, nextOffset: number): Answer => ({
  header: { results: [result(partition, nextOffset, { bytes: bytes.length })] },
  payload: [bytes],
});
const endOf = ({ reader }: World) => /event: end\ndata: (.*)\n\n$/.exec(reader.text)?.[1] ?? "no end";

test("each record has the positions behind it; a batch that begins early is skipped into", async () => {
  const world = await new World().begin();
  expect(world.reader.text).toBe(`retry: 1000\nid: 0:5,1:0@${TOPIC.topicId}\n\n`);
  world.last.answer(records(0, batch(4, "4", "5", "6"), 7));
  await settle();
  expect(world.reader.text.match(/^id: .*@/gm)).toEqual(["id: 0:5,1:0@", "id: 0:6,1:0@", "id: 0:7,1:0@"]);
  expect(world.last.offsets).toEqual([7, 0]);
  expect(world.held, "bytes are counted while they wait, and not while nothing does").toEqual([
    0,
    batch(4, "4", "5", "6").length,
    0,
  ]);
  world.reader.destroy();
  await settle();
  expect(world.last.cancelled).toBe(true);
});

test("a quiet stream has a comment now and then, and an id where positions moved past what is not shown", async () => {
  const world = await new World().begin();
  await clock.advance(15_000);
  world.last.answer(nothing([5, 0]));
  await settle();
  expect(world.reader.text).toMatch(/\n\n: keep-alive\n\n$/);
  world.last.answer(nothing([9, 0]));
  await settle();
  expect(world.reader.text).toMatch(/: keep-alive\n\nid: 0:9,1:0@T+\n\n$/);
  world.last.answer(nothing([9, 0]));
  await settle();
  expect(world.reader.text).toMatch(/id: 0:9,1:0@T+\n\n$/);
  world.reader.destroy();
  await settle();
});

test("nothing is fetched for a reader that does not read; after 30 s it is cut, and told why if it looks", async () => {
  const world = await new World().begin();
  world.reader.stuck = true;
  world.last.answer(records(0, batch(5, "x".repeat(2_000), "y".repeat(2_000)), 7));
  await settle();
  expect(world.asked).toHaveLength(1);
  await clock.advance(29_000);
  expect(world.reader.writableEnded).toBe(false);
  expect(world.reader.writableLength).toBeLessThan(3_000);
  await clock.advance(1_500);
  expect(world.reader.writableEnded).toBe(true);
  world.reader.stuck = false;
  await settle();
  expect(JSON.parse(endOf(world))).toMatchObject({ error: { code: "THROTTLING_QUOTA_EXCEEDED", retriable: true } });
  expect(world.reader.text).not.toContain("yyy");
});

test("a reader that never looks again is closed a second later", async () => {
  const world = await new World().begin();
  world.reader.stuck = true;
  world.last.answer(records(0, batch(5, "x".repeat(2_000)), 6));
  await settle();
  await clock.advance(30_500);
  expect(world.reader.destroyed).toBe(false);
  await clock.advance(1_000);
  expect(world.reader.destroyed).toBe(true);
});

test("a reader that reads in time goes on where it was", async () => {
  const world = await new World().begin();
  world.reader.stuck = true;
  world.last.answer(records(0, batch(5, "x".repeat(2_000), "y"), 7));
  await settle();
  await clock.advance(29_000);
  world.reader.stuck = false;
  await settle();
  expect(world.reader.text).toContain('"valueText":"y"');
  expect(world.last.offsets).toEqual([7, 0]);
  await clock.advance(60_000);
  expect(world.reader.destroyed).toBe(false);
  world.reader.destroy();
  await settle();
});

test("a partition that is added is read from its start, at once; of another topic or a single one not", async () => {
  const world = await new World().begin();
  world.stream.extended({ ...TOPIC, topicId: "other", partitionCount: 4 });
  await settle();
  expect(world.asked).toHaveLength(1);
  world.stream.extended({ ...TOPIC, partitionCount: 3 });
  await settle();
  expect(world.asked[0]?.cancelled).toBe(true);
  expect(world.last.offsets).toEqual([5, 0, 0]);
  world.stream.extended({ ...TOPIC, partitionCount: 251 });
  await settle();
  expect(JSON.parse(endOf(world))).toMatchObject({ error: { code: "POLICY_VIOLATION" } });

  const single = await new World({ wholeTopic: false, offsets: new Map([[0, 5]]) }).begin();
  single.stream.extended({ ...TOPIC, partitionCount: 3 });
  await settle();
  expect(single.asked).toHaveLength(1);
  single.reader.destroy();
  await settle();
});

test("what came beside a refusal is shown before the reason", async () => {
  const world = await new World().begin();
  const bytes = batch(0, "shown");
  const error = new ProtocolError("OFFSET_OUT_OF_RANGE", "gone").toWire();
  world.last.answer({
    header: { results: [result(0, 5, { error }), result(1, 1, { bytes: bytes.length })] },
    payload: [bytes],
  });
  await settle();
  expect(world.reader.text).toMatch(/"valueText":"shown"[^\n]*\n\nevent: end\n/);
  expect(JSON.parse(endOf(world))).toMatchObject({ error: { code: "OFFSET_OUT_OF_RANGE" } });
});

test("too many bytes for all readers together end the stream; one that was ended before it began writes nothing", async () => {
  const world = new World({
    hold: (bytes) => {
      if (bytes > 0) throw new ProtocolError("THROTTLING_QUOTA_EXCEEDED", "too much");
    },
  });
  await world.begin();
  world.last.answer(records(0, batch(5, "a"), 6));
  await settle();
  expect(JSON.parse(endOf(world))).toMatchObject({ error: { code: "THROTTLING_QUOTA_EXCEEDED" } });
  const early = new World();
  early.stream.stop(new ProtocolError("BROKER_NOT_AVAILABLE", "stopping"));
  await early.begin();
  expect(early.asked).toHaveLength(0);
  expect(early.reader.text).toMatch(/^event: end\n[^\n]*\n\n$/);
});

test("a fetch that fails, and a broker that stops, are told", async () => {
  const failed = await new World().begin();
  failed.last.fail(new ProtocolError("BROKER_NOT_AVAILABLE", "the broker stops"));
  await settle();
  expect(JSON.parse(endOf(failed))).toMatchObject({ error: { code: "BROKER_NOT_AVAILABLE" } });
  const stopped = await new World().begin();
  stopped.stream.stop(new ProtocolError("BROKER_NOT_AVAILABLE", "stopping"));
  await settle();
  expect(stopped.last.cancelled).toBe(true);
  expect(stopped.asked).toHaveLength(1);
  expect(JSON.parse(endOf(stopped))).toMatchObject({ error: { message: "stopping" } });
});
