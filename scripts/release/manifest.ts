// The package.json that is published: what the repository's says, with exports that point at dist.

import { entryName, type Manifest, type ReleasePackage, readManifest } from "./packages.ts";

/** Where the packages come from; in the root's package.json, once they have an address. */
const PROVENANCE = ["repository", "homepage", "bugs", "author"] as const;

export function publishManifest(part: ReleasePackage, manifest: Manifest): object {
  const { name, version, description, license, engines, bin, dependencies, optionalDependencies } = manifest;
  const root = readManifest(".") as unknown as Record<string, unknown>;
  return {
    name,
    version,
    description,
    keywords: ["kafka", "message broker", "event log", "consumer group", "sqlite", "embedded"],
    license,
    ...Object.fromEntries(PROVENANCE.flatMap((field) => (root[field] === undefined ? [] : [[field, root[field]]]))),
    type: "module",
    ...(bin === undefined ? {} : { bin }),
    exports: exportsOf(part, manifest),
    ...(manifest.exports === undefined ? {} : { types: "./dist/index.d.ts", sideEffects: false }),
    files: ["dist", ...(bin === undefined ? [] : ["bin"])],
    engines,
    dependencies,
    ...(optionalDependencies === undefined ? {} : { optionalDependencies }),
    ...(part.inside.length === 0 ? {} : { bundleDependencies: part.inside }),
    publishConfig: { access: "public" },
  };
}

function exportsOf({ elsewhere }: ReleasePackage, manifest: Manifest): object {
  const entries = Object.keys(manifest.exports ?? {}).map((publicPath) => {
    const entry = entryName(publicPath);
    const other = elsewhere === "standalone" ? "./dist/browser.js" : `./dist/portable/${entry}.js`;
    const types = `./dist/${entry}.d.ts`;
    const node = `./dist/${entry}.js`;
    // `node` stands before `browser`: programs that run pages in Node name both.
    const conditions =
      elsewhere === undefined ? { types, default: node } : { types, node, browser: other, default: other };
    return [publicPath, conditions];
  });
  return { ...Object.fromEntries(entries), "./package.json": "./package.json" };
}
