import type { Handler } from "./handler.ts";

/** Where the records of leader epochs end. */
export const offsetForLeaderEpoch: Handler<"offsetForLeaderEpoch"> = async (request, { broker }) => ({
  results: await broker.log.offsetForLeaderEpoch(request),
});
