// Completion in the real shells, typed in real terminals: what TAB makes of a line, with names from a real broker.

import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { startBroker } from "@brooklet/server";
import { onTestFinished, test } from "vitest";
import { eventually } from "../../support/eventually.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import { hasTmux, Tmux } from "../../support/tmux.ts";
import { brooklet } from "./command.ts";

const ENTRY = fileURLToPath(new URL("../../../cli/bin/brooklet.js", import.meta.url));
const PROMPT = "ready> ";

/** Installs the completion in a home as the help says. */
const installed = {
  bash: (home: string) => {
    writeFileSync(join(home, ".bashrc"), `PS1='${PROMPT}'\nsource <(brooklet completion bash)\n`);
  },
  zsh: (home: string) => {
    writeFileSync(join(home, ".zshrc"), `PS1='${PROMPT}'\nsource <(brooklet completion zsh)\n`);
  },
  fish: async (home: string) => {
    const config = join(home, ".config", "fish");
    mkdirSync(join(config, "completions"), { recursive: true });
    const { stdout } = await brooklet(["completion", "fish"]);
    writeFileSync(join(config, "completions", "brooklet.fish"), stdout);
    writeFileSync(join(config, "config.fish"), `function fish_prompt; echo -n '${PROMPT}'; end\n`);
  },
};

/** What is typed before TAB, and what stands there after it. */
const cases = [
  ["brooklet topics desc", "brooklet topics describe"],
  ["brooklet consume --off", "brooklet consume --offset"],
  ["brooklet serve --durability=pro", "brooklet serve --durability=process"],
  ["brooklet consume -e --json greet", "brooklet consume -e --json greetings"],
  ["brooklet groups describe ", "brooklet groups describe kitchen"],
  ["brooklet status --token-file tok", "brooklet status --token-file tokens.txt"],
] as const;

const isThere = (shell: string) => hasTmux && spawnSync(shell, ["-c", "exit 0"]).status === 0;

for (const [shell, install] of Object.entries(installed))
  test.skipIf(!isThere(shell))(
    `${shell} completes what is typed, names of the broker included (skipped where it or tmux is not installed)`,
    async () => {
      const broker = await startBroker();
      onTestFinished(() => broker.close());
      const ask = async (api: string, body: object) =>
        await fetch(`${broker.url}/v1/${api}`, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify(body),
        });
      await ask("createTopics", { topics: [{ topic: "greetings" }, { topic: "orders" }] });
      await ask("offsetCommit", { groupId: "kitchen", offsets: [{ topic: "greetings", partition: 0, offset: 0 }] });

      const home = temporaryFolder();
      await install(home);
      writeFileSync(join(home, "tokens.txt"), "");
      const bin = join(home, "bin");
      mkdirSync(bin);
      writeFileSync(join(bin, "brooklet"), `#!/bin/sh\nexec '${process.execPath}' '${ENTRY}' "$@"\n`);
      chmodSync(join(bin, "brooklet"), 0o755);
      // Not the token file of whoever runs the test, and no other broker.
      const env = {
        HOME: home,
        ZDOTDIR: home,
        XDG_CONFIG_HOME: join(home, ".config"),
        BROOKLET_PORT: String(broker.port),
      };
      const screen = new Tmux().open(`PATH='${bin}':$PATH exec ${shell}`, 100, env, home);
      await eventually(() => screen.lines.at(-1)?.trimEnd() === PROMPT.trimEnd(), `${shell} is ready`);
      for (const [typed, completed] of cases) {
        screen.type(typed);
        screen.press("Tab");
        await eventually(
          () => screen.lines.at(-1) === `${PROMPT}${completed}`,
          `${shell} makes ${JSON.stringify(completed)} of ${JSON.stringify(typed)}`,
        ).catch((error: Error) => {
          throw new Error(`${error.message}; it shows:\n${screen.text}`);
        });
        screen.press("C-u");
      }
      // Without a broker nothing is offered, and nothing is said.
      await broker.close();
      screen.type("brooklet produce gree");
      screen.press("Tab");
      screen.type("n");
      await eventually(() => screen.lines.at(-1) === `${PROMPT}brooklet produce green`, `${shell} stays silent`);
    },
  );
