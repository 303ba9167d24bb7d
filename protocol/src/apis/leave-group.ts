import Type from "typebox";
import { api } from "./api.ts";
import { described, GroupId, InstanceId, ItemError, MemberId } from "./fields.ts";

export const leaveGroup = api({
  name: "leaveGroup",
  text: "Removes members from a group by somebody else's word, static ones too (Kafka API 13, Admin.removeMembersFromConsumerGroup).",
  request: Type.Object({
    groupId: GroupId,
    members: described(
      "Each by its member id, or by its instance id.",
      Type.Array(Type.Object({ memberId: Type.Optional(MemberId), instanceId: Type.Optional(InstanceId) }), {
        maxItems: 10_000,
      }),
    ),
    reason: described("For the group's timeline and the members.", Type.Optional(Type.String({ maxLength: 512 }))),
  }),
  response: Type.Object({
    results: Type.Array(
      Type.Object({
        memberId: Type.Optional(MemberId),
        instanceId: Type.Optional(InstanceId),
        error: Type.Optional(ItemError),
      }),
    ),
  }),
  errors: ["INVALID_GROUP_ID", "GROUP_ID_NOT_FOUND", "UNKNOWN_MEMBER_ID", "STORAGE_FULL", "KAFKA_STORAGE_ERROR"],
});
