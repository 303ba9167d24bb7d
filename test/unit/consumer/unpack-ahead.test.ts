// Compressed batches on their way to the application: in order, only when they may be read, never more ahead than allowed;
// what cannot be unpacked is told in its place.

import { compressBatch, encodeBatch, patchBatch } from "@brooklet/protocol";
import fc from "fast-check";
import { expect, test } from "vitest";
import { FetchBuffer } from "../../../client-sdk/src/consumer/fetch-buffer.ts";
import { type PartitionState, Positions } from "../../../client-sdk/src/consumer/positions.ts";
import { AHEAD_BYTES, type PackedEntry, UnpackAhead } from "../../../client-sdk/src/consumer/unpack-ahead.ts";
import { string } from "../../../client-sdk/src/serdes.ts";
import { eventually } from "../../support/eventually.ts";

const utf8 = new TextEncoder();

async function batchAt(baseOffset: number, values: readonly string[], codec: "none" | "gzip" | "zstd" = "gzip") {
  const records = values.map((value) => ({
    key: null,
    value: utf8.encode(value.padEnd(80)),
    headers: [],
    timestamp: 1,
  }));
  const batch = await compressBatch(encodeBatch(records), codec);
  patchBatch(batch, { baseOffset, leaderEpoch: 0 });
  return batch;
}

function start(partitions = 1, maxUnpackedBytes = 1_000_000) {
  let ready = 0;
  const buffer = new FetchBuffer<string, string>({
    keyDeserializer: string,
    valueDeserializer: string,
    checkCrcs: true,
    maxUnpackedBytes: () => maxUnpackedBytes,
    onReady: () => {
      ready++;
    },
  });
  const positions = new Positions((state) => buffer.drop(state));
  const states = Array.from({ length: partitions }, (_, partition) => {
    const state = positions.add({ topic: "t", topicId: "id", partition }, false);
    positions.seek(state, 0);
    return state;
  });
  const add = (state: PartitionState, offset: number, nextOffset: number, batches: readonly Uint8Array[]) => {
    const payload = new Uint8Array(Buffer.concat(batches));
    buffer.add({ state, version: state.version, offset, nextOffset, nextEpoch: 0, bytes: payload.length, payload });
  };
  const [state] = states as [PartitionState];
  /** Takes until so many records came. */
  const read = async (count: number, maxRecords = 500) => {
    const records: { partition: number; offset: number }[] = [];
    await eventually(() => {
      records.push(...buffer.take(Math.min(maxRecords, count - records.length)).records);
      return records.length >= count;
    }, `${count} records`);
    return records;
  };
  return { buffer, positions, states, state, add, read, ready: () => ready };
}

test("nothing is handed out before it is unpacked, and then it is told", async () => {
  const at = start();
  at.add(at.state, 0, 4, [await batchAt(0, ["a", "b"]), await batchAt(2, ["c", "d"], "none")]);
  expect(at.buffer.take(10)).toMatchObject({ records: [], advanced: false });
  expect(at.state.position).toBe(0);
  await eventually(() => at.ready() > 0, "told");
  const { records } = at.buffer.take(10);
  expect(records.map(({ offset, value }) => [offset, value?.trim()])).toEqual([
    [0, "a"],
    [1, "b"],
    [2, "c"],
    [3, "d"],
  ]);
  expect(at.state.position).toBe(4);
});

test("what came later of the same partition waits, another partition does not", async () => {
  const at = start(2);
  const [first, second] = at.states as [PartitionState, PartitionState];
  at.add(first, 0, 1, [await batchAt(0, ["packed"])]);
  at.add(first, 1, 2, [await batchAt(1, ["plain"], "none")]);
  at.add(second, 0, 1, [await batchAt(0, ["other"], "none")]);
  expect(at.buffer.take(10).records.map(({ partition, offset }) => [partition, offset])).toEqual([[1, 0]]);
  expect((await at.read(2)).map(({ offset }) => offset)).toEqual([0, 1]);
});

test("a paused partition is not unpacked, and read after it was resumed; a seek drops what was ahead", async () => {
  const at = start();
  at.state.paused = true;
  at.add(at.state, 0, 2, [await batchAt(0, ["a", "b"])]);
  expect(at.buffer.take(10).records).toEqual([]);
  expect(at.ready()).toBe(0);
  at.state.paused = false;
  expect((await at.read(1, 1)).map(({ offset }) => offset)).toEqual([0]);
  at.positions.seek(at.state, 7);
  expect(at.buffer.take(10).records).toEqual([]);
  at.add(at.state, 7, 8, [await batchAt(7, ["h"])]);
  expect((await at.read(1)).map(({ offset }) => offset)).toEqual([7]);
});

async function failureOf(at: ReturnType<typeof start>) {
  let failure = at.buffer.take(10).failure;
  await eventually(() => {
    failure ??= at.buffer.take(10).failure;
    return failure !== undefined;
  }, "a failure");
  return failure;
}

test("damage is told with topic, partition and offset, in its place, and the position stays", async () => {
  const at = start();
  const damaged = await batchAt(2, ["c", "d"]);
  damaged[damaged.length - 6] = (damaged.at(-6) as number) ^ 1;
  at.add(at.state, 0, 4, [await batchAt(0, ["a", "b"]), damaged]);
  await at.read(2);
  const failure = await failureOf(at);
  expect(failure?.error).toMatchObject({ code: "CORRUPT_MESSAGE", context: { topic: "t", partition: 0, offset: 2 } });
  expect(failure?.error.message).toContain("CRC");
  expect(at.state.position).toBe(2);
  // It stays until the application moves.
  expect(at.buffer.take(10).failure?.error.code).toBe("CORRUPT_MESSAGE");
});

test("records above the bound are refused, not unpacked", async () => {
  const at = start(1, 1_000);
  at.add(at.state, 0, 100, [
    await batchAt(
      0,
      Array.from({ length: 100 }, () => "x"),
    ),
  ]);
  const failure = await failureOf(at);
  expect(failure?.error.code).toBe("MESSAGE_TOO_LARGE");
  expect(failure?.error.message).toContain("1000 bytes");
  expect(at.state.position).toBe(0);
});

test("so much is kept unpacked, and no more; what nobody may read gives way", async () => {
  const megabyte = await compressBatch(
    encodeBatch([{ key: null, value: new Uint8Array(1024 * 1024), headers: [], timestamp: 1 }]),
    "gzip",
  );
  const positions = new Positions(() => {});
  const entryOf = (partition: number): PackedEntry => {
    const state = positions.add({ topic: "t", topicId: "id", partition }, false);
    const batches = Array.from({ length: 20 }, () => megabyte);
    return { fetched: { state, version: state.version }, isPacked: true, batches, nextBatch: 0, unpacked: [] };
  };
  const [first, second] = [entryOf(0), entryOf(1)] as [PackedEntry, PackedEntry];
  const entries = [first, second];
  const ahead = new UnpackAhead(() => entries, {
    checkCrcs: false,
    maxUnpackedBytes: () => 2 ** 24,
    onReady: () => {},
  });
  const full = AHEAD_BYTES / (1024 * 1024);
  let most = 0;
  first.unpacked.push = (...more) => {
    most = Math.max(most, Array.prototype.push.apply(first.unpacked, more));
    return first.unpacked.length;
  };
  ahead.pump();
  await eventually(() => first.unpacked.length === full, "as much as allowed");
  expect(second.unpacked).toHaveLength(0);
  first.fetched.state.paused = true;
  ahead.pump();
  await eventually(() => second.unpacked.length === full, "the other one's turn");
  expect(first.unpacked).toHaveLength(0);
  expect(most).toBe(full);
});

test("whatever is compressed, paused and taken when, each partition's records come once and in order", async () => {
  const step = fc.oneof(
    fc.record({ type: fc.constant("take" as const), count: fc.integer({ min: 1, max: 5 }) }),
    fc.record({ type: fc.constant("pause" as const), partition: fc.nat({ max: 1 }), paused: fc.boolean() }),
    fc.record({
      type: fc.constant("add" as const),
      partition: fc.nat({ max: 1 }),
      batches: fc.array(
        fc.record({ count: fc.integer({ min: 1, max: 4 }), codec: fc.constantFrom("none", "gzip", "zstd") }),
        {
          minLength: 1,
          maxLength: 3,
        },
      ),
    }),
    fc.record({ type: fc.constant("turn" as const) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
      const at = start(2);
      const ends = [0, 0];
      const seen: number[][] = [[], []];
      const take = (count: number) => {
        for (const { partition, offset } of at.buffer.take(count).records) seen[partition]?.push(offset);
      };
      for (const one of steps) {
        if (one.type === "take") take(one.count);
        else if (one.type === "turn") await new Promise((resolve) => setImmediate(resolve));
        else if (one.type === "pause") (at.states[one.partition] as PartitionState).paused = one.paused;
        else {
          const from = ends[one.partition] as number;
          let end = from;
          const batches: Uint8Array[] = [];
          for (const { count, codec } of one.batches) {
            batches.push(
              await batchAt(
                end,
                Array.from({ length: count }, () => "v"),
                codec,
              ),
            );
            end += count;
          }
          ends[one.partition] = end;
          at.add(at.states[one.partition] as PartitionState, from, end, batches);
        }
      }
      for (const state of at.states) state.paused = false;
      await eventually(() => {
        take(7);
        return seen.every((offsets, partition) => offsets.length >= (ends[partition] ?? 0));
      }, "all records");
      expect(seen).toEqual(ends.map((end) => Array.from({ length: end }, (_, offset) => offset)));
    }),
    { numRuns: 60 },
  );
});
