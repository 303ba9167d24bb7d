// The demos' child processes as their parent sees them: started, listened to, told to close, killed, and never left behind.

import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import type { Delivery, FromChild, Place, ToChild } from "./messages.ts";

/** One consumer process. */
export class Worker<Task extends { readonly name: string }, D extends Place = Delivery> {
  readonly name: string;
  /** What it says it has. */
  readonly partitions = new Set<number>();
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;
  #expectedToEnd = false;

  /** `cacheFolder`: of compiled code, so that the second process of a kind starts faster than the first. */
  constructor(
    program: URL,
    cacheFolder: string,
    task: Task,
    onMessage: (message: FromChild<D>) => void,
    onFailure: (error: Error) => void,
  ) {
    this.name = task.name;
    this.#child = fork(program, {
      execPath: process.execPath,
      env: { ...process.env, NODE_COMPILE_CACHE: cacheFolder },
    });
    // "disconnect" comes after the last message, "exit" may come before it.
    this.#ended = Promise.allSettled([once(this.#child, "exit"), once(this.#child, "disconnect")]);
    this.#child.on("message", (message: FromChild<D>) => {
      if (message.kind === "assigned") for (const partition of message.partitions) this.partitions.add(partition);
      if (message.kind === "revoked" || message.kind === "lost")
        for (const partition of message.partitions) this.partitions.delete(partition);
      if (message.kind === "failed") onFailure(new Error(`worker ${this.name} failed: ${message.text}`));
      else onMessage(message);
    });
    this.#child.on("exit", (code, signal) => {
      if (!this.#expectedToEnd) onFailure(new Error(`worker ${this.name} ended by itself (${signal ?? code})`));
    });
    this.#child.on("error", onFailure);
    this.#send({ kind: "start", task });
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  #send(message: ToChild<Task>): void {
    // A process that is ending does not hear it, and does not need to.
    if (this.#child.connected) this.#child.send(message, () => undefined);
  }

  /** Its next batch takes so long. */
  stall(stallMs: number): void {
    this.#send({ kind: "stall", stallMs });
  }

  /** SIGKILL: no farewell, no last commit. */
  async kill(): Promise<void> {
    this.#expectedToEnd = true;
    this.#child.kill("SIGKILL");
    await this.#ended;
  }

  /** The worker commits, leaves the group and ends. */
  async close(): Promise<void> {
    this.#expectedToEnd = true;
    this.#send({ kind: "close" });
    await this.#ended;
  }

  /** For the way out: whatever it is doing, it ends. */
  async destroy(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) await this.kill();
  }
}
