// A process of the simulated world: it can be blocked (a busy event loop, SIGSTOP) and killed.
//
// What reaches a process reaches it through `deliver`: timers and network input. A blocked process collects both and, as
// Node does, runs its due timers before it looks at its sockets. A dead one is reached by nothing any more.

import type { Clock, Timers } from "@brooklet/protocol/world";
import type { SimulatedClock } from "../support/simulated-clock.ts";

export class SimulatedProcess {
  readonly name: string;
  readonly clock: Clock;
  readonly #world: SimulatedClock;
  #state: "running" | "blocked" | "dead" = "running";
  readonly #dueTimers: (() => void)[] = [];
  readonly #input: (() => void)[] = [];
  readonly #onDeath: (() => void)[] = [];
  readonly #timers: ProcessTimers[] = [];

  constructor(name: string, world: SimulatedClock) {
    this.name = name;
    this.#world = world;
    this.clock = {
      nowMs: () => world.nowMs(),
      wallMs: () => world.wallMs(),
      timers: () => {
        const timers = new ProcessTimers(this, world, world.timers());
        this.#timers.push(timers);
        return timers;
      },
      defer: (run) => world.defer(() => this.deliver("input", run)),
    };
  }

  get alive(): boolean {
    return this.#state !== "dead";
  }

  /** Pending timers of all its owners. */
  get liveTimers(): number {
    return this.#timers.reduce((count, { size }) => count + size, 0);
  }

  deliver(kind: "timer" | "input", run: () => void): void {
    if (this.#state === "running") run();
    else if (this.#state === "blocked") (kind === "timer" ? this.#dueTimers : this.#input).push(run);
  }

  /** Nothing runs in it until `unblock`; time goes on for everybody else. */
  block(): void {
    if (this.#state === "running") this.#state = "blocked";
  }

  /** Timers first, then sockets, each in a pass of its own. */
  unblock(): void {
    if (this.#state !== "blocked") return;
    this.#state = "running";
    for (const run of this.#dueTimers.splice(0)) this.deliver("timer", run);
    this.#world.defer(() => {
      for (const run of this.#input.splice(0)) this.deliver("input", run);
    });
  }

  /** SIGKILL: its sockets are closed by the kernel, nothing else happens in it. */
  kill(): void {
    if (this.#state === "dead") return;
    this.#state = "dead";
    for (const run of this.#onDeath.splice(0)) run();
  }

  onDeath(run: () => void): void {
    this.#onDeath.push(run);
  }
}

class ProcessTimers implements Timers {
  readonly #process: SimulatedProcess;
  readonly #world: SimulatedClock;
  readonly #timers: Timers;
  /** Due while the process was blocked, by key: a cancel still reaches them. */
  readonly #waiting = new Map<string, object>();

  constructor(process: SimulatedProcess, world: SimulatedClock, timers: Timers) {
    this.#process = process;
    this.#world = world;
    this.#timers = timers;
    process.onDeath(() => this.close());
  }

  schedule(key: string, delayMs: number, run: (lateMs: number) => void): void {
    this.cancel(key);
    const dueMs = this.#world.nowMs() + Math.max(0, delayMs);
    this.#timers.schedule(key, delayMs, () => {
      const ticket = {};
      this.#waiting.set(key, ticket);
      this.#process.deliver("timer", () => {
        if (this.#waiting.get(key) !== ticket) return;
        this.#waiting.delete(key);
        run(this.#world.nowMs() - dueMs);
      });
    });
  }

  cancel(key: string): void {
    this.#timers.cancel(key);
    this.#waiting.delete(key);
  }

  has(key: string): boolean {
    return this.#timers.has(key) || this.#waiting.has(key);
  }

  close(): void {
    this.#timers.close();
    this.#waiting.clear();
  }

  get size(): number {
    return this.#timers.size + this.#waiting.size;
  }
}
