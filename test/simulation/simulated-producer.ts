// A producer process of the simulated world: sends unique values at a steady pace and writes down what became of each.

import { BrookletError, Producer, type ProducerConfig, string } from "@brooklet/client";
import type { Sent } from "./history.ts";
import { ADDRESS } from "./network.ts";
import { SimulatedProcess } from "./process.ts";
import type { Simulation } from "./simulation.ts";

export interface SimulatedProducerOptions {
  topic: string;
  /** One record per interval. */
  everyMs: number;
  /** Keys to rotate over; default 16. */
  keys?: number;
  config?: Partial<ProducerConfig<string, string>>;
}

export class SimulatedProducer {
  readonly process: SimulatedProcess;
  readonly producer: Producer<string, string>;
  readonly #simulation: Simulation;
  readonly #options: SimulatedProducerOptions;
  readonly #name: string;
  readonly #timers;
  readonly #open = new Set<Promise<void>>();
  #number = 0;

  constructor(simulation: Simulation, name: string, options: SimulatedProducerOptions) {
    this.#simulation = simulation;
    this.#options = options;
    this.#name = name;
    this.process = new SimulatedProcess(name, simulation.clock);
    this.producer = new Producer(
      {
        "bootstrap.servers": ADDRESS,
        "key.serializer": string,
        "value.serializer": string,
        "client.id": name,
        ...options.config,
      },
      { world: simulation.worldOf(this.process) },
    );
    this.#timers = this.process.clock.timers();
    this.#tick();
  }

  get sentCount(): number {
    return this.#number;
  }

  #tick(): void {
    this.send();
    this.#timers.schedule("tick", this.#options.everyMs, () => this.#tick());
  }

  send(): void {
    const number = this.#number++;
    const sent: Sent = {
      producer: this.#name,
      number,
      topic: this.#options.topic,
      value: `${this.#name}-${number}`,
      outcome: "pending",
      partition: -1,
      offset: -1,
    };
    if (!this.#simulation.isTransient(sent.topic)) this.#simulation.history.sent.push(sent);
    const outcome = this.producer
      .send({ topic: sent.topic, key: `k${number % (this.#options.keys ?? 16)}`, value: sent.value })
      .then(
        ({ partition, offset }) => Object.assign(sent, { outcome: "acknowledged", partition, offset }),
        (error: unknown) => {
          sent.outcome = BrookletError.is(error) && error.definite ? "failed" : "unknown";
        },
      )
      .then(() => {
        this.#open.delete(outcome);
      });
    this.#open.add(outcome);
  }

  /** Sends no more; resolves when every send has its outcome and the producer is closed. */
  async stop(): Promise<void> {
    this.#timers.close();
    if (!this.process.alive) return;
    await Promise.all(this.#open);
    await this.producer.close();
  }
}
