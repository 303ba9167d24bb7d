// Time and chance appear only in protocol/src/world/ (DESIGN.md section 2). Every banned form is planted in a copy of the
// repository's folders, under the repository's own lint configuration, and must be refused there.
// Invariant: a form that lint stops seeing, and a folder it stops covering, fails here by name.

import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { repositoryRoot, sourceFiles } from "./source-files.ts";

const banned: readonly string[] = [
  "export const a = setTimeout(() => 1, 5);",
  "export const a = setInterval;",
  "export const a = setImmediate;",
  "clearTimeout(undefined);",
  "clearInterval(undefined);",
  "clearImmediate(undefined);",
  "export const a = Date.now();",
  "export const a = new Date();",
  "export const a = performance.now();",
  "export const a = crypto.randomUUID();",
  "export const a = Math.random();",
  "export const a = Math?.random();",
  "export const a = [1].map(Math.random);",
  'export const a = Math["random"]();',
  'const name = "random"; export const a = Math[name as "random"]();',
  "const { random } = Math; export const a = random();",
  "const { random: chance } = Math; export const a = chance();",
  "const m = Math; export const a = m.random();",
  'export const a = Reflect.get(Math, "random");',
  "export const a = new globalThis.Date();",
  'export const a = globalThis["setTimeout"];',
  "const { performance: p } = globalThis; export const a = p.now();",
  "const g = globalThis; export const a = g.Date.now();",
  "export const a = global.setTimeout;",
  "export const a = self.performance;",
  "export const a = window.crypto;",
  "export const a = process.hrtime();",
  "export const a = process.hrtime.bigint();",
  'export const a = process["hrtime"]();',
  "const { hrtime } = process; export const a = hrtime();",
  "export const a = process.uptime();",
  'process.exitCode = Math["random"]();',
  'export const a = process.getBuiltinModule("node:timers");',
  'import process from "node:process"; export const a = process.hrtime();',
  'import { hrtime } from "node:process"; export const a = hrtime();',
  'import os from "node:os"; export const a = os.uptime();',
  'import { uptime } from "node:os"; export const a = uptime();',
  'import { randomUUID } from "node:crypto"; export const a = randomUUID();',
  'import crypto from "crypto"; export const a = crypto.randomBytes(1);',
  'import * as timers from "node:timers"; export const a = timers;',
  'import { setTimeout as sleep } from "node:timers/promises"; export const a = sleep(1);',
  'import { setTimeout as sleep } from "timers/promises"; export const a = sleep(1);',
  'import { performance as p } from "node:perf_hooks"; export const a = p.now();',
  'import { createHistogram as c } from "node:perf_hooks"; c().recordDelta();',
  'export const a = await import("node:timers");',
  'export const a = await import("node:crypto");',
  'export { setTimeout } from "node:timers";',
  "export const a = AbortSignal.timeout(5);",
  "export const a = Atomics.waitAsync(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);",
];

const allowed = [
  "export const a = Math.floor(Math.max(1, process.pid));",
  "export const a = { process: 1, Math: 2, uptimeMs: 3 }.process;",
  'export const a = process.env["HOME"];',
  "process.exitCode = 1;",
  'import { hostname } from "node:os"; export const a = hostname();',
  'import { createHistogram } from "node:perf_hooks"; export const a = createHistogram().record(5);',
];

const covered = ["protocol/src", "server/src", "server/src/log", "client-sdk/src", "cli/src", "cli/demo", "bench/src"];

interface Finding {
  readonly category: string;
  readonly severity: string;
  readonly path: string;
}

const folder = mkdtempSync(join(tmpdir(), "brooklet-bans-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Lints the files, laid out as in the repository, with the repository's configuration. */
function lint(files: ReadonlyMap<string, string>): Finding[] {
  const {
    $schema: _,
    vcs: __,
    ...configuration
  } = JSON.parse(readFileSync(join(repositoryRoot, "biome.json"), "utf8"));
  writeFileSync(join(folder, "biome.json"), JSON.stringify(configuration));
  cpSync(join(repositoryRoot, "scripts/lint"), join(folder, "scripts/lint"), { recursive: true });
  for (const [path, text] of files) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), `${text}\n`);
  }
  const biome = join(repositoryRoot, "node_modules/@biomejs/biome/bin/biome");
  const run = spawnSync(
    process.execPath,
    [biome, "lint", "--reporter=json", "--max-diagnostics=none", ...[...files.keys()].map((path) => `./${path}`)],
    { cwd: folder, encoding: "utf8", maxBuffer: 64 * 1024 * 1024 },
  );
  const report = JSON.parse(run.stdout) as {
    diagnostics: { category: string; severity: string; location: { path: string | { file: string } } }[];
  };
  return report.diagnostics.map(({ category, severity, location }) => ({
    category,
    severity,
    path: typeof location.path === "string" ? location.path : location.path.file,
  }));
}

function refusedIn(path: string, findings: readonly Finding[]): boolean {
  return findings.some(
    (finding) =>
      finding.path.endsWith(path) &&
      finding.severity === "error" &&
      (finding.category === "plugin" || finding.category.startsWith("lint/style/noRestricted")),
  );
}

test("lint refuses every form of time and chance, in every folder but the world", () => {
  const files = new Map<string, string>();
  banned.forEach((text, index) => {
    files.set(`server/src/planted/banned-${index}.ts`, text);
    files.set(`protocol/src/world/banned-${index}.ts`, text);
  });
  allowed.forEach((text, index) => {
    files.set(`server/src/planted/allowed-${index}.ts`, text);
  });
  for (const place of covered) {
    files.set(`${place}/planted-global.ts`, "export const a = Date.now();");
    files.set(`${place}/planted-import.ts`, 'export { setTimeout } from "node:timers";');
    files.set(`${place}/planted-plugin.ts`, "export const a = Math.random();");
  }
  const findings = lint(files);

  const missed = banned.filter((_, index) => !refusedIn(`server/src/planted/banned-${index}.ts`, findings));
  expect(missed, "forms that lint does not see").toEqual([]);
  const overdone = allowed.filter((_, index) => refusedIn(`server/src/planted/allowed-${index}.ts`, findings));
  expect(overdone, "harmless forms that lint refuses").toEqual([]);
  const uncovered = covered.flatMap((place) =>
    ["global", "import", "plugin"]
      .map((kind) => `${place}/planted-${kind}.ts`)
      .filter((path) => !refusedIn(path, findings)),
  );
  expect(uncovered, "folders that lint does not cover").toEqual([]);
  const inWorld = banned.filter((_, index) => refusedIn(`protocol/src/world/banned-${index}.ts`, findings));
  expect(inWorld, "the world may use them all").toEqual([]);
});

test("no source file switches the ban off", () => {
  const switches = sourceFiles()
    .filter(({ path }) => !path.startsWith("protocol/src/world/") && !path.startsWith("test/"))
    .filter(({ text }) =>
      /biome-ignore(?:-all|-start)?\s+(?:lint:|lint\/style\/noRestricted|lint\/plugin|plugin)/.test(text),
    )
    .map(({ path }) => path);
  expect(switches).toEqual([]);
});
