// Runs the command: as a user does, in a process of its own with pipes, where processes, signals and pipes matter; else in
// this process, which saves half a second each. Every process ends with its test, by its own id.

import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { Readable, Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import { systemClock } from "@brooklet/protocol/world";
import { onTestFinished } from "vitest";
import { main } from "../../../cli/src/main.ts";

export const ENTRY = fileURLToPath(new URL("../../../cli/bin/brooklet.js", import.meta.url));
/** Longer than anything a command may take here; reached only if one hangs, which then fails its test. */
const LIMIT_MS = 25_000;

export interface Ended {
  readonly code: number | NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A command that runs. */
export class Running {
  readonly child: ChildProcessWithoutNullStreams;
  readonly ended: Promise<Ended>;
  stdout = "";
  stderr = "";
  readonly #watchers = new Set<() => void>();

  constructor(args: readonly string[], env: Readonly<Record<string, string>> = {}, cwd?: string) {
    this.child = spawn(process.execPath, [ENTRY, ...args], {
      timeout: LIMIT_MS,
      killSignal: "SIGKILL",
      env: { ...process.env, NO_COLOR: "1", ...env },
      ...(cwd === undefined ? {} : { cwd }),
    });
    for (const name of ["stdout", "stderr"] as const)
      this.child[name].setEncoding("utf8").on("data", (text: string) => {
        this[name] += text;
        for (const look of this.#watchers) look();
      });
    // A command that ends early leaves a broken pipe to its stdin.
    this.child.stdin.on("error", () => undefined);
    this.ended = new Promise((resolve) => {
      this.child.on("close", (code, signal) => {
        resolve({ code: code ?? signal, stdout: this.stdout, stderr: this.stderr });
        for (const look of this.#watchers) look();
      });
    });
    onTestFinished(async () => {
      this.child.kill("SIGKILL");
      await this.ended;
    });
  }

  /** Resolves with the match when stdout or stderr has it. */
  async says(pattern: RegExp): Promise<RegExpExecArray> {
    return await new Promise((resolve, reject) => {
      const look = () => {
        const match = pattern.exec(this.stdout) ?? pattern.exec(this.stderr);
        const over = this.child.exitCode !== null || this.child.signalCode !== null;
        if (match === null && !over) return;
        this.#watchers.delete(look);
        if (match !== null) resolve(match);
        else reject(new Error(`it ended without saying ${pattern}:\n${this.stdout}\n${this.stderr}`));
      };
      this.#watchers.add(look);
      look();
    });
  }
}

export interface InProcess {
  readonly stdin?: string | Uint8Array;
  readonly env?: Readonly<Record<string, string>>;
  /** Ctrl-C. */
  readonly signal?: AbortSignal;
  /** Gets what is printed as it is printed. */
  readonly onStdout?: (text: string) => void;
  /** Somebody sits at a terminal, and has typed `stdin`. */
  readonly isTerminal?: boolean;
}

/** Runs a command to its end, in this process. */
export async function brooklet(
  args: readonly string[],
  { stdin = "", env = {}, signal = new AbortController().signal, onStdout, isTerminal = false }: InProcess = {},
): Promise<Ended> {
  const texts = { stdout: "", stderr: "" };
  const sink = (name: "stdout" | "stderr") =>
    new Writable({
      write(chunk, _encoding, done) {
        texts[name] += String(chunk);
        if (name === "stdout") onStdout?.(String(chunk));
        done();
      },
    });
  const code = await main(args, {
    streams: {
      stdin: Object.assign(Readable.from([Buffer.from(stdin)]), { isTTY: isTerminal }),
      stdout: sink("stdout"),
      stderr: Object.assign(sink("stderr"), { isTTY: isTerminal }),
    },
    env,
    clock: systemClock,
    interrupted: signal,
  });
  return { code, ...texts };
}

/** Starts a broker by the command; resolves when it says that it is ready. */
export async function startBrokerCommand(
  ...args: string[]
): Promise<{ server: string; url: string; running: Running }> {
  const running = new Running(["--port", "0", "--log-level", "warn", ...args]);
  const [, url = ""] = await running.says(/url\s+(http:\S+)/);
  await running.says(/try it.*\n/);
  return { server: new URL(url).host, url, running };
}
