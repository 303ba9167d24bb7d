// The WebSocket door: ws behind the guard and the router, each socket as a Link for a session.
//
// What a socket may send is bounded here by bytes, fragments and pings; what a frame may say is the session's matter.
// Half-open connections are found by pings: one that shows no sign of life for idle.timeout.ms is cut.

import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { FRAME_PREFIX_BYTES, MAX_HEADER_BYTES, WEBSOCKET_SUBPROTOCOL } from "@brooklet/protocol";
import type { Clock, Link, LinkHandlers, Timers } from "@brooklet/protocol/world";
import { type ServerOptions, WebSocket, WebSocketServer } from "ws";
import type { Settings } from "../settings.ts";
import type { AcceptLink, Logger } from "../world.ts";

/** Of one message; clients send frames whole. */
const MAX_FRAGMENTS = 128;
/** Socket reads of which one message may consist; each is up to 64 KiB, a slow network makes them smaller. */
const MAX_BUFFERED_CHUNKS = 65_536;
const MAX_PINGS_PER_SECOND = 10;
/** How long a peer may take to answer a close frame before its socket is destroyed. */
const CLOSE_TIMEOUT_MS = 2_000;
/** Signs of life are looked for this many times per idle.timeout.ms. */
const SWEEPS_PER_IDLE_TIMEOUT = 4;

const UNSUPPORTED_DATA = 1003;
const POLICY = 1008;
const TOO_LARGE = 1009;

export class WebSocketDoor {
  readonly #server: WebSocketServer;
  readonly #accept: AcceptLink;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #timers: Timers;
  readonly #links = new Set<WebSocketLink>();
  readonly #sweepIntervalMs: number;

  constructor(services: { accept: AcceptLink; clock: Clock; settings: Settings; logger: Logger }) {
    const { settings } = services;
    this.#accept = services.accept;
    this.#clock = services.clock;
    this.#logger = services.logger;
    const maxPayload = FRAME_PREFIX_BYTES + MAX_HEADER_BYTES + settings["socket.request.max.bytes"];
    // @types/ws does not know closeTimeout yet.
    const options: ServerOptions & { closeTimeout: number } = {
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      maxPayload,
      WebSocket: explaining(`MESSAGE_TOO_LARGE: a frame has at most ${maxPayload} bytes (socket.request.max.bytes)`),
      maxFragments: MAX_FRAGMENTS,
      maxBufferedChunks: MAX_BUFFERED_CHUNKS,
      closeTimeout: CLOSE_TIMEOUT_MS,
      handleProtocols: () => WEBSOCKET_SUBPROTOCOL,
    };
    this.#server = new WebSocketServer(options);
    this.#sweepIntervalMs = settings["idle.timeout.ms"] / SWEEPS_PER_IDLE_TIMEOUT;
    this.#timers = this.#clock.timers();
    this.#timers.schedule("sweep", this.#sweepIntervalMs, () => this.#sweep());
  }

  /** Open sockets. */
  get count(): number {
    return this.#links.size;
  }

  /** Whether the client offers the subprotocol; without it nobody can know what its messages mean. */
  offersSubprotocol(request: IncomingMessage): boolean {
    const offered = request.headers["sec-websocket-protocol"]?.split(",") ?? [];
    return offered.some((name) => name.trim() === WEBSOCKET_SUBPROTOCOL);
  }

  /** Takes over a socket that the guard has let pass. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const { remoteAddress, remotePort } = request.socket;
    this.#server.handleUpgrade(request, socket, head, (webSocket) => {
      const link = new WebSocketLink(webSocket, this.#clock, this.#logger, () => this.#links.delete(link));
      this.#links.add(link);
      link.open(this.#accept(link, { address: `${remoteAddress ?? "unknown"}:${remotePort ?? 0}` }));
    });
  }

  #sweep(): void {
    for (const link of this.#links) link.sweep(SWEEPS_PER_IDLE_TIMEOUT);
    this.#timers.schedule("sweep", this.#sweepIntervalMs, () => this.#sweep());
  }

  /** Cuts what is still open. */
  terminateAll(): void {
    for (const link of this.#links) link.terminate();
  }

  close(): void {
    this.#timers.close();
    this.terminateAll();
    this.#server.close();
  }
}

class WebSocketLink implements Link {
  readonly #socket: WebSocket;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #onGone: () => void;
  #silentSweeps = 0;
  #pingSecond = 0;
  #pings = 0;

  constructor(socket: WebSocket, clock: Clock, logger: Logger, onGone: () => void) {
    this.#socket = socket;
    this.#clock = clock;
    this.#logger = logger;
    this.#onGone = onGone;
  }

  /** Connects the socket with what it is to tell. */
  open(handlers: LinkHandlers): void {
    const socket = this.#socket;
    let refused = false;
    socket.on("message", (data, isBinary) => {
      this.#silentSweeps = 0;
      if (refused) return;
      // With ws's default binaryType a message is one Buffer.
      if (isBinary) handlers.onMessage(data as Buffer);
      else {
        refused = true;
        socket.close(UNSUPPORTED_DATA, "INVALID_REQUEST: frames are binary messages");
      }
    });
    socket.on("pong", () => {
      this.#silentSweeps = 0;
    });
    socket.on("ping", () => this.#onPing());
    // What broke the socket; `close` follows.
    socket.on("error", (error) => this.#logger.debug({ err: error }, "a WebSocket broke a rule or its network failed"));
    socket.on("close", (code, reason) => {
      this.#onGone();
      handlers.onClose(code, reason.toString());
    });
  }

  get bufferedBytes(): number {
    return this.#socket.bufferedAmount;
  }

  send(message: Uint8Array): void {
    if (this.#socket.readyState === this.#socket.OPEN) this.#socket.send(message, ignoreError);
  }

  close(code: number, reason: string): void {
    this.#socket.close(code, reason);
  }

  terminate(): void {
    this.#socket.terminate();
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  /** Counts sweeps, not time: after a pause of this process one late sweep must not cut everybody. */
  sweep(maxSilentSweeps: number): void {
    // Its pongs lie unread because we do not read.
    if (this.#socket.isPaused) return;
    if (this.#silentSweeps >= maxSilentSweeps) {
      this.#socket.terminate();
      return;
    }
    this.#silentSweeps++;
    if (this.#socket.readyState === this.#socket.OPEN) this.#socket.ping(undefined, false, ignoreError);
  }

  #onPing(): void {
    this.#silentSweeps = 0;
    const second = Math.floor(this.#clock.nowMs() / 1000);
    this.#pings = second === this.#pingSecond ? this.#pings + 1 : 1;
    this.#pingSecond = second;
    if (this.#pings > MAX_PINGS_PER_SECOND)
      this.#socket.close(POLICY, `more than ${MAX_PINGS_PER_SECOND} pings a second`);
  }
}

/** ws closes a socket whose message is too large by itself, without a word: this one says why. */
function explaining(tooLarge: string): typeof WebSocket {
  return class extends WebSocket {
    override close(code?: number, reason?: string | Buffer): void {
      super.close(code, code === TOO_LARGE ? (reason ?? tooLarge) : reason);
    }
  };
}

/** A failed send is followed by `close`, which is all that anybody needs to know. */
function ignoreError(): void {}
