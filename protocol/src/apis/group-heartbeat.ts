import Type from "typebox";
import { api } from "./api.ts";
import {
  DurationMs,
  described,
  GroupId,
  InstanceId,
  MemberEpoch,
  MemberId,
  OwnedPartition,
  Seq,
  Topic,
} from "./fields.ts";

export const groupHeartbeat = api({
  name: "groupHeartbeat",
  text: "Joins, stays in and leaves a group (Kafka API 68, ConsumerGroupHeartbeat, KIP-848). Epoch 0 joins, -1 leaves, -2 leaves as a static member. What is absent is unchanged; a joining request says all.",
  request: Type.Object({
    groupId: GroupId,
    memberId: described("Made by the client and kept for its life (KIP-1082).", MemberId),
    memberEpoch: MemberEpoch,
    seq: Seq,
    instanceId: Type.Optional(InstanceId),
    clientId: described("For logs and descriptions.", Type.Optional(Type.String({ maxLength: 256 }))),
    subscription: Type.Optional(Type.Array(Topic, { maxItems: 10_000 })),
    pattern: described(
      "An RE2 expression; the broker subscribes the member to every topic whose whole name it matches. Empty: none.",
      Type.Optional(Type.String()),
    ),
    assignor: described("The assignor this member votes for.", Type.Optional(Type.String({ maxLength: 64 }))),
    owned: described(
      "What the member holds now; it acknowledges a revocation by no longer naming the partition.",
      Type.Optional(Type.Array(OwnedPartition, { maxItems: 100_000 })),
    ),
    sessionTimeoutMs: Type.Optional(DurationMs),
    rebalanceTimeoutMs: Type.Optional(DurationMs),
    reason: described(
      "Why the member leaves or joins again, for the group's timeline.",
      Type.Optional(Type.String({ maxLength: 512 })),
    ),
  }),
  response: Type.Object({
    memberId: MemberId,
    memberEpoch: MemberEpoch,
    heartbeatIntervalMs: DurationMs,
    assignment: described(
      "What the member may use now; absent when unchanged.",
      Type.Optional(Type.Array(OwnedPartition)),
    ),
    reason: described("Why the group's epoch last moved; comes with an assignment.", Type.Optional(Type.String())),
  }),
  errors: [
    "INVALID_GROUP_ID",
    "UNKNOWN_MEMBER_ID",
    "GROUP_ID_NOT_FOUND",
    "FENCED_MEMBER_EPOCH",
    "STALE_MEMBER_EPOCH",
    "INVALID_SESSION_TIMEOUT",
    "GROUP_MAX_SIZE_REACHED",
    "UNSUPPORTED_ASSIGNOR",
    "FENCED_INSTANCE_ID",
    "UNRELEASED_INSTANCE_ID",
    "INVALID_REGULAR_EXPRESSION",
    "COORDINATOR_NOT_AVAILABLE",
    "STORAGE_FULL",
    "KAFKA_STORAGE_ERROR",
  ],
});
