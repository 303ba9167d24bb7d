import type { Handler } from "./handler.ts";

/** Deletes topics with their records and committed offsets. */
export const deleteTopics: Handler<"deleteTopics"> = async (request, { broker }) => ({
  results: await broker.log.deleteTopics(request),
});
