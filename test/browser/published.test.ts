// What a page downloads: small, and free of Node.

import { expect, test } from "vitest";
import { clientForBrowsers } from "./support/bundle.ts";

const MAX_GZIP_BYTES = 60_000;

test("the client for browsers is one file below 60 kB (gzip) that imports nothing, neither of Node nor of npm", async () => {
  const { code, gzipBytes } = await clientForBrowsers();
  expect(gzipBytes).toBeLessThan(MAX_GZIP_BYTES);
  expect(code).not.toMatch(/\bimport\s*[("'{*\w]|\bfrom\s*["'`]|\brequire\(|["'`]node:/);
});
