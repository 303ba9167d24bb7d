import { ProtocolError } from "@brooklet/protocol";
import type { Handler } from "./handler.ts";

/** A producer id that nobody had before. Errors: UNSUPPORTED_VERSION for a transactional one. */
export const initProducerId: Handler<"initProducerId"> = ({ transactionalId }, { broker }) => {
  if (transactionalId !== undefined)
    throw new ProtocolError("UNSUPPORTED_VERSION", "initProducerId: transactions are not there yet", {
      hint: "Leave transactionalId out: an idempotent producer needs none.",
    });
  return broker.log.initProducerId();
};
