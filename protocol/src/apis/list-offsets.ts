import Type from "typebox";
import { api } from "./api.ts";
import {
  AnyInteger,
  described,
  Isolation,
  ItemError,
  LeaderEpoch,
  Offset,
  Partition,
  Timestamp,
  Topic,
  TopicPartition,
} from "./fields.ts";

export const listOffsets = api({
  name: "listOffsets",
  text: "Offsets by time or by place (Kafka API 2). Without a hit: offset -1, timestamp -1.",
  request: Type.Object({
    isolation: Isolation,
    partitions: described(
      "What to look up.",
      Type.Array(
        Type.Object({
          ...TopicPartition,
          at: described(
            "A timestamp asks for the first record whose timestamp is at least that.",
            Type.Union([Type.Literal("earliest"), Type.Literal("latest"), Type.Literal("maxTimestamp"), AnyInteger]),
          ),
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
        offset: Offset,
        timestamp: Timestamp,
        leaderEpoch: LeaderEpoch,
        error: Type.Optional(ItemError),
      }),
    ),
  }),
  errors: ["UNKNOWN_TOPIC_OR_PARTITION", "UNKNOWN_TOPIC_ID", "INVALID_REQUEST", "KAFKA_STORAGE_ERROR"],
});
