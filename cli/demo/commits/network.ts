// A stretch of network between consumers and the broker that can fail: TCP in, TCP out. It stands for what happens between two
// machines when a switch dies or a firewall forgets a connection: bytes vanish, and for a while nobody is told.

import { connect, createServer, type Server, type Socket } from "node:net";

export class Network implements AsyncDisposable {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #isSilent = false;

  private constructor(targetPort: number) {
    this.#server = createServer((client) => {
      const broker = connect(targetPort, "127.0.0.1");
      this.#carry(client, broker);
      this.#carry(broker, client);
    });
  }

  static async open(targetPort: number): Promise<Network> {
    const network = new Network(targetPort);
    await new Promise<void>((resolve, reject) => {
      network.#server.once("error", reject).listen(0, "127.0.0.1", resolve);
    });
    return network;
  }

  /** For bootstrap.servers. */
  get server(): string {
    const address = this.#server.address();
    if (address === null || typeof address === "string") throw new Error("the network is closed");
    return `127.0.0.1:${address.port}`;
  }

  /** From now on nothing gets through in either direction, not even that an end is gone. What is sent is lost. */
  fail(): void {
    this.#isSilent = true;
  }

  /** It works again; the connections from before are reset, as by a router that does not know them. */
  repair(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
    this.#isSilent = false;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.repair();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #carry(from: Socket, to: Socket): void {
    this.#sockets.add(from);
    from.setNoDelay(true);
    from.on("data", (bytes) => {
      if (this.#isSilent || to.destroyed || to.write(bytes)) return;
      from.pause();
      to.once("drain", () => from.resume());
    });
    // "close" follows, and says it to the other end.
    from.on("error", () => undefined);
    from.on("close", () => {
      this.#sockets.delete(from);
      if (!this.#isSilent) to.destroy();
    });
  }
}
