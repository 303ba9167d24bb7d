// How the command ends: one table of exit codes, and which error means which (DESIGN.md section 6).

import { errorRow, isErrorCode } from "@brooklet/protocol";

export const exitCodes = {
  ok: 0,
  error: 1,
  usage: 2,
  notFound: 3,
  denied: 4,
  conflict: 5,
  unreachable: 6,
  damaged: 7,
  interrupted: 130,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** What each code says to a script, for the help. */
export const exitTexts = {
  ok: "done; also when the reader of a pipe went away, as `| head -1` does",
  error: "something else went wrong: the message says what",
  usage: "the command line, a setting or the input is wrong; nothing was done, or the message says what was",
  notFound: "no such topic or group",
  denied: "a token is missing or wrong, or the system refuses a file or port",
  conflict: "something is there already, or in use: a topic, a port, a data folder",
  unreachable: "no broker answers, or not in time",
  damaged: "stored data is damaged",
  interrupted: "ended by Ctrl-C or a signal before it was done",
} as const satisfies Record<keyof typeof exitCodes, string>;

/** A wrong command line; `help` is the one that explains more, filled in by main. */
export class UsageError extends Error {
  override name = "UsageError";
  readonly help: string | undefined;
  constructor(message: string, help?: string) {
    super(message);
    this.help = help;
  }
}

/** A failure of the command itself, with the code it ends with. */
export class CommandError extends Error {
  override name = "CommandError";
  readonly exitCode: ExitCode;
  constructor(exitCode: ExitCode, message: string) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** Codes that no row of the protocol's table has: the SDK's own, Node's, and those of a broker that cannot start. */
const otherCodes: ReadonlyMap<string, ExitCode> = new Map([
  ["TIMEOUT", exitCodes.unreachable],
  ["INVALID_CONFIG", exitCodes.usage],
  ["EADDRINUSE", exitCodes.conflict],
  ["EADDRNOTAVAIL", exitCodes.usage],
  ["ENOTFOUND", exitCodes.usage],
  ["EACCES", exitCodes.denied],
  ["EPERM", exitCodes.denied],
  ["EROFS", exitCodes.denied],
  ["ECONNREFUSED", exitCodes.unreachable],
]);

/** Why a data folder could not be opened (StorageOpenError). */
const byOpenErrorKind: ReadonlyMap<string, ExitCode> = new Map([
  ["conflict", exitCodes.conflict],
  // The folder is sound, and another version's.
  ["newer", exitCodes.conflict],
  ["denied", exitCodes.denied],
  ["damaged", exitCodes.damaged],
]);

const byHttpStatus: ReadonlyMap<number, ExitCode> = new Map([
  [400, exitCodes.usage],
  [401, exitCodes.denied],
  [403, exitCodes.denied],
  [404, exitCodes.notFound],
  [409, exitCodes.conflict],
  [502, exitCodes.unreachable],
  [503, exitCodes.unreachable],
  [504, exitCodes.unreachable],
]);

/** The exit code that an error of the SDK, the broker or Node means; by name, because neither is loaded for every command. */
export function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof CommandError) return error.exitCode;
  if (!(error instanceof Error)) return exitCodes.error;
  const code = "code" in error ? String(error.code) : "";
  switch (error.name) {
    case "UsageError":
    case "SettingsError":
      return exitCodes.usage;
    case "StorageOpenError":
      return byOpenErrorKind.get("kind" in error ? String(error.kind) : "") ?? exitCodes.error;
    case "StorageCorruptionError":
      return exitCodes.damaged;
    case "TimeoutError":
      // Time ran out because every answer was the same refusal: that is what happened.
      return error.cause !== undefined && exitCodeOf(error.cause) === exitCodes.notFound
        ? exitCodes.notFound
        : exitCodes.unreachable;
  }
  if (code === "CORRUPT_MESSAGE") return exitCodes.damaged;
  const known = otherCodes.get(code);
  if (known !== undefined) return known;
  return (isErrorCode(code) ? byHttpStatus.get(errorRow(code).httpStatus) : undefined) ?? exitCodes.error;
}

/** For a message that is a CommandError's own. */
export const UNREACHABLE_ADVICE = "Is a broker running there? `brooklet` starts one; -b names another.";

const UNKNOWN_TOPIC_ADVICE = "`brooklet topics list` shows what there is.";

/** What is printed of an error: what happened, and what to do about it. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const hint = "hint" in error && typeof error.hint === "string" ? hintOf(error, error.hint) : undefined;
  // A CommandError says all that it wants said.
  const unreachable = !(error instanceof CommandError) && exitCodeOf(error) === exitCodes.unreachable;
  const advice = hint ?? (unreachable ? UNREACHABLE_ADVICE : undefined);
  return advice === undefined ? error.message : `${error.message}\n  ${advice}`;
}

/** The broker's hint, but for one that speaks of options that programs have. */
function hintOf(error: Error, hint: string): string {
  return "code" in error && error.code === "UNKNOWN_TOPIC_OR_PARTITION" ? UNKNOWN_TOPIC_ADVICE : hint;
}
