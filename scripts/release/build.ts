// `npm run build`: the publishable packages, in dist/<package>/. Nothing there is committed; docs/releasing.md says what is
// done with it. Two builds of the same sources are equal to the byte.

import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { bundlePackage, publishedBin } from "./bundle.ts";
import { publishManifest } from "./manifest.ts";
import { type Manifest, type ReleasePackage, readManifest, releasePackages, repositoryRoot } from "./packages.ts";
import { copyInside, noticesOf } from "./third-parties.ts";
import { publishTypes, withDeclarations } from "./types.ts";

/** Builds every package below `into`, which is emptied first. */
export async function build(into: string): Promise<void> {
  rmSync(into, { recursive: true, force: true });
  await Promise.all([
    ...releasePackages.map((part) => buildPackage(part, readManifest(part.folder), join(into, part.output))),
    withDeclarations((declarations) => {
      for (const { folder, output } of releasePackages)
        publishTypes(declarations, folder, readManifest(folder), join(into, output));
    }),
  ]);
}

async function buildPackage(part: ReleasePackage, manifest: Manifest, into: string): Promise<void> {
  const folder = join(repositoryRoot, part.folder);
  mkdirSync(join(into, "dist"), { recursive: true });
  writeFileSync(join(into, "package.json"), `${JSON.stringify(publishManifest(part, manifest), null, 2)}\n`);
  cpSync(join(repositoryRoot, "LICENSE"), join(into, "LICENSE"));
  cpSync(join(folder, "README.md"), join(into, "README.md"));
  for (const bin of Object.values(manifest.bin ?? {})) {
    mkdirSync(join(into, "bin"), { recursive: true });
    writeFileSync(join(into, bin), publishedBin(readFileSync(join(folder, bin), "utf8")), { mode: 0o755 });
  }
  for (const name of part.inside) copyInside(name, into);
  const notices = noticesOf(await bundlePackage(part, manifest, into));
  if (notices !== "") writeFileSync(join(into, "dist/THIRD-PARTY-NOTICES.txt"), notices);
}

if (import.meta.main) {
  const into = join(repositoryRoot, "dist");
  await build(into);
  for (const { output, folder } of releasePackages) {
    const { name, version } = readManifest(folder);
    console.log(`${name} ${version}  dist/${output}`);
  }
}
