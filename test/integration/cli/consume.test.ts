// `consume`: places, ranges, formats, several topics; readers that are slow, brokers that go away, and an orderly Ctrl-C.

import { once } from "node:events";
import { createWriteStream, readFileSync } from "node:fs";
import { join } from "node:path";
import { Writable } from "node:stream";
import { expect, test } from "vitest";
import { eventually } from "../../support/eventually.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import { broker, ran, start } from "./streams.ts";

/** Two partitions, 0 to 4 and 10 to 14, a record a minute from 2026-01-31T12:00 on. */
async function fed() {
  const { b } = await broker();
  await ran(["topics", "create", "t", "-p", "2", ...b]);
  const startMs = Date.parse("2026-01-31T12:00:00Z");
  const lines = [0, 1, 2, 3, 4].flatMap((n) =>
    [0, 1].map((partition) =>
      JSON.stringify({ key: `k${n}`, value: partition * 10 + n, partition, timestamp: startMs + n * 60_000 }),
    ),
  );
  expect((await ran(["produce", "t", "--json", ...b], lines.join("\n"))).code).toBe(0);
  return { b };
}

const numbers = (text: string) =>
  text
    .trim()
    .split("\n")
    .filter(Boolean)
    .map(Number)
    .sort((x, y) => x - y);

test("places, ranges, partitions and counts", async () => {
  const { b } = await fed();
  const read = async (...args: string[]) => numbers((await ran(["consume", "t", ...args, ...b])).stdout);
  expect(await read("-e", "-o", "+3")).toEqual([3, 4, 13, 14]);
  expect(await read("-e", "-o", "-1")).toEqual([4, 14]);
  expect(await read("-e", "-o", "-99", "-p", "1")).toEqual([10, 11, 12, 13, 14]);
  expect(await read("-o", "1", "--until", "3")).toEqual([1, 2, 11, 12]);
  expect(await read("-o", "+1", "--until", "-3", "-p", "0,1")).toEqual([1, 11]);
  expect(await read("-o", "@2026-01-31T12:03", "-e")).toEqual([3, 4, 13, 14]);
  expect(await read("-o", "@2026-01-31T13:01+01:00", "--until", "@2026-01-31 12:03")).toEqual([1, 2, 11, 12]);
  expect(await read("--until", "@2030-01-01", "-p", "0")).toEqual([0, 1, 2, 3, 4]);
  expect(await read("--until", "start")).toEqual([]);
  expect(await read("-o", "end", "-e")).toEqual([]);
  expect(await read("-o", "2", "-c", "3", "-p", "0")).toEqual([2, 3, 4]);
});

test("an offset that is not there is said, and reading begins at the nearest", async () => {
  const { b } = await fed();
  expect(await ran(["consume", "t", "-p", "1", "-o", "9", "-e", ...b])).toMatchObject({
    code: 0,
    stdout: "",
    stderr: "brooklet: t-1: 9 is beyond the log: its end, 5\n",
  });
  expect(await ran(["consume", "t", "-p", "0,2", ...b])).toMatchObject({
    code: 3,
    stderr: "brooklet: t has no partition 2; it has 2\n",
  });
});

test("kcat's formats, keys beside values, null as text, several topics", async () => {
  const { b } = await broker();
  await ran(["produce", "t", "-k", ",", "-Z", "-H", "h=1", ...b], "a,1\nb,\n");
  await ran(["produce", "u", ...b], "2\n");
  const read = async (...args: string[]) => (await ran(["consume", ...args, "-e", ...b])).stdout;
  expect(await read("t", "-f", "%t[%p]@%o %K:%k %S:%s %h%%\\x41\\n")).toBe(
    "t[0]@0 1:a 1:1 h=1%A\nt[0]@1 1:b -1: h=1%A\n",
  );
  expect(await read("t", "-f", "%s;", "-Z")).toBe("1;NULL;");
  expect(await read("t", "-k", "\\t")).toBe("a\t1\nb\t\n");
  expect(await read("t", "-Z")).toBe("1\nNULL\n");
  expect((await read("u", "t", "u", "-f", "%t %s\\n")).split("\n").sort()).toEqual(["", "t ", "t 1", "u 2"]);
});

test("what consume -f wrote, produce -f reads: exact with lengths", async () => {
  const { b } = await broker();
  const lines = [
    { keyBase64: "/wAK", valueBase64: "AAoN/w==" },
    { key: null, value: null },
    { key: "", valueText: "" },
    { key: "%s\n", valueText: "1,2\n" },
  ];
  await ran(["produce", "from", "--json", ...b], lines.map((line) => JSON.stringify(line)).join("\n"));
  const format = "%T %K,%S:%k%s\\n";
  const { bytes } = await ran(["consume", "from", "-e", "-f", format, ...b]);
  expect((await ran(["produce", "to", "-f", format, ...b], bytes)).code).toBe(0);
  const all = async (topic: string) => (await ran(["consume", topic, "-e", "-f", "%R%K|%k|%s|%T", ...b])).bytes;
  expect(await all("to")).toEqual(await all("from"));
});

test.each([
  [["-o", "later"], /--offset takes start, end, N, \+N, -N, @time or stored/],
  [["-o", "@soon"], /--offset takes a time behind @/],
  [["-o", "stored"], /--offset stored needs a group/],
  [["--until", "stored"], /--until takes a place of the log/],
  [["-g", "g", "-o", "5"], /with a group, --offset takes stored, start or end/],
  [["-g", "g", "-p", "0"], /with a group, the broker says who reads which partition/],
  [["-f", "%q"], /no token %q/],
  [["-f", "%s", "--json"], /--json and --format exclude each other/],
  [["--json", "-Z"], /-Z has no meaning with --json/],
  [["-p", "0,x"], /--partition must be a whole number/],
])("%j is refused", async (args, message) => {
  expect(await ran(["consume", "t", ...args, "-b", "127.0.0.1:1"])).toMatchObject({
    code: 2,
    stdout: "",
    stderr: expect.stringMatching(message),
  });
});

/** A pipe whose reader does not read: takes this many bytes, and then nothing more. */
function stuckPipe(bytes: number) {
  let taken = 0;
  const pipe = new Writable({
    highWaterMark: 64 * 1024,
    write(chunk: Uint8Array, _encoding, done) {
      taken += chunk.length;
      if (taken < bytes) done();
    },
  });
  return { pipe, given: () => taken + pipe.writableLength };
}

test("a reader that stops reading holds the reading back; Ctrl-C ends it, and what it got is committed", async () => {
  const { b } = await broker();
  await ran(["produce", "t", ...b], `${"x".repeat(999)}\n`.repeat(5_000));
  const { pipe, given } = stuckPipe(300_000);
  const running = start(["consume", "t", "-g", "g", ...b], { stdout: pipe });
  await eventually(() => given() >= 300_000, "the pipe is full");
  // Nothing more comes while others are served by the same broker.
  expect((await ran(["consume", "t", "-e", "-c", "5000", ...b])).bytes).toHaveLength(5_000_000);
  expect(given()).toBeLessThan(1_000_000);
  running.interrupt();
  expect(await running.ended).toBe(130);
  const left = (await ran(["consume", "t", "-g", "g", "-e", "-f", "%o\\n", ...b])).stdout.split("\n");
  const next = Number(left[0]);
  // At least once: nothing that was not handed to the pipe counts as printed.
  expect(next).toBeGreaterThan(0);
  expect(next * 1_000).toBeLessThanOrEqual(given());
  expect(left.at(-2)).toBe("4999");
});

test("with a group, what was printed is committed while nothing more comes", async () => {
  const { b } = await broker();
  await ran(["produce", "t", ...b], "1\n2\n");
  const running = start(["consume", "t", "-g", "g", ...b]);
  await running.says(/^2$/m);
  await eventually(async () => {
    const { stdout } = await ran(["groups", "describe", "g", "--json", ...b]);
    return JSON.parse(stdout)[0].offsets[0]?.offset === 2;
  }, "offset 2 is committed");
  running.interrupt();
  expect(await running.ended).toBe(130);
});

test("with a group, -e waits for a partition to read to its end, and does not end with nothing", async () => {
  const { b } = await broker({ "num.partitions": 1 });
  await ran(["produce", "t", ...b], "1\n2\n");
  const holder = start(["consume", "t", "-g", "g", "-c", "3", ...b]);
  await holder.says(/^2$/m);
  const waiting = start(["consume", "t", "-g", "g", "-e", ...b]);
  await waiting.says(/waiting for partitions of group g|nothing yet/);
  // One batch: the holder takes the first of it and leaves.
  await ran(["produce", "t", ...b], "3\n4\n");
  expect(await holder.ended).toBe(0);
  expect([await waiting.ended, String(waiting.stdout())]).toEqual([0, "4\n"]);
});

test("into a file, a terminal shows how far it is; the file has the records and nothing else", async () => {
  const { b } = await broker();
  await ran(["produce", "t", ...b], "1\n2\n");
  const path = join(temporaryFolder(), "records.txt");
  const stdout = createWriteStream(path);
  await once(stdout, "open");
  const running = start(["consume", "t", ...b], { stdout, isTerminal: true });
  await running.says(/2 records, [\d,]+\/s, 4 B/);
  running.interrupt();
  expect(await running.ended).toBe(130);
  expect(readFileSync(path, "utf8")).toBe("1\n2\n");
});

test("a broker that goes away ends -e with 6 soon, and is told to who follows and watches, once", async () => {
  const { b, close } = await broker();
  await ran(["produce", "t", ...b], "1\n");
  const args = ["--timeout-ms", "400", ...b];
  const following = start(["consume", "t", ...args]);
  const counting = start(["consume", "t", "-g", "g", ...args]);
  await following.says(/^1$/m);
  await counting.says(/^1$/m);
  const watching = start(["groups", "watch", "g", "--timeout-ms", "2600", ...b]);
  await watching.says(/is Stable/);
  await close();
  await following.says(/nothing from the broker: .*; trying on, Ctrl-C ends/);
  await counting.says(/nothing from the broker/);
  // Meanwhile the group's member tries to commit several times.
  expect(await watching.ended).toBe(6);
  expect(watching.stderr().match(/ waiting for the broker at \S+ \(up to 2\.6 s; Ctrl-C ends it\) …$/gm)).toHaveLength(
    1,
  );
  expect(counting.stderr().match(/offsets were not committed/g)).toHaveLength(1);
  following.interrupt();
  counting.interrupt();
  expect(await Promise.all([following.ended, counting.ended])).toEqual([130, 130]);
  expect(await start(["consume", "t", "-e", ...args]).ended).toBe(6);
});

test("a member of a group that has no partition is told too that the broker is gone", async () => {
  const { b, close } = await broker();
  await ran(["topics", "create", "t", ...b]);
  const args = ["consume", "t", "-g", "g", "--timeout-ms", "400", ...b];
  const owner = start(args);
  await owner.says(/g: reading t-0/);
  const spare = start(args);
  await spare.says(/g: reading nothing yet/);
  await close();
  await spare.says(/nothing from the broker: .*; trying on, Ctrl-C ends/);
});
