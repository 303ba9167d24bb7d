// What the broker client tells its callers: errors in the words of the table, with what happened, to whom and why.

import type { ApiName } from "@brooklet/protocol";
import { BrookletError, ClosedError, RecordTooLargeError, RetriableError } from "../errors.ts";
import type { PendingRequest } from "./requests.ts";
import type { Foreign } from "./route.ts";

/** It was sent, and the connection ended. */
export function cutError(api: ApiName, why: string): BrookletError {
  return new RetriableError(
    `${api}: the connection ended before the answer came, so it may or may not have happened (${why})`,
    { code: "NETWORK_EXCEPTION", definite: false },
  );
}

/** The client was closed; `definite` if it was not sent. */
export function closedError(api: ApiName, definite: boolean): BrookletError {
  const when = definite ? "" : " before the answer came";
  return new ClosedError(`${api}: the client was closed${when}`, { code: "CLOSED", definite });
}

/** The other side closed with 1009. */
export function tooLarge({ api, frameBytes }: PendingRequest): BrookletError {
  return new RecordTooLargeError(
    `${api}: the frame of ${frameBytes} bytes is larger than the other side takes (WebSocket close 1009); it was not read`,
    { code: "RECORD_LIST_TOO_LARGE", context: { bytes: frameBytes } },
  );
}

/** Every server that answers holds another log than ours. */
export function foreignCluster(clusterId: string | undefined, foreign: readonly Foreign[]): BrookletError {
  const found = foreign.map((other) => `${other.address} holds ${other.clusterId}`).join(", ");
  return new BrookletError(
    `INCONSISTENT_CLUSTER_ID: this client has begun with the log of cluster ${clusterId}, and every server that answers holds another: ${found}`,
    {
      code: "INCONSISTENT_CLUSTER_ID",
      fatal: true,
      hint: "positions and sequences of one log mean nothing in another: make a new client for the new cluster",
      context: { expected: clusterId, found: foreign },
    },
  );
}
