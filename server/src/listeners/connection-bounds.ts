// How many sockets there may be: in all, and of one address, so that one machine cannot take all of them. Who comes above is
// told so, in HTTP's words (an upgrade to WebSocket begins in them, too), and cut; it never reaches the HTTP parser.
//
// Invariant: at most MAX_REFUSED sockets are being told, each for REFUSAL_MS; the others are cut without a word.

import type { Server } from "node:http";
import type { Socket } from "node:net";
import { ProtocolError } from "@brooklet/protocol";
import type { Clock, Timers } from "@brooklet/protocol/world";
import type { Settings } from "../settings.ts";
import { refuseSocket } from "./http-answers.ts";
import type { RefusalLog } from "./refusal-log.ts";

/** Sockets that are being told why they are refused. */
const MAX_REFUSED = 64;
/** How long a refused client may take to ask for something; told before, many clients would not look. */
const REFUSAL_MS = 1_000;
const SERVICE_UNAVAILABLE = 503;

export class ConnectionBounds {
  readonly #max: number;
  readonly #maxPerAddress: number;
  readonly #refusals: RefusalLog;
  readonly #timers: Timers;
  /** Open sockets; bounded by max.connections, because an address without one is not in it. */
  readonly #sockets = new Map<string, number>();
  readonly #refused = new Set<Socket>();
  #open = 0;
  #told = 0;

  constructor(
    settings: Pick<Settings, "max.connections" | "max.connections.per.ip">,
    services: { readonly clock: Clock; readonly refusals: RefusalLog },
  ) {
    this.#max = settings["max.connections"];
    this.#maxPerAddress = settings["max.connections.per.ip"];
    this.#refusals = services.refusals;
    this.#timers = services.clock.timers();
  }

  /** Stands in front of the server's own way of taking sockets. Call it once, before the server listens. */
  guard(server: Server): void {
    const listeners = server.listeners("connection");
    server.removeAllListeners("connection");
    server.on("connection", (socket: Socket) => {
      const why = this.enter(socket);
      if (why === undefined) for (const listener of listeners) listener.call(server, socket);
      else this.#refuse(socket, why);
    });
  }

  /** Counts the socket until it closes; or says why there is no room for it. */
  enter(socket: Socket): ProtocolError | undefined {
    const address = socket.remoteAddress ?? "unknown";
    const open = this.#sockets.get(address) ?? 0;
    if (this.#open >= this.#max) return tooMany(`the broker has ${this.#open} connections`, "max.connections");
    if (open >= this.#maxPerAddress) return tooMany(`${address} has ${open} connections`, "max.connections.per.ip");
    this.#open++;
    this.#sockets.set(address, open + 1);
    socket.once("close", () => {
      this.#open--;
      const left = (this.#sockets.get(address) ?? 1) - 1;
      if (left > 0) this.#sockets.set(address, left);
      else this.#sockets.delete(address);
    });
    return undefined;
  }

  #refuse(socket: Socket, why: ProtocolError): void {
    this.#refusals.refused(
      "connections",
      `${socket.remoteAddress ?? "unknown"}:${socket.remotePort ?? 0}`,
      why.message,
    );
    if (this.#refused.size >= MAX_REFUSED) {
      socket.destroy();
      return;
    }
    const key = `refusal ${this.#told++}`;
    this.#refused.add(socket);
    socket.on("error", () => socket.destroy());
    socket.once("close", () => {
      this.#refused.delete(socket);
      this.#timers.cancel(key);
    });
    // Whoever does not take the answer either is cut.
    socket.once("data", () => refuseSocket(socket, why, SERVICE_UNAVAILABLE));
    this.#timers.schedule(key, REFUSAL_MS, () => socket.destroy());
  }

  close(): void {
    this.#timers.close();
    for (const socket of this.#refused) socket.destroy();
  }
}

function tooMany(what: string, setting: "max.connections" | "max.connections.per.ip"): ProtocolError {
  return new ProtocolError("THROTTLING_QUOTA_EXCEEDED", `${what}, which is ${setting}`, {
    hint: `Close some, or raise ${setting}.`,
  });
}
