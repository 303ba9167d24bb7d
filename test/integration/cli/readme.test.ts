// What README.md tells a newcomer to type does what it says: its code is run as it stands, against a broker on another port.

import { execFile, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { startBroker } from "@brooklet/server";
import { expect, onTestFinished, test } from "vitest";

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

test("the first two minutes in a terminal", async () => {
  const { port } = await broker();
  const [commands = ""] = blocks("The first two minutes", "sh");
  const entry = fileURLToPath(new URL("../../../cli/bin/brooklet.js", import.meta.url));
  const script = `set -e\nbrooklet() { "${process.execPath}" "${entry}" "$@"; }\n${commands.replace(/^alias .*$/m, "")}`;
  const { code, stdout, stderr } = await run("sh", ["-c", script], { BROOKLET_PORT: String(port) });
  expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining("stored 3 records") });
  const lines = stdout.trim().split("\n");
  expect(lines.filter((line) => !line.startsWith("{")).sort()).toEqual(["1 pear", "2 apples", "5 plums"]);
  expect(
    lines
      .filter((line) => line.startsWith("{"))
      .map((line) => JSON.parse(line).key)
      .sort(),
  ).toEqual(["anna", "anna", "ben"]);
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
