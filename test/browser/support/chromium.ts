// The Chromium that is installed, headless, for the tests that need a real page: one process per test file, which ends with
// it. Without a Chromium they are skipped, with the reason.

import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { type BrowserContext, chromium } from "playwright-core";
import { afterAll, type TestContext } from "vitest";

const NAMES = ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome"];

/** `BROOKLET_CHROMIUM`, or the first on the path. */
function findChromium(): string | undefined {
  const folders = (process.env.PATH ?? "").split(delimiter);
  const candidates = folders.flatMap((folder) => NAMES.map((name) => join(folder, name)));
  return [process.env.BROOKLET_CHROMIUM, ...candidates].find((path) => path !== undefined && existsSync(path));
}

/** Names under `.test` are this machine: so a page has a foreign name, and a name that an attacker made point here. */
const RESOLVER_RULES = "MAP *.test 127.0.0.1";
/** Newer Chromiums ask the user before a page of the network reaches this machine. Here the broker is to refuse by itself. */
const GUARDS_OF_CHROMIUM = "LocalNetworkAccessChecks,LocalNetworkAccessChecksWebSockets";

let launched: Promise<BrowserContext> | undefined;

afterAll(async () => {
  const context = await launched;
  await context?.browser()?.close();
});

/** Where the tests of a file open their pages. */
export async function openBrowser(test: TestContext): Promise<BrowserContext> {
  const executablePath = findChromium();
  if (executablePath === undefined)
    return test.skip("there is no Chromium: install one, or name it in BROOKLET_CHROMIUM");
  // Chromium's sandbox refuses to work for root, which containers of a CI often are.
  const isRoot = process.getuid?.() === 0;
  const args = [`--host-resolver-rules=${RESOLVER_RULES}`, `--disable-features=${GUARDS_OF_CHROMIUM}`];
  launched ??= chromium
    .launch({ executablePath, args: [...args, ...(isRoot ? ["--no-sandbox"] : [])] })
    .then((browser) => browser.newContext());
  return await launched;
}
