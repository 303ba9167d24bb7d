// A process that runs the guide's programs one after the other, as the test that forked it names them, and tells what each
// printed. What a program leaves to the process (signal handlers) goes before the next one begins.

import { format } from "node:util";

let lines: string[] = [];
for (const name of ["log", "info", "warn", "error"] as const)
  console[name] = (...values: unknown[]) => void lines.push(...format(...values).split("\n"));

process.on("message", async (file: string) => {
  lines = [];
  let failure: string | undefined;
  try {
    await import(file);
  } catch (error) {
    failure = error instanceof Error ? (error.stack ?? error.message) : String(error);
  }
  for (const signal of ["SIGTERM", "SIGINT"]) process.removeAllListeners(signal);
  process.exitCode = undefined;
  process.send?.({ lines, failure });
});
