import type { Handler } from "./handler.ts";

/** A producer id that nobody had before. */
export const initProducerId: Handler<"initProducerId"> = (_request, { broker }) => broker.log.initProducerId();
