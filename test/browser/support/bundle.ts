// What a page loads: the client's file as it is published, and an application that imports it by its name.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { rolldown } from "rolldown";
import { bundlePackage } from "../../../scripts/release/bundle.ts";
import { readManifest, releasePackages } from "../../../scripts/release/packages.ts";

export const CLIENT = "@brooklet/client";

export interface ClientFile {
  readonly code: string;
  readonly gzipBytes: number;
}

let bundled: Promise<ClientFile> | undefined;

/** The file that `npm run build` makes of the client for everything that is not Node; made once per test file. */
export function clientForBrowsers(): Promise<ClientFile> {
  bundled ??= bundleClient();
  return bundled;
}

async function bundleClient(): Promise<ClientFile> {
  const part = releasePackages.find(({ output }) => output === "client");
  if (part === undefined) throw new Error("the release has no client");
  const folder = mkdtempSync(join(tmpdir(), "brooklet-browser-"));
  try {
    await bundlePackage(part, readManifest(part.folder), folder);
    const code = readFileSync(join(folder, "dist/browser.js"), "utf8");
    return { code, gzipBytes: gzipSync(code, { level: 9 }).length };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** `pages/application.ts` as JavaScript, without the client. */
export async function applicationScript(): Promise<string> {
  const input = fileURLToPath(new URL("../pages/application.ts", import.meta.url));
  const build = await rolldown({ input, platform: "browser", external: [CLIENT] });
  const { output } = await build.generate({ format: "esm" });
  await build.close();
  return output[0].code;
}
