// Turns and batches on their way between the threads.

import { expect, test } from "vitest";
import { packBatches, packTurn, unpackBatches, unpackTurn } from "../../../server/src/storage/sqlite/messages.ts";
import { append, putCounter, storedBatch, turn } from "../../support/stored.ts";

/** As it arrives in the other thread. */
const sent = <T>(value: T, transfer: ArrayBuffer[]): T => structuredClone(value, { transfer });

test("a turn arrives as it was sent, with all its bytes in one buffer that is handed over", () => {
  const original = turn(7, {
    generation: 3,
    records: [append(1, 0), append(1, 1, { valueBytes: 300 }), putCounter("a", 1), append(2, 0)],
    essential: [append(3, 0, { count: 5 })],
  });
  const packed = packTurn(original);
  expect(unpackTurn(sent(packed, [packed.buffer]))).toEqual(original);
  expect(packed.buffer.byteLength).toBe(0);
});

test("the sender keeps its bytes: others still read them", () => {
  const change = append(1, 0);
  const packed = packTurn(turn(1, { records: [change] }));
  sent(packed, [packed.buffer]);
  expect(change.kind === "appendBatch" && change.batch.bytes.length).toBeGreaterThan(60);
});

test("a turn without batches arrives, too", () => {
  const original = turn(1, { essential: [putCounter("a", 1)] });
  const packed = packTurn(original);
  expect(unpackTurn(sent(packed, [packed.buffer]))).toEqual(original);
});

test("read batches arrive as they were sent", () => {
  const batches = [storedBatch(1, 0, { count: 3 }), storedBatch(1, 3, { valueBytes: 500 })];
  const packed = packBatches(batches);
  expect(unpackBatches(sent(packed, [packed.buffer]))).toEqual(batches);
  expect(unpackBatches(packBatches([]))).toEqual([]);
});
