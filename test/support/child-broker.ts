// Starts test/support/broker-child.ts under the Node that runs the test.

import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { BrokerOptions } from "@brooklet/server";

const program = fileURLToPath(new URL("./broker-child.ts", import.meta.url));

export interface ChildBroker {
  readonly url: string;
  readonly process: ChildProcess;
  /** Resolves with the exit code and the signal that ended it. */
  readonly ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
}

export async function startChildBroker(options: BrokerOptions, ...args: string[]): Promise<ChildBroker> {
  const child = spawn(process.execPath, [program, JSON.stringify(options), ...args], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) => {
    child.on("exit", (code, signal) => resolve({ code, signal }));
  });
  const url = await Promise.race([
    new Promise<string>((resolve) => createInterface({ input: child.stdout }).once("line", resolve)),
    ended.then(({ code }) => Promise.reject(new Error(`the broker ended with ${code} before it was ready`))),
  ]);
  return { url, process: child, ended };
}
