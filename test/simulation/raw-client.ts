// A client of the simulated world that speaks frames by hand: for members by the thousand, and for what the SDK never does.

import { type ApiName, type ApiRequest, type ApiResponse, decodeFrame, encodeFrame } from "@brooklet/protocol";
import type { Link } from "@brooklet/protocol/world";
import { ADDRESS } from "./network.ts";
import { SimulatedProcess } from "./process.ts";
import type { Simulation } from "./simulation.ts";

type Answer<Name extends ApiName> = ApiResponse<Name> & { error?: { code: string; context?: Record<string, unknown> } };

export class RawClient {
  readonly process: SimulatedProcess;
  readonly #link: Link;
  readonly #opened: Promise<void>;
  readonly #waiting = new Map<number, (header: never) => void>();
  readonly #name: string;
  #id = 0;
  /** Asks that it heard: `heartbeatNow`. */
  onHint: () => void = () => {};
  onClose: () => void = () => {};

  constructor(simulation: Simulation, name: string) {
    this.#name = name;
    this.process = new SimulatedProcess(name, simulation.clock);
    const opened = Promise.withResolvers<void>();
    this.#opened = opened.promise;
    this.#link = simulation.network.transportOf(this.process).connect(
      ADDRESS,
      {
        onOpen: () => opened.resolve(),
        onMessage: (message) => this.#take(message),
        onClose: () => this.onClose(),
      },
      { maxMessageBytes: 1 << 26, connectTimeoutMs: 10_000 },
    );
  }

  /** Says hello, as the first connection of a client instance of its own. */
  async hello(): Promise<Answer<"hello">> {
    await this.#opened;
    return this.ask("hello", {
      client: this.#name,
      versions: [1],
      clientInstanceId: `instance-${this.#name}`,
      connectionSeq: 1,
    });
  }

  /** Resolves with the answer's header, errors too; never when the connection ends before. */
  ask<Name extends ApiName>(api: Name, request: ApiRequest<Name>, payload: Uint8Array[] = []): Promise<Answer<Name>> {
    const id = ++this.#id;
    const answered = Promise.withResolvers<Answer<Name>>();
    this.#waiting.set(id, answered.resolve);
    this.#link.send(encodeFrame({ id, api, ...request }, payload));
    return answered.promise;
  }

  close(): void {
    this.#link.close(1000, "done");
  }

  #take(message: Uint8Array): void {
    const { header } = decodeFrame(message, { maxHeaderBytes: 1 << 24 });
    if (header.event === "heartbeatNow") this.onHint();
    if (typeof header.id !== "number") return;
    const resolve = this.#waiting.get(header.id);
    this.#waiting.delete(header.id);
    resolve?.(header as never);
  }
}

/** A member of a group in a few lines: takes what it is given at once, gives up what it is told to at once. */
export class LightMember {
  client: RawClient;
  readonly memberId: string;
  owned: ApiRequest<"groupHeartbeat">["owned"] = [];
  epoch = 0;
  readonly errors: string[] = [];
  readonly #request: Pick<ApiRequest<"groupHeartbeat">, "groupId" | "sessionTimeoutMs"> & { topics: string[] };
  readonly #timers;
  #seq = 0;
  #inFlight = false;
  #again = false;
  #left = false;

  constructor(
    simulation: Simulation,
    name: string,
    request: { groupId: string; topics: string[]; sessionTimeoutMs: number },
  ) {
    this.memberId = `member-${name}`;
    this.#request = request;
    this.#timers = simulation.clock.timers();
    this.client = this.#connect(simulation, name);
  }

  /** The broker takes only so many newcomers at once: who is turned away tries again a little later. */
  #connect(simulation: Simulation, name: string): RawClient {
    const client = new RawClient(simulation, name);
    client.onHint = () => this.beat();
    client.onClose = () => {
      if (this.epoch > 0) return;
      this.#timers.schedule("connect", 20 + simulation.random.next() * 200, () => {
        this.client = this.#connect(simulation, name);
      });
    };
    void client.hello().then(() => this.beat());
    return client;
  }

  beat(): void {
    if (this.#left) return;
    this.#again ||= this.#inFlight;
    if (this.#inFlight) return;
    this.#inFlight = true;
    const { topics, ...request } = this.#request;
    const joins = this.epoch === 0 ? { subscription: topics, rebalanceTimeoutMs: 60_000 } : {};
    const said = this.owned ?? [];
    void this.client
      .ask("groupHeartbeat", {
        ...request,
        ...joins,
        memberId: this.memberId,
        memberEpoch: this.epoch,
        seq: ++this.#seq,
        owned: said,
      })
      .then(({ error, memberEpoch, assignment }) => {
        this.#inFlight = false;
        if (error !== undefined) {
          this.errors.push(error.code);
          return;
        }
        this.epoch = memberEpoch;
        if (assignment !== undefined) this.owned = assignment;
        this.#timers.schedule("heartbeat", 3_000, () => this.beat());
        // What it took or gave up is acknowledged at once.
        const moved = assignment !== undefined && JSON.stringify(assignment) !== JSON.stringify(said);
        if (moved || this.#again) {
          this.#again = false;
          this.beat();
        }
      });
  }

  async leave(): Promise<void> {
    this.#left = true;
    this.#timers.close();
    const { groupId } = this.#request;
    await this.client.ask("groupHeartbeat", { groupId, memberId: this.memberId, memberEpoch: -1, seq: ++this.#seq });
    this.client.close();
  }
}
