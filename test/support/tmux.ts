// Real terminals: a tmux server of the test's own, whose screens are read as a person sees them. Ended with the test.

import { spawnSync } from "node:child_process";
import { onTestFinished } from "vitest";
import { temporaryFolder } from "./temporary-folder.ts";

/** Tests with a terminal are skipped without it. */
export const hasTmux = spawnSync("tmux", ["-V"]).status === 0;

/** Tall enough that nothing scrolls away. */
const ROWS = 160;
let servers = 0;

export class Tmux {
  readonly #socket = `brooklet-test-${process.pid}-${servers++}`;
  #sessions = 0;

  constructor() {
    onTestFinished(() => void this.#tmux("kill-server"));
  }

  /** A terminal of so many columns in which `shellLine` runs; its screen stays when that has ended. */
  open(
    shellLine: string,
    columns: number,
    env: Readonly<Record<string, string>> = {},
    cwd = temporaryFolder(),
  ): Screen {
    const name = `s${this.#sessions++}`;
    // What the test's own surroundings say of colours would show.
    const given = Object.entries({ NO_COLOR: "", FORCE_COLOR: "", ...env }).flatMap(([key, value]) => [
      "-e",
      `${key}=${value}`,
    ]);
    const size = ["-x", String(columns), "-y", String(ROWS)];
    this.#tmux(
      "-f",
      "/dev/null",
      "new-session",
      "-d",
      "-s",
      name,
      ...size,
      ...given,
      "-c",
      cwd,
      `${shellLine}; sleep 60`,
    );
    return new Screen((...args) => this.#tmux(...args), name);
  }

  #tmux(...args: string[]): string {
    const { stdout, stderr, status } = spawnSync("tmux", ["-L", this.#socket, ...args], { encoding: "utf8" });
    if (status !== 0 && args[0] !== "kill-server") throw new Error(`tmux ${args.join(" ")}: ${stderr}`);
    return stdout;
  }
}

export class Screen {
  readonly #tmux: (...args: string[]) => string;
  readonly #name: string;

  constructor(tmux: (...args: string[]) => string, name: string) {
    this.#tmux = tmux;
    this.#name = name;
  }

  /** The lines as they were written: what the terminal broke by itself is joined, so that a line that was too wide shows. */
  get lines(): string[] {
    const text = this.#tmux("capture-pane", "-p", "-J", "-t", this.#name);
    return text
      .trimEnd()
      .split("\n")
      .map((line) => line.trimEnd());
  }

  get text(): string {
    return this.lines.join("\n");
  }

  /** The same with the escape sequences of its colours. */
  get colored(): string {
    return this.#tmux("capture-pane", "-p", "-e", "-t", this.#name).trimEnd();
  }

  /** Types text as it stands. */
  type(text: string): void {
    this.#tmux("send-keys", "-t", this.#name, "-l", text);
  }

  /** Presses a key by tmux's name for it: Enter, Tab, C-c. */
  press(key: string): void {
    this.#tmux("send-keys", "-t", this.#name, key);
  }
}
