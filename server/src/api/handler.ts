// What a request handler is: one thin function per API, in the exhaustive table of index.ts.

import type { ApiName, ApiRequest, ApiResponse } from "@brooklet/protocol";
import type { GroupCoordinator } from "../groups/coordinator.ts";
import type { Log } from "../log/log.ts";
import type { Meters } from "../metrics/meters.ts";
import type { Peer } from "../peer.ts";
import type { Settings } from "../settings.ts";
import type { Logger } from "../world.ts";

export type { Peer } from "../peer.ts";

/** Who asks. Access control comes later; every handler knows a principal from the first day. */
export interface Principal {
  readonly name: string;
}

/** Tells a waiting request that nobody waits for its answer any more. */
export interface Cancellation {
  readonly cancelled: boolean;
  /** Runs at most once: on a `cancel` frame, a closed connection or the broker's stop. Returns how to stop listening. */
  onCancel(run: () => void): () => void;
}

/** The broker's knowledge, as handlers reach it. */
export interface BrokerParts {
  readonly clusterId: string;
  readonly settings: Settings;
  readonly log: Log;
  readonly groups: GroupCoordinator;
  readonly logger: Logger;
  readonly meters: Meters;
  describeStatus(): ApiResponse<"status">;
}

export interface RequestContext {
  readonly broker: BrokerParts;
  readonly principal: Principal;
  readonly peer: Peer;
  readonly cancellation: Cancellation;
  /** Monotonic, at the request's arrival. */
  readonly nowMs: number;
}

/** A request as a handler gets it: valid, and with its part of the payload beside each item that has `bytes`. */
export type HandlerRequest<A extends ApiName> = A extends "produce"
  ? Omit<ApiRequest<"produce">, "partitions"> & {
      partitions: (ApiRequest<"produce">["partitions"][number] & { batches: Uint8Array })[];
    }
  : ApiRequest<A>;

/** An answer as a handler gives it: batches beside each result, `bytes` filled in by the dispatcher. */
export type HandlerResponse<A extends ApiName> = A extends "fetch"
  ? { results: (Omit<ApiResponse<"fetch">["results"][number], "bytes"> & { batches: readonly Uint8Array[] })[] }
  : ApiResponse<A>;

/** Handles one API. Refusals of the whole request are thrown as ProtocolError; refusals of one item are results. */
export type Handler<A extends ApiName> = (
  request: HandlerRequest<A>,
  context: RequestContext,
) => HandlerResponse<A> | Promise<HandlerResponse<A>>;
