import Type from "typebox";
import { api } from "./api.ts";
import { GroupId, ItemError } from "./fields.ts";

export const deleteGroups = api({
  name: "deleteGroups",
  text: "Deletes groups without members, with their committed offsets (Kafka API 42).",
  request: Type.Object({ groupIds: Type.Array(GroupId, { maxItems: 1_000 }) }),
  response: Type.Object({ results: Type.Array(Type.Object({ groupId: GroupId, error: Type.Optional(ItemError) })) }),
  errors: ["INVALID_GROUP_ID", "GROUP_ID_NOT_FOUND", "NON_EMPTY_GROUP", "STORAGE_FULL", "KAFKA_STORAGE_ERROR"],
});
