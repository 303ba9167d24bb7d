import type { Handler } from "./handler.ts";

/** Members, assignment, committed offsets with lag, and the timeline of groups. */
export const describeGroups: Handler<"describeGroups"> = async (request, { broker }) => ({
  groups: await broker.groups.withLagSeconds(broker.groups.describe(request.groupIds)),
});
