// A process as an image says it is started: its entry point as its user, with its variables and nothing else, in a root that
// it cannot write to but for its volumes. `stop` is what `docker stop` does.

import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import type { Image } from "./replay.ts";

/** What `docker stop` waits for before it kills. */
const STOP_GRACE_MS = 10_000;

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly said: string;
}

/** Paths of the image are paths below its root. */
function inside(image: Image, text: string): string {
  return text.startsWith("/") ? join(image.root, text) : text;
}

function start(image: Image, words: readonly string[], env: Readonly<Record<string, string>>): ChildProcess {
  const [uid, gid] = image.user.split(":").map(Number);
  if (uid === undefined || gid === undefined) throw new Error(`USER ${image.user} is no uid:gid`);
  const variables = Object.entries({ ...image.env, ...env }).map(([name, value]) => [name, inside(image, value)]);
  const [program = "", ...args] = words.map((word) => inside(image, word));
  const PATH = join(image.root, "usr/local/bin");
  // The root is read-only, and there is no /tmp in it.
  const TMPDIR = join(image.root, "tmp");
  const child = spawn(join(PATH, program), args, {
    uid,
    gid,
    cwd: image.root,
    env: { PATH, TMPDIR, ...Object.fromEntries(variables) },
    stdio: ["ignore", "pipe", "pipe"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  return child;
}

function endOf(child: ChildProcess): Promise<Ended> {
  let said = "";
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding("utf8").on("data", (text: string) => {
      said += text;
    });
  return new Promise((resolve, reject) => {
    child.on("error", reject).on("close", (code, signal) => resolve({ code, signal, said }));
  });
}

export class Container {
  readonly #image: Image;
  readonly #env: Readonly<Record<string, string>>;
  readonly #child: ChildProcess;
  readonly ended: Promise<Ended>;

  constructor(image: Image, env: Readonly<Record<string, string>>) {
    this.#image = image;
    this.#env = env;
    this.#child = start(image, [...image.entrypoint, ...image.command], env);
    this.ended = endOf(this.#child);
  }

  /** Runs the health check once; true for healthy. */
  async isHealthy(): Promise<boolean> {
    const { code } = await endOf(start(this.#image, this.#image.healthCheck, this.#env));
    return code === 0;
  }

  async stop(): Promise<Ended> {
    this.#child.kill("SIGTERM");
    const kill = setTimeout(() => this.#child.kill("SIGKILL"), STOP_GRACE_MS);
    try {
      return await this.ended;
    } finally {
      clearTimeout(kill);
    }
  }
}
