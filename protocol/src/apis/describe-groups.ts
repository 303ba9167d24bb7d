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
  OwnedPartition,
  Partition,
  Topic,
  TopicId,
  WallMs,
} from "./fields.ts";

export const GroupState = Type.Union([
  Type.Literal("Empty"),
  Type.Literal("Assigning"),
  Type.Literal("Reconciling"),
  Type.Literal("Stable"),
  Type.Literal("Dead"),
]);

/** One entry of a group's timeline: what happened to whom, in which epoch, and why. */
export const TimelineEvent = Type.Object({
  atMs: WallMs,
  event: Type.String(),
  epoch: Type.Integer(),
  member: Type.Optional(Type.String()),
  partitions: Type.Optional(Type.Array(Type.Object({ topic: Topic, partition: Partition }))),
  reason: Type.Optional(Type.String()),
});

export const describeGroups = api({
  name: "describeGroups",
  text: "Members, assignment, committed offsets with lag, and the timeline of groups (Kafka API 69).",
  request: Type.Object({ groupIds: Type.Array(GroupId, { maxItems: 1_000 }) }),
  response: Type.Object({
    groups: Type.Array(
      Type.Object({
        groupId: GroupId,
        state: GroupState,
        epoch: Type.Integer(),
        assignmentEpoch: Type.Integer(),
        assignor: Type.String(),
        members: Type.Array(
          Type.Object({
            memberId: MemberId,
            instanceId: Type.Optional(Type.String()),
            clientId: Type.String(),
            epoch: MemberEpoch,
            state: Type.String(),
            subscription: Type.Array(Topic),
            pattern: described(
              "The RE2 expression the member subscribes by, as it sent it.",
              Type.Optional(Type.String()),
            ),
            assignment: Type.Array(OwnedPartition),
            pendingRevocation: described("What the member still has to give up.", Type.Array(OwnedPartition)),
            sessionTimeoutMs: Type.Integer(),
            rebalanceTimeoutMs: Type.Integer(),
          }),
        ),
        offsets: Type.Array(
          Type.Object({
            topic: Topic,
            topicId: TopicId,
            partition: Partition,
            offset: Offset,
            leaderEpoch: LeaderEpoch,
            metadata: Type.String(),
            committedAtMs: WallMs,
            highWatermark: Offset,
            lag: described(
              "Records between the committed offset and the high watermark.",
              Type.Integer({ minimum: 0 }),
            ),
            lagSeconds: described(
              "For how long the oldest unread record has been in the log; 0 when all is read, absent when unknown.",
              Type.Optional(Type.Number({ minimum: 0 })),
            ),
          }),
        ),
        timeline: Type.Array(TimelineEvent),
        error: Type.Optional(ItemError),
      }),
    ),
  }),
  errors: ["INVALID_GROUP_ID", "GROUP_ID_NOT_FOUND"],
});
