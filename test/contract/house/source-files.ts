// The repository's own files, as the house tests read them. No git is needed: a source archive has the same files.

import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";

export const repositoryRoot = dirname(dirname(dirname(dirname(fileURLToPath(import.meta.url)))));

const packages = ["protocol", "server", "client-sdk", "cli", "bench", "test", "scripts"];
const ignored = new Set(["node_modules", "dist", "coverage", "brooklet-data", ".git"]);

export interface SourceFile {
  /** From the root, with slashes. */
  readonly path: string;
  readonly text: string;
}

function* walk(folder: string): Generator<string> {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (ignored.has(entry.name)) continue;
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* walk(path);
    else if (entry.isFile()) yield path;
  }
}

/** Every file below `folder` (default: the whole repository) whose name ends so. */
export function filesEnding(endings: readonly string[], folder = repositoryRoot): SourceFile[] {
  return [...walk(folder)]
    .filter((path) => endings.some((ending) => path.endsWith(ending)))
    .map((path) => ({ path: relative(repositoryRoot, path).split(sep).join("/"), text: readFileSync(path, "utf8") }))
    .sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** Every TypeScript and JavaScript file of the packages and scripts. */
export function sourceFiles(): SourceFile[] {
  return packages.flatMap((name) => filesEnding([".ts", ".js", ".mjs"], join(repositoryRoot, name)));
}
