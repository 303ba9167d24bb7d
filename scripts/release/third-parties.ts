// What is published of others: packages that lie inside one of ours, and the notices of those whose code is in a bundle.

import { cpSync, existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { repositoryRoot } from "./packages.ts";

/**
 * What better-sqlite3 is at run time. Without binding.gyp npm does not start a compiler for it, and without its sources
 * it has a third of the size.
 */
const RUNS = new Set(["lib", "prebuilds", "LICENSE", "README.md", "package.json"]);

/** Copies what runs of a dependency into the package's own node_modules, from where npm packs it (bundleDependencies). */
export function copyInside(name: string, into: string): void {
  const from = join(repositoryRoot, "node_modules", name);
  const to = join(into, "node_modules", name);
  for (const entry of readdirSync(from).filter((file) => RUNS.has(file)))
    cpSync(join(from, entry), join(to, entry), { recursive: true });
  const { dependencies: _, devDependencies: __, scripts: ___, ...manifest } = readJson(join(from, "package.json"));
  writeFileSync(join(to, "package.json"), `${JSON.stringify(manifest, null, 2)}\n`);
}

/** The licences of the packages in these folders; empty if there are none. */
export function noticesOf(folders: ReadonlySet<string>): string {
  return [...folders]
    .sort()
    .map((folder) => {
      const { name, version } = readJson(join(folder, "package.json"));
      const licence = readdirSync(folder).find((file) => /^licen[cs]e/i.test(file));
      if (licence === undefined || !existsSync(join(folder, licence)))
        throw new Error(`${basename(folder)} is in a bundle and has no licence that could go with it`);
      return `${name} ${version}\n\n${readFileSync(join(folder, licence), "utf8").trim()}\n`;
    })
    .join("\n----\n\n");
}

function readJson(path: string): Record<string, unknown> {
  return JSON.parse(readFileSync(path, "utf8")) as Record<string, unknown>;
}
