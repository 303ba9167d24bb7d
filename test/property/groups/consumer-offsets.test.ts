// The records of __consumer_offsets, read back by Kafka's schema (OffsetCommitKey 1, OffsetCommitValue 4): whatever is committed,
// a reader of that topic finds it.

import fc from "fast-check";
import { expect, test } from "vitest";
import { encodeOffsetKey, encodeOffsetValue, offsetsPartition } from "../../../server/src/groups/consumer-offsets.ts";
import { fuzzRuns } from "../../support/fuzz-runs.ts";

/** Reads from the front, and knows when it is at the end. */
class Bytes {
  readonly #bytes: Buffer;
  #at = 0;
  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes);
  }
  int16 = () => this.#bytes.readInt16BE(this.#step(2));
  int32 = () => this.#bytes.readInt32BE(this.#step(4));
  int64 = () => Number(this.#bytes.readBigInt64BE(this.#step(8)));
  text = (length: number) => this.bytes(length).toString("utf8");
  bytes = (length: number) => this.#bytes.subarray(this.#step(length), this.#at);
  uvarint(): number {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.#bytes.readUInt8(this.#step(1));
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  }
  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length;
  }
  #step(length: number): number {
    this.#at += length;
    return this.#at - length;
  }
}

const text = fc.string({ unit: "grapheme", maxLength: 40 });
const commit = fc.record({
  groupId: text,
  topic: fc.stringMatching(/^[a-zA-Z0-9._-]{1,60}$/),
  partition: fc.nat(),
  offset: fc.maxSafeNat(),
  leaderEpoch: fc.integer({ min: -1, max: 2_147_483_647 }),
  metadata: fc.oneof(
    text,
    fc.integer({ min: 100, max: 5_000 }).map((length) => "m".repeat(length)),
  ),
  committedAtMs: fc.maxSafeNat(),
  topicId: fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => Buffer.from(bytes).toString("base64url")),
});

test("what is committed is read back from the record's key and value", () => {
  fc.assert(
    fc.property(commit, (given) => {
      const key = new Bytes(encodeOffsetKey(given));
      expect([key.int16(), key.text(key.int16()), key.text(key.int16()), key.int32(), key.isAtEnd]).toEqual([
        1,
        given.groupId,
        given.topic,
        given.partition,
        true,
      ]);
      const value = new Bytes(encodeOffsetValue(given));
      expect([value.int16(), value.int64(), value.int32(), value.text(value.uvarint() - 1), value.int64()]).toEqual([
        4,
        given.offset,
        given.leaderEpoch,
        given.metadata,
        given.committedAtMs,
      ]);
      expect([value.uvarint(), value.uvarint(), value.uvarint()]).toEqual([1, 0, 16]);
      expect(value.bytes(16).toString("base64url")).toBe(given.topicId);
      expect(value.isAtEnd).toBe(true);
    }),
    { numRuns: fuzzRuns(3_000) },
  );
});

test("each group has one partition, of those that there are", () => {
  fc.assert(
    fc.property(text, fc.integer({ min: 1, max: 1_000 }), (groupId, count) => {
      const partition = offsetsPartition(groupId, count);
      expect(partition).toBe(offsetsPartition(groupId, count));
      expect(Number.isInteger(partition) && partition >= 0 && partition < count).toBe(true);
    }),
    { numRuns: fuzzRuns(10_000) },
  );
});
