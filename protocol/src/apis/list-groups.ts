import Type from "typebox";
import { api } from "./api.ts";
import { described, GroupId } from "./fields.ts";

export const listGroups = api({
  name: "listGroups",
  text: "All groups and their states (Kafka API 16), ordered by id.",
  request: Type.Object({}),
  response: Type.Object({
    groups: described(
      "By id.",
      Type.Array(
        Type.Object({
          groupId: GroupId,
          state: described("Empty, Assigning, Reconciling, Stable or Dead.", Type.String()),
        }),
      ),
    ),
  }),
  errors: [],
});
