// What `brooklet` is in the guide's shell blocks: the command. A broker listens on a free port and stops by itself when it has
// said that it is ready.

import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

const ENTRY = fileURLToPath(new URL("../../../cli/bin/brooklet.js", import.meta.url));

const args = process.argv.slice(2);
const isBroker = (args[0] === undefined || args[0] === "serve" || args[0].startsWith("-")) && !args.includes("--help");

if (isBroker) {
  const child = spawn(process.execPath, [ENTRY, ...args, "--port", "0"], { stdio: ["ignore", "pipe", "inherit"] });
  let said = "";
  child.stdout.on("data", (chunk) => {
    process.stdout.write(chunk);
    said += String(chunk);
    if (said.includes("try it")) child.kill("SIGTERM");
  });
  child.on("close", (code) => process.exit(code ?? 1));
} else {
  process.argv.splice(1, 1, ENTRY);
  const { start } = await import("../../../cli/src/main.ts");
  await start();
}
