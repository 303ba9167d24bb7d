import type { Handler } from "./handler.ts";

/** Appends record batches; answered when they are durable, or at once with acks 0. */
export const produce: Handler<"produce"> = async ({ acks, partitions }, { broker }) => ({
  results: await broker.log.produce(acks, partitions),
});
