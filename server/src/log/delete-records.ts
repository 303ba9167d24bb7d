// DeleteRecords: the records before an offset are gone for every reader. Checks, then one staged part per request.
// Invariant: a log start that is answered is durable.

import { type ApiRequest, type ApiResponse, isInternalTopic, ProtocolError } from "@brooklet/protocol";
import type { Catalog } from "./catalog.ts";
import { findPartition } from "./find-partition.ts";
import type { LogStartMove, LogStarts } from "./log-starts.ts";
import type { Partition } from "./partition.ts";

type Item = ApiRequest<"deleteRecords">["partitions"][number];
type Result = ApiResponse<"deleteRecords">["results"][number];

/** Stands for the high watermark (Kafka: DeleteRecordsRequest.HIGH_WATERMARK). */
const HIGH_WATERMARK = -1;

/**
 * Moves each partition's log start to the offset asked for.
 *
 * Shape: results in request order, with the log start afterwards; an offset at or below it changes nothing. The new start may
 * lie inside a batch: readers skip what is before it.
 * Errors: OFFSET_OUT_OF_RANGE above the high watermark; INVALID_TOPIC_EXCEPTION for internal topics; POLICY_VIOLATION where
 * cleanup.policy does not delete; the partition's own; the turn's.
 * Source: Kafka, ReplicaManager.deleteRecordsOnLocalLog, Partition.deleteRecordsOnLeader; KIP-107.
 */
export async function deleteRecords(
  { partitions }: ApiRequest<"deleteRecords">,
  { catalog, starts }: { catalog: Catalog; starts: LogStarts },
): Promise<Result[]> {
  const moves: LogStartMove[] = [];
  const found = partitions.map((item): Partition | ProtocolError => {
    try {
      const partition = findPartition(catalog, item);
      const logStartOffset = offsetOf(item, partition, catalog);
      if (logStartOffset > partition.logStartOffset) moves.push({ partition, logStartOffset });
      return partition;
    } catch (error) {
      if (error instanceof ProtocolError) return error;
      throw error;
    }
  });
  let failure: ProtocolError | undefined;
  if (moves.length > 0) {
    try {
      await starts.move(moves);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      failure = error;
    }
  }
  const moved = new Set(moves.map(({ partition }) => partition));
  return partitions.map((item, index) => {
    const partition = found[index] as Partition | ProtocolError;
    if (partition instanceof ProtocolError) return refused(item, partition);
    if (failure !== undefined && moved.has(partition)) return refused(item, failure);
    if (partition.deleted)
      return refused(
        item,
        new ProtocolError("UNKNOWN_TOPIC_ID", `topic ${item.topic} (id ${partition.topic.topicId}) was deleted`),
      );
    return { topic: item.topic, partition: item.partition, logStartOffset: partition.logStartOffset };
  });
}

/** Throws where it cannot be done. */
function offsetOf({ offset }: Item, partition: Partition, catalog: Catalog): number {
  const { name, topic, highWatermark, logStartOffset } = partition;
  if (isInternalTopic(topic.topic))
    throw new ProtocolError("INVALID_TOPIC_EXCEPTION", `records of ${topic.topic} cannot be deleted: it is internal`, {
      hint: "It is the broker's own; delete records of your topics.",
    });
  if (catalog.byId(topic.topicId)?.rules.deletes === false)
    throw new ProtocolError(
      "POLICY_VIOLATION",
      `records of ${name} cannot be deleted: the topic's cleanup.policy does not delete`,
      { hint: "Add delete to the topic's cleanup.policy, or delete the topic." },
    );
  if (offset === HIGH_WATERMARK) return highWatermark;
  if (offset >= 0 && offset <= highWatermark) return offset;
  throw new ProtocolError(
    "OFFSET_OUT_OF_RANGE",
    `records of ${name} cannot be deleted up to offset ${offset}: its records are ${logStartOffset} to ${highWatermark} (high watermark)`,
    { context: { logStartOffset, highWatermark }, hint: "-1 deletes everything up to the high watermark." },
  );
}

function refused({ topic, partition }: Item, error: ProtocolError): Result {
  return { topic, partition, logStartOffset: -1, error: error.toWire() };
}
