// The WebSocket transport over the global WebSocket: browsers, and other runtimes that have one.

import { WEBSOCKET_PATH, WEBSOCKET_SUBPROTOCOL } from "@brooklet/protocol";
import type { Link, LinkHandlers, Transport } from "@brooklet/protocol/world";

const ABNORMAL_CLOSE = 1006;
const NORMAL_CLOSE = 1000;
/** Browsers let an application close only with 1000 or a code of its own. */
const FIRST_OWN_CODE = 3000;

export const webSocketTransport: Transport = {
  connect(address, handlers, limits): Link {
    const socket = new WebSocket(`ws://${address}${WEBSOCKET_PATH}`, [WEBSOCKET_SUBPROTOCOL]);
    socket.binaryType = "arraybuffer";
    const end = listen(socket, handlers, limits.maxMessageBytes);
    return {
      send(message) {
        if (socket.readyState === WebSocket.OPEN) socket.send(message as Uint8Array<ArrayBuffer>);
      },
      close(code, reason) {
        socket.close(code >= FIRST_OWN_CODE ? code : NORMAL_CLOSE, reason);
      },
      terminate: () => end("terminated"),
      // The global WebSocket cannot stop reading; only the broker's side needs to.
      pause() {},
      resume() {},
      get bufferedBytes() {
        return socket.bufferedAmount;
      },
    };
  },
};

/** Returns how to end it at once: the close handshake may go on unobserved. */
function listen(socket: WebSocket, handlers: LinkHandlers, maxMessageBytes: number): (reason: string) => void {
  let ended = false;
  const onClose = (code: number, reason: string) => {
    if (ended) return;
    ended = true;
    handlers.onClose(code, reason);
  };
  const end = (reason: string) => {
    socket.close();
    queueMicrotask(() => onClose(ABNORMAL_CLOSE, reason));
  };
  socket.onopen = () => {
    if (!ended) handlers.onOpen?.();
  };
  socket.onmessage = ({ data }: { data: unknown }) => {
    if (ended) return;
    if (!(data instanceof ArrayBuffer)) end("a message was not binary");
    else if (data.byteLength > maxMessageBytes) end("a message was too large");
    else handlers.onMessage(new Uint8Array(data));
  };
  socket.onclose = ({ code, reason }: { code: number; reason: string }) => onClose(code, reason);
  return end;
}
