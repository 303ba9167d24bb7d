// The tail cache's budget counts backing memory, and what a partition keeps is a gapless end of its log.

import { expect, test } from "vitest";
import { SlabAllocator } from "../../../server/src/log/slabs.ts";
import { ENTRY_BYTES, PartitionTail, TailCache } from "../../../server/src/log/tail-cache.ts";

const KIB = 1024;

function worldOf(budgetBytes: number) {
  const slabs = new SlabAllocator(budgetBytes);
  const cache = new TailCache(budgetBytes);
  const ends = new Map<PartitionTail, number>();
  return {
    cache,
    add: (tail: PartitionTail, length: number) => {
      const offset = ends.get(tail) ?? 0;
      ends.set(tail, offset + 1);
      cache.add(tail, { baseOffset: offset, lastOffset: offset, ...slabs.copy(new Uint8Array(length)) });
    },
    endOf: (tail: PartitionTail) => ends.get(tail) ?? 0,
  };
}

test("a slab counts whole as long as one of its batches is cached", () => {
  const { cache, add } = worldOf(1024 * KIB);
  const tail = new PartitionTail();
  add(tail, 100);
  expect(cache.bytes).toBe(128 * KIB + ENTRY_BYTES);
  add(tail, 100);
  expect(cache.bytes).toBe(128 * KIB + 2 * ENTRY_BYTES);
  add(tail, 60 * KIB);
  expect(cache.bytes).toBe(188 * KIB + 3 * ENTRY_BYTES);
  cache.drop(tail);
  expect(cache.bytes).toBe(0);
});

test("the oldest slabs go first, and the budget holds", () => {
  const { cache, add } = worldOf(512 * KIB);
  const quiet = new PartitionTail();
  const busy = new PartitionTail();
  add(quiet, 100);
  for (let index = 0; index < 2000; index++) {
    add(busy, KIB);
    expect(cache.bytes).toBeLessThanOrEqual(512 * KIB);
  }
  expect(quiet.startOffset).toBeUndefined();
  expect(2000 - (busy.startOffset ?? 0)).toBeGreaterThan(300);
});

test("many short batches fill the budget by what their entries take, not by their bytes alone", () => {
  const { cache, add, endOf } = worldOf(1024 * KIB);
  const tail = new PartitionTail();
  for (let index = 0; index < 10_000; index++) add(tail, 70);
  expect(cache.bytes).toBeLessThanOrEqual(1024 * KIB);
  const kept = endOf(tail) - (tail.startOffset ?? endOf(tail));
  expect(kept).toBeGreaterThan(500);
  expect(kept * (ENTRY_BYTES + 70)).toBeLessThanOrEqual(1024 * KIB);
});

test("evicting a slab takes what is older of its partitions along, so that no tail has a gap", () => {
  // A large batch has a slab of its own, younger than the open one, which goes on being filled.
  const { cache, add, endOf } = worldOf(300 * KIB);
  const tail = new PartitionTail();
  const sizes = [100, 60 * KIB, 100, 60 * KIB, 100, 60 * KIB, 100, 60 * KIB, 100, 100 * KIB, 100];
  for (const size of sizes) {
    add(tail, size);
    const start = tail.startOffset ?? endOf(tail);
    const offsets = [...tail.from(start)].map(({ baseOffset }) => baseOffset);
    expect(offsets).toEqual(Array.from({ length: endOf(tail) - start }, (_, index) => start + index));
    expect(cache.bytes).toBeLessThanOrEqual(300 * KIB);
  }
});

test("without a budget nothing is kept", () => {
  const { cache, add } = worldOf(0);
  const tail = new PartitionTail();
  for (const size of [10, 100 * KIB, 10]) add(tail, size);
  expect(cache.bytes).toBe(0);
  expect(tail.startOffset).toBeUndefined();
});

test("from() begins with the batch that holds the offset", () => {
  const cache = new TailCache(KIB * KIB);
  const tail = new PartitionTail();
  const slab = { buffer: new ArrayBuffer(10) };
  for (const [baseOffset, lastOffset] of [
    [5, 9],
    [10, 10],
    [11, 20],
  ] as const)
    cache.add(tail, { baseOffset, lastOffset, bytes: new Uint8Array(slab.buffer), slab });
  const first = (offset: number) => tail.from(offset).next().value?.baseOffset;
  expect([5, 7, 9, 10, 11, 20, 21].map(first)).toEqual([5, 5, 5, 10, 11, 11, undefined]);
});
