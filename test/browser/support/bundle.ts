// The SDK as a page gets it: one file for browsers, bundled and minified as an application's bundler does it.

import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { rolldown } from "rolldown";

const entry = fileURLToPath(new URL("../../../client-sdk/src/index.ts", import.meta.url));

export interface Bundle {
  readonly code: string;
  readonly gzipBytes: number;
  /** What it would still import when it runs. */
  readonly imports: readonly string[];
  /** Every file that went into it. */
  readonly modules: readonly string[];
}

/** Bundles a file and all it imports under the conditions of a browser. */
export async function bundleForBrowsers(input: string = entry): Promise<Bundle> {
  const build = await rolldown({ input, platform: "browser", resolve: { conditionNames: ["browser", "default"] } });
  const { output } = await build.generate({ format: "esm", minify: true });
  await build.close();
  const [{ code, imports, moduleIds: modules }] = output;
  return { code, imports, modules, gzipBytes: gzipSync(code, { level: 9 }).length };
}
