// What records are made of: files, or stdin. All files are looked at before anything is sent, so that a wrong name sends
// nothing instead of half.

import { constants, createReadStream, openSync, type Stats } from "node:fs";
import { stat } from "node:fs/promises";
import { Socket } from "node:net";
import { isatty, ReadStream as TerminalStream } from "node:tty";
import type { Call } from "../../call.ts";
import { CommandError, exitCodes } from "../../exits.ts";
import type { Chunks } from "./lines.ts";

const CHUNK_BYTES = 256 * 1024;
const STDIN = "-";

export interface Input {
  /** Of the file; undefined for stdin. */
  readonly name: string | undefined;
  /** How long it is, where that is known. */
  readonly bytes: number | undefined;
  /** Its bytes; ends early, without an error, when the signal is aborted. */
  open(signal: AbortSignal): Chunks;
}

/**
 * The files in their order; `-` and no files at all are stdin.
 *
 * Errors: CommandError for a file that cannot be read: 3 when it is not there, 4 when it may not be read, else 1.
 */
export async function inputsOf(
  { streams }: Pick<Call, "streams">,
  paths: readonly string[],
): Promise<readonly Input[]> {
  const stdin: Input = { name: undefined, bytes: undefined, open: (signal) => untilAborted(streams.stdin, signal) };
  const named = await Promise.all(paths.map((path) => (path === STDIN ? stdin : fileInput(path))));
  return named.length === 0 ? [stdin] : named;
}

async function fileInput(path: string): Promise<Input> {
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    throw unreadable(path, error);
  });
  if (found.isDirectory()) throw new CommandError(exitCodes.usage, `${path} is a folder; name its files: ${path}/*`);
  const open = (signal: AbortSignal) => untilAborted(streamOf(path, found), signal);
  return { name: path, bytes: found.isFile() ? found.size : undefined, open };
}

/**
 * What can stay silent (a named pipe, `<(command)`, a terminal) is read without blocking: a thread that waits in a read, or in
 * an open, cannot be called back, and would hold up the end of the process too.
 */
function streamOf(path: string, found: Stats): Readable {
  if (found.isFIFO() || found.isCharacterDevice()) {
    const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    if (found.isFIFO()) return new Socket({ fd, readable: true, writable: false });
    if (isatty(fd)) return new TerminalStream(fd);
    return createReadStream(path, { fd, highWaterMark: CHUNK_BYTES });
  }
  return createReadStream(path, { highWaterMark: CHUNK_BYTES });
}

const exitOf: ReadonlyMap<string | undefined, CommandError["exitCode"]> = new Map([
  ["ENOENT", exitCodes.notFound],
  ["EACCES", exitCodes.denied],
]);

function unreadable(path: string, error: NodeJS.ErrnoException): CommandError {
  return new CommandError(exitOf.get(error.code) ?? exitCodes.error, `${path} cannot be read: ${error.message}`);
}

type Readable = Call["streams"]["stdin"];

/** Destroying the stream is what ends a read that waits. */
async function* untilAborted(stream: Readable, signal: AbortSignal): Chunks & AsyncGenerator<Uint8Array | string> {
  const stop = () => void stream.destroy();
  signal.addEventListener("abort", stop, { once: true });
  if (signal.aborted) stop();
  try {
    for await (const chunk of stream) yield chunk;
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    signal.removeEventListener("abort", stop);
  }
}
