// Segments as Kafka has them, as arithmetic: when one ends and the next begins, and which have expired. Here a segment is a
// range of offsets and a few numbers; nothing is a file. Pure; who remembers them is log-index.ts.
// Invariant: segments of a log follow each other; the last one is the active one, to which records are appended.

import type { BatchFacts } from "../storage/storage.ts";

export interface Segment {
  readonly baseOffset: number;
  /** After its last record. */
  readonly endOffset: number;
  /** Of whole batches, also of those that lie before a log start inside the segment, as in Kafka. */
  readonly sizeBytes: number;
  /** The largest timestamp of its first batch. */
  readonly firstTimestampMs: number;
  readonly maxTimestampMs: number;
}

export interface SegmentRules {
  readonly segmentBytes: number;
  readonly segmentMs: number;
}

export interface RetentionRules {
  /** -1: for ever. */
  readonly retentionMs: number;
  /** -1: any number. */
  readonly retentionBytes: number;
}

/** Kafka's index has four bytes for an offset inside a segment. */
const MAX_RELATIVE_OFFSET = 2_147_483_647;

/**
 * Whether a batch begins a new segment: it does not fit, it is younger than the first batch by more than segment.ms, or its
 * offsets are too many.
 *
 * Source: Kafka, LogSegment.shouldRoll. Differs: no jitter (segment.jitter.ms).
 */
export function rolls(active: Segment, batch: BatchFacts, { segmentBytes, segmentMs }: SegmentRules): boolean {
  return (
    active.sizeBytes + batch.sizeBytes > segmentBytes ||
    batch.maxTimestampMs - active.firstTimestampMs > segmentMs ||
    batch.lastOffset - active.baseOffset > MAX_RELATIVE_OFFSET
  );
}

/** A segment that begins with this batch. */
export function segmentOf({ baseOffset, lastOffset, sizeBytes, maxTimestampMs }: BatchFacts): Segment {
  return {
    baseOffset,
    endOffset: lastOffset + 1,
    sizeBytes,
    firstTimestampMs: maxTimestampMs,
    maxTimestampMs,
  };
}

/** The segment with a batch more. */
export function extended(segment: Segment, batch: BatchFacts): Segment {
  return {
    ...segment,
    endOffset: batch.lastOffset + 1,
    sizeBytes: segment.sizeBytes + batch.sizeBytes,
    maxTimestampMs: Math.max(segment.maxTimestampMs, batch.maxTimestampMs),
  };
}

/**
 * How many of the oldest segments have expired: first by size (as long as what is left still has retention.bytes), then by time
 * (the largest timestamp is more than retention.ms ago), each until the first that has not. The active segment too: Kafka rolls
 * it then and deletes it, and the log is empty, its start at its end.
 *
 * A timestamp in the future keeps its segment, and those behind it, until retention.ms after it, as in Kafka;
 * message.timestamp.after.max.ms bounds how far that may be.
 * Source: Kafka, UnifiedLog.deleteOldSegments, deleteRetentionSizeBreachedSegments, deleteRetentionMsBreachedSegments.
 */
export function expiredSegments(
  segments: readonly Segment[],
  { retentionMs, retentionBytes }: RetentionRules,
  wallMs: number,
): number {
  let count = 0;
  if (retentionBytes >= 0) {
    let excessBytes = segments.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0) - retentionBytes;
    for (const { sizeBytes } of segments) {
      if (excessBytes - sizeBytes < 0) break;
      excessBytes -= sizeBytes;
      count += 1;
    }
  }
  if (retentionMs >= 0) {
    for (const { maxTimestampMs } of segments.slice(count)) {
      if (wallMs - maxTimestampMs <= retentionMs) break;
      count += 1;
    }
  }
  return count;
}
