// The commands about topics against a broker: what is done and shown, what is refused by name, and that nobody is surprised.

import { Admin, Producer } from "@brooklet/client";
import { startBroker } from "@brooklet/server";
import { expect, onTestFinished, test } from "vitest";
import { brooklet } from "./command.ts";

async function started() {
  const broker = await startBroker({ settings: { "num.partitions": 2 } });
  onTestFinished(() => broker.close());
  const server = `127.0.0.1:${broker.port}`;
  const admin = new Admin({ "bootstrap.servers": server });
  onTestFinished(() => admin.close());
  const call = (args: readonly string[], more: Parameters<typeof brooklet>[1] = {}) =>
    brooklet([...args, "-b", server], more);
  /** So many records with the timestamps 1000, 2000 … in partition 0. */
  const fill = async (topic: string, count: number, partition = 0) => {
    await using producer = new Producer({ "bootstrap.servers": server });
    for (let at = 1; at <= count; at++)
      void producer.send({ topic, partition, value: new Uint8Array(9), timestamp: at * 1_000 });
    await producer.flush();
  };
  return { admin, call, fill };
}

const rowsOf = (stdout: string) =>
  stdout
    .trimEnd()
    .split("\n")
    .map((line) => line.split(/ {2,}/));

test("create: each topic by itself, the first refusal is the exit code", async () => {
  const { admin, call } = await started();
  expect(await call(["topics", "create", "orders"])).toMatchObject({ code: 0 });
  const again = await call(["topics", "create", "orders", "audit", "-p", "3"]);
  expect(again).toMatchObject({ code: 5, stdout: "" });
  expect(again.stderr).toMatch(/^created audit \(id .*\n.*orders: TOPIC_ALREADY_EXISTS/s);
  expect(await admin.listTopics()).toEqual(["audit", "orders"]);
  const json = await call(["topics", "create", "orders", "more", "--json"]);
  expect(JSON.parse(json.stdout)).toEqual([
    { topic: "orders", error: expect.objectContaining({ code: "TOPIC_ALREADY_EXISTS" }) },
    { topic: "more", topicId: expect.any(String) },
  ]);
});

test("alter: old and new values; a dry run changes nothing; unknown names and topics are refused each", async () => {
  const { admin, call } = await started();
  await call(["topics", "create", "a", "b", "--config", "segment.bytes=70000"]);
  const retention = async () =>
    (await admin.describeConfigs(["a"]))[0]?.configs.find(({ name }) => name === "retention.ms")?.value;
  const dry = await call(["topics", "alter", "a", "--set", "retention.ms=5000", "--dry-run"]);
  expect(rowsOf(dry.stdout)).toEqual([
    ["TOPIC", "CONFIG", "OLD", "NEW"],
    ["a", "retention.ms", "604800000 (default)", "5000"],
  ]);
  expect(dry.stderr).toContain("nothing was changed");
  expect(await retention()).toBe("604800000");

  const altered = await call([
    "topics",
    "alter",
    "a",
    "nope",
    "b",
    "--set",
    "retention.ms=5000",
    "--unset",
    "segment.bytes",
  ]);
  expect(altered.code).toBe(3);
  expect(altered.stderr).toMatch(/nope: UNKNOWN_TOPIC_OR_PARTITION/);
  expect(rowsOf(altered.stdout).slice(1)).toEqual([
    ["a", "retention.ms", "604800000 (default)", "5000"],
    ["a", "segment.bytes", "70000", "1073741824 (default)"],
    ["b", "retention.ms", "604800000 (default)", "5000"],
    ["b", "segment.bytes", "70000", "1073741824 (default)"],
  ]);
  expect(await retention()).toBe("5000");

  const typo = await call(["topics", "alter", "a", "--set", "retention=1"]);
  expect(typo).toMatchObject({ code: 2, stdout: "", stderr: expect.stringContaining("retention.ms") });
  expect(await call(["topics", "alter", "a"])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("nothing to change"),
  });
  const json = JSON.parse((await call(["topics", "alter", "a", "--unset", "retention.ms", "--json"])).stdout);
  expect(json[0].changes[0]).toMatchObject({
    name: "retention.ms",
    old: { value: "5000", source: "topic" },
    new: { value: "604800000", source: "default" },
  });
});

test("add-partitions: to a total, with a word about keys; never fewer", async () => {
  const { admin, call } = await started();
  await call(["topics", "create", "a"]);
  const count = async () => (await admin.describeTopics(["a"]))[0]?.partitions.length;
  expect(await call(["topics", "add-partitions", "a"])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("-p"),
  });
  expect((await call(["topics", "add-partitions", "a", "-p", "5", "--dry-run"])).stderr).toContain(
    "nothing was changed",
  );
  expect(await count()).toBe(2);
  const added = await call(["topics", "add-partitions", "a", "nope", "-p", "5"]);
  expect(added.code).toBe(3);
  expect(rowsOf(added.stdout)[1]).toEqual(["a", "2", "5"]);
  expect(added.stderr).toMatch(/keys move/);
  expect(await count()).toBe(5);
  const fewer = await call(["topics", "add-partitions", "a", "-p", "3"]);
  expect(fewer).toMatchObject({ code: 2, stdout: "" });
  expect(fewer.stderr).toMatch(/INVALID_PARTITIONS/);
  expect(fewer.stderr).not.toMatch(/keys move/);
});

test("trim: shows what goes, asks, and deletes exactly that", async () => {
  const { admin, call, fill } = await started();
  await call(["topics", "create", "a"]);
  await fill("a", 20);
  await fill("a", 10, 1);
  const starts = async () =>
    (await admin.describeTopics(["a"]))[0]?.partitions.map(({ logStartOffset }) => logStartOffset);

  // A pipe cannot say yes, and a dry run needs nobody.
  const piped = await call(["topics", "trim", "a", "--before", "5"], { stdin: "y\n" });
  expect(piped).toMatchObject({ code: 2, stdout: "", stderr: expect.stringContaining("--yes") });
  const dry = await call(["topics", "trim", "a", "--before", "-6", "--dry-run"]);
  expect(rowsOf(dry.stdout).slice(1)).toEqual([
    ["a-0", "0", "14", "14"],
    ["a-1", "0", "4", "4"],
  ]);
  const declined = await call(["topics", "trim", "a", "--before", "5"], { stdin: "n\n", isTerminal: true });
  expect(declined).toMatchObject({ code: 1, stderr: expect.stringContaining("nothing was changed") });
  expect(await starts()).toEqual([0, 0]);

  const agreed = await call(["topics", "trim", "a:0", "--before", "@3000"], { stdin: "y\n", isTerminal: true });
  expect(agreed).toMatchObject({
    code: 0,
    stderr: expect.stringMatching(/2 records of a will be deleted.*deleted 2 records/s),
  });
  expect(await starts()).toEqual([2, 0]);

  const beyond = await call(["topics", "trim", "a", "--before", "15", "--yes", "--json"]);
  expect(JSON.parse(beyond.stdout)).toEqual([
    { topic: "a", partition: 0, oldStart: 2, newStart: 15, records: 13, dryRun: false },
    {
      topic: "a",
      partition: 1,
      oldStart: 0,
      newStart: 10,
      records: 10,
      dryRun: false,
      note: expect.stringContaining("beyond the log"),
    },
  ]);
  expect(await starts()).toEqual([15, 10]);
  expect((await call(["topics", "trim", "a", "--before", "3", "--yes"])).stderr).toContain("nothing to delete");
  expect((await call(["topics", "trim", "a", "nope", "a:7", "--before", "end", "--yes"])).code).toBe(3);
  expect(await starts()).toEqual([20, 10]);
});

test("trim: what may not be trimmed is refused by its name, the others are trimmed", async () => {
  const { call, fill } = await started();
  await call(["topics", "create", "kept", "--config", "cleanup.policy="]);
  await call(["topics", "create", "plain"]);
  await fill("plain", 3);
  await fill("kept", 2);
  const trimmed = await call(["topics", "trim", "kept", "plain", "nope:4", "--before", "end", "--yes"]);
  expect(trimmed.stderr).toMatch(/deleted 3 records.*nope: UNKNOWN_TOPIC.*kept-0: POLICY_VIOLATION/s);
  expect(trimmed.code).toBe(3);
});

test("delete: asks with what goes; several topics, a result for each", async () => {
  const { admin, call, fill } = await started();
  await call(["topics", "create", "a", "b"]);
  await fill("a", 3);
  expect(await call(["topics", "delete", "a"])).toMatchObject({ code: 2, stdout: "" });
  const declined = await call(["topics", "delete", "a", "b"], { stdin: "\n", isTerminal: true });
  expect(declined.stderr).toMatch(/a: 2 partitions, 3 records\n\s*b: 2 partitions, 0 records/);
  expect(declined.code).toBe(1);
  expect(await admin.listTopics()).toEqual(["a", "b"]);
  const deleted = await call(["topics", "delete", "a", "nope", "--yes"]);
  expect(deleted.stderr).toMatch(/^deleted a\n.*nope: UNKNOWN_TOPIC_OR_PARTITION/s);
  expect(deleted.stderr).toContain("topics list");
  expect(deleted.code).toBe(3);
  const json = await call(["topics", "delete", "b", "nope", "--yes", "--json"]);
  expect(JSON.parse(json.stdout)).toEqual([
    { topic: "b", deleted: true },
    { topic: "nope", deleted: false, error: expect.objectContaining({ code: "UNKNOWN_TOPIC_OR_PARTITION" }) },
  ]);
  expect(await admin.listTopics()).toEqual([]);
});

test("describe and list: offsets, what is the topic's own, and what is missing by its name", async () => {
  const { call, fill } = await started();
  await call(["topics", "create", "a", "--config", "retention.ms=5000"]);
  await fill("a", 3);
  const described = await call(["topics", "describe", "nope", "a"]);
  expect(described.code).toBe(3);
  expect(described.stdout).toMatch(/^a \(id .*\): 2 partitions, 3 records\n/);
  expect(described.stdout).toMatch(/^0 +0 +3 +3 +\d\d+ B$/m);
  expect(described.stdout).toMatch(/^retention.ms +topic +5000$/m);
  expect(described.stdout).not.toContain("cleanup.policy");
  expect((await call(["topics", "describe", "a", "--configs"])).stdout).toMatch(/^cleanup.policy +default +delete$/m);
  const json = JSON.parse((await call(["topics", "describe", "nope", "a", "--json"])).stdout);
  expect(json[0]).toEqual({ topic: "nope", error: expect.objectContaining({ code: "UNKNOWN_TOPIC_OR_PARTITION" }) });
  expect(json[1].configs).toContainEqual({ name: "retention.ms", value: "5000", source: "topic" });
  expect(rowsOf((await call(["topics", "list"])).stdout)).toEqual([
    ["TOPIC", "PARTITIONS", "RECORDS", "SIZE"],
    ["a", "2", "3", expect.stringMatching(/^\d\d+ B$/)],
  ]);
});
