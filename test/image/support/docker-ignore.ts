// What .dockerignore leaves of a folder: its patterns in order, the last one that fits decides.

import { readdirSync } from "node:fs";
import { join } from "node:path";

/** Whether a path from the root of the build is left out. */
export function ignoring(text: string): (path: string) => boolean {
  const rules = text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => ({ isIgnored: !line.startsWith("!"), pattern: patternOf(line.replace(/^!/, "")) }));
  return (path) => rules.findLast(({ pattern }) => pattern.test(path))?.isIgnored ?? false;
}

/** A pattern fits a path and everything below it. */
function patternOf(glob: string): RegExp {
  const source = glob
    .replaceAll(/[.+^${}()|[\]\\]/g, "\\$&")
    .replaceAll("**/", "\u0000")
    .replaceAll("*", "[^/]*")
    .replaceAll("\u0000", "(?:.*/)?");
  return new RegExp(`^${source}(/|$)`);
}

/** The files of a folder that are sent to a build, from its root. */
export function* filesOfBuild(root: string, isIgnored: (path: string) => boolean, below = ""): Generator<string> {
  for (const entry of readdirSync(join(root, below), { withFileTypes: true })) {
    const path = below === "" ? entry.name : `${below}/${entry.name}`;
    if (entry.isFile()) {
      if (!isIgnored(path)) yield path;
    } else if (entry.isDirectory() && !(isIgnored(path) && NEVER_INSIDE.has(entry.name)))
      yield* filesOfBuild(root, isIgnored, path);
  }
}

/** Large, and nothing in them is taken back by a later pattern. */
const NEVER_INSIDE = new Set(["node_modules", ".git", "dist"]);
