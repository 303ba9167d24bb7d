// The command: builds the parser from the table, runs one row of it, and turns what happened into an exit code.
// Invariant: every way out passes `finish`, so nothing written is cut off, and no command outlives its exit code.

import { systemClock } from "@brooklet/protocol/world";
import { Command, CommanderError, Option } from "commander";
import packageJson from "../package.json" with { type: "json" };
import { type Call, Options, type Surroundings } from "./call.ts";
import { commandTable } from "./command-table.ts";
import { describeError, type ExitCode, exitCodeOf, exitCodes, UsageError } from "./exits.ts";
import { BrokenPipe, Output } from "./io.ts";
import type { CommandRow, OptionRow } from "./options.ts";

const DEFAULT_COMMAND = "serve";
const AGAIN_MS = 500;

function optionOf(row: OptionRow): Option {
  const option = new Option(row.flags, row.text);
  if (row.repeatable === true) option.argParser((value: string, previous: string[] = []) => [...previous, value]);
  else if (row.parse !== undefined) option.argParser(row.parse);
  return option;
}

/** The parser of the whole table; `onCall` gets the row that was called. */
function parserOf(
  output: Output,
  epilogue: string | undefined,
  onCall: (row: CommandRow, args: string[], options: Options) => Promise<void>,
): Command {
  const program = new Command("brooklet");
  const configure = (command: Command) =>
    command.exitOverride().configureOutput({
      writeOut: (text) => void output.write(text).catch(() => undefined),
      writeErr: (text) => output.note(text.trimEnd()),
    });
  configure(program)
    .description("A small, real message broker: Kafka's semantics in one process and one file.")
    .version(packageJson.version, "-V, --version");
  const families = new Map<string, Command>();
  for (const row of commandTable) {
    const words = row.name.split(" ");
    const name = words.at(-1) ?? row.name;
    let parent = program;
    const family = words.length > 1 ? words[0] : undefined;
    if (family !== undefined) {
      parent = families.get(family) ?? configure(program.command(family).description(`${family}: list, describe …`));
      families.set(family, parent);
    }
    const command = configure(parent.command(name)).description(row.text);
    for (const { name, text } of row.arguments) command.argument(name, text);
    for (const option of row.options) command.addOption(optionOf(option));
    command.addHelpText("after", examplesOf(row));
    if (epilogue !== undefined && row.epilogue !== undefined) command.addHelpText("after", epilogue);
    command.action(() => onCall(row, command.args, new Options(command.opts())));
  }
  return program;
}

function examplesOf({ examples }: CommandRow): string {
  return ["", "Examples:", ...examples.flatMap(([line, meaning]) => [`  # ${meaning}`, `  ${line}`])].join("\n");
}

/** The text below the help that is asked for; loaded only then, because it may need the broker's tables. */
async function epilogueOf(argv: readonly string[]): Promise<string | undefined> {
  if (!argv.includes("--help") && !argv.includes("-h")) return undefined;
  return await commandTable.find(({ name }) => name === argv[0])?.epilogue?.();
}

/** `brooklet` alone, and with options only, starts the broker. */
function withCommand(argv: readonly string[]): string[] {
  const [first] = argv;
  const ofProgram =
    first !== undefined && (!first.startsWith("-") || ["-h", "--help", "-V", "--version"].includes(first));
  return ofProgram ? [...argv] : [DEFAULT_COMMAND, ...argv];
}

/** Runs one command line (without node and script); resolves with the exit code, never rejects. */
export async function main(argv: readonly string[], surroundings: Surroundings): Promise<ExitCode> {
  const output = new Output(surroundings.streams, surroundings.env);
  let exitCode: ExitCode = exitCodes.ok;
  try {
    const epilogue = await epilogueOf(argv);
    const parser = parserOf(output, epilogue, async (row, args, options) => {
      const call: Call = { ...surroundings, output, args, options };
      const { run } = await row.load();
      exitCode = (await run(call)) ?? exitCodes.ok;
    });
    await parser.parseAsync(withCommand(argv), { from: "user" });
  } catch (error) {
    exitCode = concluded(error, surroundings, output);
  }
  await output.finish();
  return exitCode;
}

function concluded(error: unknown, { interrupted }: Surroundings, output: Output): ExitCode {
  if (error instanceof BrokenPipe || output.broken.aborted) return exitCodes.ok;
  // commander has printed its own line; help and version count as errors to it.
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
  if (interrupted.aborted) return exitCodes.interrupted;
  output.note(`brooklet: ${describeError(error)}`);
  if (error instanceof UsageError) output.note('Try "brooklet --help".');
  return exitCodeOf(error);
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
  });
  process.exit(exitCode);
}
