// The codecs under whatever comes: what was packed comes back; anything else ends in CORRUPT_MESSAGE or MESSAGE_TOO_LARGE,
// and never in more bytes than were allowed.

import fc from "fast-check";
import { expect, test } from "vitest";
import { codecs } from "../../../protocol/src/codecs/codecs.node.ts";
import { ProtocolError } from "../../../protocol/src/errors.ts";
import { decodeBatch, encodeBatch } from "../../../protocol/src/index.ts";
import { compressBatch, unpackBatch } from "../../../protocol/src/records/packing.ts";
import { fuzzRuns } from "../../support/fuzz-runs.ts";

const names = ["gzip", "snappy", "lz4", "zstd"] as const;
const RUNS = fuzzRuns(5_000);
const MAX_BYTES = 4_096;

/** Some that shrinks, some that does not. */
const content = fc.oneof(
  fc.uint8Array({ minLength: 1, maxLength: 300 }),
  fc.tuple(fc.uint8Array({ minLength: 1, maxLength: 8 }), fc.integer({ min: 1, max: 200 })).map(([piece, times]) => {
    const whole = new Uint8Array(piece.length * times);
    for (let at = 0; at < whole.length; at += piece.length) whole.set(piece, at);
    return whole;
  }),
);

test.each(names)("%s: what was packed comes back, in both ways", async (name) => {
  await fc.assert(
    fc.asyncProperty(content, async (records) => {
      const packed = await codecs[name].compress(records);
      expect(Buffer.compare(codecs[name].decompressSync(packed, records.length), records)).toBe(0);
      expect(Buffer.compare(await codecs[name].decompress(packed, records.length), records)).toBe(0);
    }),
    { numRuns: 150 },
  );
});

const record = fc.record({
  key: fc.option(fc.uint8Array({ maxLength: 30 }), { nil: null }),
  value: fc.option(content, { nil: null }),
  headers: fc.array(fc.record({ key: fc.string({ maxLength: 5 }), value: fc.uint8Array({ maxLength: 5 }) }), {
    maxLength: 2,
  }),
  timestamp: fc.nat(),
});

test.each(names)("%s: a batch has the same records after it was packed and unpacked", async (name) => {
  await fc.assert(
    fc.asyncProperty(fc.array(record, { minLength: 1, maxLength: 12 }), async (records) => {
      const batch = encodeBatch(records, { baseOffset: 42, leaderEpoch: 7 });
      const before = decodeBatch(Uint8Array.from(batch));
      expect(decodeBatch(await unpackBatch(await compressBatch(batch, name)))).toEqual(before);
    }),
    { numRuns: 60 },
  );
});

/** Hostile changes of good data, and plain garbage. */
const hostile = fc.record({
  from: fc.nat({ max: 19 }),
  cutTo: fc.option(fc.double({ min: 0, max: 1, noNaN: true })),
  changes: fc.array(fc.tuple(fc.double({ min: 0, max: 0.999, noNaN: true }), fc.integer({ min: 0, max: 255 })), {
    maxLength: 6,
  }),
  tail: fc.oneof(
    { weight: 4, arbitrary: fc.constant(new Uint8Array(0)) },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 9 }) },
  ),
  garbage: fc.option(fc.uint8Array({ maxLength: 120 }), { freq: 4 }),
});

test.each(names)(`%s: ${RUNS} hostile inputs end within the bound, or in an error that says so`, async (name) => {
  const codec = codecs[name];
  const seeds = fc.sample(content, { numRuns: 20, seed: 3 });
  const good = await Promise.all(seeds.map((records) => codec.compress(records)));
  let refused = 0;
  fc.assert(
    fc.property(hostile, ({ from, cutTo, changes, tail, garbage }) => {
      const source = good[from] as Uint8Array;
      let bytes = garbage ?? Buffer.concat([source, tail]);
      for (const [place, value] of changes) if (bytes.length > 0) bytes[Math.floor(place * bytes.length)] = value;
      if (cutTo !== null) bytes = bytes.subarray(0, Math.floor(cutTo * bytes.length));
      try {
        expect(codec.decompressSync(bytes, MAX_BYTES).length).toBeLessThanOrEqual(MAX_BYTES);
      } catch (error) {
        if (!(error instanceof ProtocolError)) throw error;
        expect(["CORRUPT_MESSAGE", "MESSAGE_TOO_LARGE"]).toContain(error.code);
        refused++;
      }
    }),
    { numRuns: RUNS },
  );
  expect(refused).toBeGreaterThan(RUNS / 4);
});
