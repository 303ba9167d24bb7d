// produce and consume in a pipe: bytes, keys, ranges, groups, and the ends that pipes can have.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, onTestFinished, test } from "vitest";
import { brooklet, Running, startBrokerCommand } from "./command.ts";
import { broker } from "./streams.ts";

test("lines go in and come out, by key, from any offset, as many as wanted", async () => {
  const { b } = await broker();
  const produced = await brooklet(["produce", "orders", "-k", ",", ...b], { stdin: "anna,1\nben,2\nno key\nanna,3" });
  expect(produced).toMatchObject({ code: 0, stdout: "" });
  expect(produced.stderr).toContain("stored 4 records in orders: offsets 0-3 of partition 0");

  expect(await brooklet(["consume", "orders", "-e", ...b])).toMatchObject({ code: 0, stdout: "1\n2\nno key\n3\n" });
  expect((await brooklet(["consume", "orders", "-e", "-o", "2", ...b])).stdout).toBe("no key\n3\n");
  expect((await brooklet(["consume", "orders", "-e", "-o", "-1", ...b])).stdout).toBe("3\n");
  expect((await brooklet(["consume", "orders", "-c", "2", ...b])).stdout).toBe("1\n2\n");
  expect((await brooklet(["consume", "orders", "-e", "-o", "end", ...b])).stdout).toBe("");
  expect((await brooklet(["consume", "orders", "-e", "-o", "@0", ...b])).stdout).toBe("1\n2\nno key\n3\n");
  expect((await brooklet(["consume", "orders", "-e", "-o", "@99999999999999", ...b])).stdout).toBe("");

  const { stdout } = await brooklet(["consume", "orders", "-e", "--json", ...b]);
  const records = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(records.map(({ key, value, valueText, offset }) => [key, value ?? valueText, offset])).toEqual([
    ["anna", 1, 0],
    ["ben", 2, 1],
    [null, "no key", 2],
    ["anna", 3, 3],
  ]);
});

test("consume --json | produce --json copies byte for byte", async () => {
  const { b } = await broker();
  const raw = Buffer.concat([
    Buffer.from([0xff, 0x00, 0x41, 0x0a, 0xc3, 0xa4, 0x0a]),
    Buffer.from('{"n": 9007199254740993, "n": 1.0}\n1e400\nnull\n "a"\n'),
  ]);
  await brooklet(["produce", "from", ...b], { stdin: raw });
  const { stdout } = await brooklet(["consume", "from", "-e", "--json", ...b]);
  expect((await brooklet(["produce", "to", "--json", ...b], { stdin: stdout })).code).toBe(0);
  const copied = (await brooklet(["consume", "to", "-e", "--json", ...b])).stdout;
  expect(copied.replaceAll('"topic":"to"', '"topic":"from"')).toBe(stdout);
});

test("a group remembers where it is: nothing is printed twice, nothing left out", async () => {
  const { b } = await broker();
  await brooklet(["produce", "jobs", ...b], { stdin: "1\n2\n3\n4\n5\n" });
  expect((await brooklet(["consume", "jobs", "-g", "workers", "-c", "2", ...b])).stdout).toBe("1\n2\n");
  expect((await brooklet(["consume", "jobs", "-g", "workers", "-e", ...b])).stdout).toBe("3\n4\n5\n");
  const { stdout } = await brooklet(["groups", "describe", "workers", "--json", ...b]);
  expect(JSON.parse(stdout)[0]).toMatchObject({
    groupId: "workers",
    state: "Empty",
    offsets: [{ topic: "jobs", partition: 0, offset: 5, lag: 0 }],
  });
  expect((await brooklet(["groups", "list", ...b])).stdout).toMatch(/^workers\s+Empty\b/m);
  expect((await brooklet(["groups", "describe", "workers", ...b])).stdout).toMatch(/joins|join/);
});

test("consume waits for what comes, says so, and Ctrl-C ends it with 130 after its commit", async () => {
  const { b } = await broker();
  await brooklet(["produce", "live", ...b], { stdin: "first\n" });
  const running = new Running(["consume", "live", "-g", "watchers", ...b]);
  await running.says(/^first$/m);
  await brooklet(["produce", "live", ...b], { stdin: "second\n" });
  await running.says(/^second$/m);
  running.child.kill("SIGINT");
  expect(await running.ended).toMatchObject({ code: 130, stdout: "first\nsecond\n" });
  expect((await brooklet(["consume", "live", "-g", "watchers", "-e", ...b])).stdout).toBe("");

  const idle = new Running(["consume", "live", "-o", "end", ...b]);
  await idle.says(/waiting for records of live-0; Ctrl-C ends/);
  idle.child.kill("SIGINT");
  expect((await idle.ended).code).toBe(130);
});

test("a reader that goes away ends consume quietly", async () => {
  const { b } = await broker();
  const lines = Array.from({ length: 50_000 }, (_, index) => `line ${index}`).join("\n");
  expect((await brooklet(["produce", "long", ...b], { stdin: lines })).code).toBe(0);
  const running = new Running(["consume", "long", ...b]);
  const head = spawn("head", ["-n", "1"]);
  onTestFinished(() => void head.kill("SIGKILL"));
  const first = once(head.stdout, "data");
  running.child.stdout.pipe(head.stdin);
  head.stdin.on("error", () => running.child.stdout.destroy());
  expect(String((await first)[0])).toBe("line 0\n");
  running.child.stdout.destroy();
  expect(await running.ended).toMatchObject({ code: 0, stderr: "" });
});

test("what is not there is 3, what is there already 5, nobody there 6, each with a line that says so", async () => {
  const { b } = await broker({ "auto.create.topics.enable": false });
  expect(await brooklet(["consume", "missing", "-e", ...b])).toMatchObject({
    code: 3,
    stdout: "",
    stderr: expect.stringContaining("missing"),
  });
  expect(await brooklet(["produce", "missing", "--timeout-ms", "700", ...b], { stdin: "x\n" })).toMatchObject({
    code: 3,
  });
  expect(await brooklet(["topics", "describe", "missing", ...b])).toMatchObject({ code: 3 });
  expect(await brooklet(["groups", "describe", "missing", ...b])).toMatchObject({ code: 3 });
  expect((await brooklet(["topics", "create", "t", ...b])).code).toBe(0);
  expect(await brooklet(["topics", "create", "t", ...b])).toMatchObject({ code: 5 });
  expect(await brooklet(["topics", "create", "no/slash", ...b])).toMatchObject({ code: 2 });
  for (const command of [["topics", "list"], ["consume", "t"], ["produce", "t"], ["status"]]) {
    const nobody = await brooklet([...command, "-b", "127.0.0.1:1", "--timeout-ms", "700"]);
    expect({ command, code: nobody.code, stdout: nobody.stdout }).toEqual({ command, code: 6, stdout: "" });
    expect(nobody.stderr).toContain("127.0.0.1:1");
  }
});

test("topics and status, as tables and as JSON", async () => {
  const { server, url } = await startBrokerCommand("--ephemeral");
  const env = { BROOKLET_BOOTSTRAP_SERVERS: url };
  expect((await brooklet(["topics", "list"], { env })).stderr).toContain("no topics yet");
  await brooklet(["topics", "create", "a", "b", "-p", "2"], { env });
  await brooklet(["produce", "a", "-p", "1"], { env, stdin: "x\ny\n" });
  expect((await brooklet(["topics", "list"], { env })).stdout).toMatch(/^TOPIC .*\na\s+2\s+2\b.*\nb\s+2\s+0\b.*\n$/);
  expect((await brooklet(["topics", "describe", "a"], { env })).stdout).toMatch(/^1\s+0\s+2\s+2\b/m);
  // The first of the list that answers.
  const status = await brooklet(["status", "--json", "-b", `127.0.0.1:1,${server}`]);
  expect(JSON.parse(status.stdout)).toMatchObject({ url, durability: "memory", topics: 2, partitions: 4 });
  expect((await brooklet(["status"], { env })).stdout).toMatch(/^durability\s+memory$/m);
});
