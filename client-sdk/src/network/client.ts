// How the rest of the SDK reaches a broker: one request, one answer. `network/` is the only place that knows how bytes
// travel; consumer/, producer/ and admin/ take this interface, so a simulation or an Apache Kafka cluster can stand behind it.

import type { ApiName, ApiRequest, ApiResponse } from "@brooklet/protocol";

export interface RequestOptions {
  /** Bounds the whole call, waiting for a connection included. Default: `request.timeout.ms`. */
  readonly timeoutMs?: number;
  /** Ends the wait; a request already sent may still happen. A parked fetch is cancelled at the broker too. */
  readonly signal?: AbortSignal;
  /** Raw batches, in the order of the items that carry `bytes`. */
  readonly payload?: readonly Uint8Array[];
}

export interface Answer<A extends ApiName> {
  readonly header: ApiResponse<A>;
  /** The batches of the items with `bytes`, concatenated in order; empty for most APIs. */
  readonly payload: Uint8Array;
}

export interface BrokerLimits {
  readonly maxFramePayloadBytes: number;
  readonly maxHeaderBytes: number;
  readonly maxBatchBytes: number;
  readonly maxInFlightRequestBytes: number;
  readonly maxReplyBytes: number;
  readonly maxFetchWaitMs: number;
  readonly maxDecompressedBatchBytes?: number;
}

/**
 * One client object's way to its broker: connects, says hello, reconnects with back-off over all bootstrap servers.
 *
 * Errors: rejects with a BrookletError. Once the frame was handed to the socket, a cut, timeout, abort or close is
 * `definite: false`; before that it is `definite: true`. It never retries a request by itself.
 */
export interface BrokerClient {
  /** Starts synchronously when connected: requests leave in the order of the calls. */
  request<A extends ApiName>(api: A, request: ApiRequest<A>, options?: RequestOptions): Promise<Answer<A>>;
  /** What the broker granted; undefined before the first hello. */
  readonly limits: BrokerLimits | undefined;
  /** Rises with every connection that was opened; two requests of one number went over one ordered socket. */
  readonly connectionSeq: number;
  /** The broker's wish that the group's member heartbeats now. Returns how to stop listening. */
  onHeartbeatNow(listener: (groupId: string) => void): () => void;
  /** Whom it cannot reach and why, as `no connection to …`; undefined while it is connected, and before it was needed. */
  readonly disconnected?: string | undefined;
  /** Set once the client can never work again (a foreign cluster behind every server, a fatal refusal). */
  readonly fatalError: Error | undefined;
  /** Rejects what waits with ClosedError; leaves no timer. */
  close(): Promise<void>;
}
