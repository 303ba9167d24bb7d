import type { Handler } from "./handler.ts";

/** Members, assignment, committed offsets with lag, and the timeline of groups. */
export const describeGroups: Handler<"describeGroups"> = (request, { broker }) => ({
  groups: broker.groups.describe(request.groupIds),
});
