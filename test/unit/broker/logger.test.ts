// The JSON log for services: from its level on, on standard error, without secrets.

import { spawnSync } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

test("secrets do not reach the log, nor do lines below the level", () => {
  const program = `
    import { createLogger } from "@brooklet/server";
    const logger = await createLogger("info");
    logger.debug({}, "too small to be told");
    logger.info({ token: "canary", request: { token: "canary", headers: { authorization: "canary" } }, url: "x" }, "told");`;
  const { stdout, stderr, status } = spawnSync(process.execPath, ["--input-type=module", "-e", program], {
    cwd: fileURLToPath(new URL(".", import.meta.url)),
    encoding: "utf8",
  });
  expect({ stdout, status }).toEqual({ stdout: "", status: 0 });
  expect(stderr).not.toContain("canary");
  expect(stderr).not.toContain("too small");
  expect(JSON.parse(stderr)).toMatchObject({ msg: "told", url: "x", token: "[redacted]" });
});

test.skipIf(process.platform !== "linux")("a full disk under the log costs lines, and nobody is thrown at", () => {
  const program = `
    import { createLogger } from "@brooklet/server";
    const logger = await createLogger("info");
    logger.error({}, "the disk is full");
    logger.error({}, "still full");`;
  const full = openSync("/dev/full", "w");
  try {
    const { status } = spawnSync(process.execPath, ["--input-type=module", "-e", program], {
      cwd: fileURLToPath(new URL(".", import.meta.url)),
      stdio: ["ignore", "ignore", full],
    });
    expect(status).toBe(0);
  } finally {
    closeSync(full);
  }
});
