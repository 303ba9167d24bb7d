// Why a port could not be opened, in words that help: who has it, where the machine tells, and what to do.

import { readdir, readFile, readlink } from "node:fs/promises";
import { basename } from "node:path";

/** /proc/net/tcp: the state of a listening socket. */
const LISTENING = "0A";
/** Processes looked at; on a machine with more the holder stays unnamed. */
const MAX_PROCESSES = 10_000;
const MAX_COMMAND_LENGTH = 100;

/** The broker's address cannot be used. `code` is Node's: EADDRINUSE, EACCES, EADDRNOTAVAIL … */
export class ListenError extends Error {
  readonly code: string;

  constructor(code: string, message: string, cause: unknown) {
    super(message, { cause });
    this.name = "ListenError";
    this.code = code;
  }
}

export async function listenError(cause: unknown, host: string, port: number): Promise<ListenError> {
  const code = (cause as { code?: string } | null)?.code ?? "UNKNOWN";
  const at = `${host}:${port}`;
  switch (code) {
    case "EADDRINUSE": {
      const holder = await portHolder(port).catch(() => undefined);
      const who = holder === undefined ? "by another program" : `by process ${holder.pid} (${holder.command})`;
      return new ListenError(
        code,
        `${at} is in use ${who}. Stop that program, or choose another port: --port 0 takes a free one.`,
        cause,
      );
    }
    case "EACCES":
      return new ListenError(code, `${at} may not be opened by this user. Choose a port from 1024 on.`, cause);
    case "EADDRNOTAVAIL":
    case "ENOTFOUND":
      return new ListenError(code, `${host} is no address of this machine. Use 127.0.0.1, or one that it has.`, cause);
    default:
      return new ListenError(code, `${at} cannot be opened: ${cause instanceof Error ? cause.message : code}`, cause);
  }
}

/** The process that listens on a TCP port, as far as /proc (Linux) and our rights show it. */
async function portHolder(port: number): Promise<{ pid: number; command: string } | undefined> {
  const inodes = new Set<string>();
  for (const table of ["/proc/net/tcp", "/proc/net/tcp6"]) {
    const text = await readFile(table, "utf8").catch(() => "");
    for (const line of text.split("\n").slice(1)) {
      const fields = line.trim().split(/\s+/);
      const [, local = "", , state = ""] = fields;
      if (state === LISTENING && Number.parseInt(local.split(":")[1] ?? "", 16) === port) inodes.add(fields[9] ?? "");
    }
  }
  if (inodes.size === 0) return undefined;
  const processes = (await readdir("/proc")).filter((name) => /^\d+$/.test(name)).slice(0, MAX_PROCESSES);
  for (const pid of processes) {
    const descriptors = await readdir(`/proc/${pid}/fd`).catch(() => []);
    for (const descriptor of descriptors) {
      const target = await readlink(`/proc/${pid}/fd/${descriptor}`).catch(() => "");
      const inode = /^socket:\[(\d+)\]$/.exec(target)?.[1];
      if (inode === undefined || !inodes.has(inode)) continue;
      return { pid: Number(pid), command: await commandOf(pid) };
    }
  }
  return undefined;
}

/** Program and script as typed: Node names its own main thread, so /proc/PID/comm says nothing. Arguments may be secrets. */
async function commandOf(pid: string): Promise<string> {
  const typed = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
  const [program = "", script = ""] = typed.split("\0");
  const words = [program, ...(script.startsWith("-") ? [] : [script])].map((word) => basename(word));
  const command = words
    .join(" ")
    .replaceAll(/[^\p{L}\p{N}\p{P}\p{S} ]/gu, "?")
    .trim();
  return command === "" ? "unknown" : command.slice(0, MAX_COMMAND_LENGTH);
}
