// A line to a worker thread: messages out, answers back in the same order. Knows nothing of what is said.
//
// Invariant: every call is settled: by its answer, or by the worker's end.

import { Worker } from "node:worker_threads";
import { invariant } from "@brooklet/protocol";
import { type Deferred, deferred } from "@brooklet/protocol/world";

export class WorkerLine<To, From extends { readonly kind: string }> {
  /** Resolves with the cause if the worker ends without having been told to. */
  readonly died: Promise<Error>;
  readonly #worker: Worker;
  readonly #name: string;
  readonly #died: Deferred<Error> = deferred<Error>();
  readonly #exited: Deferred<void> = deferred();
  /** Oldest first; bounded by whoever calls. */
  readonly #waiting: Deferred<From>[] = [];
  #over: Error | undefined;
  #ending = false;

  constructor(name: string, file: URL, start: unknown) {
    this.#name = name;
    this.died = this.#died.promise;
    // The flags of the process are its own: some, such as --input-type, no thread of a file can start with.
    this.#worker = new Worker(file, { name, workerData: start, execArgv: [] });
    this.#worker.on("message", (answer: From) => this.#waiting.shift()?.resolve(answer));
    this.#worker.on("messageerror", (error) => this.#end(error));
    this.#worker.on("error", (error) => this.#end(error));
    this.#worker.on("exit", (code) => {
      this.#end(new Error(`it ended with code ${code}`));
      this.#exited.resolve();
    });
  }

  /** The first answer, which nobody asked for: the worker has opened what it needs. */
  async ready(): Promise<void> {
    await this.#expect();
  }

  call(message: To, transfer: readonly ArrayBuffer[] = []): Promise<From> {
    if (this.#over !== undefined) return Promise.reject(this.#over);
    // First: a message that cannot be sent throws, and will have no answer.
    this.#worker.postMessage(message, transfer);
    return this.#expect();
  }

  /**
   * Sends the last message; resolves when the worker has ended by itself, after its answers to all before. There is no other
   * way: a thread that is terminated inside a native module takes the whole process with it.
   */
  async end(message: To): Promise<void> {
    this.#ending = true;
    this.#worker.postMessage(message);
    await this.#exited.promise;
  }

  #expect(): Promise<From> {
    const waiting = deferred<From>();
    this.#waiting.push(waiting);
    return waiting.promise;
  }

  #end(cause: unknown): void {
    if (this.#over !== undefined) return;
    const error = new Error(`the ${this.#name} thread ended: ${cause instanceof Error ? cause.message : cause}`, {
      cause,
    });
    this.#over = error;
    for (const waiting of this.#waiting.splice(0)) waiting.reject(error);
    if (!this.#ending) this.#died.resolve(error);
  }
}

/** The answer, which must be of this kind. */
export function expectKind<From extends { readonly kind: string }, K extends From["kind"]>(
  answer: From,
  kind: K,
): Extract<From, { kind: K }> {
  invariant(answer.kind === kind, `the answer is ${kind}, not ${answer.kind}`);
  return answer as Extract<From, { kind: K }>;
}
