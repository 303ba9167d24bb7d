// The JSON log for services: from its level on, on standard error, without secrets.

import { spawnSync } from "node:child_process";
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
