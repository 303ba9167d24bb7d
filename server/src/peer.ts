// Who is at the other end of a request, as far as the broker's knowledge needs it. A leaf: listeners make it, api/ hands
// it on, groups/ and log/ use it, and none of them knows the other.

/** The connection (or single HTTP request) a request came by. */
export interface Peer {
  /** For logs and timelines: "client-id@127.0.0.1:5000". */
  readonly description: string;
  /** Which client object it is, the same over all its connections; undefined for a single HTTP request. */
  readonly clientInstanceId: string | undefined;
  /** Sends `{ event: "heartbeatNow", groupId }` if the peer has an open WebSocket; may be dropped. */
  hintHeartbeat(groupId: string): void;
  /**
   * Whether the broker, because of request bytes that it has not finished itself, has not been reading from the peer at some
   * time since (monotonic): what the peer sent may lie unread.
   */
  wasHeldBackSince(sinceMs: number): boolean;
}
