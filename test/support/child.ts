// A child process whose lines of output a test waits for. Ends with the test, by its own process id.

import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { deferred } from "@brooklet/protocol/world";
import { onTestFinished } from "vitest";

export interface Child {
  readonly pid: number;
  /** Every line of standard output so far. */
  readonly lines: readonly string[];
  /** Resolves when a line fits; rejects when the process ends without one. */
  line(fits: (line: string) => boolean): Promise<string>;
  /** Writes a line to its standard input, which stays open as long as this process lives. */
  tell(line: string): void;
  kill(signal: NodeJS.Signals): void;
  /** The exit code, or the signal's name. */
  readonly exited: Promise<number | string>;
}

/** Starts a program; stderr goes to the test's output, or is kept for the error of `line`. */
export function startProgram(
  program: string,
  programArguments: readonly string[],
  {
    keepsErrors = false,
    ...where
  }: { keepsErrors?: boolean; readonly cwd?: string; readonly env?: NodeJS.ProcessEnv } = {},
): Child {
  const child = spawn(program, programArguments, { ...where, stdio: ["pipe", "pipe", "pipe"] });
  const errors: string[] = [];
  if (keepsErrors) child.stderr.setEncoding("utf8").on("data", (text: string) => errors.push(text));
  else child.stderr.pipe(process.stderr, { end: false });
  // A program that has ended reads nothing.
  child.stdin.on("error", () => {});
  const exited = deferred<number | string>();
  const lines: string[] = [];
  const waiting = new Set<() => void>();
  let over = false;
  createInterface(child.stdout).on("line", (line) => {
    lines.push(line);
    for (const look of waiting) look();
  });
  child.on("close", (code, signal) => {
    over = true;
    exited.resolve(code ?? signal ?? "unknown");
    for (const look of waiting) look();
  });
  child.on("error", (error) => exited.reject(error));
  onTestFinished(async () => {
    if (!over) child.kill("SIGKILL");
    await exited.promise;
  });
  return {
    pid: child.pid ?? -1,
    lines,
    exited: exited.promise,
    tell: (line) => void child.stdin.write(`${line}\n`),
    kill: (signal) => void child.kill(signal),
    line(fits) {
      const found = deferred<string>();
      let at = 0;
      const look = () => {
        for (; at < lines.length; at++) if (fits(lines[at] as string)) found.resolve(lines[at] as string);
        if (over)
          found.reject(
            new Error(
              `the process ended without the line; it said: ${[...lines.slice(-5), ...errors.slice(-5)].join(" | ")}`,
            ),
          );
      };
      waiting.add(look);
      look();
      return found.promise.finally(() => waiting.delete(look));
    },
  };
}

/** Starts a .ts file with this process's Node. `file` is relative to the caller's `import.meta.url`. */
export function startScript(
  file: string,
  base: string,
  scriptArguments: readonly string[],
  wrapper: readonly string[] = [],
): Child {
  const command = [...wrapper, process.execPath, fileURLToPath(new URL(file, base)), ...scriptArguments];
  return startProgram(command[0] as string, command.slice(1));
}
