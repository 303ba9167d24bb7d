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
import type { RefusalLog } from "./refusal-log.ts";

/** Of one message; clients send frames whole. */
const MAX_FRAGMENTS = 128;
/** Socket reads of which one message may consist; each is up to 64 KiB, a slow network makes them smaller. */
const MAX_BUFFERED_CHUNKS = 65_536;
/** Of the pings that a connection may send: it may save up this many seconds' worth, for a network that bunches them. */
const PING_BURST_SECONDS = 10;
/** How long a peer may take to answer a close frame before its socket is destroyed. */
const CLOSE_TIMEOUT_MS = 2_000;
/** Signs of life are looked for this many times per idle.timeout.ms. */
const SWEEPS_PER_IDLE_TIMEOUT = 4;

const UNSUPPORTED_DATA = 1003;
const POLICY = 1008;
const TOO_LARGE = 1009;
/** What ws says of a message in too many pieces. */
const flooding: ReadonlySet<string> = new Set(["WS_ERR_TOO_MANY_BUFFERED_PARTS", "WS_ERR_UNSUPPORTED_MESSAGE_LENGTH"]);

export class WebSocketDoor {
  readonly #server: WebSocketServer;
  readonly #accept: AcceptLink;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #refusals: RefusalLog;
  readonly #maxPingsPerSecond: number;
  readonly #timers: Timers;
  readonly #links = new Set<WebSocketLink>();
  readonly #sweepIntervalMs: number;

  constructor(services: {
    accept: AcceptLink;
    clock: Clock;
    settings: Settings;
    logger: Logger;
    refusals: RefusalLog;
  }) {
    const { settings } = services;
    this.#accept = services.accept;
    this.#clock = services.clock;
    this.#logger = services.logger;
    this.#refusals = services.refusals;
    this.#maxPingsPerSecond = settings["max.pings.per.second"];
    const maxPayload = FRAME_PREFIX_BYTES + MAX_HEADER_BYTES + settings["socket.request.max.bytes"];
    // @types/ws does not know these two yet.
    const options: ServerOptions & { closeTimeout: number; maxPendingAutoPongs: number } = {
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      maxPayload,
      WebSocket: explaining(`MESSAGE_TOO_LARGE: a frame has at most ${maxPayload} bytes (socket.request.max.bytes)`),
      maxFragments: MAX_FRAGMENTS,
      maxBufferedChunks: MAX_BUFFERED_CHUNKS,
      closeTimeout: CLOSE_TIMEOUT_MS,
      // Above ours, which closes with a reason; ws's own cuts without one.
      maxPendingAutoPongs: settings["max.pings.per.second"] * PING_BURST_SECONDS + 1,
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
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer, authenticated: boolean): void {
    const { remoteAddress, remotePort } = request.socket;
    const address = `${remoteAddress ?? "unknown"}:${remotePort ?? 0}`;
    this.#server.handleUpgrade(request, socket, head, (webSocket) => {
      const pings = new PingBound(this.#clock, this.#maxPingsPerSecond);
      const link = new WebSocketLink(webSocket, {
        logger: this.#logger,
        pings,
        onGone: () => this.#links.delete(link),
        onFlood: (reason) => this.#refusals.refused("flood", address, reason),
      });
      this.#links.add(link);
      link.open(this.#accept(link, { address, authenticated }));
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

/** A bucket of pings that fills by `perSecond` up to ten seconds' worth. */
export class PingBound {
  readonly #clock: Clock;
  readonly perSecond: number;
  #left: number;
  #filledMs: number;

  constructor(clock: Clock, perSecond: number) {
    this.#clock = clock;
    this.perSecond = perSecond;
    this.#left = perSecond * PING_BURST_SECONDS;
    this.#filledMs = clock.nowMs();
  }

  /** Takes one out; false when none is left. */
  take(): boolean {
    const nowMs = this.#clock.nowMs();
    const filled = this.#left + ((nowMs - this.#filledMs) / 1000) * this.perSecond;
    this.#left = Math.min(this.perSecond * PING_BURST_SECONDS, filled) - 1;
    this.#filledMs = nowMs;
    return this.#left >= 0;
  }
}

interface LinkServices {
  readonly logger: Logger;
  readonly pings: PingBound;
  readonly onGone: () => void;
  readonly onFlood: (reason: string) => void;
}

class WebSocketLink implements Link {
  readonly #socket: WebSocket;
  readonly #services: LinkServices;
  #silentSweeps = 0;

  constructor(socket: WebSocket, services: LinkServices) {
    this.#socket = socket;
    this.#services = services;
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
    socket.on("error", (error) => {
      this.#services.logger.debug({ err: error }, "a WebSocket broke a rule or its network failed");
      if ("code" in error && flooding.has(String(error.code))) this.#services.onFlood(error.message);
    });
    socket.on("close", (code, reason) => {
      this.#services.onGone();
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
    const { pings } = this.#services;
    if (pings.take() || this.#socket.readyState !== this.#socket.OPEN) return;
    const reason = `more than ${pings.perSecond} pings a second (max.pings.per.second)`;
    this.#services.onFlood(reason);
    this.#socket.close(POLICY, reason);
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
