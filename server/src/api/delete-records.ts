import type { Handler } from "./handler.ts";

/** Moves log starts; answered when that is durable. */
export const deleteRecords: Handler<"deleteRecords"> = async (request, { broker }) => ({
  results: await broker.log.deleteRecords(request),
});
