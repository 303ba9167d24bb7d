import Type from "typebox";
import { api } from "./api.ts";
import {
  described,
  GroupId,
  ItemError,
  LeaderEpoch,
  MemberEpoch,
  MemberId,
  Offset,
  Partition,
  Topic,
  TopicId,
  TopicPartition,
} from "./fields.ts";

export const offsetFetch = api({
  name: "offsetFetch",
  text: "A group's committed offsets (Kafka API 9); -1 where there is none. Waits for commits that are on their way to the disk.",
  request: Type.Object({
    groupId: GroupId,
    memberId: Type.Optional(MemberId),
    memberEpoch: Type.Optional(MemberEpoch),
    requireStable: described(
      "Wait while a transaction has offsets of the partition open. Default false.",
      Type.Optional(Type.Boolean()),
    ),
    partitions: described(
      "Absent: all that the group has committed.",
      Type.Optional(Type.Array(Type.Object(TopicPartition), { maxItems: 100_000 })),
    ),
  }),
  response: Type.Object({
    offsets: described(
      "In the order of the request, or all.",
      Type.Array(
        Type.Object({
          topic: Topic,
          topicId: TopicId,
          partition: Partition,
          offset: Offset,
          leaderEpoch: LeaderEpoch,
          metadata: described("What was committed beside the offset.", Type.String()),
          error: Type.Optional(ItemError),
        }),
      ),
    ),
  }),
  errors: [
    "INVALID_GROUP_ID",
    "UNKNOWN_MEMBER_ID",
    "STALE_MEMBER_EPOCH",
    "UNKNOWN_TOPIC_OR_PARTITION",
    "UNKNOWN_TOPIC_ID",
    "UNSTABLE_OFFSET_COMMIT",
    "KAFKA_STORAGE_ERROR",
  ],
});
