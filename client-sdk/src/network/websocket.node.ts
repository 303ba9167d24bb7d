// The WebSocket transport in Node, over `ws`: binary messages, no compression, a bound on what comes in.

import { WEBSOCKET_PATH, WEBSOCKET_SUBPROTOCOL } from "@brooklet/protocol";
import type { Link, LinkHandlers, Transport } from "@brooklet/protocol/world";
import { WebSocket } from "ws";

/** RFC 6455: the connection ended without a close frame. */
const ABNORMAL_CLOSE = 1006;
const UNSUPPORTED_DATA = 1003;

export const webSocketTransport: Transport = {
  connect(address, handlers, limits): Link {
    const socket = new WebSocket(`ws://${address}${WEBSOCKET_PATH}`, [WEBSOCKET_SUBPROTOCOL], {
      perMessageDeflate: false,
      maxPayload: limits.maxMessageBytes,
      handshakeTimeout: limits.connectTimeoutMs,
      followRedirects: false,
      generateMask: zeroMask,
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
 * RFC 6455 masks what clients send so that a web page cannot make a proxy misread it; a Node process is no web page, and
 * masking and unmasking in JavaScript take a fifth of the time of a large produce. With a key of zero both sides skip it.
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
  socket.on("error", (error) => {
    failure = error.message === "" ? String(Reflect.get(error, "code")) : error.message;
  });
  socket.on("close", (code, reason) => {
    // After an error of our own side the peer may echo our code, which would read as its verdict.
    if (failure === undefined) handlers.onClose(code, reason.toString());
    else handlers.onClose(ABNORMAL_CLOSE, failure);
  });
}
