// When segments roll and expire: Kafka's rules as tables.

import { expect, test } from "vitest";
import { expiredSegments, extended, rolls, type Segment, segmentOf } from "../../../server/src/log/segments.ts";

const batch = ({ baseOffset = 0, count = 1, sizeBytes = 10, maxTimestampMs = 0 } = {}) => ({
  baseOffset,
  lastOffset: baseOffset + count - 1,
  sizeBytes,
  maxTimestampMs,
  leaderEpoch: 0,
});

/** Segments of one batch each: [bytes, largest timestamp]. */
function segments(...facts: [sizeBytes: number, maxTimestampMs: number][]): Segment[] {
  return facts.map(([sizeBytes, maxTimestampMs], index) =>
    segmentOf(batch({ baseOffset: index, sizeBytes, maxTimestampMs })),
  );
}

test.each([
  ["it fits exactly", 90, 0, false],
  ["one byte too many", 91, 0, true],
  ["as old as segment.ms", 10, 1500, false],
  ["one millisecond more", 10, 1501, true],
  ["older than the first", 10, 0, false],
])("a batch rolls the segment: %s", (_, sizeBytes, maxTimestampMs, expected) => {
  const active = segmentOf(batch({ sizeBytes: 10, maxTimestampMs: 1000 }));
  const next = batch({ baseOffset: 1, sizeBytes, maxTimestampMs });
  expect(rolls(active, next, { segmentBytes: 100, segmentMs: 500 })).toBe(expected);
});

test("the age counts from the first batch, not from the newest", () => {
  let active = segmentOf(batch({ maxTimestampMs: 1000 }));
  active = extended(active, batch({ baseOffset: 1, maxTimestampMs: 1400 }));
  expect(active).toMatchObject({ endOffset: 2, sizeBytes: 20, firstTimestampMs: 1000, maxTimestampMs: 1400 });
  const rules = { segmentBytes: 1000, segmentMs: 500 };
  expect(rolls(active, batch({ baseOffset: 2, maxTimestampMs: 1501 }), rules)).toBe(true);
  expect(rolls(active, batch({ baseOffset: 2, maxTimestampMs: 1450 }), rules)).toBe(false);
});

test("a segment has at most as many offsets as Kafka's index can tell", () => {
  const active = segmentOf(batch());
  const rules = { segmentBytes: 1e9, segmentMs: 1e9 };
  expect(rolls(active, batch({ baseOffset: 2_147_483_647 }), rules)).toBe(false);
  expect(rolls(active, batch({ baseOffset: 2_147_483_648 }), rules)).toBe(true);
});

const DAY = 86_400_000;
const now = 100 * DAY;

test.each<[string, Segment[], { retentionMs?: number; retentionBytes?: number }, number]>([
  ["nothing is limited", segments([10, 0], [10, 0]), {}, 0],
  ["an empty log", [], { retentionMs: 1, retentionBytes: 0 }, 0],
  ["as old as retention.ms", segments([10, now - DAY]), { retentionMs: DAY }, 0],
  ["a millisecond older", segments([10, now - DAY - 1]), { retentionMs: DAY }, 1],
  ["the oldest that expired", segments([10, 0], [10, 1], [10, now]), { retentionMs: DAY }, 2],
  ["all, with the active one", segments([10, 0], [10, 1]), { retentionMs: DAY }, 2],
  ["a young one in front keeps those behind", segments([10, now], [10, 0], [10, 0]), { retentionMs: DAY }, 0],
  ["a timestamp in the future keeps its segment", segments([10, 0], [10, now + DAY], [10, 0]), { retentionMs: DAY }, 1],
  ["retention.ms 0 keeps only the future", segments([10, now - 1], [10, now + 1]), { retentionMs: 0 }, 1],
  ["exactly retention.bytes", segments([10, 0], [10, 0]), { retentionBytes: 20 }, 0],
  ["less than retention.bytes would be left", segments([10, 0], [10, 0]), { retentionBytes: 11 }, 0],
  ["retention.bytes are left", segments([10, 0], [10, 0]), { retentionBytes: 10 }, 1],
  ["a large one in front is not skipped", segments([30, 0], [1, 0], [10, 0]), { retentionBytes: 20 }, 0],
  ["as many as go", segments([10, 0], [10, 0], [10, 0], [5, 0]), { retentionBytes: 14 }, 2],
  ["retention.bytes 0 leaves nothing", segments([10, 0], [10, 0]), { retentionBytes: 0 }, 2],
  ["by size, then by time", segments([10, now], [10, 0], [10, now]), { retentionBytes: 20, retentionMs: DAY }, 2],
])("expired: %s", (_, log, { retentionMs = -1, retentionBytes = -1 }, expected) => {
  expect(expiredSegments(log, { retentionMs, retentionBytes }, now)).toBe(expected);
});
