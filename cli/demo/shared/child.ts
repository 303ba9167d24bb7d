// The child's side of a demo's process: it hears its task, tells what it does, and never outlives its parent.

import { flushCompileCache } from "node:module";
import type { FromChild, Place, ToChild } from "./messages.ts";

/** Resolves when the parent's pipe has taken the message: what is told before a kill is told. */
export function tell<D extends Place>(message: FromChild<D>): Promise<void> {
  return new Promise((resolve, reject) => {
    if (process.send === undefined) reject(new Error("this program is started by a demo: npm run demo"));
    else process.send(message, (error: Error | null) => (error === null ? resolve() : reject(error)));
  });
}

/** What the parent wants of a child that works. */
export interface Wishes {
  /** Aborted when it should end in an orderly way. */
  readonly closing: AbortSignal;
  /** How long the batch that is being processed should take, 0 for as long as it takes; asked once, it is told once. */
  takeStallMs(): number;
}

/** Waits for the task, works, and ends the process; an error is told to the parent. */
export function serve<Task>(work: (task: Task, wishes: Wishes) => Promise<void>): void {
  // Now, because a process that is killed leaves nothing to those that start after it.
  flushCompileCache();
  const closing = new AbortController();
  let stallMs = 0;
  const wishes = {
    closing: closing.signal,
    takeStallMs: () => {
      const taken = stallMs;
      stallMs = 0;
      return taken;
    },
  };
  process.on("message", (message: ToChild<Task>) => {
    if (message.kind === "close") closing.abort();
    else if (message.kind === "stall") stallMs = message.stallMs;
    else
      work(message.task, wishes)
        .catch((error: unknown) => {
          const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
          return tell({ kind: "failed", text });
        })
        .finally(() => process.disconnect());
  });
  // A terminal's Ctrl-C reaches all of its processes; the parent says what to do.
  process.on("SIGINT", () => undefined);
  // It has finished, or there is nobody left to work for.
  process.on("disconnect", () => process.exit());
}
