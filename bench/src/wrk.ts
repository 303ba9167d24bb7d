// wrk beside autocannon, where it is installed: autocannon itself is the bottleneck for bodies of 16 KiB and more.

import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

export interface WrkResult {
  readonly requests: number;
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** Whether wrk can be started here. */
export async function hasWrk(): Promise<boolean> {
  // `wrk -v` prints its version and ends with 1.
  return await run("wrk", ["-v"]).then(
    () => true,
    (error: unknown) => error instanceof Error && "code" in error && error.code !== "ENOENT",
  );
}

/** Posts `body` for `seconds` over `connections`, from one thread. */
export async function wrk(
  url: string,
  body: Uint8Array,
  contentType: string,
  connections: number,
  seconds: number,
): Promise<WrkResult> {
  const folder = await mkdtemp(join(tmpdir(), "brooklet-wrk-"));
  try {
    const script = join(folder, "post.lua");
    const bytes = [...body].map((byte) => `\\${String(byte).padStart(3, "0")}`).join("");
    await writeFile(
      script,
      `wrk.method = "POST"\nwrk.headers["content-type"] = "${contentType}"\nwrk.body = "${bytes}"\n`,
    );
    const { stdout } = await run("wrk", ["-t1", `-c${connections}`, `-d${seconds}s`, "--latency", "-s", script, url]);
    return parseWrk(stdout);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const UNITS_PER_MS: Readonly<Record<string, number>> = { us: 1000, ms: 1, s: 0.001 };

/** Reads what `wrk --latency` prints. */
export function parseWrk(text: string): WrkResult {
  if (/Non-2xx or 3xx responses/.test(text)) throw new Error(`wrk was answered with errors:\n${text}`);
  const percentile = (name: string) => {
    const found = new RegExp(`^\\s*${name}%\\s+([\\d.]+)(us|ms|s)`, "m").exec(text);
    return Number(found?.[1]) / (UNITS_PER_MS[found?.[2] ?? ""] ?? Number.NaN);
  };
  const requests = /^Requests\/sec:\s+([\d.]+)/m.exec(text);
  const total = /^\s*(\d+) requests in /m.exec(text);
  return {
    requests: Number(total?.[1]),
    requestsPerSecond: Number(requests?.[1]),
    p50Ms: percentile("50"),
    p99Ms: percentile("99"),
  };
}
