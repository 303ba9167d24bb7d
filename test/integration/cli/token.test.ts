// A token through the whole command: broker and clients read it from files, and it comes out nowhere.

import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { brooklet, Running, startBrokerCommand } from "./command.ts";

const CANARY = "canary-0123456789abcdef";

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "brooklet-cli-token-"));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

test("every command comes in with the token of its file, and none without; the token shows nowhere", async () => {
  const home = folder();
  const tokens = join(home, "tokens");
  const other = join(home, "other");
  writeFileSync(tokens, `# of this test\n${CANARY}\nanother-0123456789abcdef\n`);
  writeFileSync(other, "not-the-right-token-at-all\n");
  for (const path of [tokens, other]) chmodSync(path, 0o600);
  const data = join(home, "data");
  const { server, running } = await startBrokerCommand("--data", data, "--token-file", tokens, "--log-level", "debug");

  const outputs: string[] = [];
  const call = async (args: string[], options: { stdin?: string } = {}) => {
    const ended = await brooklet([...args, "-b", server, "--timeout-ms", "5000"], options);
    outputs.push(ended.stdout, ended.stderr);
    return ended;
  };
  const withToken = ["--token-file", tokens];
  expect(await call(["topics", "create", "t", ...withToken])).toMatchObject({ code: 0 });
  expect(await call(["produce", "t", ...withToken], { stdin: "one\n" })).toMatchObject({ code: 0 });
  expect(await call(["consume", "t", "-e", ...withToken])).toMatchObject({ code: 0, stdout: "one\n" });
  expect(await call(["status", "--json", ...withToken])).toMatchObject({ code: 0 });
  expect(await call(["groups", "list", ...withToken])).toMatchObject({ code: 0 });
  for (const args of [["topics", "list"], ["produce", "t"], ["consume", "t", "-e"], ["status"]]) {
    expect(await call(args, { stdin: "two\n" })).toMatchObject({ code: 4, stderr: expect.stringMatching(/token/) });
    expect(await call([...args, "--token-file", other], { stdin: "two\n" })).toMatchObject({ code: 4 });
  }
  expect(await call(["topics", "list", "--token-file", join(home, "none")])).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/--token-file .* cannot be read: ENOENT/),
  });

  const { pid } = running.child;
  if (existsSync(`/proc/${pid}/cmdline`)) outputs.push(readFileSync(`/proc/${pid}/cmdline`, "latin1"));
  running.child.kill("SIGTERM");
  const ended = await running.ended;
  outputs.push(ended.stdout, ended.stderr);
  for (const file of readdirSync(data)) outputs.push(readFileSync(join(data, file), "latin1"));
  expect(outputs.join("\n")).not.toMatch(/canary|another-0|not-the-right/);
});

test("a token file that others may read is told at the start; one without a good token is a usage error", async () => {
  const home = folder();
  const open = join(home, "open");
  writeFileSync(open, CANARY);
  chmodSync(open, 0o644);
  const { running } = await startBrokerCommand("--ephemeral", "--token-file", open, "--host", "127.0.0.1");
  await running.says(/may be read by others than its owner/);
  const short = join(home, "short");
  writeFileSync(short, "canary");
  const refused = await brooklet(["--port", "0", "--ephemeral", "--token-file", short]);
  expect(refused).toMatchObject({ code: 2, stdout: "", stderr: expect.stringMatching(/at least 16 characters/) });
  expect(refused.stderr).not.toContain("canary");
});

test("a configuration file starts the broker, a mistyped variable is told", async () => {
  const config = join(folder(), "broker.properties");
  writeFileSync(config, "ephemeral=true\nnum.partitions=3\nlog-level=warn\n");
  const running = new Running(["--port", "0", "--config", config], { BROOKLET_NUM_PARTITON: "9" });
  const [, url = ""] = await running.says(/url\s+(http:\S+)/);
  await running.says(/BROOKLET_NUM_PARTITON means nothing to brooklet; did you mean BROOKLET_NUM_PARTITIONS/);
  const server = new URL(url).host;
  expect((await brooklet(["topics", "create", "t", "-b", server])).code).toBe(0);
  const { stdout } = await brooklet(["topics", "describe", "t", "--json", "-b", server]);
  expect(JSON.parse(stdout)[0].partitions).toHaveLength(3);
});
