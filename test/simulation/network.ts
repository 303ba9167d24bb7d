// A network on a simulated clock: ordered, message-preserving links with latency, which can be cut and healed.
//
// A cut holds what is on its way, as TCP does with retransmissions: after healing it arrives, each connection's in order, but
// an older connection's perhaps behind a newer one's. A close that happens behind a
// cut is noticed by the other side only after healing: that is how an old connection lingers at the broker.

import type { Link, LinkHandlers, Random, Timers, Transport } from "@brooklet/protocol/world";
import type { AcceptLink } from "../../server/src/world.ts";
import type { SimulatedClock } from "../support/simulated-clock.ts";
import type { SimulatedProcess } from "./process.ts";

/** Where the simulated broker listens. */
export const ADDRESS = "broker:4092";
/** After healing a connection waits at most this long until it tries again. */
const MAX_RETRANSMISSION_MS = 400;

interface Listener {
  readonly process: SimulatedProcess;
  readonly accept: AcceptLink;
}

/** Sees what happens at the broker: requests as they arrive, answers as they leave. `connection` counts the run's connections. */
export type Tap = (message: Uint8Array, direction: "request" | "answer", connection: number) => void;

interface End {
  readonly connection: number;
  readonly direction: "request" | "answer";
  readonly process: SimulatedProcess;
  handlers: LinkHandlers | undefined;
  peer?: End;
  open: boolean;
  paused: boolean;
  inbox: (() => void)[];
  /** No message of this end arrives before the one sent earlier. */
  lastArrivalMs: number;
  bufferedBytes: number;
}

export class SimulatedNetwork {
  readonly #clock: SimulatedClock;
  readonly #random: Random;
  readonly #latencyMs: { min: number; max: number };
  readonly #listeners = new Map<string, Listener>();
  readonly #cut = new Set<SimulatedProcess>();
  readonly #held = new Map<SimulatedProcess, { sender: End; arrive: () => void }[]>();
  readonly #onTheirWay: Timers;
  /** The client's ends of connections that may be open. */
  readonly #ends = new Set<End>();
  #order = 0;
  #connections = 0;
  readonly #tap: Tap;

  constructor(clock: SimulatedClock, random: Random, tap: Tap, latencyMs = { min: 0.1, max: 2 }) {
    this.#tap = tap;
    this.#onTheirWay = clock.timers();
    this.#clock = clock;
    this.#random = random;
    this.#latencyMs = latencyMs;
  }

  /** The broker's side: `ServerWorld.listen` for a broker in `process`. */
  listenAs(process: SimulatedProcess, address: string) {
    return (accept: AcceptLink) => {
      if (this.#listeners.has(address)) throw new Error(`${address} is taken`);
      const listener: Listener = { process, accept };
      this.#listeners.set(address, listener);
      const stop = () => {
        if (this.#listeners.get(address) === listener) this.#listeners.delete(address);
      };
      process.onDeath(stop);
      return { address, close: async () => stop() };
    };
  }

  /** The client's side: `ClientWorld.transport` for a client in `process`. */
  transportOf(process: SimulatedProcess): Transport {
    return {
      connect: (address, handlers, limits) => this.#connect(process, address, handlers, limits.connectTimeoutMs),
    };
  }

  /** Nothing passes between this process and anybody until `heal`. */
  cut(process: SimulatedProcess): void {
    this.#cut.add(process);
  }

  heal(process: SimulatedProcess): void {
    this.#cut.delete(process);
    const held = this.#held.get(process)?.splice(0) ?? [];
    for (const sender of new Set(held.map(({ sender }) => sender)))
      sender.lastArrivalMs = this.#clock.nowMs() + this.#random.next() * MAX_RETRANSMISSION_MS;
    for (const { sender, arrive } of held)
      this.#onTheirWay.schedule(`${this.#order++}`, sender.lastArrivalMs - this.#clock.nowMs(), arrive);
  }

  /** Every connection of the process breaks, as by a router that resets it; both sides hear of it. */
  reset(process: SimulatedProcess): void {
    for (const end of [...this.#ends]) {
      if (end.process !== process) continue;
      for (const one of [end, end.peer]) one?.process.deliver("input", () => closeEnd(one, 1006, "connection reset"));
      this.#ends.delete(end);
    }
  }

  /** Nothing is on its way. */
  get quiet(): boolean {
    return this.#onTheirWay.size === 0;
  }

  healAll(): void {
    for (const process of [...this.#cut]) this.heal(process);
  }

  #connect(process: SimulatedProcess, address: string, handlers: LinkHandlers, connectTimeoutMs: number): Link {
    const connection = ++this.#connections;
    const client: End = newEnd(process, handlers, connection, "request");
    const timers = this.#clock.timers();
    let server: End | undefined;
    let settled = false;
    const fail = (reason: string) => {
      if (settled) return;
      settled = true;
      timers.close();
      process.deliver("input", () => closeEnd(client, 1006, reason));
    };
    timers.schedule("connect", connectTimeoutMs, () => fail("connect timeout"));
    process.onDeath(() => timers.close());
    this.#travel(process, client, () => {
      const listener = this.#listeners.get(address);
      if (settled || !process.alive) return;
      if (listener === undefined) {
        this.#travel(process, client, () => fail("connection refused"));
        return;
      }
      const end: End = newEnd(listener.process, undefined, connection, "answer");
      server = end;
      client.peer = end;
      for (const one of this.#ends) if (!one.open) this.#ends.delete(one);
      this.#ends.add(client);
      listener.process.deliver("input", () => {
        const link = this.#linkOf(end, client);
        end.handlers = listener.accept(link, { address: `sim-${process.name}` });
        // Established: the client hears of it after one more way.
        this.#travel(process, client, () =>
          process.deliver("input", () => {
            if (settled) return;
            settled = true;
            timers.close();
            handlers.onOpen?.();
          }),
        );
      });
      listener.process.onDeath(() =>
        this.#travel(process, client, () => process.deliver("input", () => closeEnd(client, 1006, "connection reset"))),
      );
      process.onDeath(() =>
        this.#travel(process, end, () =>
          listener.process.deliver("input", () => closeEnd(end, 1006, "connection reset")),
        ),
      );
    });
    return this.#linkOf(
      client,
      () => server,
      () => {
        settled = true;
        timers.close();
      },
    );
  }

  #linkOf(own: End, peerOrGet: End | (() => End | undefined), onLocalClose: () => void = () => {}): Link {
    const peer = () => (typeof peerOrGet === "function" ? peerOrGet() : peerOrGet);
    const end = (code: number, reason: string, remoteCode: number) => {
      if (!own.open) return;
      onLocalClose();
      const other = peer();
      if (other !== undefined) {
        this.#travel(
          own.process,
          own,
          () => other.process.deliver("input", () => closeEnd(other, remoteCode, reason)),
          other.process,
        );
      }
      own.open = false;
      this.#clock.defer(() => own.process.deliver("input", () => notifyClose(own, code, reason)));
    };
    return {
      send: (message) => {
        const other = peer();
        if (!own.open || other === undefined || !own.process.alive) return;
        const copy = message.slice();
        own.bufferedBytes += copy.byteLength;
        if (own.direction === "answer") this.#tap(copy, "answer", own.connection);
        this.#travel(
          own.process,
          own,
          () => {
            own.bufferedBytes -= copy.byteLength;
            other.process.deliver("input", () => this.#receive(own, other, copy));
          },
          other.process,
        );
      },
      close: (code, reason) => end(code, reason, code),
      terminate: () => end(1006, "terminated", 1006),
      pause: () => {
        own.paused = true;
      },
      resume: () => {
        own.paused = false;
        for (const run of own.inbox.splice(0)) run();
      },
      get bufferedBytes() {
        return own.bufferedBytes;
      },
    };
  }

  #receive(from: End, end: End, message: Uint8Array): void {
    if (!end.open) return;
    if (end.paused) {
      end.inbox.push(() => this.#receive(from, end, message));
      return;
    }
    if (from.direction === "request") this.#tap(message, "request", from.connection);
    end.handlers?.onMessage(message);
  }

  /** Runs after the latency of one way, in order of sending, and not while either side is cut. */
  #travel(from: SimulatedProcess, sender: End, run: () => void, to?: SimulatedProcess): void {
    const arrive = () => {
      const cut = this.#cut.has(from) ? from : to !== undefined && this.#cut.has(to) ? to : undefined;
      if (cut === undefined) {
        run();
        return;
      }
      const held = this.#held.get(cut) ?? [];
      held.push({ sender, arrive });
      this.#held.set(cut, held);
    };
    const { min, max } = this.#latencyMs;
    const nowMs = this.#clock.nowMs();
    sender.lastArrivalMs = Math.max(sender.lastArrivalMs, nowMs + min + this.#random.next() * (max - min));
    this.#onTheirWay.schedule(`${this.#order++}`, sender.lastArrivalMs - nowMs, arrive);
  }
}

function newEnd(
  process: SimulatedProcess,
  handlers: LinkHandlers | undefined,
  connection: number,
  direction: "request" | "answer",
): End {
  return {
    connection,
    direction,
    process,
    handlers,
    open: true,
    paused: false,
    inbox: [],
    lastArrivalMs: 0,
    bufferedBytes: 0,
  };
}

function closeEnd(end: End, code: number, reason: string): void {
  if (!end.open) return;
  // A close stands behind what was sent before it, also at a paused end.
  if (end.paused && end.inbox.length > 0) {
    end.inbox.push(() => closeEnd(end, code, reason));
    return;
  }
  end.open = false;
  notifyClose(end, code, reason);
}

function notifyClose(end: End, code: number, reason: string): void {
  const handlers = end.handlers;
  end.handlers = undefined;
  end.inbox = [];
  handlers?.onClose(code, reason);
}
