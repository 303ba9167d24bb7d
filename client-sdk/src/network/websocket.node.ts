// The WebSocket transport in Node, over `ws`: binary messages, no compression, a bound on what comes in.

import { WEBSOCKET_PATH, WEBSOCKET_SUBPROTOCOL } from "@brooklet/protocol";
import type { Link, LinkHandlers, Transport } from "@brooklet/protocol/world";
import { WebSocket } from "ws";
import { isLoopback } from "./loopback.ts";

/** RFC 6455: the connection ended without a close frame. */
const ABNORMAL_CLOSE = 1006;
const UNSUPPORTED_DATA = 1003;
/** Of one message: the broker sends none, a proxy between may cut; each costs more memory here than its bytes. */
const MAX_FRAGMENTS = 16_384;
/** A peer that pings and does not read gets no more pongs: they would pile up here. */
const MAX_PONG_BACKLOG_BYTES = 65_536;

export const webSocketTransport: Transport = {
  connect(address, handlers, limits): Link {
    const socket = new WebSocket(`ws://${address}${WEBSOCKET_PATH}`, [WEBSOCKET_SUBPROTOCOL], {
      perMessageDeflate: false,
      maxPayload: limits.maxMessageBytes,
      handshakeTimeout: limits.connectTimeoutMs,
      followRedirects: false,
      autoPong: false,
      maxFragments: MAX_FRAGMENTS,
      ...(isLoopback(address) ? { generateMask: zeroMask } : {}),
    });
    socket.binaryType = "nodebuffer";
    listen(socket, handlers);
    return {
      send(message) {
        if (socket.readyState === WebSocket.OPEN) socket.send(message);
      },
      close: (code, reason) => socket.close(code, reason),
      terminate: () => socket.terminate(),
      pause: () => socket.pause(),
      resume: () => socket.resume(),
      get bufferedBytes() {
        return socket.bufferedAmount;
      },
    };
  },
};

/**
 * RFC 6455 has clients mask with a random key so that a web page cannot make a proxy misread what it sends. On the loopback
 * there is no proxy, and with a key of zero both sides skip the work (docs/adr/0003-zero-mask-on-loopback.md).
 */
function zeroMask(mask: Buffer): void {
  mask.fill(0);
}

function listen(socket: WebSocket, handlers: LinkHandlers): void {
  let failure: string | undefined;
  socket.on("open", () => handlers.onOpen?.());
  socket.on("message", (data, isBinary) => {
    if (!isBinary || !Buffer.isBuffer(data)) {
      socket.close(UNSUPPORTED_DATA, "only binary messages are spoken here");
      return;
    }
    // A plain view: what applications get of it must not behave like a Buffer.
    handlers.onMessage(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  });
  socket.on("ping", (data) => {
    if (socket.bufferedAmount < MAX_PONG_BACKLOG_BYTES) socket.pong(data);
  });
  socket.on("error", (error) => {
    failure = error.message === "" ? String(Reflect.get(error, "code")) : error.message;
  });
  socket.on("close", (code, reason) => {
    // After an error of our own side the peer may echo our code, which would read as its verdict.
    if (failure === undefined) handlers.onClose(code, reason.toString());
    else handlers.onClose(ABNORMAL_CLOSE, failure);
  });
}
