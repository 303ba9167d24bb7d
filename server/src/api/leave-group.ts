import type { Handler } from "./handler.ts";

/** Removes members, each by itself. */
export const leaveGroup: Handler<"leaveGroup"> = async (request, { broker }) => ({
  results: await broker.groups.removeMembers(request),
});
