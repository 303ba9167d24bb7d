import Type from "typebox";
import { api } from "./api.ts";
import { described, ItemError, LeaderEpoch, Offset, Partition, Topic, TopicPartition } from "./fields.ts";

export const offsetForLeaderEpoch = api({
  name: "offsetForLeaderEpoch",
  text: "Where the records of a leader epoch end (Kafka API 23, KIP-320): beyond it, a position of that epoch is not this log's.",
  request: Type.Object({
    partitions: described(
      "What to look up.",
      Type.Array(Type.Object({ ...TopicPartition, leaderEpoch: LeaderEpoch }), { maxItems: 10_000 }),
    ),
  }),
  response: Type.Object({
    results: Type.Array(
      Type.Object({
        topic: Topic,
        partition: Partition,
        leaderEpoch: described("The largest epoch of the log that is not above the asked one; -1: none.", LeaderEpoch),
        endOffset: described("The offset after the last record of that epoch; -1: none.", Offset),
        error: Type.Optional(ItemError),
      }),
    ),
  }),
  errors: ["UNKNOWN_TOPIC_OR_PARTITION", "UNKNOWN_TOPIC_ID", "UNKNOWN_LEADER_EPOCH"],
});
