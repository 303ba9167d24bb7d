// The question before something is destroyed. Only a person at a terminal, or `--yes`, can answer it: what comes through a pipe
// was written before the question was known, so a pipe never confirms.

import type { Call } from "./call.ts";
import { CommandError, exitCodes, UsageError } from "./exits.ts";
import { harmless } from "./io.ts";
import type { OptionRow } from "./options.ts";

/** What commands have that ask. */
export const yes: OptionRow = {
  flags: "-y, --yes",
  text: "do not ask: needed where nobody can be asked (pipes, scripts)",
};

/** Of an answer; whoever types more has not meant yes. */
const MAX_ANSWER_LENGTH = 100;

/** Refuses at once what could not be confirmed later: before the broker is asked for anything. */
export function checkCanConfirm(call: Call): void {
  const { stdin, stderr } = call.streams;
  if (call.options.flag("yes") || (stdin.isTTY === true && stderr.isTTY === true)) return;
  throw new UsageError("this must be confirmed, and nobody is at a terminal to do so; --yes goes on without asking");
}

/**
 * Resolves when the question was answered with y or yes, at once with `--yes`. Waits for a line as long as it takes; Ctrl-C ends.
 *
 * Errors: UsageError where nobody can be asked; CommandError when the answer is another one, or none (Ctrl-D).
 */
export async function confirm(call: Call, question: string): Promise<void> {
  if (call.options.flag("yes")) return;
  checkCanConfirm(call);
  call.output.note(question);
  call.streams.stderr.write(harmless("Go on? [y/N] "));
  const answer = await answerOf(call);
  if (!/^y(es)?$/i.test(answer.trim())) throw new CommandError(exitCodes.error, "not confirmed: nothing was changed");
}

async function answerOf({ streams: { stdin, stderr }, interrupted }: Call): Promise<string> {
  let text = "";
  // What comes after Ctrl-C and Ctrl-D does not stand behind the question.
  const endLine = () => stderr.write("\n");
  let stop: () => void = () => undefined;
  try {
    return await new Promise<string>((resolve, reject) => {
      const onData = (chunk: unknown) => {
        text += String(chunk);
        const end = text.indexOf("\n");
        if (end >= 0) resolve(text.slice(0, end));
        else if (text.length > MAX_ANSWER_LENGTH) resolve("");
      };
      const onEnd = () => {
        endLine();
        resolve("");
      };
      const onAbort = () => {
        endLine();
        reject(interrupted.reason);
      };
      stop = () => {
        stdin.off("data", onData);
        stdin.off("end", onEnd);
        interrupted.removeEventListener("abort", onAbort);
        stdin.pause();
      };
      stdin.on("data", onData);
      stdin.on("end", onEnd);
      interrupted.addEventListener("abort", onAbort);
      if (interrupted.aborted) onAbort();
      stdin.resume();
    });
  } finally {
    stop();
  }
}
