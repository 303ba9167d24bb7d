import type { Handler } from "./handler.ts";

/** Gives topics more partitions, each by itself. */
export const createPartitions: Handler<"createPartitions"> = async (request, { broker }) => ({
  results: await broker.log.createPartitions(request),
});
