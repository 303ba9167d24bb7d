import type { Handler } from "./handler.ts";

/** Reads record batches; waits for `minBytes` until `maxWaitMs`, or until nobody waits for the answer. */
export const fetch: Handler<"fetch"> = async (request, { broker, cancellation }) => ({
  results: [...(await broker.log.fetch(request, cancellation))],
});
