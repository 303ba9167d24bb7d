// Turns and batches on their way between the threads.

import { expect, test } from "vitest";
import { packBatches, packTurn, unpackBatches, unpackTurn } from "../../../server/src/storage/sqlite/messages.ts";
import type { Change } from "../../../server/src/storage/storage.ts";
import { append, putCounter, storedBatch, turn } from "../../support/stored.ts";

/** As it arrives in the other thread. */
const sent = <T>(value: T, transfer: ArrayBuffer[]): T => structuredClone(value, { transfer });

function inShared(change: Change, slab: SharedArrayBuffer, at: number): Change {
  if (change.kind !== "appendBatch") throw new Error("not a batch");
  const bytes = new Uint8Array(slab, at, change.batch.bytes.length);
  bytes.set(change.batch.bytes);
  return { ...change, batch: { ...change.batch, bytes } };
}

test("a turn arrives as it was sent, whether its bytes are views of a chunk or of shared memory", () => {
  const slab = new SharedArrayBuffer(1000);
  const original = turn(7, {
    generation: 3,
    records: [append(1, 0), inShared(append(1, 1), slab, 10), putCounter("a", 1), inShared(append(2, 0), slab, 500)],
    essential: [append(3, 0, { count: 5 })],
  });
  const { packed, transfer } = packTurn(original);
  expect(transfer).toHaveLength(1);
  expect(packed.buffers).toHaveLength(2);
  expect(unpackTurn(sent(packed, transfer))).toEqual(original);
});

test("bytes in shared memory are pointed at, not copied", () => {
  const slab = new SharedArrayBuffer(1000);
  const { packed, transfer } = packTurn(turn(1, { records: [inShared(append(1, 0), slab, 100)] }));
  expect(transfer).toEqual([]);
  const [change] = unpackTurn(packed).parts[0]?.changes ?? [];
  expect(change?.kind === "appendBatch" && change.batch.bytes.buffer).toBe(slab);
});

test("the sender keeps its bytes: they may be a view of what others still read", () => {
  const change = append(1, 0);
  const { packed, transfer } = packTurn(turn(1, { records: [change] }));
  sent(packed, transfer);
  expect(change.kind === "appendBatch" && change.batch.bytes.length).toBeGreaterThan(60);
});

test("a turn without batches carries no buffer", () => {
  const { packed, transfer } = packTurn(turn(1, { essential: [putCounter("a", 1)] }));
  expect(transfer).toEqual([]);
  expect(packed.buffers).toEqual([]);
});

test("read batches arrive as they were sent", () => {
  const batches = [storedBatch(1, 0, { count: 3 }), storedBatch(1, 3, { valueBytes: 500 })];
  const packed = packBatches(batches);
  expect(unpackBatches(sent(packed, [packed.buffer]))).toEqual(batches);
  expect(unpackBatches(packBatches([]))).toEqual([]);
});
