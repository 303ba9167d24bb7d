// One message-preserving, ordered, duplex connection, as both of its ends see it. A WebSocket in the real world
// (server/src/listeners/websocket.ts, client-sdk/src/network/websocket*.ts), a queue on a simulated clock in tests.

/** One end of a connection. Sends never throw: what cannot be sent any more is dropped, and `onClose` tells. */
export interface Link {
  send(message: Uint8Array): void;
  /** Ends the connection in an orderly way; codes and reasons are those of a WebSocket close frame. */
  close(code: number, reason: string): void;
  /** Ends it at once, without a close frame. */
  terminate(): void;
  /** Stops and starts reading; what the peer sends meanwhile waits in the network. */
  pause(): void;
  resume(): void;
  /** Bytes handed to `send` that the network has not taken yet. */
  readonly bufferedBytes: number;
}

/** What an end is told. `onClose` comes exactly once, also when the connection never opened, and nothing comes after it. */
export interface LinkHandlers {
  /** Only for the end that connects. */
  onOpen?(): void;
  onMessage(message: Uint8Array): void;
  onClose(code: number, reason: string): void;
}

/** The connecting side of a network. `address` is "host:port". */
export interface Transport {
  connect(address: string, handlers: LinkHandlers, limits: { maxMessageBytes: number; connectTimeoutMs: number }): Link;
}
