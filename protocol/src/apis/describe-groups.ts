import Type from "typebox";
import { api } from "./api.ts";
import {
  described,
  GroupId,
  InstanceId,
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
  event: described("join, leave, eviction, epoch, assignment, refusedCommit and others.", Type.String()),
  epoch: described("The group's epoch then.", Type.Integer()),
  member: described("Whom it concerns.", Type.Optional(Type.String())),
  partitions: described(
    "Which partitions it concerns.",
    Type.Optional(Type.Array(Type.Object({ topic: Topic, partition: Partition }))),
  ),
  reason: described("Why it happened; of a refused commit, the latest refusal.", Type.Optional(Type.String())),
  count: described("How many equal refusals this entry stands for; absent: one.", Type.Optional(Type.Integer())),
});

export const RefusedCommit = Type.Object({
  atMs: WallMs,
  member: described("Who asked; absent: nobody's member.", Type.Optional(Type.String())),
  memberEpoch: described("The epoch it spoke for; -1 without a member.", Type.Integer()),
  topic: Topic,
  partition: described("As it was asked for.", Type.Integer()),
  offset: described("What would have been committed, as it was asked for.", Type.Integer()),
  code: described("The error's name.", Type.String()),
  reason: described("Why it was refused.", Type.String()),
  count: described("How often this member's commits of this partition were refused with this error.", Type.Integer()),
});

export const describeGroups = api({
  name: "describeGroups",
  text: "Members, assignment, committed offsets with lag, the timeline and the refused commits of groups (Kafka API 69).",
  request: Type.Object({ groupIds: Type.Array(GroupId, { maxItems: 1_000 }) }),
  response: Type.Object({
    groups: described(
      "In the order of the request.",
      Type.Array(
        Type.Object({
          groupId: GroupId,
          state: described(
            "Empty: no members; Assigning: no target for the newest epoch yet; Reconciling: members are on their way to it; Stable: all have reached it.",
            GroupState,
          ),
          epoch: described("Rises with everything that calls for another assignment.", Type.Integer()),
          assignmentEpoch: described("The epoch that the newest target was computed for.", Type.Integer()),
          assignor: described("The one most members ask for.", Type.String()),
          members: described(
            "By member id.",
            Type.Array(
              Type.Object({
                memberId: MemberId,
                instanceId: Type.Optional(InstanceId),
                clientId: described("`client.id`.", Type.String()),
                epoch: MemberEpoch,
                state: described("Stable, or what the member still waits for.", Type.String()),
                subscription: Type.Array(Topic),
                pattern: described(
                  "The RE2 expression the member subscribes by, as it sent it.",
                  Type.Optional(Type.String()),
                ),
                assignment: described("What the member may use now.", Type.Array(OwnedPartition)),
                pendingRevocation: described("What the member still has to give up.", Type.Array(OwnedPartition)),
                sessionTimeoutMs: described("Silence after which it is removed.", Type.Integer()),
                rebalanceTimeoutMs: described("How long it may take to give up partitions.", Type.Integer()),
              }),
            ),
          ),
          offsets: described(
            "What the group has committed.",
            Type.Array(
              Type.Object({
                topic: Topic,
                topicId: TopicId,
                partition: Partition,
                offset: Offset,
                leaderEpoch: LeaderEpoch,
                metadata: described("What was committed beside the offset.", Type.String()),
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
          ),
          timeline: described("The latest events, oldest first.", Type.Array(TimelineEvent)),
          refusedCommits: described(
            "The latest refused commits, one entry for each member, partition and error, with the latest of its kind; oldest first.",
            Type.Array(RefusedCommit),
          ),
          error: Type.Optional(ItemError),
        }),
      ),
    ),
  }),
  errors: ["INVALID_GROUP_ID", "GROUP_ID_NOT_FOUND"],
});
