// The house rules that neither the compiler nor the linter checks (DESIGN.md section 2): headers, sizes, barrels, and
// nothing in the repository that works only on the machine it was written on.

import { existsSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { filesEnding, repositoryRoot, sourceFiles } from "./source-files.ts";

const MAX_LINES = 500;
/** Public entries may re-export; so may the table of APIs (`@brooklet/protocol/apis`) and the Node side of a subpath import. */
const ENTRIES = /^(protocol\/src\/(index|apis\/index|world\/index)|(server|client-sdk)\/src\/index)\.ts$|\.node\.ts$/;

const files = sourceFiles();
const ours = files.filter(({ path }) => !path.startsWith("test/fixtures/"));

test("every source file begins with a comment that says what lives here", () => {
  // A file of one API has its docstring at the definition or handler; a test's name says what it is about.
  const bare = ours
    .filter(({ path }) => !/^(protocol\/src\/apis|server\/src\/api)\/(?!api|fields|handler|index)/.test(path))
    .filter(({ path }) => !path.endsWith(".test.ts"))
    .filter(({ text }) => !/^(#![^\n]*\n)?(\/\/ \S|\/\*\*?\s)/.test(text))
    .map(({ path }) => path);
  expect(bare).toEqual([]);
});

test("no source file is longer than a person reads at once", () => {
  const long = ours
    .map(({ path, text }) => ({ path, lines: text.split("\n").length - 1 }))
    .filter(({ lines }) => lines > MAX_LINES);
  expect(long).toEqual([]);
});

test("there are no default exports and no barrels but the packages' entries", () => {
  const defaults = ours.filter(({ path, text }) => path !== "vitest.config.ts" && /^export default\b/m.test(text));
  expect(defaults.map(({ path }) => path)).toEqual([]);
  const barrels = ours.filter(({ path, text }) => {
    const code = text
      .replace(/\/\*[\s\S]*?\*\//g, "")
      .replace(/^\s*\/\/.*$/gm, "")
      .trim();
    return (
      !ENTRIES.test(path) &&
      (/^export \* /m.test(code) ||
        (code !== "" && code.replace(/export (?:type )?\{[^}]*\} from "[^"]+";/g, "").trim() === ""))
    );
  });
  expect(barrels.map(({ path }) => path)).toEqual([]);
});

test("relative imports end in .ts or .js, and nothing needs a compiler", () => {
  const typescript = ours.filter(({ path }) => path.endsWith(".ts"));
  const wrong = typescript
    .filter(({ text }) => /from "\.{1,2}\/[^"]*(?<!\.ts|\.js|\.json)"/.test(text))
    .map(({ path }) => path);
  expect(wrong).toEqual([]);
});

test("nothing committed names this machine or a registry", () => {
  const texts = filesEnding([
    ".ts",
    ".js",
    ".json",
    ".md",
    ".yml",
    ".yaml",
    ".grit",
    ".sh",
    ".java",
    ".txt",
    "run",
    ".npmrc",
    "Dockerfile",
  ]);
  const machine = new RegExp(["/(?:root|home|work|Users)", "/[a-z]"].join(""));
  const found = texts
    .filter(({ path }) => path !== "test/contract/house/rules.test.ts")
    .flatMap(({ path, text }) =>
      text
        .split("\n")
        .flatMap((line, index) => (machine.test(line) ? [`${path}:${index + 1}: ${line.trim().slice(0, 100)}`] : [])),
    );
  expect(found).toEqual([]);
  const lock = texts.find(({ path }) => path === "package-lock.json");
  expect(lock?.text).not.toMatch(/"resolved": "https?:/);
  for (const npmrc of texts.filter(({ path }) => path.endsWith(".npmrc")))
    expect(npmrc.text).not.toMatch(/^\s*(@.*:)?registry\s*=|_auth/m);
});

test("no dependency wants to run a script at its installation", () => {
  const lock = JSON.parse(
    filesEnding(["package-lock.json"]).find(({ path }) => path === "package-lock.json")?.text ?? "{}",
  ) as {
    packages: Record<string, { hasInstallScript?: boolean; optional?: boolean }>;
  };
  const scripted = Object.entries(lock.packages).flatMap(([path, { hasInstallScript }]) =>
    hasInstallScript ? [path] : [],
  );
  // Both run nothing here (.npmrc: ignore-scripts): better-sqlite3 carries its binaries, fsevents is macOS' and optional.
  const known = ["node_modules/better-sqlite3", "node_modules/fsevents"];
  expect(scripted.filter((path) => !known.includes(path))).toEqual([]);
  expect(filesEnding([".npmrc"])[0]?.text).toMatch(/^ignore-scripts=true$/m);
});

test("every dependency has its line in docs/adr/dependencies.md", () => {
  const record = filesEnding(["dependencies.md"]).find(({ path }) => path === "docs/adr/dependencies.md")?.text ?? "";
  const names = filesEnding(["package.json"]).flatMap(({ text }) => {
    const manifest = JSON.parse(text) as Record<string, Record<string, string> | undefined>;
    return ["dependencies", "devDependencies", "optionalDependencies"].flatMap((kind) =>
      Object.keys(manifest[kind] ?? {}),
    );
  });
  const unrecorded = [...new Set(names)]
    .filter((name) => !/^(@brooklet\/|brooklet$)/.test(name))
    .filter((name) => !record.includes(`\`${name}\``));
  expect(unrecorded).toEqual([]);
});

test("what README.md and the pages under docs/ point at exists", () => {
  const broken = filesEnding([".md"]).flatMap(({ path, text }) =>
    [...text.matchAll(/\]\((?!https?:|#)([^)#\s]+)(?:#[^)]*)?\)/g)]
      .map((match) => join(path, "..", match[1] ?? ""))
      .filter((target) => !existsSync(join(repositoryRoot, target)))
      .map((target) => `${path} -> ${target}`),
  );
  expect(broken).toEqual([]);
});
