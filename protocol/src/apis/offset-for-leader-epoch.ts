import Type from "typebox";
import { api } from "./api.ts";
import { ItemError, LeaderEpoch, Offset, Partition, Topic, TopicPartition } from "./fields.ts";

/** Where the records of a leader epoch end (Kafka API 23, KIP-320): beyond it, a position of that epoch is not this log's. */
export const offsetForLeaderEpoch = api({
  name: "offsetForLeaderEpoch",
  request: Type.Object({
    partitions: Type.Array(Type.Object({ ...TopicPartition, leaderEpoch: LeaderEpoch }), { maxItems: 10_000 }),
  }),
  response: Type.Object({
    results: Type.Array(
      Type.Object({
        topic: Topic,
        partition: Partition,
        /** The largest epoch of the log that is not above the asked one; -1: none. */
        leaderEpoch: LeaderEpoch,
        /** The offset after the last record of that epoch; -1: none. */
        endOffset: Offset,
        error: Type.Optional(ItemError),
      }),
    ),
  }),
  errors: ["UNKNOWN_TOPIC_OR_PARTITION", "UNKNOWN_TOPIC_ID", "UNKNOWN_LEADER_EPOCH"],
});
