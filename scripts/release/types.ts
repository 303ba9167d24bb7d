// The declarations of the packages: TypeScript writes them, and what the public entries reach of them is published.
// Invariant: every specifier in them resolves in nodenext and in bundlers: relative ones end in .js, subpath imports are gone.

import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, posix } from "node:path";
import { entryName, type Manifest, readManifest, repositoryRoot } from "./packages.ts";

/** In declarations as TypeScript prints them: from clauses, and types that are imported in place. */
const SPECIFIER = /\b(from |import\()"([^"]+)"/g;

/** Writes every declaration into a temporary folder, calls `use` with it, and removes it. */
export async function withDeclarations(use: (folder: string) => void): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "brooklet-types-"));
  try {
    const tsc = join(repositoryRoot, "node_modules/typescript/bin/tsc");
    // Checking is for `npm test`; here are only printed the types that are there.
    await run([tsc, "-p", join(repositoryRoot, "scripts/release/tsconfig.json"), "--noCheck", "--outDir", folder]);
    use(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Copies what the public entries of a package reach into `into`: an entry as `dist/<entry>.d.ts`, the rest below `dist/types`. */
export function publishTypes(declarations: string, folder: string, manifest: Manifest, into: string): void {
  const imports = importsOf(folder);
  const reached = new Set<string>();
  let disposes = false;
  const visit = (file: string): void => {
    if (reached.has(file)) return;
    reached.add(file);
    const text = readFileSync(join(declarations, folder, file), "utf8");
    const published = text.replace(SPECIFIER, (whole, before: string, specifier: string) => {
      const target = specifier.startsWith(".") ? posix.join(posix.dirname(file), specifier) : imports[specifier];
      if (target === undefined) return whole;
      visit(declarationOf(target));
      return `${before}"${relative(file, target)}"`;
    });
    disposes ||= /\bAsyncDisposable\b/.test(text);
    const path = join(into, "dist/types", file.slice("src/".length));
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, published);
  };
  for (const [publicPath, source] of Object.entries(manifest.exports ?? {})) {
    const target = source.slice("./".length);
    visit(declarationOf(target));
    const file = `./types/${target.slice("src/".length).replace(/\.ts$/, ".js")}`;
    // A program for an older target has no name for `await using` otherwise.
    const lib = disposes ? '/// <reference lib="esnext.disposable" />\n' : "";
    writeFileSync(join(into, "dist", `${entryName(publicPath)}.d.ts`), `${lib}export * from "${file}";\n`);
  }
}

function declarationOf(source: string): string {
  return source.replace(/\.ts$/, ".d.ts");
}

function relative(from: string, to: string): string {
  const path = posix.relative(posix.dirname(from), to).replace(/\.ts$/, ".js");
  return path.startsWith(".") ? path : `./${path}`;
}

/** Subpath import → the source whose types it has: all platforms have the same. */
function importsOf(folder: string): Record<string, string> {
  const { imports = {} } = readManifest(folder) as { imports?: Record<string, { default: string }> };
  return Object.fromEntries(Object.entries(imports).map(([name, file]) => [name, file.default.slice("./".length)]));
}

function run(args: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { stdio: ["ignore", "inherit", "inherit"] });
    child.on("error", reject);
    child.on("exit", (code) => (code === 0 ? resolve() : reject(new Error(`tsc ended with ${code}`))));
  });
}
