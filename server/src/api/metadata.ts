import type { Handler } from "./handler.ts";

/** Topics and their partitions; missing ones are created first where both sides allow it. */
export const metadata: Handler<"metadata"> = async (request, { broker }) => ({
  clusterId: broker.clusterId,
  topics: await broker.log.metadata(request),
});
