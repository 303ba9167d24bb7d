// Installing, with npm 10, 11 and 12, where there is neither Python nor a compiler: a fresh clone of the repository, and the
// packed packages in a stranger's folder, in every way in which npm decides anew whether something must be compiled. Also what
// test/release/ leaves out because it takes many seconds: a second build, and arethetypeswrong.

import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, type TestContext, test } from "vitest";
import { build } from "../../scripts/release/build.ts";
import { readManifest, releasePackages, repositoryRoot } from "../../scripts/release/packages.ts";
import { filesOf } from "../release/files.ts";
import { bareNpm, type Npm, RegistryUnreachable, runNode } from "../release/npm.ts";
import { startRegistry } from "../release/registry.ts";

/** Each in every run: what breaks here, a stranger sees first. */
const VERSIONS = [10, 11, 12];
const root = mkdtempSync(join(tmpdir(), "brooklet-installs-"));
const tarballs = join(root, "tarballs");

beforeAll(async () => {
  mkdirSync(tarballs);
  await build(join(root, "built"));
  const packing = bareNpm(root);
  for (const { output } of releasePackages)
    await packing.run(root, "pack", "--pack-destination", tarballs, join(root, "built", output));
}, 120_000);
afterAll(() => rmSync(root, { recursive: true, force: true }), 120_000);

function emptyFolder(name: string): string {
  const folder = join(root, name);
  mkdirSync(folder, { recursive: true });
  return folder;
}

const fetched = new Map<number, Promise<unknown>>();

/** That npm, out of the registry; skips the test, with the reason, where there is none. */
async function npmOf(major: number, context: TestContext): Promise<Npm> {
  const folder = emptyFolder(`npm${major}`);
  const fetching = fetched.get(major) ?? bareNpm(root).run(folder, "install", "--prefix", folder, `npm@${major}`);
  fetched.set(major, fetching);
  await withRegistry(context, () => fetching);
  return bareNpm(root, join(folder, "node_modules/npm"));
}

async function withRegistry(context: TestContext, run: () => Promise<unknown>): Promise<void> {
  try {
    await run();
  } catch (error) {
    if (error instanceof RegistryUnreachable) context.skip("no registry can be reached from here");
    throw error;
  }
}

const version = readManifest("cli").version;
const tarball = (output: string) =>
  join(tarballs, `brooklet${output === "brooklet" ? "" : `-${output}`}-${version}.tgz`);
const program =
  "import { startBroker } from '@brooklet/server'; const b = await startBroker({ data: 'd' }); await b.close();";

test("two builds are equal to the byte", async () => {
  const again = join(root, "again");
  await build(again);
  const first = filesOf(join(root, "built"));
  const second = filesOf(again);
  expect(first.size).toBeGreaterThan(100);
  expect([...second.keys()]).toEqual([...first.keys()]);
  expect([...first].filter(([path, content]) => second.get(path) !== content).map(([path]) => path)).toEqual([]);
});

test("types resolve in every module mode that ES modules have", async () => {
  const attw = join(repositoryRoot, "node_modules/@arethetypeswrong/cli/dist/index.js");
  for (const output of ["protocol", "client", "server"]) {
    const { code, output: said } = await runNode([attw, tarball(output), "--profile", "esm-only"], root, process.env);
    expect(code, said).toBe(0);
  }
});

test.for(VERSIONS)("npm %i: a fresh clone is installed and runs", async (major, context) => {
  const npm = await npmOf(major, context);
  const clone = emptyFolder(`clone${major}`);
  for (const entry of readdirSync(repositoryRoot).filter(
    (name) => !/^(node_modules|dist|\.git|coverage|brooklet-data)$/.test(name),
  ))
    cpSync(join(repositoryRoot, entry), join(clone, entry), {
      recursive: true,
      filter: (path) => !/[\\/]node_modules$/.test(path),
    });
  // The repository's own .npmrc is what keeps the compiler out here.
  delete npm.env.npm_config_ignore_scripts;
  await withRegistry(context, () => npm.run(clone, "ci"));
  expect(await npm.run(clone, "run", "brooklet", "--", "--version")).toContain(version);
});

test.for(VERSIONS)(
  "npm %i: installed, from the lock, again, beside another package, rebuilt",
  async (major, context) => {
    const npm = await npmOf(major, context);
    const folder = emptyFolder(`stranger${major}`);
    writeFileSync(join(folder, "package.json"), '{"private":true,"type":"module"}');
    writeFileSync(join(folder, "program.js"), program);
    const works = async (how: string) => {
      const { code, output } = await runNode(["program.js"], folder, npm.env);
      expect(code, `${how}: ${output}`).toBe(0);
    };
    const outputs = releasePackages.map(({ output }) => tarball(output));
    await withRegistry(context, () => npm.run(folder, "install", ...outputs));
    await works("installed");
    await npm.run(folder, "ci");
    await works("from the lock");
    await npm.run(folder, "ci");
    await works("from the lock again");
    await npm.run(folder, "install", "secure-json-parse");
    await works("beside another package");
    await npm.run(folder, "rebuild");
    await works("rebuilt");
  },
);

test.for(VERSIONS)("npm %i: npx fetches the command from a registry and runs it", async (major, context) => {
  const npm = await npmOf(major, context);
  // Ours come from here, as a registry gives them; everything else from the registry of whoever runs this.
  await using registry = await startRegistry(
    releasePackages.map(({ output }) => ({
      tarball: tarball(output),
      manifest: JSON.parse(readFileSync(join(root, "built", output, "package.json"), "utf8")) as object,
    })),
    (await npm.run(root, "config", "get", "registry")).match(/^https?:\S+/m)?.[0] ?? "",
  );
  const folder = emptyFolder(`npx${major}`);
  const env = { ...npm.env, npm_config_registry: registry.url, npm_config_cache: join(folder, "cache") };
  const { code, output } = await runNode([npm.cli("npx"), "--yes", "brooklet", "--version"], folder, env);
  expect(code, output).toBe(0);
  expect(output).toContain(version);
});
