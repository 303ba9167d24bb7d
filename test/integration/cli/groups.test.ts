// The commands about groups against a broker: what people see of a group, live too, and what they may do to its offsets.

import { Admin, Consumer } from "@brooklet/client";
import { startBroker } from "@brooklet/server";
import { expect, onTestFinished, test } from "vitest";
import { eventually } from "../../support/eventually.ts";
import { hasTmux, Tmux } from "../../support/tmux.ts";
import { brooklet, ENTRY, Running } from "./command.ts";

async function started() {
  const broker = await startBroker({ settings: { "num.partitions": 2 } });
  onTestFinished(() => broker.close());
  const server = `127.0.0.1:${broker.port}`;
  const admin = new Admin({ "bootstrap.servers": server });
  onTestFinished(() => admin.close());
  const call = (args: readonly string[], more: Parameters<typeof brooklet>[1] = {}) =>
    brooklet([...args, "-b", server], more);
  await admin.createTopics([{ topic: "orders" }]);
  /** Ten records in each partition, timestamps 1000, 2000 … */
  await call(["produce", "orders", "--json"], {
    stdin: Array.from({ length: 20 }, (_, at) =>
      JSON.stringify({ value: at, partition: at % 2, timestamp: 1_000 * (1 + Math.floor(at / 2)) }),
    ).join("\n"),
  });
  const committed = async (groupId: string) =>
    (await admin.listGroupOffsets(groupId)).map(({ topic, partition, offset }) => [topic, partition, offset]).sort();
  const join = async (clientId: string) => {
    const consumer = new Consumer({ "bootstrap.servers": server, "group.id": "billing", "client.id": clientId });
    onTestFinished(() => consumer.close());
    consumer.subscribe(["orders"]);
    await consumer.ready();
    return consumer;
  };
  return { broker, server, admin, call, committed, join };
}

const rowsOf = (stdout: string) =>
  stdout
    .trimEnd()
    .split("\n")
    .slice(1)
    .map((line) => line.split(/ {2,}/));

test("reset-offsets: everywhere that can be named, shown first, within the log", async () => {
  const { call, committed } = await started();
  const reset = (...args: string[]) => call(["groups", "reset-offsets", "billing", ...args]);

  const dry = await reset("-t", "orders", "--to", "end", "--dry-run");
  expect(rowsOf(dry.stdout)).toEqual([
    ["orders-0", "none", "10", "0"],
    ["orders-1", "none", "10", "0"],
  ]);
  expect(dry.stderr).toMatch(/no group billing yet.*nothing was changed/s);
  expect(await committed("billing")).toEqual([]);

  expect((await reset("-t", "orders", "--to", "end", "--yes")).code).toBe(0);
  expect(rowsOf((await reset("-t", "orders:1", "--to", "@4000", "--yes")).stdout)).toEqual([
    ["orders-1", "10", "3", "7"],
  ]);
  expect(await committed("billing")).toEqual([
    ["orders", 0, 10],
    ["orders", 1, 3],
  ]);
  const shifted = await reset("--all-topics", "--shift", "-4", "--yes");
  expect(rowsOf(shifted.stdout)).toEqual([
    ["orders-0", "10", "6", "4"],
    ["orders-1", "3", "0", "10", "-1 is before the log: its start, 0"],
  ]);
  expect((await reset("--all-topics", "--shift", "+2", "--yes")).code).toBe(0);
  expect(await committed("billing")).toEqual([
    ["orders", 0, 8],
    ["orders", 1, 2],
  ]);
  const copied = await call([
    "groups",
    "reset-offsets",
    "copy",
    "--all-topics",
    "--from-group",
    "billing",
    "--yes",
    "--json",
  ]);
  expect(JSON.parse(copied.stdout)).toEqual({
    groupId: "copy",
    dryRun: false,
    offsets: [
      { topic: "orders", partition: 0, oldOffset: null, newOffset: 8, lag: 2 },
      { topic: "orders", partition: 1, oldOffset: null, newOffset: 2, lag: 8 },
    ],
  });
  expect(await committed("copy")).toEqual(await committed("billing"));
  expect((await reset("-t", "orders", "--to", "8", "-t", "orders:0", "--yes")).stderr).toContain(
    "moved 1 committed offset of",
  );
  expect((await reset("-t", "orders", "--to", "8", "--yes")).stderr).toContain("nothing moves");
});

test("reset-offsets: asks at a terminal, needs --yes elsewhere, says what it does not know", async () => {
  const { call, committed } = await started();
  const reset = (args: string[], more: Parameters<typeof brooklet>[1] = {}) =>
    call(["groups", "reset-offsets", "billing", ...args], more);
  const toEnd = ["-t", "orders", "--to", "end"];
  expect(await reset(toEnd, { stdin: "y\n" })).toMatchObject({ code: 2, stdout: "" });
  expect((await reset(toEnd, { stdin: "n\n", isTerminal: true })).code).toBe(1);
  expect(await committed("billing")).toEqual([]);
  expect((await reset(toEnd, { stdin: "y\n", isTerminal: true })).code).toBe(0);
  expect(await committed("billing")).toHaveLength(2);
  for (const [args, code, why] of [
    [["-t", "orders"], 2, /where to\?/],
    [["-t", "orders", "--to", "1", "--shift", "1"], 2, /where to\?/],
    [["--to", "start"], 2, /which topics\?/],
    [["--to", "start", "-t", "orders", "--all-topics"], 2, /which topics\?/],
    [["-t", "orders", "--to", "stored"], 2, /stored/],
    [["-t", "orders", "--shift", "x"], 2, /--shift/],
    [["-t", "nope", "--to", "start"], 3, /nope/],
    [["-t", "orders:9", "--to", "start"], 3, /partitions 0 to 1/],
    [["-t", "orders", "--from-group", "nope"], 3, /no group nope/],
  ] as const) {
    const refused = await reset([...args, "--yes"]);
    expect([args, refused.code, refused.stderr]).toEqual([args, code, expect.stringMatching(why)]);
  }
  expect((await call(["groups", "reset-offsets", "nobody", "--all-topics", "--to", "start", "--yes"])).code).toBe(3);
});

test("while a group has members its offsets cannot be moved, nor the group be deleted: 5, with who is there", async () => {
  const { call, committed, join } = await started();
  await join("till-1");
  const reset = await call(["groups", "reset-offsets", "billing", "-t", "orders", "--to", "start", "--yes"]);
  expect(reset.code).toBe(5);
  expect(reset.stderr).toMatch(/has 1 member \(till-1\): nothing was changed/);
  expect(await committed("billing")).toEqual([]);
  expect((await call(["groups", "reset-offsets", "billing", "-t", "orders", "--to", "start", "--dry-run"])).code).toBe(
    5,
  );
  const deleted = await call(["groups", "delete", "billing", "nope", "--yes", "--json"]);
  expect(deleted.code).toBe(5);
  expect(JSON.parse(deleted.stdout)).toEqual([
    { groupId: "billing", deleted: false, error: expect.objectContaining({ code: "NON_EMPTY_GROUP" }) },
    { groupId: "nope", deleted: false, error: expect.objectContaining({ code: "GROUP_ID_NOT_FOUND" }) },
  ]);
});

test("delete and delete-offsets: what is named, and nothing else", async () => {
  const { admin, call, committed, join } = await started();
  await admin.createTopics([{ topic: "old" }]);
  await call(["groups", "reset-offsets", "billing", "-t", "orders", "-t", "old", "--to", "start", "--yes"]);
  await call(["groups", "reset-offsets", "audit", "-t", "orders", "--to", "start", "--yes"]);
  const forget = (...args: string[]) => call(["groups", "delete-offsets", "billing", ...args]);
  expect((await forget("-t", "old")).code).toBe(2);
  expect(await forget("-t", "nope", "--yes")).toMatchObject({
    code: 3,
    stderr: expect.stringContaining("nothing of nope"),
  });
  expect((await forget("-t", "old:1", "--yes")).stderr).toContain("forgot what it had committed of old-1");
  expect(await committed("billing")).toEqual([
    ["old", 0, 0],
    ["orders", 0, 0],
    ["orders", 1, 0],
  ]);
  const consumer = await join("till-1");
  const refused = await forget("-t", "orders", "-t", "old", "--yes", "--json");
  expect(refused.code).toBe(5);
  expect(JSON.parse(refused.stdout).map(({ deleted }: { deleted: boolean }) => deleted)).toEqual([false, false, true]);
  await consumer.close();
  const declined = await call(["groups", "delete", "billing", "audit"], { stdin: "n\n", isTerminal: true });
  expect(declined).toMatchObject({ code: 1, stderr: expect.stringMatching(/billing: 2 committed offsets/) });
  expect((await call(["groups", "delete", "billing", "audit", "--yes"])).stderr).toBe(
    "deleted billing\ndeleted audit\n",
  );
  expect(await admin.listGroups()).toEqual([]);
});

test("list and describe: lag, owners, and commits that were refused with their reasons", async () => {
  const { broker, call, join } = await started();
  await call(["groups", "reset-offsets", "billing", "-t", "orders:0", "--to", "4", "--yes"]);
  const consumer = await join("till-1");
  expect(rowsOf((await call(["groups", "list"])).stdout)).toEqual([
    ["billing", "Stable", "1", "6", expect.any(String), "orders"],
  ]);
  const described = await call(["groups", "describe", "billing", "nope"]);
  expect(described.code).toBe(3);
  expect(described.stdout).toMatch(/^billing: Stable, epoch \d+, assignor uniform, 1 member, lag 6$/m);
  expect(described.stdout).toMatch(/^ {2}orders-0 +4 +10 +6 .*till-1$/m);
  expect(described.stdout).toMatch(/^ {2}orders-1 +none +till-1$/m);
  expect(described.stdout).toMatch(/ {2}join: till-1; joined$/m);

  expect((await call(["groups", "describe", "billing", "--commits"])).stdout).toContain("no commit was refused");
  await consumer.commit([{ topic: "orders", partition: 0, offset: 7, metadata: "shelf 3" }]);
  const commit = { groupId: "billing", offsets: [{ topic: "orders", partition: 1, offset: 2 }] };
  for (let time = 0; time < 2; time++)
    await fetch(`${broker.url}/v1/offsetCommit`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(commit),
    });
  const { stdout } = await call(["groups", "describe", "billing", "--commits"]);
  expect(stdout).toMatch(/^ {2}orders-0 +7 +\d\d:\d\d:\d\d\.\d{3} +shelf 3$/m);
  expect(stdout).toMatch(/^ {2}[\d:.]+ +none +orders-1 +2 +2 +UNKNOWN_MEMBER_ID: group billing has 1 members/m);
  const json = JSON.parse((await call(["groups", "describe", "billing", "--json"])).stdout);
  expect(json[0]).toMatchObject({ lag: 3, refusedCommits: [{ topic: "orders", partition: 1, offset: 2, count: 2 }] });
});

test("watch --json: an object for each change, waiting for groups that are not there yet, until Ctrl-C", async () => {
  const { admin, call, join } = await started();
  const stop = new AbortController();
  const changes: { groupId: string; change: string; event?: { event: string }; lag?: number; state?: string }[] = [];
  const watching = call(["groups", "watch", "billing", "--json", "--interval-ms", "100"], {
    signal: stop.signal,
    onStdout: (text) => {
      for (const line of text.split("\n")) if (line !== "") changes.push(JSON.parse(line));
    },
  });
  await eventually(() => changes.length > 0, "it has looked");
  expect(changes).toEqual([expect.objectContaining({ groupId: "billing", change: "state", state: "Dead" })]);
  const consumer = await join("till-1");
  await eventually(() => changes.some(({ event }) => event?.event === "join"), "it tells the join");
  await consumer.commit([{ topic: "orders", partition: 0, offset: 7 }]);
  await eventually(() => changes.some(({ lag }) => lag === 3), "it tells the lag");
  await consumer.close();
  await eventually(() => changes.some(({ event }) => event?.event === "leave"), "it tells the leave");
  await eventually(() => changes.some(({ state }) => state === "Empty"), "it tells that nobody is left");
  await admin.deleteGroups(["billing"]);
  await eventually(() => changes.some(({ state }, at) => at > 0 && state === "Dead"), "it tells the deletion");
  stop.abort("SIGINT");
  const ended = await watching;
  expect(ended.code).toBe(130);
  expect(ended.stderr).toMatch(/Ctrl-C ends \(exit code 130\).*no group billing yet; waiting/s);
});

test("watch in a pipe: a line for each change, no escape sequence; SIGINT is 130; nobody there is 6", async () => {
  const { server, call } = await started();
  const running = new Running(["groups", "watch", "billing", "-b", server, "--interval-ms", "100"]);
  await running.says(/billing does not exist\n/);
  await call(["groups", "reset-offsets", "billing", "-t", "orders", "--to", "4", "--yes"]);
  await running.says(
    /billing is Empty, epoch 0, 0 members\n.* billing lag 12: orders-0 at 4 lag 6, orders-1 at 4 lag 6\n/,
  );
  running.child.kill("SIGINT");
  const { code, stdout } = await running.ended;
  expect(code).toBe(130);
  expect(stdout).not.toContain("\u001b");
  const nobody = await brooklet(["groups", "watch", "billing", "-b", "127.0.0.1:9", "--timeout-ms", "200"]);
  expect(nobody).toMatchObject({ code: 6, stdout: "" });
});

test.skipIf(!hasTmux)(
  "watch in a terminal: one screen, narrow and wide, gone at the end; TERM=dumb gets lines (skipped where tmux is not installed)",
  async () => {
    const { server, call } = await started();
    await call(["groups", "reset-offsets", "billing", "-t", "orders", "--to", "4", "--yes"]);
    const tmux = new Tmux();
    const watch = `'${process.execPath}' '${ENTRY}' groups watch billing --interval-ms 100 -b ${server}`;
    const [wide, narrow, dumb] = [
      tmux.open(`echo before; ${watch}; echo code $?`, 80),
      tmux.open(`echo before; ${watch}; echo code $?`, 40),
      tmux.open(`TERM=dumb ${watch}`, 40),
    ];
    const shows = (screen: typeof wide, pattern: RegExp) =>
      eventually(() => pattern.test(screen.text), `${pattern} in a terminal`).catch((error) => {
        throw new Error(`${error.message}; it shows:\n${screen.text}`);
      });
    await shows(
      wide,
      /^[\d:.]+, every 0.1 s; Ctrl-C ends\nbilling: Empty, lag 12 .*\n {2}PARTITION +LAG +BEHIND +COMMITTED +END +OWNER\n {2}orders-0 +6 /,
    );
    await shows(narrow, / {2}PARTITION +LAG +BEHIND +OWNER\n {2}orders-0 +6 /);
    await shows(dumb, /billing lag 12: orders-0 at 4 lag 6/);
    expect(dumb.text).not.toMatch(/PARTITION/);
    await call(["groups", "reset-offsets", "billing", "-t", "orders", "--to", "end", "--yes"]);
    await shows(wide, /^[^\n]*\nbilling: Empty, lag 0,/);
    for (const screen of [wide, narrow]) {
      screen.press("C-c");
      await shows(screen, /^before\ncode 130$/);
    }
  },
);
