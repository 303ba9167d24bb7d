// `brooklet` as a broker: what it prints works, it stops in an orderly way, and it refuses clearly to start.

import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { brooklet, Running, startBrokerCommand } from "./command.ts";

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "brooklet-cli-"));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

test("the line that it prints produces a record, as it is", async () => {
  const { url, running } = await startBrokerCommand("--ephemeral");
  const [, line = ""] = await running.says(/try it\s+(.*)\n/);
  expect(line).toMatch(/^echo "hello" \| brooklet produce greetings -b \S+$/);
  const entry = fileURLToPath(new URL("../../../cli/bin/brooklet.js", import.meta.url));
  const shell = spawnSync("sh", ["-c", line.replace("| brooklet ", `| "${process.execPath}" "${entry}" `)], {
    encoding: "utf8",
  });
  expect({ status: shell.status, stdout: shell.stdout }).toEqual({ status: 0, stdout: "" });
  const answer = await fetch(`${url}/v1/topics/greetings/partitions/0/records?offset=0`);
  expect(await answer.json()).toMatchObject({ records: [{ offset: 0, valueText: "hello" }] });
});

test("started by npm, it prints the line that npm runs", async () => {
  const running = new Running(["--port", "0", "--ephemeral"], { npm_lifecycle_event: "start" });
  await running.says(/try it\s+echo "hello" \| npm run -s brooklet -- produce greetings -b 127\.0\.0\.1:\d+\n/);
});

test("it names the data file and durability; SIGTERM drains; the records are there at the next start", async () => {
  const data = folder();
  const first = await startBrokerCommand("--data", data);
  await first.running.says(/data file\s+\S+brooklet\.db/);
  await first.running.says(/durability\s+disk: acknowledged after the sync/);
  await brooklet(["produce", "kept", "-b", first.server], { stdin: "one\ntwo\n" });
  first.running.child.kill("SIGTERM");
  expect((await first.running.ended).code).toBe(0);

  const second = await startBrokerCommand("--data", data);
  expect(await brooklet(["consume", "kept", "-e", "-b", second.server])).toMatchObject({
    code: 0,
    stdout: "one\ntwo\n",
  });
  second.running.child.kill("SIGINT");
  expect((await second.running.ended).code).toBe(0);
});

test("a signal that comes before it has said that it is ready stops it in an orderly way, too", async () => {
  const { code, stderr } = await brooklet(["--port", "0", "--ephemeral"], { signal: AbortSignal.abort() });
  expect(stderr).toContain("stopping: finishing what was begun");
  expect(code).toBe(0);
});

test("a data folder that another broker holds is a conflict, named", async () => {
  const data = folder();
  const { url } = await startBrokerCommand("--data", data);
  const refused = await brooklet(["--port", "0", "--data", data]);
  expect(refused).toMatchObject({ code: 5, stdout: "" });
  expect(refused.stderr).toContain(url);
});

test("folders on the way to the data folder are made", async () => {
  const data = join(folder(), "a", "b");
  const { running } = await startBrokerCommand("--data", data);
  expect(running.stdout).toContain(join(data, "brooklet.db"));
});

test.skipIf(!existsSync("/proc/self"))(
  "a folder that cannot be made is denied at once (skipped without /proc)",
  async () => {
    const refused = await new Running(["--port", "0", "--data", "/proc/brooklet/data"]).ended;
    expect(refused).toMatchObject({ code: 4, stdout: "" });
    expect(refused.stderr).toContain("/proc/brooklet/data cannot be written");
  },
);

test("a busy port is a conflict", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  onTestFinished(() => void server.close());
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as { port: number };
  const refused = await brooklet(["--ephemeral", "--port", String(port)]);
  expect(refused).toMatchObject({ code: 5, stdout: "" });
  expect(refused.stderr).toMatch(/is in use/);
});

test("settings come from flags and the environment, and reach the broker", async () => {
  const running = new Running(["--ephemeral", "--set", "num.partitions=3"], {
    BROOKLET_PORT: "0",
    BROOKLET_NUM_PARTITIONS: "5",
    BROOKLET_LOG_LEVEL: "silent",
  });
  const [, url = ""] = await running.says(/url\s+(http:\S+)/);
  const server = new URL(url).host;
  expect((await brooklet(["topics", "create", "t", "-b", server])).code).toBe(0);
  const { stdout } = await brooklet(["topics", "describe", "t", "--json", "-b", server]);
  expect(JSON.parse(stdout)[0].partitions).toHaveLength(3);
});

test("too old a Node gets one clear line", () => {
  // The entry reads process.versions; an older Node is what it says it is.
  const entry = new URL("../../../cli/bin/brooklet.js", import.meta.url);
  const run = spawnSync(
    process.execPath,
    [
      "--input-type=module",
      "-e",
      `Object.defineProperty(process, "versions", { value: { node: "20.1.0" } });
       await import(${JSON.stringify(entry.href)});`,
    ],
    { encoding: "utf8" },
  );
  expect(run).toMatchObject({ status: 1, stdout: "" });
  expect(run.stderr).toMatch(/^brooklet needs Node 24 or newer.*npm start.*\n$/);
});
