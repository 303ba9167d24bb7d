// The command in a real terminal, wide and narrow: what a person sees. Nothing is wider than the terminal but what is one word,
// and must stay one to be copied.

import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { startBroker } from "@brooklet/server";
import { expect, onTestFinished, test } from "vitest";
import { eventually } from "../../support/eventually.ts";
import { hasTmux, type Screen, Tmux } from "../../support/tmux.ts";

const ENTRY = fileURLToPath(new URL("../../../cli/bin/brooklet.js", import.meta.url));
const BROOKLET = `'${process.execPath}' '${ENTRY}'`;
const WIDTHS = [80, 40];

/** Resolves when the screen shows it; then nothing in it is too wide. */
async function shows(screen: Screen, columns: number, pattern: RegExp): Promise<void> {
  await eventually(
    () => pattern.test(screen.text.replace(/\s+/g, " ")),
    `${pattern} on a screen of ${columns} columns`,
  ).catch((error) => {
    throw new Error(`${error.message}; it shows:\n${screen.text}`);
  });
  expect(screen.lines.filter((line) => line.length > columns && line.trim().includes(" "))).toEqual([]);
}

/** Nobody listens there. */
const NOBODY = "127.0.0.1:9";

test.skipIf(!hasTmux)(
  "help, banner, waiting and errors at 80 and 40 columns (skipped where tmux is not installed)",
  async () => {
    const broker = await startBroker();
    onTestFinished(() => broker.close());
    await fetch(`${broker.url}/v1/createTopics`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ topics: [{ topic: "orders", partitions: 3 }] }),
    });
    const tmux = new Tmux();
    await Promise.all(
      WIDTHS.map(async (columns) => {
        const open = (words: string, prefix = "") =>
          tmux.open(`${prefix} ${BROOKLET} ${words}`, columns, { BROOKLET_PORT: String(broker.port) });
        const [help, banner, consume, error, typo, dumb] = [
          open("--help"),
          open("--port 0 --ephemeral"),
          open("consume orders"),
          open(`topics list -b ${NOBODY} --timeout-ms 300`),
          open("consume orders --jsn"),
          open("--help", "TERM=dumb"),
        ];
        await shows(help, columns, /has the options and examples of a command/);
        await shows(banner, columns, /is ready; Ctrl-C stops it.*try it echo "hello" \|/);
        await shows(consume, columns, /waiting for records of orders.*Ctrl-C/);
        await shows(error, columns, /Is a broker running there\?/);
        await shows(typo, columns, /did you mean --json\?/);
        await shows(dumb, columns, /has the options and examples of a command/);
        // Bold heads, and the error in red; without colours the same text.
        expect(help.colored).toContain("\u001b[1mStart here");
        expect(error.colored).toContain("\u001b[31mbrooklet: ");
        expect(dumb.colored).not.toContain("\u001b");
        expect(dumb.text).toBe(help.text);

        // The line of the banner, copied as it stands on the screen, produces a record in its broker.
        const [, line = ""] = /try it\s+(echo [\s\S]*)$/.exec(banner.text) ?? [];
        expect(line).toMatch(/produce[\s\\]+greetings/);
        const shell = spawnSync("sh", ["-c", `brooklet() { ${BROOKLET} "$@"; }\n${line.split("\n\n")[0]}`], {
          encoding: "utf8",
        });
        expect(shell).toMatchObject({ status: 0, stdout: "", stderr: expect.stringContaining("stored 1 record") });

        banner.press("C-c");
        await shows(banner, columns, /stopping/);
      }),
    );
  },
);
