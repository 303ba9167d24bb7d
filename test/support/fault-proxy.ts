// A network that fails, between a client and a broker: TCP in, TCP out, and what happens is said per WebSocket frame. It reads
// only where a frame ends; what stands in it goes through as it is.
//
// Invariant: nothing is changed. Bytes are delivered, late, cut, or not at all; and what was sent on one connection may come once
// more on another ("again"), as from a network that kept it.

import { createServer, connect as open, type Server, type Socket } from "node:net";

/** Up: from the client to the broker. */
export type Direction = "up" | "down";

/**
 * What becomes of one frame:
 * - `pass`: delivered; `delay`: everything of this direction waits for so long;
 * - `cut`: half of it is delivered, then both sides are reset;
 * - `deliverThenReset`: delivered, and the client is reset before any answer;
 * - `drop`: not delivered, both sides are reset;
 * - `again`: delivered, and everything that the client sent so far is sent once more on a connection of its own;
 * - `halfOpen`: from now on nothing goes through in either direction, and nobody is told.
 */
export type Fate =
  | { readonly do: "pass" | "cut" | "deliverThenReset" | "drop" | "again" | "halfOpen" }
  | { readonly do: "delay"; readonly delayMs: number };

/** Asked for each frame, in order. */
export type Decide = (frame: { readonly direction: Direction; readonly bytes: number }) => Fate;

/** Kept of what a client sent, for `again`. */
const MAX_KEPT_BYTES = 4 * 1024 * 1024;
const HEAD_END = "\r\n\r\n";

/** Cuts a direction's bytes into the HTTP head and WebSocket frames. */
class FrameCutter {
  #pending: Buffer = Buffer.alloc(0);
  #isUpgraded = false;

  /** Whole pieces; what is not whole waits. */
  cut(chunk: Buffer): { readonly isHead: boolean; readonly bytes: Buffer }[] {
    this.#pending = Buffer.concat([this.#pending, chunk]);
    const pieces: { isHead: boolean; bytes: Buffer }[] = [];
    for (let length = this.#length(); length !== undefined; length = this.#length()) {
      pieces.push({ isHead: !this.#isUpgraded, bytes: this.#pending.subarray(0, length) });
      this.#pending = this.#pending.subarray(length);
      this.#isUpgraded = true;
    }
    return pieces;
  }

  /** RFC 6455, section 5.2. */
  #length(): number | undefined {
    const bytes = this.#pending;
    if (!this.#isUpgraded) {
      const end = bytes.indexOf(HEAD_END);
      return end < 0 ? undefined : end + HEAD_END.length;
    }
    if (bytes.length < 2) return undefined;
    const short = (bytes[1] ?? 0) & 0x7f;
    const headerBytes = 2 + (short === 126 ? 2 : short === 127 ? 8 : 0);
    if (bytes.length < headerBytes) return undefined;
    const payloadBytes =
      short === 126 ? bytes.readUInt16BE(2) : short === 127 ? Number(bytes.readBigUInt64BE(2)) : short;
    const maskBytes = (bytes[1] ?? 0) & 0x80 ? 4 : 0;
    const length = headerBytes + maskBytes + payloadBytes;
    return bytes.length < length ? undefined : length;
  }
}

export class FaultProxy implements AsyncDisposable {
  readonly #server: Server;
  readonly #targetPort: number;
  readonly #sockets = new Set<Socket>();
  readonly #timers = new Set<NodeJS.Timeout>();
  /** Asked per frame; set it to change the weather. */
  decide: Decide = () => ({ do: "pass" });
  /** How often each fate was chosen. */
  readonly fates = new Map<Fate["do"], number>();

  private constructor(targetPort: number) {
    this.#targetPort = targetPort;
    this.#server = createServer((client) => this.#carry(client));
  }

  static async start(targetPort: number): Promise<FaultProxy> {
    const proxy = new FaultProxy(targetPort);
    await new Promise<void>((resolve) => proxy.#server.listen(0, "127.0.0.1", resolve));
    return proxy;
  }

  /** For bootstrap.servers. */
  get server(): string {
    return `127.0.0.1:${(this.#server.address() as { port: number }).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const timer of this.#timers) clearTimeout(timer);
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #follow(socket: Socket, onClose: () => void): Socket {
    this.#sockets.add(socket);
    socket.setNoDelay(true);
    socket.on("error", () => {});
    socket.on("close", () => {
      this.#sockets.delete(socket);
      onClose();
    });
    return socket;
  }

  #carry(client: Socket): void {
    const sent: Buffer[] = [];
    let sentBytes = 0;
    let isHalfOpen = false;
    let isDelivering = false;
    const broker = this.#follow(open(this.#targetPort, "127.0.0.1"), () => {
      if (!isHalfOpen) client.destroy();
    });
    this.#follow(client, () => {
      if (!isDelivering) broker.destroy();
    });
    const reset = () => {
      client.resetAndDestroy();
      broker.resetAndDestroy();
    };

    const pump = (direction: Direction, from: Socket, to: Socket) => {
      const cutter = new FrameCutter();
      let turn: Promise<void> = Promise.resolve();
      const pass = (bytes: Buffer) => {
        if (direction === "up" && sentBytes + bytes.length <= MAX_KEPT_BYTES) {
          sent.push(bytes);
          sentBytes += bytes.length;
        }
        if (!to.destroyed) to.write(bytes);
      };
      const deliver = async (bytes: Buffer): Promise<void> => {
        const fate = this.decide({ direction, bytes: bytes.length });
        this.fates.set(fate.do, 1 + (this.fates.get(fate.do) ?? 0));
        if (fate.do === "delay") {
          await this.#wait(fate.delayMs);
          pass(bytes);
        } else if (fate.do === "halfOpen") isHalfOpen = true;
        else if (fate.do === "drop") reset();
        else if (fate.do === "cut") to.write(bytes.subarray(0, bytes.length >> 1), reset);
        else if (fate.do === "deliverThenReset") {
          pass(bytes);
          // The other side ends in order, so that it gets what was written.
          isDelivering = true;
          from.resetAndDestroy();
          to.end();
        } else {
          pass(bytes);
          if (fate.do === "again") this.#sendAgain([...sent]);
        }
      };
      from.on("data", (chunk) => {
        for (const { isHead, bytes } of cutter.cut(chunk)) {
          // In order, also behind one that waits.
          turn = turn.then(() => {
            if (isHalfOpen || from.destroyed || to.destroyed) return;
            if (isHead) return pass(bytes);
            return deliver(bytes);
          });
        }
      });
    };
    pump("up", client, broker);
    pump("down", broker, client);
  }

  #sendAgain(pieces: readonly Buffer[]): void {
    const socket = this.#follow(open(this.#targetPort, "127.0.0.1"), () => {});
    socket.resume();
    for (const piece of pieces) socket.write(piece);
  }

  #wait(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.#timers.delete(timer);
        resolve();
      }, delayMs);
      this.#timers.add(timer);
    });
  }
}
