// What README.md tells a newcomer to type does what it says: its code is run as it stands, against a broker on another port.

import { execFile, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { startBroker } from "@brooklet/server";
import { expect, onTestFinished, test } from "vitest";
import { eventually } from "../../support/eventually.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import { brooklet } from "./command.ts";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const readme = readFileSync(new URL("../../../README.md", import.meta.url), "utf8");

/** The code blocks of a language below a heading. */
function blocks(heading: string, language: string): string[] {
  const section = readme.split(/^## /m).find((part) => part.startsWith(heading)) ?? "";
  return [...section.matchAll(new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``, "g"))].map(
    (match) => match[1] ?? "",
  );
}

async function broker() {
  const started = await startBroker();
  onTestFinished(() => started.close());
  return started;
}

async function run(command: string, args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  return await new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
    const options = { cwd: root, timeout: 25_000, env: { ...process.env, ...env } };
    execFile(command, args, options, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code ?? 1), stdout, stderr }),
    );
  });
}

const typescript = (code: string) => run(process.execPath, ["--input-type=module-typescript", "-e", code]);

test("the SDK example", async () => {
  const { port } = await broker();
  const [example = ""] = blocks("In TypeScript", "ts");
  const { code, stdout } = await typescript(example.replace("localhost:4092", `127.0.0.1:${port}`));
  expect({ code, stdout }).toEqual({
    code: 0,
    stdout: "stored in partition 0 at offset 0\nanna ordered 2 soup\n",
  });
});

test("the broker in a test's process", async () => {
  const [, example = ""] = blocks("In TypeScript", "ts");
  const { code, stdout } = await typescript(example);
  expect({ code, stdout }).toEqual({ code: 0, stdout: "[ 'orders' ]\n" });
});

/** A folder with `brooklet` as a program, for shells that have no alias. */
function onPath(): string {
  const folder = temporaryFolder();
  const entry = fileURLToPath(new URL("../../../cli/bin/brooklet.js", import.meta.url));
  writeFileSync(join(folder, "brooklet"), `#!/bin/sh\nexec "${process.execPath}" "${entry}" "$@"\n`, { mode: 0o755 });
  return `${folder}:${process.env.PATH}`;
}

const [firstRecords = "", threeConsumers = "", watching = "", oneLeaves = ""] = blocks("The first two minutes", "sh");

test("the first two minutes in a terminal: records", async () => {
  const { port } = await broker();
  const env = { BROOKLET_PORT: String(port), PATH: onPath() };
  const { code, stdout, stderr } = await run("sh", ["-c", `set -e\n${firstRecords.replace(/^alias .*$/m, "")}`], env);
  expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining("stored 3 records") });
  const lines = stdout.trim().split("\n");
  expect(lines[0]).toBe("hello");
  expect(
    lines
      .slice(1)
      .map((line) => JSON.parse(line).key)
      .sort(),
  ).toEqual(["anna", "anna", "ben"]);
});

test("the alias of a checkout runs the command", async () => {
  const [, command = ""] = /^alias brooklet="(.*?)"/m.exec(firstRecords) ?? [];
  expect(await run("sh", ["-c", `${command} --version`])).toMatchObject({ code: 0, stdout: "0.1.0\n" });
});

/** A shell that is typed into; it and what it started end with the test. */
function shell(env: Readonly<Record<string, string>>) {
  const child = spawn("sh", [], { env: { ...process.env, ...env }, detached: true });
  const typed = { output: "", type: (text: string) => child.stdin.write(`${text}\n`) };
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (text: string) => {
      typed.output += text;
    });
  onTestFinished(async () => {
    const ended = once(child, "close");
    if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
    await ended;
  });
  return typed;
}

test("the first two minutes in a terminal: a group of three, and the sight of a rebalance", async () => {
  const { port, url } = await broker();
  const env = { BROOKLET_PORT: String(port), PATH: onPath() };
  const created = await brooklet(["topics", "create", "orders", "-p", "6", "-b", `127.0.0.1:${port}`]);
  expect(created.code).toBe(0);
  const owned = async () => {
    const { members = [] } = (await (await fetch(`${url}/v1/groups/kitchen`)).json()) as {
      members?: { assignment: unknown[] }[];
    };
    return members.map(({ assignment }) => assignment.length);
  };
  const second = shell(env);
  second.type(threeConsumers);
  await eventually(async () => String(await owned()) === "2,2,2", "three members with two partitions each");
  const third = shell(env);
  third.type(watching);
  await eventually(() => third.output.includes("3 members"), "the watch shows three members");
  second.type(oneLeaves);
  await eventually(async () => String(await owned()) === "3,3", "two members with three partitions each");
  await eventually(
    () => /leave.*the consumer was closed/.test(third.output),
    "the watch shows who left, and why",
  ).catch((error: Error) => {
    throw new Error(`${error.message}; it shows:\n${third.output}`);
  });
});

const curl = spawnSync("curl", ["--version"]).status === 0;
test.skipIf(!curl)("the lines for curl (skipped where curl is not installed)", async () => {
  const { port } = await broker();
  const [commands = ""] = blocks("What it can do", "sh");
  // Whoever tails ends it by hand; here curl ends by itself, which is its code 28.
  const script = commands
    .replaceAll("4092", String(port))
    .replaceAll("curl ", "curl -sS --fail-with-body ")
    .replace(/^(curl .*)-N (.*)$/gm, "$1-N -m 2 $2 || [ $? = 28 ]");
  const { code, stdout, stderr } = await run("sh", ["-c", `set -e\n${script}`]);
  expect(stderr).toMatch(/^(curl: \(28\).*\n)$/);
  expect(code).toBe(0);
  expect(stdout).not.toContain('"error":{"code"');
  expect(stdout).toMatch(/"results":\[\{"topic":"fruit","topicId"/);
  expect(stdout).toMatch(/"records":.*"key":"anna".*"1 fig".*"pears":2/);
  expect(stdout).toMatch(/^data: .*"1 fig"/m);
  expect(stdout).toMatch(/\{.*"offset":2\}\n\{.*"offset":3\}$/m);
  expect(stdout).toMatch(/"groupId":"bakery".*"lag":3/);
  expect(stdout).toMatch(/"openapi":"3/);
  expect(stdout).toMatch(/^brooklet_consumer_group_lag\{group="bakery",topic="fruit",partition="0"\} 3$/m);
});
