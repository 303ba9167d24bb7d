import type { Handler } from "./handler.ts";

/** Joins, stays in and leaves a group; answered when what the answer shows is durable. */
export const groupHeartbeat: Handler<"groupHeartbeat"> = (request, { broker, peer }) =>
  broker.groups.heartbeat(request, peer);
