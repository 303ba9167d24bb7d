// OffsetForLeaderEpoch: where the records of an epoch end in this log, so that a consumer can tell whether its position is
// still one of it.

import { type ApiRequest, type ApiResponse, ProtocolError } from "@brooklet/protocol";
import type { Catalog } from "./catalog.ts";
import { findPartition } from "./find-partition.ts";
import type { Partition } from "./partition.ts";

type Result = ApiResponse<"offsetForLeaderEpoch">["results"][number];

const NONE = { leaderEpoch: -1, endOffset: -1 };

/**
 * Answers each item from memory, up to the high watermark.
 *
 * Errors: UNKNOWN_LEADER_EPOCH for an epoch this broker has not reached; the partition's own.
 * Source: Kafka, OffsetsForLeaderEpoch; KIP-101, KIP-320.
 */
export function leaderEpochEnds(
  { partitions }: ApiRequest<"offsetForLeaderEpoch">,
  { catalog, bootEpoch }: { catalog: Catalog; bootEpoch: number },
): Result[] {
  return partitions.map((item) => {
    const { topic, partition, leaderEpoch } = item;
    try {
      const found = findPartition(catalog, item);
      if (leaderEpoch > bootEpoch) throw notReached(found, leaderEpoch, bootEpoch);
      const end = leaderEpoch < 0 ? NONE : found.epochs.endOf(leaderEpoch, found.highWatermark);
      return { topic, partition, ...end };
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      return { topic, partition, ...NONE, error: error.toWire() };
    }
  });
}

/**
 * Why a position, the offset to read next and the epoch of the record before it, is not one of this log. Asked before the offset
 * is judged by itself, so that a log that lost its end is told as that (hard place 8 of DESIGN.md section 4).
 *
 * Errors: UNKNOWN_LEADER_EPOCH; FENCED_LEADER_EPOCH, whose context says the largest common epoch and where it ends here.
 */
export function positionRefusal(
  partition: Partition,
  { offset, leaderEpoch = -1 }: { readonly offset: number; readonly leaderEpoch?: number },
  highWatermark: number,
  bootEpoch: number,
): ProtocolError | undefined {
  if (leaderEpoch < 0) return undefined;
  if (leaderEpoch > bootEpoch) return notReached(partition, leaderEpoch, bootEpoch);
  const end = partition.epochs.endOf(leaderEpoch, highWatermark);
  if (offset <= end.endOffset) return undefined;
  return new ProtocolError(
    "FENCED_LEADER_EPOCH",
    `offset ${offset} of ${partition.name} follows a record of leader epoch ${leaderEpoch}, but here the records of epoch ${end.leaderEpoch} end at offset ${end.endOffset}: what was read behind it is gone from the log`,
    {
      context: end,
      hint: `The log lost its end (durability below disk, or an older copy of the data). Continue at offset ${end.endOffset}.`,
    },
  );
}

function notReached(partition: Partition, leaderEpoch: number, bootEpoch: number): ProtocolError {
  return new ProtocolError(
    "UNKNOWN_LEADER_EPOCH",
    `leader epoch ${leaderEpoch} was asked for of ${partition.name}; this broker is in epoch ${bootEpoch}`,
    { hint: "The broker's log is older than what was read: was its data folder set back?" },
  );
}
