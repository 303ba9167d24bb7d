// `produce`: what inputs may be, what is said while it goes on and when it fails, and that nothing is waited for without end.

import { execFileSync } from "node:child_process";
import { closeSync, constants, mkdirSync, openSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import { broker, ran, start } from "./streams.ts";

const ERASE_LINE = "\r\u001b[K";

function file(folder: string, name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

test("files in their order, headers, compression, nulls", async () => {
  const { b } = await broker();
  const folder = temporaryFolder();
  const one = file(folder, "one.txt", "a,1\nb,\n");
  const two = file(folder, "two.txt", ",3\nno key");
  const args = ["-k", ",", "-Z", "-z", "gzip", "-H", "from=test", "-H", "mark", "-H", "empty="];
  expect(await ran(["produce", "t", one, two, "-", ...args, ...b], "last,5\n")).toMatchObject({ code: 0, stdout: "" });
  const { stdout } = await ran(["consume", "t", "-e", "-f", "%K %k %S %s %h\\n", ...b]);
  const headers = "from=test,mark=NULL,empty=";
  expect(stdout.split("\n")).toEqual([
    `1 a 1 1 ${headers}`,
    `1 b -1  ${headers}`,
    `-1  1 3 ${headers}`,
    `-1  6 no key ${headers}`,
    `4 last 1 5 ${headers}`,
    "",
  ]);
});

test("each file a record, whatever its bytes", async () => {
  const { b } = await broker();
  const folder = temporaryFolder();
  const content = Uint8Array.of(0xff, 0x0a, 0x00, 0x0a);
  const paths = [file(folder, "a.bin", content), file(folder, "empty.bin", ""), file(folder, "b.bin", "text")];
  expect((await ran(["produce", "t", "--whole", ...paths, ...b])).stderr).toContain("stored 2 records in t");
  expect((await ran(["consume", "t", "-e", "-f", "%s", ...b])).bytes).toEqual(
    Buffer.concat([content, Buffer.from("text")]),
  );
});

test("a wrong file sends nothing: 3 when it is not there, 2 for a folder", async () => {
  const { b } = await broker();
  const folder = temporaryFolder();
  const good = file(folder, "good.txt", "1\n");
  mkdirSync(join(folder, "sub"));
  expect(await ran(["produce", "t", good, join(folder, "missing.txt"), ...b])).toMatchObject({
    code: 3,
    stderr: expect.stringMatching(/missing\.txt cannot be read: ENOENT/),
  });
  expect(await ran(["produce", "t", good, join(folder, "sub"), ...b])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("is a folder"),
  });
  expect((await ran(["topics", "list", "--json", ...b])).stdout.trim()).toBe("[]");
});

test("the first line that fails: how many of how many, which line of which file, and what was not sent", async () => {
  const { b } = await broker();
  const folder = temporaryFolder();
  const line = (value: number | string) => `{"value":${value}}\n`;
  const paths = [
    file(folder, "good.json", line(1) + line(2)),
    file(folder, "bad.json", line(3) + line("oops") + line(5)),
    file(folder, "unread.json", line(6)),
  ];
  const refused = await ran(["produce", "t", "--json", ...paths, ...b]);
  expect(refused.code).toBe(2);
  expect(refused.stderr).toMatch(/stored 3 of 4 records in t: offsets 0-2 of partition 0/);
  expect(refused.stderr).toMatch(/line 2 of \S+bad\.json: The JSON cannot be read/);
  expect(refused.stderr).toMatch(
    /It is not stored\. Nothing after line 2 of \S+bad\.json was sent\. Not begun: \S+unread\.json\./,
  );
  expect((await ran(["consume", "t", "-e", ...b])).stdout).toBe("1\n2\n3\n");
});

test("input that cannot be cut into records fails as the record that it should be", async () => {
  const { b } = await broker();
  for (const [input, before] of [
    ["x:1\n", 0],
    ["0:1\nx:2\n", 1],
  ] as const) {
    const refused = await ran(["produce", "t", "-f", "%p:%s\n", ...b], input);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain(`stored ${before} of ${before + 1} record`);
    expect(refused.stderr).toMatch(
      new RegExp(`record ${before + 1}: .*is a number.*\n.*Nothing after record ${before + 1} was`),
    );
  }
});

test("a record that the broker's limits refuse: those behind it may be stored, and that is said", async () => {
  const { b } = await broker();
  const lines = `small\n${"x".repeat(2_000_000)}\nsmall\n`;
  const refused = await ran(["produce", "t", ...b], lines);
  expect(refused.code).toBe(1);
  expect(refused.stderr).toMatch(/stored [12] of [23] records in t/);
  expect(refused.stderr).toMatch(/line 2: a record for t takes 2000\d\d\d bytes.*\n {2}It is not stored\./);
});

test("a partition that is not there is refused at once, of the command and of a line", async () => {
  const { b } = await broker();
  await ran(["topics", "create", "t", "-p", "2", ...b]);
  expect(await ran(["produce", "t", "-p", "2", ...b], "1\n")).toMatchObject({
    code: 3,
    stderr: expect.stringContaining("t has no partition 2; it has 0 to 1"),
  });
  const line = '{"key":"a","value":1,"partition":7}\n';
  const refused = await ran(["produce", "t", "--json", ...b], line);
  expect(refused).toMatchObject({ code: 3, stderr: expect.stringMatching(/line 1: t has no partition 7.*\n.*-p key/) });
  expect(await ran(["produce", "t", "--json", "-p", "key", ...b], line)).toMatchObject({ code: 0 });
  expect(await ran(["produce", "t", "--json", "-p", "1", ...b], line)).toMatchObject({ code: 0 });
});

test.each([
  [["--json", "-k", ","], /--json and --key-delimiter exclude each other/],
  [["-f", "%k%s\\n"], /side by side/],
  [["-k", ""], /must not be empty/],
  [["--whole", "-Z"], /-Z has no meaning with --whole/],
  [["-H", "=x"], /a header is name=value/],
  [["-z", "rar"], /rar/],
  [["-p", "x"], /--partition must be a whole number/],
])("%j is refused before anything is sent", async (args, message) => {
  expect(await ran(["produce", "t", ...args, "-b", "127.0.0.1:1"])).toMatchObject({
    code: 2,
    stdout: "",
    stderr: expect.stringMatching(message),
  });
});

test("on a terminal a line says how far it is; it is gone at the end, and in a pipe it never was", async () => {
  const { b } = await broker();
  for (const isTerminal of [true, false]) {
    const running = start(["produce", "t", ...b], { isTerminal });
    running.stdin.write("1\n2\n");
    if (isTerminal) await running.says(/2 stored, [\d,]+\/s, 4 B read/);
    running.stdin.end("3\n");
    expect(await running.ended).toBe(0);
    const said = running.stderr().split(ERASE_LINE).at(-1);
    expect(said).toMatch(/^brooklet: stored 3 records in t: offsets \d-\d of partition 0\n$/);
    expect(running.stderr().includes("stored,")).toBe(isTerminal);
  }
});

test("it says that it waits for input, and Ctrl-C ends it with what is stored", async () => {
  const { b } = await broker();
  await ran(["topics", "create", "t", ...b]);
  const running = start(["produce", "t", ...b]);
  await running.says(/waiting for input from stdin; Ctrl-C ends/);
  running.stdin.write("1\n2\nunfinished");
  const reader = start(["consume", "t", "-c", "2", ...b]);
  expect(await reader.ended).toBe(0);
  running.interrupt();
  expect(await running.ended).toBe(130);
  expect(running.stderr()).toMatch(/stored 2 of 2 records in t.*\nbrooklet: stopped after line 2\n$/);
});

test("a named pipe whose writer says nothing does not hold up Ctrl-C; what came through it is stored", async () => {
  const { b } = await broker();
  const pipe = join(temporaryFolder(), "pipe");
  execFileSync("mkfifo", [pipe]);
  const running = start(["produce", "t", pipe, ...b]);
  await running.says(/waiting for input from \S+pipe; Ctrl-C ends/);
  const writer = openSync(pipe, constants.O_RDWR | constants.O_NONBLOCK);
  try {
    writeFileSync(writer, "1\n2\n");
    const reader = start(["consume", "t", "-c", "2", ...b]);
    expect(await reader.ended).toBe(0);
    running.interrupt();
    expect(await running.ended).toBe(130);
    expect(running.stderr()).toMatch(/stored 2 of 2 records in t.*\nbrooklet: stopped after line 2 of \S+pipe\n$/);
  } finally {
    closeSync(writer);
  }
});

test("a broker that is gone: how many are not acknowledged, for how long it waits, and that they may be stored", async () => {
  const { b, close } = await broker();
  await ran(["topics", "create", "t", ...b]);
  const running = start(["produce", "t", "--timeout-ms", "2500", ...b]);
  running.stdin.write("1\n");
  expect(await start(["consume", "t", "-c", "1", ...b]).ended).toBe(0);
  await close();
  running.stdin.end("2\n3\n");
  await running.says(/waiting for 2 records to be acknowledged \(up to 2\.5 s\); Ctrl-C ends/);
  expect(await running.ended).toBe(6);
  expect(running.stderr()).toMatch(/stored 1 of 3 records in t: offset 0 of partition 0/);
  expect(running.stderr()).toMatch(/line 2: /);
});
