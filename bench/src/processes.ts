// The programs under test, each in a process of its own, so that the load and what it loads do not share an event loop.
// Invariant: whatever happens, a started process is ended by its own handle.

import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

export type Task =
  | { readonly kind: "broker"; readonly durability: "disk" | "process" | "memory"; readonly data?: string }
  | {
      readonly kind: "baseline";
      readonly requestType: string;
      readonly headers: Readonly<Record<string, string>>;
      readonly bodyBase64: string;
    };

/** Asks a started program for the processor time it has used. */
export type Question = { readonly kind: "cpu" };
export type Reply = { readonly cpuMicroseconds: number };

/** For the programs: answers the parent's questions. */
export function answerQuestions(): void {
  process.on("message", (message: Question | Task) => {
    if (message.kind !== "cpu") return;
    const { user, system } = process.cpuUsage();
    process.send?.({ cpuMicroseconds: user + system } satisfies Reply);
  });
}

export type Started = { readonly url: string } | { readonly error: string };

/** A started program; `await using` ends it. */
export class Program implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly url: string;

  private constructor(child: ChildProcess, url: string) {
    this.#child = child;
    this.url = url;
  }

  static async start(task: Task): Promise<Program> {
    const child = fork(fileURLToPath(new URL(`./${task.kind}-process.ts`, import.meta.url)), {
      execPath: process.execPath,
    });
    child.send(task);
    const [started] = (await Promise.race([
      once(child, "message"),
      once(child, "exit").then(([code]) => [{ error: `it ended with code ${code}` }]),
    ])) as [Started];
    if ("error" in started) {
      child.kill();
      throw new Error(`the ${task.kind} did not start: ${started.error}`);
    }
    return new Program(child, started.url);
  }

  /** `host:port`. */
  get address(): string {
    return new URL(this.url).host;
  }

  /** Processor time used so far, all threads. Unlike a rate it does not depend on what else the machine does. */
  async cpuMicroseconds(): Promise<number> {
    const answer = once(this.#child, "message");
    this.#child.send({ kind: "cpu" } satisfies Question);
    const [reply] = (await answer) as [Reply];
    return reply.cpuMicroseconds;
  }

  /** Closes in an orderly way: a broker finishes what it began. */
  async close(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, "exit");
    this.#child.disconnect();
    await ended;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
