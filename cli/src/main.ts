// The command: runs the row that a command line calls, and turns what happened into an exit code.
// Invariant: every way out passes `finish`, so nothing written is cut off, and no command outlives its exit code.

import { systemClock } from "@brooklet/protocol/world";
import packageJson from "../package.json" with { type: "json" };
import { type Call, Options, type Surroundings } from "./call.ts";
import { COMPLETE } from "./commands/completion/shells.ts";
import { describeError, type ExitCode, exitCodeOf, exitCodes, UsageError } from "./exits.ts";
import { helpOf } from "./help.ts";
import { BrokenPipe, Output } from "./io.ts";
import { type Parsed, parse } from "./parser.ts";

const AGAIN_MS = 500;
/** After an interruption: how long a pipe that nobody reads may hold up the end. */
const GIVE_UP_MS = 500;
/** Of help in a pipe. */
const DEFAULT_COLUMNS = 80;

/** Runs one command line (without node and script); resolves with the exit code, never rejects. */
export async function main(argv: readonly string[], surroundings: Surroundings): Promise<ExitCode> {
  const { streams, env, clock, interrupted } = surroundings;
  const timers = clock.timers();
  const givenUp = new AbortController();
  const onInterrupt = () => timers.schedule("give up", GIVE_UP_MS, () => givenUp.abort(interrupted.reason));
  if (interrupted.aborted) onInterrupt();
  interrupted.addEventListener("abort", onInterrupt, { once: true });
  const output = new Output(streams, env, givenUp.signal);
  let exitCode: ExitCode;
  try {
    exitCode = await run(argv, { ...surroundings, output });
  } catch (error) {
    exitCode = concluded(error, surroundings, output);
  }
  await output.finish();
  interrupted.removeEventListener("abort", onInterrupt);
  timers.close();
  return exitCode;
}

async function run(argv: readonly string[], around: Omit<Call, "args" | "options">): Promise<ExitCode> {
  const { output } = around;
  // Asked by shells at every TAB, with words that are no options of its own.
  if (argv[0] === COMPLETE) {
    const { complete } = await import("./commands/completion/complete.ts");
    await complete({ ...around, args: argv.slice(1), options: new Options({}) });
    return exitCodes.ok;
  }
  const parsed = parse(argv);
  if (parsed.kind === "version") await output.line(packageJson.version);
  else if (parsed.kind === "help")
    for (const { text, style } of await helpOf(parsed.topic, output.stdout.columns ?? DEFAULT_COLUMNS))
      await output.line(text, style);
  else return await called(parsed, around);
  return exitCodes.ok;
}

async function called(
  { row, args, options }: Extract<Parsed, { kind: "call" }>,
  around: Omit<Call, "args" | "options">,
): Promise<ExitCode> {
  const command = await row.load();
  try {
    return (await command.run({ ...around, args, options })) ?? exitCodes.ok;
  } catch (error) {
    if (error instanceof UsageError && error.help === undefined)
      throw new UsageError(error.message, `brooklet ${row.name} --help`);
    throw error;
  }
}

function concluded(error: unknown, { interrupted }: Surroundings, output: Output): ExitCode {
  // Whoever waited for anything when stdout broke got another error than the stream's own.
  const cause: unknown = output.broken.aborted ? output.broken.reason : error;
  if (cause instanceof BrokenPipe) return exitCodes.ok;
  if (interrupted.aborted) return exitCodes.interrupted;
  output.note(`brooklet: ${describeError(cause)}`, "red");
  if (cause instanceof UsageError) output.note(`  \`${cause.help ?? "brooklet --help"}\` explains it.`);
  return exitCodeOf(cause);
}

/** The process's own call: its arguments, streams and signals. */
export async function start(): Promise<void> {
  const interrupted = new AbortController();
  let interruptedMs = 0;
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => {
      // Whoever asks again does not want to wait for an orderly end; one Ctrl-C may arrive twice, from terminal and npm.
      if (interrupted.signal.aborted && systemClock.nowMs() - interruptedMs > AGAIN_MS)
        process.exit(exitCodes.interrupted);
      if (!interrupted.signal.aborted) interruptedMs = systemClock.nowMs();
      interrupted.abort(signal);
    });
  }
  const exitCode = await main(process.argv.slice(2), {
    streams: { stdin: process.stdin, stdout: process.stdout, stderr: process.stderr },
    env: process.env,
    clock: systemClock,
    interrupted: interrupted.signal,
    startedAs: [process.execPath, ...process.argv.slice(1, 2)],
  });
  process.exit(exitCode);
}
