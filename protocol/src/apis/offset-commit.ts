import Type from "typebox";
import { api } from "./api.ts";
import {
  AnyInteger,
  described,
  GroupId,
  ItemError,
  LeaderEpoch,
  MemberEpoch,
  MemberId,
  Offset,
  Partition,
  Seq,
  Topic,
  TopicPartition,
  WallMs,
} from "./fields.ts";

export const offsetCommit = api({
  name: "offsetCommit",
  text: "Stores a group's next offsets (Kafka API 8). Per partition, in request order.",
  request: Type.Object({
    groupId: GroupId,
    memberId: described(
      "Absent: a stand-alone consumer or the admin, only while the group is empty.",
      Type.Optional(MemberId),
    ),
    memberEpoch: Type.Optional(MemberEpoch),
    seq: Type.Optional(Seq),
    offsets: described(
      "The next offset to read of each partition.",
      Type.Array(
        Type.Object({
          ...TopicPartition,
          offset: AnyInteger,
          leaderEpoch: Type.Optional(LeaderEpoch),
          metadata: described("Any text, kept beside the offset.", Type.Optional(Type.String())),
        }),
        { maxItems: 100_000 },
      ),
    ),
  }),
  response: Type.Object({
    results: Type.Array(
      Type.Object({
        topic: Topic,
        partition: Partition,
        offset: Offset,
        committedAtMs: WallMs,
        error: Type.Optional(ItemError),
      }),
    ),
  }),
  errors: [
    "INVALID_GROUP_ID",
    "UNKNOWN_MEMBER_ID",
    "GROUP_ID_NOT_FOUND",
    "STALE_MEMBER_EPOCH",
    "OFFSET_METADATA_TOO_LARGE",
    "UNKNOWN_TOPIC_OR_PARTITION",
    "UNKNOWN_TOPIC_ID",
    "COORDINATOR_NOT_AVAILABLE",
    "STORAGE_FULL",
    "KAFKA_STORAGE_ERROR",
  ],
});
