// A disk that is slow, or fails, from some moment on: strace attaches to a running process and delays each of its syncs, or has
// one of them fail. What it writes down says which syncs are over, before the process itself can know. Skips, with its reason,
// where strace cannot do that.

import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "vitest";
import { startProgram } from "./child.ts";
import { eventually } from "./eventually.ts";
import { testFolder } from "./storage-on-file.ts";

export interface SlowSyncs {
  /** Syncs that have come to their end since it began. */
  readonly ended: number;
  /** From now on the disk is as fast as before. */
  stop(): Promise<void>;
}

/** Delays every fsync and fdatasync of the process `pid`, in all its threads. */
export function slowSyncs(pid: number, delayMs: number, context: TestContext): Promise<SlowSyncs> {
  return injected(pid, `delay_enter=${delayMs * 1000}`, context);
}

/** Fails the `nth` fsync or fdatasync from now of a thread of the process `pid` with EIO, once. */
export function failingSync(pid: number, nth: number, context: TestContext): Promise<SlowSyncs> {
  return injected(pid, `error=EIO:when=${nth}`, context);
}

async function injected(pid: number, injection: string, context: TestContext): Promise<SlowSyncs> {
  if (spawnSync("strace", ["-V"], { stdio: "ignore" }).status !== 0) context.skip("strace is absent");
  const output = join(testFolder(), "syncs");
  const strace = startProgram(
    "strace",
    [
      ...["-f", "-p", `${pid}`, "-o", output, "-e", "trace=fsync,fdatasync", "-e", "signal=none"],
      ...["-e", `inject=fsync,fdatasync:${injection}`],
    ],
    { keepsErrors: true },
  );
  let isOver = false;
  void strace.exited.then(() => {
    isOver = true;
  });
  await eventually(() => isOver || isTraced(pid), "strace has attached to every thread");
  if (isOver) context.skip("strace may not attach to a process here");
  return {
    get ended() {
      if (!existsSync(output)) return 0;
      return readFileSync(output, "utf8")
        .split("\n")
        .filter((line) => /\bf(?:data)?sync\b.*= 0\b/.test(line)).length;
    },
    stop: async () => {
      strace.kill("SIGTERM");
      await strace.exited;
    },
  };
}

function isTraced(pid: number): boolean {
  const tasks = `/proc/${pid}/task`;
  return readdirSync(tasks).every(
    (task) => !/^TracerPid:\s+0$/m.test(readFileSync(join(tasks, task, "status"), "utf8")),
  );
}
