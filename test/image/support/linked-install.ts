// What `npm ci` would make, from what it has made in this repository: the same packages by links, our own ones to the copy that
// stands beside them. A build from there takes its sources from the copy.

import { mkdirSync, readdirSync, readlinkSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { repositoryRoot } from "../../contract/house/source-files.ts";

/** Makes `folder`/node_modules. */
export function linkInstalled(folder: string): void {
  linkBelow(join(repositoryRoot, "node_modules"), join(folder, "node_modules"));
}

function linkBelow(from: string, to: string): void {
  mkdirSync(to);
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    // Relative ones lead to our own packages, and do so here too.
    if (entry.isSymbolicLink()) symlinkSync(readlinkSync(source), target);
    else if (entry.name.startsWith("@") || entry.name === ".bin") linkBelow(source, target);
    else symlinkSync(source, target);
  }
}
