// `npm run torture`: the long fault and fuzz runs of test/torture/. With `--ci` the share that fits in 20 minutes; `npm test`
// runs none of it. Further arguments name files, as for vitest.

import { spawnSync } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const args = process.argv.slice(2);
const share = args.includes("--ci") ? "ci" : "full";
const { status } = spawnSync(
  process.execPath,
  [
    join(root, "node_modules/vitest/vitest.mjs"),
    "run",
    "--config",
    "vitest.torture.config.ts",
    ...args.filter((arg) => arg !== "--ci"),
  ],
  { cwd: root, stdio: "inherit", env: { ...process.env, TORTURE_SHARE: share } },
);
process.exit(status ?? 1);
