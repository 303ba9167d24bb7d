// What is published: the four packages and the platforms each is bundled for. What a package exports, depends on and is called
// stands in its own package.json, where exports point at the sources.

import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const repositoryRoot = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** The fields of a package.json that the release reads. */
export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly description: string;
  readonly license: string;
  readonly exports?: Readonly<Record<string, string>>;
  readonly bin?: Readonly<Record<string, string>>;
  readonly engines: Readonly<Record<string, string>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

export interface ReleasePackage {
  /** In the repository. */
  readonly folder: string;
  /** Below the output folder. */
  readonly output: string;
  /**
   * What everything that is not Node gets. `portable`: the same entries without Node's built-ins. `standalone`: one minified
   * file that needs no other package, so that a page can import it as it is.
   */
  readonly elsewhere?: "portable" | "standalone";
  /** Dependencies of which the code goes into the bundle, each for a measured reason. */
  readonly inlined: readonly string[];
  /** Dependencies that are published inside the package (docs/adr/0006-sqlite-inside-the-server.md). */
  readonly inside: readonly string[];
}

export const releasePackages = [
  // typebox is some 500 files, of which a dozen functions are used: read one by one they are a sixth of a broker's start.
  { folder: "protocol", output: "protocol", elsewhere: "portable", inlined: ["typebox"], inside: [] },
  { folder: "client-sdk", output: "client", elsewhere: "standalone", inlined: [], inside: [] },
  { folder: "server", output: "server", inlined: [], inside: ["better-sqlite3"] },
  { folder: "cli", output: "brooklet", inlined: [], inside: [] },
] as const satisfies readonly ReleasePackage[];

/** Of a package of ours, by its folder. */
export function readManifest(folder: string): Manifest {
  return JSON.parse(readFileSync(join(repositoryRoot, folder, "package.json"), "utf8")) as Manifest;
}

/** `./apis` is the entry `apis`, `.` is `index`. */
export function entryName(publicPath: string): string {
  return publicPath === "." ? "index" : publicPath.slice(2);
}
