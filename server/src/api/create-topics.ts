import type { Handler } from "./handler.ts";

/** Creates topics, each by itself. */
export const createTopics: Handler<"createTopics"> = async (request, { broker }) => ({
  results: await broker.log.createTopics(request),
});
