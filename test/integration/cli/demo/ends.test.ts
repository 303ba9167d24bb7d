// How `npm run demo` ends: help, wrong names, interrupted, and when nobody reads any more.

import { spawn } from "node:child_process";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { runDemo } from "../../../../cli/demo/demos.ts";

const MAIN = fileURLToPath(new URL("../../../../cli/demo/main.ts", import.meta.url));

async function run(args: readonly string[], write?: (text: string) => Error | undefined) {
  const texts = { stdout: "", stderr: "" };
  const sink = (name: "stdout" | "stderr") =>
    new Writable({
      write(chunk, _encoding, done) {
        texts[name] += String(chunk);
        done(write?.(String(chunk)));
      },
    });
  const code = await runDemo(args, { stdout: sink("stdout"), stderr: sink("stderr") }, {}, new AbortController());
  return { code, ...texts };
}

test("--help names every demo", async () => {
  for (const args of [["--help"], ["commits", "-h"]]) {
    const { code, stdout } = await run(args);
    expect(code).toBe(0);
    for (const name of ["statistics", "commits", "rebalance", "--json"]) expect(stdout).toContain(name);
  }
});

test("an unknown name, option or second name is refused, with those that there are", async () => {
  for (const [args, what] of [
    [["commit"], 'there is no demo "commit"; there are statistics, commits, rebalance'],
    [["__proto__"], 'there is no demo "__proto__"'],
    [["--fast"], "'--fast'"],
    [["commits", "rebalance"], "one demo at a time: commits, rebalance"],
    [["commits", "--figures"], "'--figures <value>' argument missing"],
  ] as const) {
    const { code, stdout, stderr } = await run(args);
    expect(code).toBe(2);
    expect(stdout).toBe("");
    expect(stderr.replaceAll("\n", " ")).toContain(what);
    expect(stderr.replaceAll("\n", " ")).toContain("npm run demo -- --help");
  }
});

test("when nobody reads any more it ends without a word", async () => {
  const broken = () => Object.assign(new Error("write EPIPE"), { code: "EPIPE" });
  const { code, stderr } = await run(["rebalance"], broken);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
});

test("Ctrl-C reaches every process of the terminal: all end, the folder goes, 130", async () => {
  const temporary = await mkdtemp(join(tmpdir(), "brooklet-demo-test-"));
  onTestFinished(() => rm(temporary, { recursive: true, force: true }));
  const demo = spawn(process.execPath, [MAIN, "statistics"], {
    detached: true,
    env: { ...process.env, TMPDIR: temporary },
    timeout: 25_000,
    killSignal: "SIGKILL",
  });
  const { pid } = demo;
  if (pid === undefined) throw new Error("the demo was not started");
  /** The demo and its children are one process group, as below a terminal. */
  const isAnyoneLeft = () => {
    try {
      return process.kill(-pid, 0);
    } catch {
      return false;
    }
  };
  onTestFinished(() => {
    if (isAnyoneLeft()) process.kill(-pid, "SIGKILL");
  });
  let text = "";
  for (const stream of [demo.stdout, demo.stderr])
    stream.setEncoding("utf8").on("data", (chunk) => {
      text += chunk;
      if (chunk.includes("They share the partitions")) process.kill(-pid, "SIGINT");
    });
  const code = await new Promise((resolve) => demo.on("close", resolve));
  expect(code, text).toBe(130);
  expect(text).toContain("Interrupted; everything is put away.");
  expect(isAnyoneLeft()).toBe(false);
  expect(await readdir(temporary)).toEqual([]);
});
