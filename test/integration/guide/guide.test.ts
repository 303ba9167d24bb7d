// Every program, command and file of the guide, run as it stands against brokers of its own (only the port is another).

import { type ChildProcess, execFile, fork, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { stripTypeScriptTypes } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { startBroker } from "@brooklet/server";
import { afterAll, describe, expect, type TestContext, test } from "vitest";
import { Options } from "../../../cli/src/call.ts";
import { brokerOptions } from "../../../cli/src/commands/broker/serve-options.ts";
import { type Block, notRun, pages, printed, promised, repository } from "./pages.ts";

/** What is not run, page by page; the fence says why. */
const NOT_RUN: Readonly<Record<string, number>> = { "http.md": 1, "operations.md": 2 };

const folder = mkdtempSync(join(tmpdir(), "brooklet-guide-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
symlinkSync(join(repository, "node_modules"), join(folder, "node_modules"), "dir");
writeFileSync(join(folder, "package.json"), '{ "type": "module" }\n');

const runner = fileURLToPath(new URL("snippet-runner.ts", import.meta.url));
const command = fileURLToPath(new URL("command.ts", import.meta.url));
const all = pages.flatMap(({ blocks }) => blocks);
const isProgram = ({ language, info }: Block) => (language === "ts" || language === "js") && info !== "kafkajs";
const isTestFile = ({ code }: Block) => /from "(vitest|node:test)"/.test(code);
const place = ({ page, line }: Block) => `docs/guide/${page}:${line}`;

const absent = ["curl", "sqlite3"].filter((tool) => spawnSync(tool, ["--version"]).error !== undefined);
if (absent.length > 0)
  process.stderr.write(`guide.test.ts: what needs ${absent.join(", ")} is skipped: not on the path\n`);
const needsAbsent = ({ code }: Block) => absent.some((tool) => new RegExp(`\\b${tool}\\b`).test(code));

interface Ran {
  readonly lines: readonly string[];
  readonly failure: string | undefined;
}

function fileOf(block: Block, port?: number): string {
  const name = `${block.page.replace(".md", "")}-${block.line}${isTestFile(block) ? ".test" : ""}.${block.language}`;
  const code = `${block.given}${block.code}${block.then}\nexport {};\n`;
  const file = join(folder, name);
  writeFileSync(file, port === undefined ? code : withPort(code, port));
  return file;
}

const withPort = (code: string, port: number) =>
  code.replaceAll(/(?:localhost|127\.0\.0\.1):4092/g, `127.0.0.1:${port}`);

async function run(program: string, args: readonly string[], cwd: string, port = 0): Promise<Ran> {
  return await new Promise((resolve) => {
    const env = { ...process.env, NO_COLOR: "1", BROOKLET_PORT: String(port), NODE_NO_WARNINGS: "1" };
    execFile(program, args, { cwd, timeout: LIMIT_MS, env }, (error, stdout, stderr) => {
      const lines = stdout.trimEnd().split("\n");
      resolve({ lines, failure: error === null ? undefined : `${error.message}\n${stdout}\n${stderr}` });
    });
  });
}

/** A page's programs share a process. */
function processOf(
  cwd: string,
  { onTestFinished }: Pick<TestContext, "onTestFinished">,
): (file: string) => Promise<Ran> {
  let child: ChildProcess | undefined;
  onTestFinished(() => void child?.kill("SIGKILL"));
  return async (file) => {
    child ??= fork(runner, { cwd, execArgv: ["--experimental-eventsource", "--no-warnings"] });
    const { promise, resolve } = Promise.withResolvers<Ran>();
    child.once("message", resolve);
    child.once("exit", (code, signal) => resolve({ lines: [], failure: `the process ended (${code ?? signal})` }));
    child.send(file);
    return await promise;
  };
}

function expectOutput(block: Block, { lines, failure }: Ran): void {
  expect(failure, place(block)).toBeUndefined();
  const expected = block.output === undefined ? promised(block.code) : block.output.trimEnd().split("\n");
  if (block.language === "sh" && block.output === undefined) return;
  const said = `${place(block)} printed\n${lines.join("\n")}\nand not\n${expected.join("\n")}`;
  expect(printed(lines, expected), said).toBe(true);
}

// Written for vitest, and run by it: their tests are tests of this file.
for (const block of all.filter((one) => isProgram(one) && one.code.includes('from "vitest"')))
  await describe(`${block.page}:${block.line}`, () => import(fileOf(block)));

/** Many processes at once: reached only if something hangs. */
const LIMIT_MS = 90_000;

describe.concurrent("the guide's pages do what they say", { timeout: LIMIT_MS }, () => {
  for (const { name, blocks } of pages) {
    const runnable = blocks.filter((block) => notRun(block) === undefined);
    if (!runnable.some((block) => isProgram(block) || block.language === "sh")) continue;
    test(name, async ({ onTestFinished }) => {
      const broker = await startBroker();
      onTestFinished(() => broker.close());
      const { port } = broker;
      const cwd = join(folder, name.replace(".md", ""));
      mkdirSync(cwd);
      const runProgram = processOf(cwd, { onTestFinished });
      for (const block of runnable) {
        if (block.language === "sh" && !needsAbsent(block)) {
          const shell = `set -e\nbrooklet() { "${process.execPath}" "${command}" "$@"; }\n`;
          const code = withPort(`${block.given}${block.code}`, port);
          expectOutput(block, await run("sh", ["-c", shell + code], cwd, port));
        } else if (isProgram(block) && !isTestFile(block)) {
          expectOutput(block, await runProgram(fileOf(block, port)));
        }
      }
    });
  }

  test.each(all.filter((block) => isProgram(block) && isTestFile(block) && block.code.includes('"node:test"')))(
    "$page:$line passes with node:test",
    async (block) => {
      const { failure } = await run(process.execPath, ["--test", fileOf(block)], folder);
      expect(failure, place(block)).toBeUndefined();
    },
  );

  test("every program has the types that it claims", async () => {
    const files = all.filter((block) => isProgram(block) && block.language === "ts").map((block) => fileOf(block));
    const compilerOptions = { noUnusedLocals: false, noUnusedParameters: false };
    const config = { extends: join(repository, "tsconfig.json"), compilerOptions, include: [], files };
    const file = join(folder, "tsconfig.json");
    writeFileSync(file, JSON.stringify(config));
    const tsc = join(repository, "node_modules/typescript/bin/tsc");
    const { lines, failure } = await run(process.execPath, [tsc, "-p", file], folder);
    expect(failure === undefined ? [] : lines).toEqual([]);
  });
});

test.each(all.filter(({ language }) => language === "json"))("$page:$line is JSON", ({ code }) => {
  expect(() => JSON.parse(code)).not.toThrow();
});

test.each(all.filter(({ language }) => language === "properties"))("$page:$line configures a broker", ({ code }) => {
  const config = join(mkdtempSync(join(folder, "config-")), "server.properties");
  writeFileSync(config, code);
  expect(brokerOptions(new Options({ config }), {}).warnings).toEqual([]);
});

test.each(all.filter(({ info }) => info === "kafkajs"))("$page:$line parses", ({ code }) => {
  expect(() => stripTypeScriptTypes(code)).not.toThrow();
});

test("what is not run is little, and says why", () => {
  const counts = Object.entries(Object.groupBy(all.filter(notRun), ({ page }) => page)).map(
    ([page, blocks = []]) => [page, blocks.length] as const,
  );
  expect(Object.fromEntries(counts)).toEqual(NOT_RUN);
});

// Without a language, of other marks, or indented in a list: nothing here would run it, and nobody would miss it.
test("every fence opens or closes a block that is looked at", () => {
  for (const { name, text, blocks } of pages) {
    const fences = text.match(/^\s*(`{3,}|~{3,})/gm) ?? [];
    const known = blocks.reduce((sum, { output }) => sum + (output === undefined ? 2 : 4), 0);
    expect(fences, `docs/guide/${name}`).toHaveLength(known);
  }
});

test("no block is of a kind that nobody looks at", () => {
  const known = /^(ts|js|sh|json|properties|text|html|java|js kafkajs)$/;
  const others = all.filter(
    (block) => notRun(block) === undefined && !known.test(`${block.language} ${block.info}`.trim()),
  );
  // A text is the output of the block above it, which has it.
  const alone = all.filter(({ language }) => language === "text");
  expect([...others, ...alone].map(place)).toEqual([]);
});

test.each([
  ["commits.md", "commits.md"],
  ["rebalancing.md", "rebalance.md"],
])("the figures of %s are those that the demo has written: copy the table of figures/%s", (name, written) => {
  const [table = "no table"] =
    /^(\|.*\n)+/m.exec(readFileSync(join(repository, "docs/guide/figures", written), "utf8")) ?? [];
  expect(pages.find((page) => page.name === name)?.text ?? "").toContain(table);
});
