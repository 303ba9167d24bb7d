// The command under a Node that is too old, where the machine has one beside ours: one clear line, and nothing else happens.

import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const OLDEST_MAJOR = 24;
const entry = fileURLToPath(new URL("../../../cli/bin/brooklet.js", import.meta.url));

function oldNode(): string | undefined {
  for (const folder of new Set((process.env.PATH ?? "").split(delimiter))) {
    let names: string[] = [];
    try {
      names = readdirSync(folder);
    } catch {
      continue;
    }
    if (!names.includes("node")) continue;
    const node = join(folder, "node");
    const { stdout } = spawnSync(node, ["--version"], { encoding: "utf8" });
    if (Number(/^v(\d+)/.exec(stdout ?? "")?.[1] ?? OLDEST_MAJOR) < OLDEST_MAJOR) return node;
  }
  return undefined;
}

test("any command under a real Node that is too old is one line and exit code 1", (context) => {
  const node = oldNode();
  if (node === undefined) return context.skip("there is no Node older than 24 on the path");
  for (const args of [[], ["serve", "--ephemeral"], ["topics", "list"], ["--help"]]) {
    const run = spawnSync(node, [entry, ...args], { encoding: "utf8", timeout: 10_000 });
    expect(run).toMatchObject({ status: 1, stdout: "" });
    expect(run.stderr).toMatch(/^brooklet needs Node 24 or newer, this is v\d+\.\d+\.\d+: .*install Node 24.*\n$/);
  }
});
