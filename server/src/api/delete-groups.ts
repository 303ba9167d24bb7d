import type { Handler } from "./handler.ts";

/** Deletes groups without members, each by itself. */
export const deleteGroups: Handler<"deleteGroups"> = async ({ groupIds }, { broker }) => ({
  results: await broker.groups.deleteGroups(groupIds),
});
