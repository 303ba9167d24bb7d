import type { Handler } from "./handler.ts";

/** Stores a group's next offsets: judged and staged in one synchronous step, answered when durable. */
export const offsetCommit: Handler<"offsetCommit"> = async (request, { broker }) => ({
  results: await broker.groups.commitOffsets(request),
});
