// What `brooklet` is in the guide's shell blocks: the command. A broker listens on a free port and gets a SIGTERM when it has
// said that it is ready.

import { start } from "../../../cli/src/main.ts";

const args = process.argv.slice(2);
const isBroker = (args[0] === undefined || args[0] === "serve" || args[0].startsWith("-")) && !args.includes("--help");

if (isBroker) {
  process.argv.push("--port", "0");
  const { stdout } = process;
  const write = stdout.write.bind(stdout);
  stdout.write = ((chunk: string | Uint8Array, ...others: []) => {
    if (String(chunk).includes("try it")) process.kill(process.pid, "SIGTERM");
    return write(chunk, ...others);
  }) as typeof stdout.write;
}
await start();
