// Where produce requests wait for the checks of their compressed batches: per partition nobody overtakes, whoever is checked
// first; what passes by does so at once. On the real log, with an unpacker whose answers the test gives one by one.

import {
  type CheckedBatchHeader,
  checkBatch,
  compressBatch,
  encodeBatch,
  ProtocolError,
  unpackBatchSync,
} from "@brooklet/protocol";
import fc from "fast-check";
import { expect, test } from "vitest";
import { MAX_WAITING_BYTES, MAX_WAITING_ITEMS, ProduceLine } from "../../../server/src/log/produce-line.ts";
import type { Unpacker } from "../../../server/src/log/unpacker.ts";
import { settle } from "../../support/simulated-clock.ts";
import { batchOf, LogUnderTest, sequenced } from "./log-under-test.ts";
import { valuesOf } from "./values.ts";

/** Checks nothing by itself: `finish` answers a call, in any order. */
class HeldUnpacker implements Unpacker {
  readonly calls: { readonly batch: Uint8Array; finish(error?: ProtocolError): void }[] = [];

  check(batch: Uint8Array): Promise<CheckedBatchHeader> {
    return new Promise((resolve, reject) => {
      this.calls.push({
        batch,
        finish: (error) => {
          if (error !== undefined) return reject(error);
          try {
            resolve(checkBatch(batch));
          } catch (refusal) {
            reject(refusal);
          }
        },
      });
    });
  }

  unpack(batch: Uint8Array): Promise<Uint8Array> {
    return Promise.resolve(unpackBatchSync(batch));
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

const gzip = (batch: Uint8Array) => compressBatch(batch, "gzip");
const padded = (name: string) => [name, "x".repeat(200), "x".repeat(200)];

async function start(partitions = 2) {
  const unpacker = new HeldUnpacker();
  const at = new LogUnderTest({}, unpacker);
  await at.create("orders", partitions);
  const send = (batches: Uint8Array, partition = 0, acks = -1) =>
    at.log.produce(acks, [{ topic: "orders", partition, batches }]);
  return { at, unpacker, send };
}

test("an uncompressed batch does not overtake a compressed one that came before it; other partitions pass", async () => {
  const { at, unpacker, send } = await start();
  const first = send(await gzip(batchOf(padded("a"))));
  const second = send(batchOf(["b"]));
  const elsewhere = await at.during(send(batchOf(["other"]), 1));
  expect(elsewhere[0]?.baseOffset).toBe(0);
  expect(await at.highWatermark("orders")).toBe(0);
  unpacker.calls[0]?.finish();
  const [[one], [two]] = await at.during(Promise.all([first, second]));
  expect([one?.baseOffset, two?.baseOffset]).toEqual([0, 3]);
  expect(valuesOf(await at.during(at.fetch("orders", 3)))).toEqual(["b"]);
});

test("checks that end in another order do not change the order of the log", async () => {
  const { at, unpacker, send } = await start();
  const sent = [];
  for (const name of ["a", "b", "c"]) sent.push(send(await gzip(batchOf(padded(name)))));
  for (const index of [2, 0, 1]) {
    unpacker.calls[index]?.finish();
    await settle();
  }
  const results = (await at.during(Promise.all(sent))).flat();
  expect(results.map(({ baseOffset }) => baseOffset)).toEqual([0, 3, 6]);
});

test("a request over two partitions waits for both, and holds up both", async () => {
  const { at, unpacker, send } = await start();
  const packed = await gzip(batchOf(padded("a")));
  const first = send(packed, 0);
  const both = at.log.produce(-1, [
    { topic: "orders", partition: 0, batches: batchOf(["b0"]) },
    { topic: "orders", partition: 1, batches: batchOf(["b1"]) },
  ]);
  const last = send(batchOf(["c1"]), 1);
  await at.clock.advance(10);
  expect(await at.highWatermark("orders", 1)).toBe(0);
  unpacker.calls[0]?.finish();
  const [one, two, three] = await at.during(Promise.all([first, both, last]));
  expect(one[0]?.baseOffset).toBe(0);
  expect(two.map(({ baseOffset }) => baseOffset)).toEqual([3, 0]);
  expect(three[0]?.baseOffset).toBe(1);
});

test("a bad batch refuses its item alone, and what waited behind it goes on", async () => {
  const { at, unpacker, send } = await start();
  const packed = await gzip(batchOf(padded("a")));
  const damaged = Uint8Array.from(packed);
  damaged[damaged.length - 5] = (damaged.at(-5) as number) ^ 0xff;
  const mixed = at.log.produce(-1, [
    { topic: "orders", partition: 0, batches: damaged },
    { topic: "orders", partition: 1, batches: packed },
  ]);
  const behind = send(batchOf(["b"]));
  for (const call of unpacker.calls) call.finish();
  const [[bad, good], [next]] = await at.during(Promise.all([mixed, behind]));
  expect(bad?.error).toMatchObject({ code: "CORRUPT_MESSAGE", definite: true });
  expect(good).toMatchObject({ baseOffset: 0 });
  expect(next?.baseOffset).toBe(0);
});

test("a repetition of a batch that still waits joins it", async () => {
  const { at, unpacker, send } = await start();
  const packed = await gzip(sequenced(padded("a"), 0));
  const first = send(packed);
  const again = send(packed);
  unpacker.calls[1]?.finish();
  await settle();
  unpacker.calls[0]?.finish();
  const [[one], [two]] = await at.during(Promise.all([first, again]));
  expect([one?.baseOffset, two?.baseOffset]).toEqual([0, 0]);
  expect(await at.highWatermark("orders")).toBe(3);
  expect((await at.produce("orders", sequenced(["b"], 3))).baseOffset).toBe(3);
});

test("acks 0 is answered when it is appended, and does not overtake", async () => {
  const { at, unpacker, send } = await start();
  const first = send(await gzip(batchOf(padded("a"))), 0, 0);
  const second = send(batchOf(["b"]), 0, 0);
  unpacker.calls[0]?.finish();
  const [[one], [two]] = await at.during(Promise.all([first, second]));
  expect([one, two].map((result) => [result?.baseOffset, result?.error])).toEqual([
    [-1, undefined],
    [-1, undefined],
  ]);
  await at.clock.advance(10);
  const seen = valuesOf(await at.fetch("orders", 3));
  expect(seen).toEqual(["b"]);
});

test("a turn that fails while others wait for their checks leaves their sequences and offsets right", async () => {
  const { at, unpacker, send } = await start();
  const faulty = at.storage.turns.length + 1;
  at.storage.failTurn(faulty, "full");
  at.storage.hold();
  const lost = send(sequenced(["lost"], 0));
  await at.clock.advance(1);
  const waiting = send(await gzip(sequenced(padded("a"), 0)));
  const behind = send(sequenced(["b"], 3));
  at.storage.release();
  const [refused] = await at.during(lost);
  expect(refused?.error?.code).toBe("STORAGE_FULL");
  await at.clock.advance(1500);
  unpacker.calls[0]?.finish();
  const [[one], [two]] = await at.during(Promise.all([waiting, behind]));
  expect([one?.baseOffset, two?.baseOffset]).toEqual([0, 3]);
});

test("an unpacker that cannot answer refuses what it was asked, and nothing is stored", async () => {
  const { at, unpacker, send } = await start();
  const sent = send(await gzip(batchOf(padded("a"))));
  unpacker.calls[0]?.finish(new ProtocolError("BROKER_NOT_AVAILABLE", "the thread ended"));
  const [result] = await at.during(sent);
  expect(result?.error).toMatchObject({ code: "BROKER_NOT_AVAILABLE", definite: true, retriable: true });
  expect((await at.produce("orders", batchOf(["b"]))).baseOffset).toBe(0);
});

test("closing answers everybody who waits, and what is checked later changes nothing", async () => {
  const { at, unpacker, send } = await start();
  const first = send(await gzip(batchOf(padded("a"))));
  const second = send(batchOf(["b"]));
  at.log.close();
  for (const [result] of await Promise.all([first, second]))
    expect(result?.error).toMatchObject({ code: "BROKER_NOT_AVAILABLE", definite: true });
  const staged = at.storage.turns.length;
  unpacker.calls[0]?.finish();
  await at.clock.advance(10);
  expect(at.storage.turns.length).toBe(staged);
});

test("what waits is bounded; one request alone always may", async () => {
  const line = new ProduceLine(new HeldUnpacker());
  const item = (batches: Uint8Array) => ({ topic: "t", partition: 0, batches });
  const packed = await gzip(batchOf(padded("a")));
  const large = new Uint8Array(MAX_WAITING_BYTES - packed.length + 1);
  void line.enter([item(packed)], () => Promise.resolve()).catch(() => {});
  const refused = await line.enter([item(large)], () => Promise.resolve()).catch((error: ProtocolError) => error);
  expect(refused).toMatchObject({ code: "THROTTLING_QUOTA_EXCEEDED" });
  expect(line.size).toBe(1);
  line.close(new ProtocolError("BROKER_NOT_AVAILABLE", "closed"));
  expect(line.size).toBe(0);
  void line.enter([item(large)], () => Promise.resolve()).catch(() => {});
  expect(line.size).toBe(1);
});

test("how many batches wait is bounded too, however small they are", async () => {
  const line = new ProduceLine(new HeldUnpacker());
  const packed = await gzip(batchOf(padded("a")));
  const many = (count: number) => [{ topic: "t", partition: 0, batches: Buffer.concat(Array(count).fill(packed)) }];
  const enter = (count: number) =>
    line.enter(many(count), () => Promise.resolve("left")).catch((error: ProtocolError) => error.code);
  void enter(MAX_WAITING_ITEMS - 3);
  void enter(1);
  expect(line.size).toBe(2);
  expect(await enter(1)).toBe("THROTTLING_QUOTA_EXCEEDED");
  line.close(new ProtocolError("BROKER_NOT_AVAILABLE", "closed"));
});

test("who has left makes room for as much again", async () => {
  const unpacker = new HeldUnpacker();
  const line = new ProduceLine(unpacker);
  const packed = await gzip(batchOf(padded("a")));
  const enter = (batches: Uint8Array) =>
    line
      .enter([{ topic: "t", partition: 0, batches }], () => Promise.resolve("left"))
      .catch((error: ProtocolError) => error.code);
  const rest = new Uint8Array(MAX_WAITING_BYTES - packed.length);
  for (let round = 0; round < 2; round++) {
    const both = [enter(packed), enter(rest)];
    unpacker.calls[round]?.finish();
    expect(await Promise.all(both)).toEqual(["left", "left"]);
  }
  const full = Buffer.concat(Array(MAX_WAITING_ITEMS - 3).fill(packed));
  for (let round = 0; round < 2; round++) {
    const before = unpacker.calls.length;
    const both = [enter(full), enter(packed)];
    for (const { finish } of unpacker.calls.slice(before)) finish();
    expect(await Promise.all(both)).toEqual(["left", "left"]);
  }
});

test("whatever is sent and whichever check ends first, each partition's log has the order of the calls", async () => {
  const request = fc.array(fc.record({ partition: fc.nat({ max: 2 }), packed: fc.boolean() }), {
    minLength: 1,
    maxLength: 3,
  });
  const plain = (name: string) =>
    encodeBatch([{ key: null, value: Buffer.from(name.padEnd(120)), headers: [], timestamp: 1 }]);
  await fc.assert(
    fc.asyncProperty(
      fc.array(request, { minLength: 1, maxLength: 12 }),
      fc.infiniteStream(fc.nat()),
      async (requests, dice) => {
        const unpacker = new HeldUnpacker();
        const line = new ProduceLine(unpacker);
        const called = new Map<number, number[]>();
        const left = new Map<number, number[]>();
        const note = (into: Map<number, number[]>, partition: number, index: number) =>
          into.set(partition, [...(into.get(partition) ?? []), index]);
        const waiting: Promise<void>[] = [];
        for (const [index, items] of requests.entries()) {
          const made = await Promise.all(
            items.map(async ({ partition, packed }) => {
              const batch = plain(`${index}`);
              return { topic: "t", partition, batches: packed ? await gzip(batch) : batch };
            }),
          );
          const append = () => {
            for (const { partition } of items) note(left, partition, index);
            return Promise.resolve();
          };
          for (const { partition } of items) note(called, partition, index);
          if (line.concerns(made)) waiting.push(line.enter(made, append));
          else append();
          const roll = dice.next().value;
          if (roll % 2 === 0 && unpacker.calls.length > 0)
            unpacker.calls.splice(roll % unpacker.calls.length, 1)[0]?.finish();
          await settle();
        }
        while (unpacker.calls.length > 0)
          unpacker.calls.splice(dice.next().value % unpacker.calls.length, 1)[0]?.finish();
        await Promise.all(waiting);
        expect(left).toEqual(called);
        expect(line.size).toBe(0);
      },
    ),
    { numRuns: 150 },
  );
});
