import type { Handler } from "./handler.ts";

/** Offsets by time or by place. */
export const listOffsets: Handler<"listOffsets"> = async (request, { broker }) => ({
  results: await broker.log.listOffsets(request),
});
