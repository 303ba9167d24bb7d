import type { Handler } from "./handler.ts";

/** The configurations of topics and of the broker, with where each value comes from. */
export const describeConfigs: Handler<"describeConfigs"> = (request, { broker }) => broker.log.describeConfigs(request);
