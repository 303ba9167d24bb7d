import Type from "typebox";
import { api } from "./api.ts";
import {
  AnyInteger,
  ByteCount,
  DurationMs,
  Isolation,
  ItemError,
  LeaderEpoch,
  Offset,
  Partition,
  Topic,
  TopicPartition,
} from "./fields.ts";

/** Reads whole record batches (Kafka API 1). The payload holds each partition's batches as stored; the first may begin early. */
export const fetch = api({
  name: "fetch",
  request: Type.Object({
    maxWaitMs: DurationMs,
    minBytes: ByteCount,
    /** Over all partitions; soft: the first batch is always whole (KIP-74). */
    maxBytes: ByteCount,
    isolation: Isolation,
    partitions: Type.Array(
      Type.Object({
        ...TopicPartition,
        offset: AnyInteger,
        /** Of the last record read: a position that the log no longer agrees with is refused (KIP-320). -1 or absent: unknown. */
        leaderEpoch: Type.Optional(LeaderEpoch),
        maxBytes: Type.Optional(ByteCount),
      }),
      { maxItems: 10_000 },
    ),
  }),
  response: Type.Object({
    results: Type.Array(
      Type.Object({
        topic: Topic,
        partition: Partition,
        highWatermark: Offset,
        lastStableOffset: Offset,
        logStartOffset: Offset,
        /** Where to read next: after the returned batches, or past what was left out. */
        nextOffset: Offset,
        bytes: ByteCount,
        error: Type.Optional(ItemError),
      }),
    ),
  }),
  responsePayload: "results",
  errors: [
    "OFFSET_OUT_OF_RANGE",
    "UNKNOWN_TOPIC_OR_PARTITION",
    "UNKNOWN_TOPIC_ID",
    "FENCED_LEADER_EPOCH",
    "UNKNOWN_LEADER_EPOCH",
    "CORRUPT_MESSAGE",
    "KAFKA_STORAGE_ERROR",
  ],
});
