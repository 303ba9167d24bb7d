// `npm test`: style, types, then every test. With arguments (`npm test -- test/unit/groups`): only vitest, with them.

import { spawnSync } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const bin = (path) => join(root, "node_modules", path);

function run(file, args) {
  const { status } = spawnSync(process.execPath, [file, ...args], { cwd: root, stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
}

const args = process.argv.slice(2);
if (args.length === 0 || args[0] === "--check") {
  run(bin("@biomejs/biome/bin/biome"), ["check", "--error-on-warnings", "."]);
  run(bin("typescript/bin/tsc"), ["--noEmit"]);
}
if (args[0] !== "--check") run(bin("vitest/vitest.mjs"), ["run", ...args]);
