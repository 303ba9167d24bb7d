// `node scripts/launch.js scripts/release/measure.ts [RUNS]`: how fast the command starts and how much memory its idle broker
// takes, built and from the sources, in turns, so that whatever else the machine does meets both. Medians.

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { Agent, request } from "node:http";
import { createServer } from "node:net";
import { cpus, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { build } from "./build.ts";
import { repositoryRoot } from "./packages.ts";
import { stage } from "./staged.ts";

const DEFAULT_RUNS = 15;
/** Between two tries to reach a broker that starts. */
const TRY_EVERY_MS = 2;
const MAX_START_MS = 20_000;
/** An idle broker's memory is what it has after this. */
const IDLE_AFTER_MS = 3_000;

interface Figures {
  versionMs: number;
  firstRecordMs: number;
  idleMegabytes: number;
}

async function measure(bin: string): Promise<Figures> {
  const versionMs = timed(() => {
    const { status } = spawnSync(process.execPath, [bin, "--version"], { stdio: "ignore" });
    if (status !== 0) throw new Error(`--version ended with ${status}`);
  });
  const data = mkdtempSync(join(tmpdir(), "brooklet-measure-"));
  const port = await freePort();
  const startMs = performance.now();
  const broker = spawn(process.execPath, [bin, "--port", String(port), "--data", data], { stdio: "ignore" });
  try {
    await firstRecord(port, broker);
    const firstRecordMs = performance.now() - startMs;
    await sleep(IDLE_AFTER_MS);
    return { versionMs: versionMs, firstRecordMs, idleMegabytes: residentBytes(broker.pid ?? 0) / 1e6 };
  } finally {
    const ended = once(broker, "exit");
    if (broker.kill("SIGTERM")) await ended;
    rmSync(data, { recursive: true, force: true });
  }
}

function timed(run: () => void): number {
  const startMs = performance.now();
  run();
  return performance.now() - startMs;
}

/** Resolves when the broker has acknowledged a record: on its disk. */
async function firstRecord(port: number, broker: ChildProcess): Promise<void> {
  const agent = new Agent({ keepAlive: false });
  const deadlineMs = performance.now() + MAX_START_MS;
  for (;;) {
    const status = await post(port, agent).catch(() => undefined);
    if (status === 200) return;
    if (status !== undefined) throw new Error(`the first record was answered with ${status}`);
    if (broker.exitCode !== null || performance.now() > deadlineMs) throw new Error("the broker did not start");
    await sleep(TRY_EVERY_MS);
  }
}

function post(port: number, agent: Agent): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const call = request(
      {
        port,
        agent,
        method: "POST",
        path: "/v1/topics/measured/records",
        headers: { "content-type": "application/json" },
      },
      (answer) => answer.resume().on("end", () => resolve(answer.statusCode)),
    );
    call.on("error", reject);
    call.end('{"records":[{"value":"first"}]}');
  });
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("no free port");
  return address.port;
}

function residentBytes(pid: number): number {
  if (process.platform === "linux") {
    const kilobytes = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
    return Number(kilobytes) * 1024;
  }
  return Number(spawnSync("ps", ["-o", "rss=", "-p", String(pid)], { encoding: "utf8" }).stdout) * 1024;
}

function median(values: readonly number[]): string {
  const sorted = values.toSorted((a, b) => a - b);
  return (sorted[Math.floor(sorted.length / 2)] ?? Number.NaN).toFixed(0);
}

const runs = Number(process.argv[2] ?? DEFAULT_RUNS);
const built = mkdtempSync(join(tmpdir(), "brooklet-build-"));
await build(built);
const staged = stage(built);
try {
  const subjects = [
    ["release", join(staged, "node_modules/brooklet/bin/brooklet.js")],
    ["repository", join(repositoryRoot, "cli/bin/brooklet.js")],
  ] as const;
  const figures = new Map(subjects.map(([name]) => [name, [] as Figures[]]));
  // The first of each fills Node's compile cache, as a user's first start does.
  for (let index = -1; index < runs; index++) {
    for (const [name, bin] of subjects) {
      const one = await measure(bin);
      if (index >= 0) figures.get(name)?.push(one);
    }
  }
  console.log(
    `medians of ${runs}; ${cpus().length} processors, load ${loadavg()[0]?.toFixed(1)}, Node ${process.version}`,
  );
  console.log("            --version  first record acknowledged  idle memory");
  for (const [name, all] of figures) {
    const of = (key: keyof Figures) => median(all.map((one) => one[key]));
    console.log(
      `${name.padEnd(10)}${`${of("versionMs")} ms`.padStart(11)}${`${of("firstRecordMs")} ms`.padStart(27)}${`${of("idleMegabytes")} MB`.padStart(13)}`,
    );
  }
} finally {
  rmSync(staged, { recursive: true, force: true });
  rmSync(built, { recursive: true, force: true });
}
