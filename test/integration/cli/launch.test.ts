// The launcher that every npm script runs through: arguments, exit codes and signals pass it unchanged.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";

const launcher = fileURLToPath(new URL("../../../scripts/launch.js", import.meta.url));

function launch(program: string, ...args: string[]) {
  const folder = mkdtempSync(join(tmpdir(), "brooklet-launch-"));
  const file = join(folder, "program.mjs");
  writeFileSync(file, program);
  const child = spawn(process.execPath, [launcher, file, ...args], { stdio: ["pipe", "pipe", "inherit"] });
  const ended = once(child, "close");
  onTestFinished(async () => {
    child.kill("SIGKILL");
    await ended;
    rmSync(folder, { recursive: true, force: true });
  });
  return { child, ended, first: once(child.stdout, "data").then(([data]) => String(data)) };
}

test("arguments go in, the exit code comes out, and this Node is first on the path", async () => {
  const { ended, first } = launch(
    "console.log(JSON.stringify([process.argv.slice(2), process.env.PATH.split(/[:;]/)[0]])); process.exitCode = 7;",
    "one",
    "--two=3",
  );
  expect(JSON.parse(await first)).toEqual([["one", "--two=3"], join(process.execPath, "..")]);
  expect(await ended).toEqual([7, null]);
});

test("a signal reaches the program, which ends as it sees fit", async () => {
  const { child, ended, first } = launch(
    'process.on("SIGTERM", () => process.exit(3)); setInterval(() => {}, 1000); console.log("ready");',
  );
  await first;
  child.kill("SIGTERM");
  expect(await ended).toEqual([3, null]);
});

test("a program that a signal ends, ends the launcher by the same signal", async () => {
  const { child, ended, first } = launch('setInterval(() => {}, 1000); console.log("ready");');
  await first;
  child.kill("SIGTERM");
  expect(await ended).toEqual([null, "SIGTERM"]);
});
