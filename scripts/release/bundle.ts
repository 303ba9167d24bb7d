// Bundles one package: its entries, and its worker files as entries of their own.
// Invariant: a worker is named once, in the source that starts it; compilers do not rewrite that string, so this does.

import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { type OutputChunk, type OutputOptions, type Plugin, rolldown } from "rolldown";
import { entryName, type Manifest, type ReleasePackage, repositoryRoot } from "./packages.ts";

/** `new URL("./writer.worker.ts", import.meta.url)`: how a source names its worker. */
const WORKER = /new URL\("\.\/([\w-]+)\.worker\.ts", import\.meta\.url\)/g;

/** Every chunk stands in the same folder as the workers, so the URL stays relative to whatever chunk the source lands in. */
const workerNames: Plugin = {
  name: "worker-names",
  transform(code, id) {
    if (!id.endsWith(".ts") || !code.includes(".worker.ts")) return null;
    const renamed = code.replaceAll(WORKER, 'new URL("./$1.worker.js", import.meta.url)');
    if (renamed.includes('.worker.ts"'))
      throw new Error(`${id} names a worker in a form that the release does not know`);
    return renamed;
  },
};

/**
 * `import { createServer } from "node:http"` reads every property of that module, and two of node:http's and node:crypto's are
 * getters that load fetch and WebCrypto: 76 of 460 ms of a start, and 8 MB. What stands here reads only what is used.
 */
const COSTLY_BUILTIN = /^import \{([^}]*)\} from "(node:http|node:crypto)";$/gm;

const costlyBuiltins: Plugin = {
  name: "costly-builtins",
  renderChunk(code) {
    const cheap = code.replaceAll(
      COSTLY_BUILTIN,
      (_, names: string, module: string) =>
        `const {${names.replaceAll(" as ", ": ")}} = process.getBuiltinModule("${module}");`,
    );
    if (/from "node:(http|crypto)"/.test(cheap))
      throw new Error("node:http or node:crypto is imported in an unknown form");
    return cheap;
  },
};

/** Entry name → source file, of every `*.worker.ts` below the folder. */
function workersOf(folder: string): Record<string, string> {
  const files = readdirSync(join(folder, "src"), { recursive: true, encoding: "utf8" });
  return Object.fromEntries(
    files
      .filter((file) => file.endsWith(".worker.ts"))
      .sort()
      .map((file) => [(file.split(/[\\/]/).at(-1) ?? file).replace(/\.ts$/, ""), join(folder, "src", file)]),
  );
}

/** What `bin` imports once it knows that Node is new enough. */
const BIN_IMPORT = /import\("\.\.\/(src\/main\.ts)"\)/;

export function publishedBin(text: string): string {
  return text.replace(BIN_IMPORT, 'import("../dist/main.js")');
}

function entriesOf(manifest: Manifest, folder: string): Record<string, string> {
  const entries: Record<string, string> = {};
  for (const [path, file] of Object.entries(manifest.exports ?? {})) entries[entryName(path)] = join(folder, file);
  for (const bin of Object.values(manifest.bin ?? {})) {
    const main = BIN_IMPORT.exec(readFileSync(join(folder, bin), "utf8"))?.[1];
    if (main === undefined) throw new Error(`${bin} does not import its sources in the form that the release knows`);
    entries.main = join(folder, main);
  }
  return entries;
}

/** Bare specifiers, but for these packages. */
function allBut(inlined: readonly string[]): (id: string) => boolean {
  return (id) => /^(?!\.|\/|#|\w:[\\/])/.test(id) && !inlined.some((name) => id === name || id.startsWith(`${name}/`));
}

/** The bundles of a package in `into`; resolves with the npm packages (folders) of which code is inside. */
export async function bundlePackage(part: ReleasePackage, manifest: Manifest, into: string): Promise<Set<string>> {
  const folder = join(repositoryRoot, part.folder);
  const entries = entriesOf(manifest, folder);
  const outside = allBut(part.inlined);
  const chunks = await bundle(
    { input: { ...entries, ...workersOf(folder) }, external: outside, conditions: ["node"], platform: "node" },
    { dir: join(into, "dist") },
  );
  if (part.elsewhere === "portable") {
    chunks.push(
      ...(await bundle(
        { input: entries, external: outside, conditions: ["browser"], platform: "browser" },
        { dir: join(into, "dist/portable") },
      )),
    );
  }
  if (part.elsewhere === "standalone") {
    chunks.push(
      ...(await bundle(
        {
          input: { browser: entries.index ?? "" },
          external: () => false,
          conditions: ["browser"],
          platform: "browser",
        },
        {
          dir: join(into, "dist"),
          minify: true,
          // Who meets an error in a page cannot read what is minified. The bundles for Node can be read as they are.
          sourcemap: true,
          sourcemapPathTransform: (source, map) =>
            `brooklet/${relative(repositoryRoot, resolve(dirname(map), source)).replaceAll("\\", "/")}`,
          codeSplitting: false,
        },
      )),
    );
  }
  return new Set(chunks.flatMap(({ moduleIds }) => moduleIds.flatMap(packageFolderOf)));
}

interface Bundling {
  readonly input: Record<string, string>;
  readonly external: (id: string) => boolean;
  readonly conditions: readonly string[];
  readonly platform: "node" | "browser";
}

async function bundle(
  { input, external, conditions, platform }: Bundling,
  output: OutputOptions,
): Promise<OutputChunk[]> {
  const building = await rolldown({
    cwd: repositoryRoot,
    input,
    external,
    platform,
    resolve: { conditionNames: [...conditions, "import", "default"] },
    plugins: platform === "node" ? [workerNames, costlyBuiltins] : [],
    // What is missing or unclear must not be published.
    onLog(_, log) {
      throw new Error(log.message);
    },
  });
  try {
    const { output: files } = await building.write({
      format: "esm",
      entryFileNames: "[name].js",
      chunkFileNames: "[name]-[hash].js",
      ...output,
    });
    return files.filter((file) => file.type === "chunk");
  } finally {
    await building.close();
  }
}

function packageFolderOf(id: string): string[] {
  const at = id.lastIndexOf("/node_modules/");
  if (at < 0) return [];
  const [scope = "", name = ""] = id.slice(at + "/node_modules/".length).split("/");
  return [join(id.slice(0, at), "node_modules", scope, scope.startsWith("@") ? name : "")];
}
