// The built packages as if they were installed, without a registry: copies in a node_modules of their own below the
// repository, where everything they depend on is found further up.

import { cpSync, mkdirSync, mkdtempSync } from "node:fs";
import { join } from "node:path";
import { readManifest, releasePackages, repositoryRoot } from "./packages.ts";

/** A new folder with the packages of `built` in its node_modules; whoever asks removes it. */
export function stage(built: string): string {
  const parent = join(repositoryRoot, "dist");
  mkdirSync(parent, { recursive: true });
  const folder = mkdtempSync(join(parent, "staged-"));
  for (const { folder: source, output } of releasePackages)
    cpSync(join(built, output), join(folder, "node_modules", readManifest(source).name), { recursive: true });
  return folder;
}
