import Type from "typebox";
import { api } from "./api.ts";
import { GroupId } from "./fields.ts";

export const listGroups = api({
  name: "listGroups",
  text: "All groups and their states (Kafka API 16), ordered by id.",
  request: Type.Object({}),
  response: Type.Object({
    groups: Type.Array(Type.Object({ groupId: GroupId, state: Type.String() })),
  }),
  errors: [],
});
