// The entry of `npm run demo`: this process's arguments, streams and signals.

import { Interrupted, runDemo } from "./demos.ts";

const stop = new AbortController();
// Not once: npm and the launcher pass a terminal's Ctrl-C on, so that one may arrive twice.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
  process.on(signal, () => stop.abort(new Interrupted(`interrupted by ${signal}`)));
const streams = { stdout: process.stdout, stderr: process.stderr };
process.exitCode = await runDemo(process.argv.slice(2), streams, process.env, stop);
