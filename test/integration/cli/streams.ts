// A command in this process whose streams the test holds in its hands: what is typed, what is read, whether somebody looks.

import { PassThrough, type Writable } from "node:stream";
import { systemClock } from "@brooklet/protocol/world";
import { startBroker } from "@brooklet/server";
import { onTestFinished } from "vitest";
import { main } from "../../../cli/src/main.ts";
import { eventually } from "../../support/eventually.ts";

export interface Started {
  readonly stdin: PassThrough;
  readonly ended: Promise<number>;
  stdout(): Buffer;
  stderr(): string;
  /** Resolves when stderr, or stdout, has it. */
  says(pattern: RegExp): Promise<void>;
  interrupt(): void;
}

/** Starts a command; interrupts it when the test ends. */
export function start(
  args: readonly string[],
  { isTerminal = false, stdout }: { readonly isTerminal?: boolean; readonly stdout?: Writable } = {},
): Started {
  const chunks = { stdout: [] as Buffer[], stderr: [] as Buffer[] };
  const collected = (name: keyof typeof chunks) =>
    new PassThrough().on("data", (chunk: Buffer) => chunks[name].push(chunk));
  const interrupted = new AbortController();
  const stdin = new PassThrough();
  const ended = main(args, {
    streams: {
      stdin,
      stdout: stdout ?? collected("stdout"),
      stderr: Object.assign(collected("stderr"), { isTTY: isTerminal, columns: 200 }),
    },
    env: {},
    clock: systemClock,
    interrupted: interrupted.signal,
  });
  const interrupt = () => interrupted.abort("SIGINT");
  onTestFinished(async () => {
    interrupt();
    await ended;
  });
  const started: Started = {
    stdin,
    ended,
    stdout: () => Buffer.concat(chunks.stdout),
    stderr: () => String(Buffer.concat(chunks.stderr)),
    says: (pattern) =>
      eventually(() => pattern.test(started.stderr()) || pattern.test(String(started.stdout())), `${pattern} is said`),
    interrupt,
  };
  return started;
}

/** Runs a command to its end. */
export async function ran(args: readonly string[], stdin: string | Uint8Array = "") {
  const started = start(args);
  started.stdin.end(stdin);
  const code = await started.ended;
  return { code, bytes: started.stdout(), stdout: String(started.stdout()), stderr: started.stderr() };
}

/** A broker in this process, and the option that names it. */
export async function broker(settings: Record<string, string | number | boolean> = {}) {
  const started = await startBroker({ settings });
  onTestFinished(() => started.close());
  return { b: ["-b", `127.0.0.1:${started.port}`], close: () => started.close() };
}
