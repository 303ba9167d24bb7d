// `brooklet` and `brooklet serve`: runs a broker until a signal, says where it is and how to put a record into it.
// The broker itself traps no signals and never exits; this file turns what becomes of it into a line and an exit code.

import { DEFAULT_PORT } from "@brooklet/protocol";
import { createLogger, startBroker } from "@brooklet/server";
import type { Call } from "../../call.ts";
import { CommandError, describeError, type ExitCode, exitCodeOf, exitCodes } from "../../exits.ts";
import { readToken } from "../../token.ts";
import { fetchStatus } from "./broker-status.ts";
import { stderrLogger } from "./logger.ts";
import { brokerOptions } from "./serve-options.ts";

const LOOPBACK = "127.0.0.1";
/** For the question who has our port. */
const MAX_ASKING_MS = 1_000;

const durabilityText = {
  disk: "disk: acknowledged after the sync; survives kill -9 and power loss",
  process: "process: acknowledged after the write; survives kill -9, power loss may take the newest",
  memory: "memory: gone when this process ends",
} as const;

/** The command to type in another terminal, as this one was typed. */
function producing(env: Call["env"], url: string): string {
  const words =
    env.npm_lifecycle_event === "start" || env.npm_lifecycle_event === "brooklet"
      ? "npm run -s brooklet --"
      : env.npm_command === "exec"
        ? "npx brooklet"
        : "brooklet";
  const { host } = new URL(url);
  const where = host === `127.0.0.1:${DEFAULT_PORT}` ? "" : ` -b ${host}`;
  return `echo "hello" | ${words} produce greetings${where}`;
}

export async function run(call: Call): Promise<ExitCode> {
  const { output, env, interrupted, streams } = call;
  const { options, logLevel, warnings } = brokerOptions(call.options, env);
  // Lines for people at a terminal, JSON for whatever collects logs.
  const logger = streams.stderr.isTTY === true ? stderrLogger(output, logLevel) : await createLogger(logLevel);
  for (const warning of warnings) logger.warn({}, warning);
  const token = options.tokenFile === undefined ? undefined : readToken(options.tokenFile);
  const broker = await startBroker({ ...options, logger }).catch(async (error: unknown) => {
    throw await explained(error, call, options.host ?? LOOPBACK, options.port);
  });
  try {
    // A signal that comes this early ends the broker as in order as a later one.
    await announce(call, broker.url, token).catch((error: unknown) => {
      if (!interrupted.aborted) throw error;
    });
    const failed = broker.closed.then(
      () => undefined,
      (error: unknown) => ({ error }),
    );
    await Promise.race([failed, aborted(interrupted)]);
    if (interrupted.aborted) output.note("brooklet: stopping: finishing what was begun (again to stop at once)");
    await broker.close();
    // It may also fail while it stops.
    const failure = await failed;
    if (failure === undefined) return exitCodes.ok;
    output.note(`brooklet: the broker failed and has stopped: ${describeError(failure.error)}`);
    return exitCodeOf(failure.error);
  } finally {
    await broker.close();
  }
}

async function announce({ output, env, interrupted }: Call, url: string, token: string | undefined): Promise<void> {
  const { durability, dataFile, version } = await fetchStatus(url, interrupted, token);
  await output.line(`brooklet ${version} is ready; Ctrl-C stops it`, "bold");
  await output.fields([
    { name: "url", value: url },
    { name: "data file", value: dataFile ?? "none: everything is in memory" },
    { name: "durability", value: durabilityText[durability] },
    { name: "try it", value: producing(env, url), isCommand: true },
  ]);
}

/** Who takes a port may be the very broker that is wanted; then that is said. */
async function explained(error: unknown, { clock, interrupted }: Call, host: string, port: number): Promise<unknown> {
  if (!(error instanceof Error) || !("code" in error) || error.code !== "EADDRINUSE") return error;
  const url = `http://${host.includes(":") ? `[${host}]` : host}:${port}`;
  const late = new AbortController();
  const timers = clock.timers();
  timers.schedule("late", MAX_ASKING_MS, () => late.abort());
  try {
    const { dataFile } = await fetchStatus(url, AbortSignal.any([interrupted, late.signal]));
    const what = `a brooklet broker with ${dataFile === undefined ? "its data in memory" : `the data file ${dataFile}`}`;
    return new CommandError(
      exitCodes.conflict,
      `${error.message}\n  It is ${what}: if that is the one you want, it runs already (\`brooklet status -b ${new URL(url).host}\`).`,
    );
  } catch {
    return error;
  } finally {
    timers.close();
  }
}

function aborted(signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(undefined);
    signal.addEventListener("abort", () => resolve(undefined), { once: true });
  });
}
