// `brooklet bench` against a broker: what it measures, what it leaves behind, and how it ends.

import { Admin } from "@brooklet/client";
import { startBroker } from "@brooklet/server";
import { expect, test } from "vitest";
import type { Report } from "../../../cli/src/commands/bench/report.ts";
import { eventually } from "../../support/eventually.ts";
import { brooklet, Running } from "./command.ts";

const QUICK = ["--rate", "2000", "--records", "600", "--warm-up", "0.05"];

/** Resolves when a run has stored something in a topic of its own. */
async function hasRecords(server: string): Promise<void> {
  await using admin = new Admin({ "bootstrap.servers": server });
  await eventually(async () => {
    const topics = (await admin.listTopics()).filter((topic) => topic.startsWith("bench-"));
    const [topic] = await admin.describeTopics(topics);
    return (topic?.partitions[0]?.highWatermark ?? 0) > 0;
  }, "records in a topic of the run");
}

test("measures every stage, says the broker's durability, and leaves no topic behind", async () => {
  await using broker = await startBroker();
  const server = `127.0.0.1:${broker.port}`;
  const b = ["-b", server];
  const { code, stdout } = await brooklet(["bench", ...b, ...QUICK, "--partitions", "3", "--json"]);
  expect(code).toBe(0);
  const report = JSON.parse(stdout) as Report;
  expect(report).toMatchObject({
    broker: { servers: server, durability: "memory" },
    asked: { partitions: 3, recordBytes: 100, recordsPerSecond: 2_000, records: 700, warmUpRecords: 100 },
    interrupted: false,
    sent: { records: 700 },
    acknowledged: 700,
    failed: 0,
    arrived: { records: 700, lost: 0, duplicates: 0, outOfOrder: 0 },
    readAgain: { records: 700, lost: 0, duplicates: 0, outOfOrder: 0 },
  });
  for (const stage of [report.latencyMs.sent, report.latencyMs.acknowledged, report.latencyMs.arrived])
    expect(stage.count).toBe(600);
  expect(report.latencyMs.acknowledged.p50).toBeGreaterThan(report.latencyMs.sent.p50);
  expect(report.histogram.arrived.reduce((sum, { count }) => sum + count, 0)).toBe(600);
  expect(report.limits).toContain("broker and load share this machine and its disk.");
  expect((await brooklet(["topics", "list", ...b])).stdout).not.toContain("bench");
});

test("a topic of others keeps its records, and theirs are not counted", async () => {
  await using broker = await startBroker();
  const server = `127.0.0.1:${broker.port}`;
  const b = ["-b", server];
  expect(await brooklet(["produce", "orders", ...b], { stdin: "one\ntwo\n" })).toMatchObject({ code: 0 });
  const { code, stdout } = await brooklet(["bench", ...b, ...QUICK, "--topic", "orders"]);
  expect(code).toBe(0);
  expect(stdout).toMatch(/durability memory/);
  expect(stdout).toMatch(/^arrived +700$/m);
  expect(stdout).toMatch(/^lost +0$/m);
  expect(stdout).toMatch(/^read again +700 /m);
  expect(stdout).toMatch(/^p99\.9 +[\d.]+ +[\d.]+ +[\d.]+$/m);
  expect(stdout).toMatch(/^ *<= [\d.,]+ ms +\d+ {2}#+$/m);
  const kept = await brooklet(["topics", "describe", "orders", "--json", ...b]);
  expect(JSON.parse(kept.stdout)[0].partitions[0]).toMatchObject({ logStartOffset: 0, highWatermark: 702 });
});

test.each([
  [["--records", "5", "--duration", "5"], 2, /exclude each other/],
  [["--rate", "10000000", "--duration", "60"], 2, /more than a run counts/],
  [["--duration", "0"], 2, /nothing is left to measure/],
  [["--duration", "soon"], 2, /takes seconds, such as 10 or 0\.5/],
  [["--record-bytes", "5"], 2, /--record-bytes must be a whole number from 12/],
  [["-b", "127.0.0.1:1", "--timeout-ms", "200"], 6, /`brooklet` starts one; -b names another/],
])("%j ends with code and reason", async (args, code, reason) => {
  const ended = await brooklet(["bench", ...args]);
  expect(ended).toMatchObject({ code, stdout: "", stderr: expect.stringMatching(reason) });
});

test("a topic that is not there, and partitions for one that is, are refused", async () => {
  await using broker = await startBroker();
  const server = `127.0.0.1:${broker.port}`;
  const absent = await brooklet(["bench", "-b", server, ...QUICK, "--topic", "absent"]);
  expect(absent).toMatchObject({ code: 3, stderr: expect.stringMatching(/absent/) });
  const both = await brooklet(["bench", "-b", server, "--topic", "t", "--partitions", "2"]);
  expect(both).toMatchObject({ code: 2, stderr: expect.stringMatching(/--topic has its own/) });
});

test("records that are too large fail, and the run says how many", async () => {
  await using broker = await startBroker({ settings: { "message.max.bytes": 1_024 } });
  const server = `127.0.0.1:${broker.port}`;
  const args = ["bench", "-b", server, "--records", "5", "--warm-up", "0", "--record-bytes", "2000"];
  const ended = await brooklet(args);
  expect(ended.code).not.toBe(0);
  expect(ended.stdout).toMatch(/^failed +5$/m);
  expect(ended.stderr).toMatch(/not acknowledged: 5 records, the first because .*message\.max\.bytes/);
});

test("a broker that goes away ends the run in time, and nothing is called lost that may be stored", async () => {
  const broker = await startBroker();
  const server = `127.0.0.1:${broker.port}`;
  const b = ["-b", server, "--timeout-ms", "300"];
  const run = brooklet(["bench", ...b, "--rate", "500", "--duration", "1", "--warm-up", "0"]);
  await hasRecords(server);
  await broker.close();
  const { code, stdout, stderr } = await run;
  expect(code).toBe(6);
  expect(stdout).toMatch(/^failed +\d+$/m);
  expect(stdout).not.toMatch(/^lost/m);
  expect(stderr).toMatch(/does not answer any more/);
  expect(stderr).toMatch(/topic bench-\S+ could not be deleted/);
});

test("Ctrl-C ends it with the figures so far, and its topic is removed", async () => {
  await using broker = await startBroker();
  const server = `127.0.0.1:${broker.port}`;
  const running = new Running(["bench", "-b", server, "--duration", "60", "--warm-up", "0"]);
  await hasRecords(server);
  running.child.kill("SIGINT");
  const { code, stdout } = await running.ended;
  expect(code).toBe(130);
  expect(stdout).toMatch(/^Interrupted after [\d,]+ of 60,000 records$/m);
  expect(stdout).toMatch(/^acknowledged +[1-9]/m);
  expect(stdout).toMatch(/^lost +0$/m);
  expect((await brooklet(["topics", "list", "-b", server])).stdout).not.toContain("bench-");
});
