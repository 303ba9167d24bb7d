// /openapi.json against the broker that serves it, by schemathesis: every case it can think of, with no 5xx, no answer that
// the document does not describe, no wrong request taken, and none that hangs.
//
// It is a Python tool: where `schemathesis` is not on the path (or named in SCHEMATHESIS), this skips and says so once.
// SCHEMATHESIS_SEED says which cases it tries.

import { spawn, spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startBroker } from "@brooklet/server";
import { expect, test } from "vitest";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { times } from "./share.ts";

const program = process.env.SCHEMATHESIS ?? "schemathesis";
const seconds = times({ full: 600, ci: 90 });
const seed = process.env.SCHEMATHESIS_SEED ?? "1";
/** Beyond the time for cases: to load the document, and to tell of failures. */
const GRACE_SECONDS = 120;

/** A wrong record among right ones has its own result, and the answer is 200. */
const CONFIG = `
[[operations]]
include-path = "/v1/topics/{topic}/records"
checks.negative_data_rejection.enabled = false
`;

const absent = spawnSync(program, ["--version"]).status !== 0;
if (absent) {
  process.stderr.write(
    "schemathesis is skipped: it is not on the path (python3 -m venv DIR && DIR/bin/pip install schemathesis; SCHEMATHESIS=DIR/bin/schemathesis)\n",
  );
}

test.skipIf(absent)("schemathesis finds nothing", { timeout: (seconds + GRACE_SECONDS) * 1000 }, async () => {
  const bugs: string[] = [];
  const quiet = () => {};
  await using broker = await startBroker({
    // A case must not take as long as a consumer may wait.
    settings: { "fetch.max.wait.ms": 50 },
    logger: {
      debug: quiet,
      info: quiet,
      warn: quiet,
      error: (_fields: object, message: string) => void bugs.push(message),
    },
  });
  const config = join(temporaryFolder(), "schemathesis.toml");
  writeFileSync(config, CONFIG);
  const args = [
    ...["--config-file", config, "run", `${broker.url}/openapi.json`],
    // An event stream has no end to wait for; test/integration/listeners/stream.test.ts has it.
    ...["--exclude-path-regex", "/stream$"],
    // Names, ids and times that the schema allows are refused by their meaning, with Kafka's codes and a 400.
    ...["--exclude-checks", "positive_data_acceptance"],
    ...["--continue-on-failure", "--no-shrink", "--request-timeout", "10", "--max-response-time", "1"],
    ...["--max-examples", "500", "--max-time", String(seconds), "--seed", seed],
  ];
  const { code, output } = await run(args);
  expect(code, output.slice(-20_000)).toBe(0);
  expect(output).toMatch(/[1-9]\d+ generated, [1-9]\d+ passed/);
  expect(bugs, "unexpected failures in the broker's log").toEqual([]);
});

function run(args: readonly string[]): Promise<{ code: number | null; output: string }> {
  return new Promise((resolve, reject) => {
    // Its cache of cases belongs to no folder of ours.
    const child = spawn(program, args, { cwd: tmpdir(), stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    const add = (text: Buffer) => {
      output += text;
    };
    child.stdout.on("data", add);
    child.stderr.on("data", add);
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, output }));
  });
}
