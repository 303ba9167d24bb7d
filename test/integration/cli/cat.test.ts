// `brooklet cat` against a broker: what a kcat user types does what kcat does, but for what its help names.

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Broker, startBroker } from "@brooklet/server";
import { afterAll, beforeAll, expect, test } from "vitest";
import { brooklet } from "./command.ts";

let broker: Broker;
let folder: string;
beforeAll(async () => {
  broker = await startBroker();
  folder = await mkdtemp(join(tmpdir(), "brooklet-cat-"));
});
afterAll(async () => {
  await broker.close();
  await rm(folder, { recursive: true });
});

/** `brooklet cat -b … argv`, with stdin. */
function cat(argv: readonly string[], stdin: string | Uint8Array = "") {
  return brooklet(["cat", "-b", `127.0.0.1:${broker.port}`, ...argv], { stdin });
}

/** What stands in a topic, by kcat's format. */
async function stored(topic: string, format = "%k|%s\\n", ...more: string[]): Promise<string> {
  const { code, stdout, stderr } = await cat(["-C", "-t", topic, "-e", "-q", "-f", format, ...more]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return stdout;
}

test("keys, fixed keys, headers and empty lines go in as kcat sends them", async () => {
  const sent = await cat(
    ["-P", "-t", "in", "-K:", "-k", "fixed", "-H", "a=1", "-H", "b", "-H", "a=x=y"],
    "k:1\n\n:2\n3\nk:",
  );
  expect(sent).toMatchObject({ code: 0, stdout: "", stderr: expect.stringContaining("stored 4 records in in") });
  expect(await stored("in", "%k|%K|%s|%h\\n")).toBe(
    ["k|1|1|a=1,b=NULL,a=x=y", "|0|2|a=1,b=NULL,a=x=y", "fixed|5|3|a=1,b=NULL,a=x=y", "k|1||a=1,b=NULL,a=x=y", ""].join(
      "\n",
    ),
  );
});

test("-Z: an empty key and value are null on their way in, and NULL on their way out", async () => {
  await cat(["-P", "-t", "nulls", "-K:", "-Z"], "k:\n:v\n:\nplain\n");
  expect(await stored("nulls", "%k=%K %s=%S\\n")).toBe("k=1 =-1\n=-1 v=1\n=-1 =-1\n=-1 plain=5\n");
  const { stdout } = await cat(["-C", "-t", "nulls", "-e", "-q", "-Z", "-K,"]);
  expect(stdout).toBe("k,NULL\nNULL,v\nNULL,NULL\nNULL,plain\n");
});

test("delimiters of any bytes separate records in and out", async () => {
  await cat(["-P", "-t", "delimited", "-D", "\\x00;", "-K", "\\t", "-q"], Buffer.from("a\t1\u0000;b\n\u00002\u0000;"));
  const { stdout } = await cat(["-C", "-t", "delimited", "-e", "-q", "-D", "%s\\n", "-K", "="]);
  // What stands in a delimiter is no token of a format.
  expect(stdout).toBe("a=1%s\n=b\n\u00002%s\n");
});

test("-c ends both ways; -p names a partition, which must be there", async () => {
  const b = ["-b", `127.0.0.1:${broker.port}`];
  await brooklet(["topics", "create", "parted", "--partitions", "3", ...b]);
  await cat(["-P", "-t", "parted", "-p", "2", "-c", "2", "-q"], "1\n2\n3\n");
  expect(await stored("parted", "%p@%o:%s ")).toBe("2@0:1 2@1:2 ");
  expect(await stored("parted", "%s ", "-p", "2", "-c", "1")).toBe("1 ");
  expect(await stored("parted", "%s ", "-p", "0")).toBe("");
  expect(await stored("parted", "%s ", "-p", "-1")).toBe("1 2 ");
  expect(await cat(["-C", "-t", "parted", "-p", "3", "-e"])).toMatchObject({ code: 3 });
  expect(await cat(["-P", "-t", "parted", "-p", "3"], "x\n")).toMatchObject({ code: 3 });
});

test("-o reads from and until places and times", async () => {
  await cat(["-P", "-t", "offsets", "-q"], "0\n1\n2\n3\n4\n");
  const times = (await stored("offsets", "%T\n")).trim().split("\n").map(Number);
  expect(await stored("offsets", "%s ", "-o", "beginning")).toBe("0 1 2 3 4 ");
  expect(await stored("offsets", "%s ", "-o", "3")).toBe("3 4 ");
  expect(await stored("offsets", "%s ", "-o", "-2")).toBe("3 4 ");
  expect(await stored("offsets", "%s ", "-o", "end")).toBe("");
  expect(await stored("offsets", "%s ", "-o", `s@${times[0]}`)).toBe("0 1 2 3 4 ");
  expect(await stored("offsets", "%s ", "-o", `s@${(times[4] ?? 0) + 1}`)).toBe("");
  // Without -e: the time is the end.
  const { stdout, stderr } = await cat(["-C", "-t", "offsets", "-o", "1", "-o", `e@${(times[4] ?? 0) + 1}`]);
  expect(stdout).toBe("1\n2\n3\n4\n");
  expect(stderr).toContain("% Reached stop timestamp for topic offsets [0] at offset 5");
  expect(await stored("offsets", "%s ", "-o", `e@${times[0]}`)).toBe("");
});

test("-e says where each partition ended, -q says nothing", async () => {
  await cat(["-P", "-t", "ends", "-q"], "x\n");
  expect(await cat(["-C", "-t", "ends", "-e"])).toEqual({
    code: 0,
    stdout: "x\n",
    stderr: "% Reached end of topic ends [0] at offset 1\n",
  });
  expect(await cat(["-C", "-t", "ends", "-eq"])).toEqual({ code: 0, stdout: "x\n", stderr: "" });
  expect(await cat(["-P", "-t", "ends", "-q"], "y\n")).toEqual({ code: 0, stdout: "", stderr: "" });
});

test("-J prints kcat's envelope", async () => {
  await cat(["-P", "-t", "envelopes", "-K:", "-H", "a=1", "-H", "a", "-q"], 'k:{"n": 1}\n');
  await cat(["-P", "-t", "envelopes", "-q"], Buffer.from([0x22, 0xff, 0x01, 0x0a]));
  const { stdout } = await cat(["-C", "-t", "envelopes", "-e", "-q", "-J", "-D", ";\\n"]);
  const lines = stdout.split(";\n");
  expect(lines[2]).toBe("");
  const [first, second] = lines.slice(0, 2).map((line) => JSON.parse(line));
  expect(Object.keys(first)).toEqual([
    "topic",
    "partition",
    "offset",
    "tstype",
    "ts",
    "broker",
    "headers",
    "key",
    "payload",
  ]);
  expect(first).toEqual({
    topic: "envelopes",
    partition: 0,
    offset: 0,
    tstype: "create",
    ts: expect.any(Number),
    broker: 1,
    headers: ["a", "1", "a", null],
    key: "k",
    payload: '{"n": 1}',
  });
  expect(second).toEqual({
    ...first,
    offset: 1,
    ts: expect.any(Number),
    headers: undefined,
    key: null,
    payload: '"\ufffd\u0001',
  });
});

test("-L lists topics and partitions, as text and as JSON", async () => {
  const b = ["-b", `127.0.0.1:${broker.port}`];
  await brooklet(["topics", "create", "listed", "--partitions", "2", ...b]);
  const server = `127.0.0.1:${broker.port}`;
  expect((await cat(["-L", "-t", "listed"])).stdout).toBe(
    [
      `Metadata for listed (from broker 1: ${server}/1):`,
      " 1 brokers:",
      `  broker 1 at ${server} (controller)`,
      " 1 topics:",
      '  topic "listed" with 2 partitions:',
      "    partition 0, leader 1, replicas: 1, isrs: 1",
      "    partition 1, leader 1, replicas: 1, isrs: 1",
      "",
    ].join("\n"),
  );
  expect((await cat(["-L"])).stdout).toMatch(/^Metadata for all topics .*\n 1 brokers:\n.*\n \d+ topics:\n/);
  const { topics, ...rest } = JSON.parse((await cat(["-L", "-J"])).stdout);
  expect(rest).toEqual({
    originating_broker: { id: 1, name: `${server}/1` },
    query: { topic: "*" },
    controllerid: 1,
    brokers: [{ id: 1, name: server }],
  });
  expect(topics).toContainEqual({
    topic: "listed",
    partitions: [0, 1].map((partition) => ({ partition, leader: 1, replicas: [{ id: 1 }], isrs: [{ id: 1 }] })),
  });
  expect(await cat(["-L", "-t", "absent"])).toMatchObject({ code: 3, stdout: "" });
});

test("files are one record each, and -k is their key", async () => {
  const paths = ["one", "two", "empty"].map((name) => join(folder, name));
  await writeFile(paths[0] ?? "", "1\n1\n");
  await writeFile(paths[1] ?? "", "2");
  await writeFile(paths[2] ?? "", "");
  expect(await cat(["-P", "-t", "files", "-k", "k", "-q", ...paths])).toMatchObject({ code: 0 });
  expect(await stored("files", "%k=%s;")).toBe("k=1\n1\n;k=2;");
  expect(await cat(["-P", "-t", "files", join(folder, "absent")])).toMatchObject({ code: 3 });
});

test("-G reads as a member of a group, which remembers; -o stored goes on from there alone, and commits nothing", async () => {
  await cat(["-P", "-t", "jobs", "-q"], "1\n2\n3\n");
  const earliest = ["-X", "auto.offset.reset=earliest"];
  expect((await cat(["-G", "workers", ...earliest, "-c", "2", "jobs"])).stdout).toBe("1\n2\n");
  // The end of what was not read to the end is not claimed.
  const counted = await cat(["-G", "counted", ...earliest, "-e", "-c", "1", "jobs"]);
  expect(counted).toMatchObject({ code: 0, stdout: "1\n" });
  expect(counted.stderr).not.toContain("Reached end");
  expect(await cat(["-G", "quiet", ...earliest, "-eq", "jobs"])).toEqual({ code: 0, stdout: "1\n2\n3\n", stderr: "" });
  for (const _ of [1, 2]) expect(await stored("jobs", "%s ", "-o", "stored", "-X", "group.id=workers")).toBe("3 ");
  expect((await cat(["-G", "workers", "-e", "jobs"])).stdout).toBe("3\n");
  // As librdkafka: a group without offsets begins at the end, unless it is told otherwise.
  expect((await cat(["-G", "newcomers", "-e", "jobs"])).stdout).toBe("");
  expect((await cat(["-G", "others", "-e", "-o", "beginning", "jobs"])).stdout).toBe("1\n2\n3\n");
});

test("-z compresses, and -X reaches the client", async () => {
  const text = "x".repeat(5_000);
  await cat(["-P", "-t", "packed", "-z", "zstd", "-X", "linger.ms=1", "-q"], `${text}\n`);
  expect(await stored("packed", "%S")).toBe("5000");
  expect(await stored("packed", "%S", "-X", "isolation.level=read_committed")).toBe("5000");
});

test.each([
  [["-C"], /-t <topic> missing/],
  [["-P"], /-t <topic> missing/],
  [["-C", "-t", "t", "file"], /names behind the flags are files \(-P\) or topics \(-G\)/],
  [["-G", "g"], /-G <group> needs the names of topics/],
  [["-G", "g", "^orders.*"], /no patterns/],
  [["-G", "g", "-o", "5", "t"], /with -G, -o takes beginning, end or stored/],
  [["-G", "g", "-p", "0", "t"], /-p and -G exclude each other/],
  [["-G", "g", "-t", "t"], /needs the names of topics/],
  [["-C", "-t", "t", "-o", "stored"], /-X group\.id=NAME/],
  [["-C", "-t", "t", "-f", "%x"], /the format has no token %x/],
  [["-P", "-t", "t", "-D", ""], /a delimiter must not be empty/],
  [["-P", "-t", "t", "-H", "=1"], /a header is name=value/],
  [["-P", "-t", "t", "-z", "lzo"], /compression\.type: must be one of/],
  [["-P", "-t", "t", "-X", "queue.buffering.max.ms=5"], /use linger\.ms/],
  [["-C", "-t", "t", "-X", "fetch.min.byte=5"], /did you mean fetch\.min\.bytes\?/],
  [["-L", "-X", "request.timeout.mss=5"], /did you mean request\.timeout\.ms\?/],
  [["-C", "-c", "0", "-t", "t"], /-c must be a whole number from 1/],
])("%j is a usage error", async (argv, message) => {
  expect(await cat(argv)).toMatchObject({ code: 2, stdout: "", stderr: expect.stringMatching(message) });
});

test("a topic that is not there is not made by reading", async () => {
  expect(await cat(["-C", "-t", "nowhere", "-e"])).toMatchObject({ code: 3, stdout: "" });
  expect((await cat(["-L"])).stdout).not.toContain("nowhere");
});
