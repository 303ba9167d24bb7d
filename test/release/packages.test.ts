// What a stranger gets: the packages are built, packed, checked, and installed into an empty folder by `npm ci` from that
// folder's own lock, without a compiler; then they are used there as their README says. One build serves all tests.

import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { publint } from "publint";
import { afterAll, beforeAll, describe, expect, type TestContext, test } from "vitest";
import { build } from "../../scripts/release/build.ts";
import { readManifest, releasePackages, repositoryRoot } from "../../scripts/release/packages.ts";
import { startProgram } from "../support/child.ts";
import { filesOf } from "./files.ts";
import { bareNpm, RegistryUnreachable, runNode } from "./npm.ts";

const root = mkdtempSync(join(tmpdir(), "brooklet-release-"));
const built = join(root, "built");
const tarballs = join(root, "tarballs");
const npm = bareNpm(root);
/** Of this machine, and nobody else's business: also in a source map. */
const here = [repositoryRoot, root];
const outputs = releasePackages.map(({ output }) => output);

beforeAll(async () => {
  await build(built);
  mkdirSync(tarballs);
  await Promise.all(
    outputs.map((output) => npm.run(root, "pack", "--pack-destination", tarballs, join(built, output))),
  );
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

function manifestOf(output: string): Record<string, Record<string, unknown>> {
  return JSON.parse(readFileSync(join(built, output, "package.json"), "utf8"));
}

const tarballOf = (output: string) =>
  join(tarballs, `brooklet${output === "brooklet" ? "" : `-${output}`}-${readManifest("cli").version}.tgz`);

describe.each(outputs)("%s", (output) => {
  test("publint has nothing to say", async () => {
    const { messages } = await publint({ pkgDir: join(built, output), pack: false, strict: true, level: "suggestion" });
    expect(messages).toEqual([]);
  });

  test("has its licence, its README and an engine, and no script of any kind", () => {
    const manifest = manifestOf(output);
    expect(manifest).not.toHaveProperty("scripts");
    expect(manifest.engines).toEqual({ node: ">=24" });
    for (const file of ["LICENSE", "README.md"]) expect(existsSync(join(built, output, file))).toBe(true);
  });

  test("names nothing of the repository: every file it points at is there, and none is a source", () => {
    const files = filesOf(join(built, output));
    const named = JSON.stringify(manifestOf(output)).match(/"\.\/[^"*]+\.\w+"/g) ?? [];
    expect(named.map((path) => path.slice(2, -1)).filter((path) => !files.has(path))).toEqual([]);
    expect([...files.keys()].filter((path) => /(?<!\.d)\.ts$/.test(path))).toEqual([]);
    const wrong = [...files].filter(([path, text]) => {
      if (path.includes("node_modules")) return false;
      const isCode = /\.(js|d\.ts)$/.test(path);
      return (
        (isCode && /(from |import\()"(\.[^"]*\.ts|#[^"]*)"/.test(text)) || here.some((folder) => text.includes(folder))
      );
    });
    expect(wrong.map(([path]) => path)).toEqual([]);
  });
});

test("every worker of the sources is a file of its own beside the server's bundle", () => {
  const workers = readdirSync(join(repositoryRoot, "server/src"), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".worker.ts"))
    .map((file) => basename(file).replace(/\.ts$/, ".js"));
  const files = readdirSync(join(built, "server/dist"));
  expect(workers.length).toBeGreaterThan(0);
  expect(workers.filter((file) => !files.includes(file))).toEqual([]);
  const bundle = readFileSync(join(built, "server/dist/index.js"), "utf8");
  expect(workers.filter((file) => !bundle.includes(`new URL("./${file}", import.meta.url)`))).toEqual([]);
});

test("what browsers get imports nothing but itself, and its map names no folder of this machine", () => {
  const page = readFileSync(join(built, "client/dist/browser.js"), "utf8");
  expect(page.match(/\bfrom\s*["'`]|\bimport\s*\(|\brequire\s*\(|node:/g)).toBeNull();
  const { sources } = JSON.parse(readFileSync(join(built, "client/dist/browser.js.map"), "utf8")) as {
    sources: string[];
  };
  expect(sources.filter((source) => !/^brooklet\/\w/.test(source))).toEqual([]);
  const portable = filesOf(join(built, "protocol/dist/portable"));
  const outside = [...portable.values()].flatMap((text) =>
    [...text.matchAll(/from "([^."][^"]*)"/g)].map(([, name]) => name),
  );
  expect(new Set(outside)).toEqual(new Set(["secure-json-parse"]));
});

/** An empty folder with these packages, by `npm ci` from its own lock; skips the test, with the reason, without a registry. */
async function install(
  name: string,
  packages: readonly string[],
  context: TestContext,
  more: object = {},
): Promise<string> {
  const folder = join(root, name);
  mkdirSync(folder);
  const own = packages.map((output) => [manifestOf(output).name, `file:${tarballOf(output)}`]);
  const manifest = { private: true, type: "module", dependencies: { ...Object.fromEntries(own), ...more } };
  writeFileSync(join(folder, "package.json"), JSON.stringify(manifest));
  try {
    await npm.run(folder, "install", "--package-lock-only");
    await npm.run(folder, "ci");
  } catch (error) {
    if (error instanceof RegistryUnreachable) context.skip("no registry can be reached from here");
    throw error;
  }
  return folder;
}

/** The program of a package's README, against this broker. */
function programOf(output: string, address: string): string {
  const program = /```js\n([\s\S]*?)```/.exec(readFileSync(join(built, output, "README.md"), "utf8"))?.[1];
  if (program === undefined) throw new Error(`the README of ${output} has no program`);
  return program.replaceAll("localhost:4092", address);
}

/** Pages know nothing of Node, and their targets may be older than `await using`. */
const modes = {
  nodenext:
    "--target es2024 --lib es2024,esnext.disposable --module nodenext --types node --skipLibCheck false typed.ts",
  bundler:
    "--target es2024 --lib es2024,esnext.disposable --module esnext --moduleResolution bundler --types node --skipLibCheck true typed.ts",
  page: "--target es2022 --lib es2022,dom --module esnext --moduleResolution bundler --customConditions browser --types  --skipLibCheck false --allowJs --checkJs client.js",
};

test("installed by npm ci without a compiler: npx brooklet, and programs in JavaScript and TypeScript", async (context) => {
  const nodeTypes = JSON.parse(readFileSync(join(repositoryRoot, "package.json"), "utf8")).devDependencies[
    "@types/node"
  ];
  const folder = await install("empty", outputs, context, { "@types/node": nodeTypes });

  const broker = startProgram(process.execPath, [npm.cli("npx"), "brooklet", "--port", "0", "--data", "data"], {
    cwd: folder,
    env: npm.env,
    keepsErrors: true,
  });
  const line = await broker.line((text) => text.includes("http://"));
  const { host } = new URL(/http:\S+/.exec(line)?.[0] ?? "");

  const produced = await runNode(
    [npm.cli("npx"), "brooklet", "produce", "greetings", "-b", host],
    folder,
    npm.env,
    "hello\n",
  );
  expect(produced.code, produced.output).toBe(0);
  const consumed = await runNode(
    [npm.cli("npx"), "brooklet", "consume", "greetings", "-b", host, "-o", "start", "-e"],
    folder,
    npm.env,
  );
  expect(consumed.output).toContain("hello");

  writeFileSync(join(folder, "client.js"), programOf("client", host));
  writeFileSync(join(folder, "server.js"), programOf("server", host));
  copyFileSync(new URL("./programs/typed.ts", import.meta.url), join(folder, "typed.ts"));
  const required = 'const { Producer } = require("@brooklet/client"); console.log(typeof Producer)';
  const env = { ...npm.env, BROOKLET_BOOTSTRAP_SERVERS: host };
  const run = (...args: readonly string[]) => runNode(args, folder, env);
  const [client, server, typescript, commonJs] = await Promise.all([
    run("client.js"),
    run("server.js"),
    run("typed.ts"),
    run("--input-type=commonjs", "--eval", required),
  ]);
  expect(client.output).toMatch(/stored: orders-0 at offset 0\nread: 7 \{ total: 30 \}/);
  expect(server.output).toMatch(/listening on http:\/\/127\.0\.0\.1:\d+/);
  expect(typescript.output).toMatch(/^30 \d+ 0 function/);
  expect(commonJs.output).toBe("function\n");

  const tsc = join(repositoryRoot, "node_modules/typescript/bin/tsc");
  const checks = Object.values(modes).map((options) => run(tsc, "--strict", "--noEmit", ...options.split(" ")));
  for (const { output } of await Promise.all(checks)) expect(output).toBe("");

  broker.kill("SIGTERM");
  await broker.exited;
}, 120_000);

test("the client alone: no SQLite comes with it, and it works against any broker", async (context) => {
  const folder = await install("alone", ["protocol", "client"], context);
  const installed = readdirSync(join(folder, "node_modules"), { recursive: true, encoding: "utf8" });
  expect(installed.filter((path) => /better-sqlite3|@brooklet\/server|fastify/.test(path))).toEqual([]);
  const broker = startProgram(
    process.execPath,
    [join(repositoryRoot, "cli/bin/brooklet.js"), "--port", "0", "--ephemeral"],
    { keepsErrors: true },
  );
  const line = await broker.line((text) => text.includes("http://"));
  writeFileSync(join(folder, "client.js"), programOf("client", new URL(/http:\S+/.exec(line)?.[0] ?? "").host));
  const { output } = await runNode(["client.js"], folder, npm.env);
  expect(output).toMatch(/stored: orders-0 at offset 0\nread: 7 \{ total: 30 \}/);
}, 60_000);
