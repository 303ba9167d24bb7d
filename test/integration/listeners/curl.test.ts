// curl alone, as a person types it: create, produce, read, tail, look at groups, reset offsets. The real program, plain
// options; each of its commands here could stand in the guide.

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { Producer, string } from "@brooklet/client";
import { type Broker, startBroker } from "@brooklet/server";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { eventually } from "../../support/eventually.ts";

const absent = spawnSync("curl", ["--version"]).error !== undefined;
if (absent) process.stderr.write("curl.test.ts is skipped: there is no curl on the path\n");

const JSON_TYPE = ["-H", "content-type: application/json"];
const LINES_TYPE = ["-H", "content-type: application/x-ndjson"];

let broker: Broker;
beforeAll(async () => {
  broker = await startBroker();
});
afterAll(() => broker.close());

interface Run {
  readonly stdout: string;
  readonly code: number | null;
}

class Curl {
  stdout = "";
  readonly done: Promise<Run>;
  readonly #child: ChildProcess;

  constructor(args: readonly string[]) {
    this.#child = spawn("curl", ["-sS", "--max-time", "25", ...args], { stdio: ["pipe", "pipe", "inherit"] });
    this.#child.stdout?.setEncoding("utf8").on("data", (text) => {
      this.stdout += text;
    });
    this.done = new Promise((resolve) => this.#child.on("close", (code) => resolve({ stdout: this.stdout, code })));
  }

  write(text: string): void {
    this.#child.stdin?.write(text);
  }

  end(): void {
    this.#child.stdin?.end();
  }

  stop(): void {
    this.#child.kill("SIGINT");
  }
}

/** `curl ARGS URL`, with -f: a refusal is a failure. */
async function curl(path: string, ...args: string[]): Promise<string> {
  const { stdout, code } = await new Curl(["-f", ...args, `${broker.url}${path}`]).done;
  expect(code, `curl ${path}: ${stdout}`).toBe(0);
  return stdout;
}
const json = async (path: string, ...args: string[]) => JSON.parse(await curl(path, ...args));
const post = (path: string, body: object | string) =>
  json(path, ...JSON_TYPE, "-d", typeof body === "string" ? body : JSON.stringify(body));
/** Refusals leave curl with 22 and -f; without it the body says why. */
const refused = async (path: string, ...args: string[]) => {
  const { stdout } = await new Curl(["-w", "\n%{http_code}", ...args, `${broker.url}${path}`]).done;
  const [body = "", status] = stdout.split("\n");
  return { status: Number(status), code: JSON.parse(body).error?.code };
};

describe.skipIf(absent)("curl", () => {
  test("creates, describes, alters, extends and deletes topics", async () => {
    const created = await post("/v1/createTopics", {
      topics: [{ topic: "fruit", partitions: 2, configs: { "max.message.bytes": "2000" } }],
    });
    expect(created.results).toMatchObject([{ topic: "fruit", topicId: expect.stringMatching(/^.{22}$/) }]);
    expect((await json("/v1/topics")).topics.map(({ topic }: { topic: string }) => topic)).toContain("fruit");
    const described = await json("/v1/topics/fruit");
    expect(described.partitions).toHaveLength(2);
    expect(described.configs).toContainEqual({ name: "max.message.bytes", value: "2000", source: "topic" });
    await post("/v1/alterConfigs", { changes: [{ topic: "fruit", configs: { "max.message.bytes": "3000" } }] });
    await post("/v1/createPartitions", { topics: [{ topic: "fruit", partitions: 3 }] });
    expect((await json("/v1/topics/fruit")).partitions).toHaveLength(3);
    await post("/v1/deleteTopics", { topics: ["fruit"] });
    expect(await refused("/v1/topics/fruit")).toEqual({ status: 404, code: "UNKNOWN_TOPIC_OR_PARTITION" });
  });

  test("produces JSON and reads it back byte for byte", async () => {
    const { results } = await post(
      "/v1/topics/notes/records",
      '{"records":[{"key":"a","value":{"n": 9007199254740993, "x": 1.0}},{"valueText":"plain"},{"key":"a","value":null}]}',
    );
    expect(results).toEqual([0, 1, 2].map((offset) => ({ partition: 0, offset })));
    const text = await curl("/v1/topics/notes/partitions/0/records?offset=0&maxRecords=2");
    expect(text).toContain('"value":{"n": 9007199254740993, "x": 1.0}');
    expect(JSON.parse(text)).toMatchObject({ nextOffset: 2, highWatermark: 3, logStartOffset: 0 });
    const next = await json("/v1/topics/notes/partitions/0/records?offset=2");
    expect(next.records).toMatchObject([{ offset: 2, key: "a", value: null }]);
    // What is read can be posted again.
    await curl("/v1/topics/copy/records", ...JSON_TYPE, "-d", text);
    expect(await curl("/v1/topics/copy/partitions/0/records")).toContain('"value":{"n": 9007199254740993, "x": 1.0}');
  });

  test("streams lines in, and has a result for each while it writes", async () => {
    const up = new Curl(["-N", "-T", "-", "-X", "POST", ...LINES_TYPE, `${broker.url}/v1/topics/lines/records`]);
    up.write('{"value":1}\nnonsense\n');
    // curl looks for results whenever it has sent a line.
    let sent = 2;
    await eventually(() => {
      sent++;
      up.write('{"value":2}\n');
      return up.stdout.split("\n").length > 3;
    }, "results while the body goes on");
    up.end();
    const { stdout, code } = await up.done;
    expect(code).toBe(0);
    const results = stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(results).toHaveLength(sent);
    expect(results.slice(0, 3)).toMatchObject([{ offset: 0 }, { error: { code: "INVALID_RECORD" } }, { offset: 1 }]);

    const body = Array.from({ length: 20_000 }, (_, n) => `{"key":"${n}","value":"${"x".repeat(100)}"}`).join("\n");
    const file = new Curl(["-f", "--data-binary", "@-", ...LINES_TYPE, `${broker.url}/v1/topics/lines/records`]);
    file.write(body);
    file.end();
    expect((await file.done).stdout.trimEnd().split("\n")).toHaveLength(20_000);
  });

  test("tails a topic with -N, and goes on where it was cut", async () => {
    await post("/v1/topics/tail/records", { records: [{ value: "first" }] });
    const url = `${broker.url}/v1/topics/tail/stream?from=earliest`;
    const tail = new Curl(["-N", url]);
    await eventually(() => tail.stdout.includes('"value":"first"'), "the first record");
    await post("/v1/topics/tail/records", { records: [{ value: "second" }] });
    await eventually(() => tail.stdout.includes('"value":"second"'), "the second record");
    tail.stop();
    const { stdout } = await tail.done;
    const id =
      stdout
        .match(/^id: .*$/gm)
        ?.at(-1)
        ?.slice(4) ?? "";
    await post("/v1/topics/tail/records", { records: [{ value: "third" }] });
    const again = new Curl(["-N", "-H", `last-event-id: ${id}`, url]);
    await eventually(() => again.stdout.includes('"value":"third"'), "the third record");
    expect(again.stdout).not.toMatch(/first|second/);
    again.stop();
    await again.done;
  });

  test("looks at a group, and resets its offsets once it is empty", async () => {
    await post("/v1/topics/jobs/records", { records: [{ value: 1 }, { value: 2 }, { value: 3 }] });
    const member = { groupId: "workers", memberId: "m1" };
    await post("/v1/groupHeartbeat", { ...member, memberEpoch: 0, seq: 1, subscription: ["jobs"], owned: [] });
    await post("/v1/offsetCommit", {
      ...member,
      memberEpoch: 1,
      seq: 1,
      offsets: [{ topic: "jobs", partition: 0, offset: 1 }],
    });
    expect(await json("/v1/groups")).toMatchObject({ groups: [{ groupId: "workers", state: "Stable" }] });
    expect(await json("/v1/groups/workers")).toMatchObject({
      groupId: "workers",
      members: [{ memberId: "m1", assignment: [{ topic: "jobs", partition: 0 }] }],
      offsets: [{ topic: "jobs", partition: 0, offset: 1, highWatermark: 3, lag: 2, lagSeconds: expect.any(Number) }],
      timeline: expect.arrayContaining([expect.objectContaining({ member: "m1" })]),
    });
    const reset = { groupId: "workers", offsets: [{ topic: "jobs", partition: 0, offset: 0 }] };
    const early = await refused("/v1/offsetCommit", ...JSON_TYPE, "-d", JSON.stringify(reset));
    expect(early, "it has members").toEqual({ status: 404, code: "UNKNOWN_MEMBER_ID" });
    await post("/v1/groupHeartbeat", { ...member, memberEpoch: -1, seq: 2, owned: [] });
    expect((await post("/v1/offsetCommit", reset)).results).toMatchObject([{ offset: 0 }]);
    expect((await json("/v1/groups/workers")).offsets).toMatchObject([{ offset: 0, lag: 3 }]);
    await post("/v1/deleteGroups", { groupIds: ["workers"] });
    expect(await refused("/v1/groups/workers")).toEqual({ status: 404, code: "GROUP_ID_NOT_FOUND" });
  });

  test("every other API takes plain JSON", async () => {
    await post("/v1/topics/plain/records", {
      records: [
        { value: 1, timestamp: 1000 },
        { value: 2, timestamp: 2000 },
      ],
    });
    const at = (partition: object) => [{ topic: "plain", partition: 0, ...partition }];
    const listed = await post("/v1/listOffsets", { isolation: "read_uncommitted", partitions: at({ at: 1500 }) });
    expect(listed.results).toMatchObject([{ offset: 1, timestamp: 2000 }]);
    const produced = await post("/v1/produce", { acks: -1, partitions: at({ records: [{ value: [1.0] }] }) });
    expect(produced.results).toMatchObject([{ baseOffset: 2 }]);
    const fetched = await post("/v1/fetch", {
      maxWaitMs: 0,
      minBytes: 1,
      maxBytes: 100_000,
      isolation: "read_committed",
      partitions: at({ offset: 1 }),
    });
    expect(fetched.results[0].records).toMatchObject([
      { offset: 1, value: 2 },
      { offset: 2, value: [1] },
    ]);
    await post("/v1/deleteRecords", { partitions: at({ offset: 2 }) });
    expect(await json("/v1/topics/plain")).toMatchObject({ partitions: [{ logStartOffset: 2 }] });
    expect(await post("/v1/metadata", { topics: ["plain"] })).toMatchObject({ topics: [{ topic: "plain" }] });
    expect((await post("/v1/describeConfigs", { topics: ["plain"] })).results[0].configs.length).toBeGreaterThan(0);
    expect(await post("/v1/status", {})).toMatchObject({ durability: "memory", storage: "ok" });
    expect(await json("/healthz")).toEqual({ status: "ok" });
    expect((await json("/openapi.json")).openapi).toBe("3.1.0");
    expect(await curl("/metrics")).toMatch(/^# HELP /m);
  });

  test("is told what is wrong", async () => {
    expect(await refused("/v1/status", "-d", "{}")).toEqual({ status: 415, code: "INVALID_REQUEST" });
    expect(await refused("/v1/status")).toEqual({ status: 405, code: "INVALID_REQUEST" });
    expect(await refused("/v1/topics/none/stream", "-N")).toEqual({ status: 404, code: "UNKNOWN_TOPIC_OR_PARTITION" });
    expect(await refused("/v1/topics", "-H", "host: evil.test")).toEqual({
      status: 421,
      code: "CLUSTER_AUTHORIZATION_FAILED",
    });
  });

  test("reads and tails compressed records as any others", async () => {
    await using producer = new Producer({
      "bootstrap.servers": `localhost:${broker.port}`,
      "compression.type": "gzip",
      "value.serializer": string,
    });
    const value = JSON.stringify({ z: "z".repeat(5_000) });
    await Promise.all([1, 2, 3].map(() => producer.send({ topic: "packed", value })));
    expect((await json("/v1/topics/packed/partitions/0/records")).records).toMatchObject(
      [0, 1, 2].map((offset) => ({ offset, value: JSON.parse(value) })),
    );
    const tail = new Curl(["-N", `${broker.url}/v1/topics/packed/stream?from=0:1`]);
    await eventually(() => tail.stdout.includes('"offset":2'), "the last record");
    expect(tail.stdout).not.toContain('"offset":0');
    expect(tail.stdout).toContain(`"value":${value}`);
    tail.stop();
    await tail.done;
  });
});
