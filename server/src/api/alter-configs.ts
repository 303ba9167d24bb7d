import type { Handler } from "./handler.ts";

/** Sets configurations of topics, each topic by itself. */
export const alterConfigs: Handler<"alterConfigs"> = async (request, { broker }) => ({
  results: await broker.log.alterConfigs(request),
});
