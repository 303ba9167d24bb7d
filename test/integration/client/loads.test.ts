// What importing the SDK loads: neither the broker's storage nor its validators, so that it works in a browser and starts fast.

import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";

const LIST_PACKAGES = `
  import { registerHooks } from "node:module";
  const packages = new Set();
  registerHooks({
    load(url, context, next) {
      const inside = url.split("/node_modules/").at(-1);
      if (inside !== url) packages.add(inside.startsWith("@") ? inside.split("/").slice(0, 2).join("/") : inside.split("/")[0]);
      return next(url, context);
    },
  });
  await import("@brooklet/client");
  console.log(JSON.stringify([...packages].filter((name) => !name.startsWith("@node-rs/")).sort()));
`;

test("the SDK loads without SQLite, typebox, fastify or pino", () => {
  const output = execFileSync(process.execPath, ["--input-type=module", "-e", LIST_PACKAGES], {
    cwd: import.meta.dirname,
    encoding: "utf8",
  });
  expect(JSON.parse(output)).toEqual(["secure-json-parse", "ws"]);
});
