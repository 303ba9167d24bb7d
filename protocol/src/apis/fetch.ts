import Type from "typebox";
import { api } from "./api.ts";
import {
  AnyInteger,
  ByteCount,
  DurationMs,
  described,
  Isolation,
  ItemError,
  LeaderEpoch,
  Offset,
  Partition,
  Topic,
  TopicPartition,
} from "./fields.ts";

export const fetch = api({
  name: "fetch",
  text: "Reads whole record batches (Kafka API 1). The payload holds each partition's batches as stored; the first may begin early.",
  request: Type.Object({
    maxWaitMs: DurationMs,
    minBytes: ByteCount,
    maxBytes: described("Over all partitions; soft: the first batch is always whole (KIP-74).", ByteCount),
    isolation: Isolation,
    partitions: described(
      "Where to read.",
      Type.Array(
        Type.Object({
          ...TopicPartition,
          offset: AnyInteger,
          leaderEpoch: described(
            "Of the last record read: a position that the log no longer agrees with is refused (KIP-320). -1 or absent: unknown.",
            Type.Optional(LeaderEpoch),
          ),
          maxBytes: Type.Optional(ByteCount),
        }),
        { maxItems: 10_000 },
      ),
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
        nextOffset: described("Where to read next: after the returned batches, or past what was left out.", Offset),
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
