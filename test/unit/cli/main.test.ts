// The parser over the table of commands: help, versions, usage errors, and where the default command begins.

import { PassThrough, Writable } from "node:stream";
import { systemClock } from "@brooklet/protocol/world";
import { settingDefinitions } from "@brooklet/server";
import { expect, test } from "vitest";
import { commandTable } from "../../../cli/src/command-table.ts";
import { main } from "../../../cli/src/main.ts";
import { SimulatedClock } from "../../support/simulated-clock.ts";

async function run(...argv: string[]) {
  const texts = { stdout: "", stderr: "" };
  const sink = (name: "stdout" | "stderr") =>
    new Writable({
      write(chunk, _encoding, done) {
        texts[name] += String(chunk);
        done();
      },
    });
  const exitCode = await main(argv, {
    streams: { stdin: new PassThrough(), stdout: sink("stdout"), stderr: sink("stderr") },
    env: {},
    clock: systemClock,
    interrupted: new AbortController().signal,
  });
  return { exitCode, ...texts };
}

/** A stdout whose every write fails. */
async function runOnto(code: string) {
  let stderr = "";
  const failing = new Writable({
    write: (_chunk, _encoding, done) => done(Object.assign(new Error(`write ${code}`), { code })),
  });
  const heard = new Writable({
    write(chunk, _encoding, done) {
      stderr += String(chunk);
      done();
    },
  });
  const exitCode = await main(["--help"], {
    streams: { stdin: new PassThrough(), stdout: failing, stderr: heard },
    env: {},
    clock: systemClock,
    interrupted: new AbortController().signal,
  });
  return { exitCode, stderr };
}

test("a reader that has gone is no error; a disk that is full is one, and is said", async () => {
  expect(await runOnto("EPIPE")).toEqual({ exitCode: 0, stderr: "" });
  expect(await runOnto("ENOSPC")).toEqual({ exitCode: 1, stderr: "brooklet: write ENOSPC\n" });
});

test("a pipe that nobody reads holds up an interrupted command for a bounded time", async () => {
  const clock = new SimulatedClock();
  const interrupted = new AbortController();
  const full = new Writable({ highWaterMark: 1, write: () => undefined });
  const unseen = new Writable({ write: (_chunk, _encoding, done) => done() });
  let exitCode: number | undefined;
  const ended = main(["--help"], {
    streams: { stdin: new PassThrough(), stdout: full, stderr: unseen },
    env: {},
    clock,
    interrupted: interrupted.signal,
  }).then((code) => {
    exitCode = code;
  });
  interrupted.abort("SIGTERM");
  await clock.advance(400);
  expect(exitCode).toBeUndefined();
  await clock.advance(200);
  await ended;
  expect(exitCode).toBe(130);
});

test("help and version are data, and no errors", async () => {
  expect(await run("--help")).toMatchObject({ exitCode: 0, stderr: "", stdout: expect.stringContaining("produce") });
  expect(await run("--version")).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) });
});

test.each(commandTable.map(({ name }) => name))("%s has help that names its options", async (name) => {
  const { exitCode, stdout } = await run(...name.split(" "), "--help");
  expect(exitCode).toBe(0);
  for (const { flags } of commandTable.find((row) => row.name === name)?.options ?? [])
    expect(stdout).toContain(flags.split(",")[0]);
});

test("the help of serve names every setting with its default", async () => {
  for (const argv of [
    ["serve", "--help"],
    ["serve", "-h"],
  ]) {
    const { exitCode, stdout } = await run(...argv);
    expect(exitCode).toBe(0);
    for (const [name, definition] of Object.entries(settingDefinitions))
      expect(stdout).toContain(`  ${name}=${definition.default}\n`);
  }
});

test.each(commandTable.map((row) => [row.name, row] as const))("%s has code to load", async (_, row) => {
  expect((await row.load()).run).toBeTypeOf("function");
});

test.each([
  [["frob"], /unknown command 'frob'/],
  [["produc"], /did you mean produce\?/],
  [["produce"], /missing required argument 'topic'/],
  [["consume", "t", "-c", "many"], /--count must be a whole number from 1/],
  [["consume", "t", "-c", "0"], /--count/],
  [["consume", "t", "-o", "sideways"], /--offset takes/],
  [["consume", "t", "-o", "stored"], /needs a group/],
  [["consume", "t", "-g", "g", "-o", "5"], /the group remembers where it is/],
  [["produce", "t", "--json", "-k", ","], /exclude each other/],
  [["topics", "create", "t", "-p", "0"], /--partitions must be/],
  [["serve", "--port", "70000"], /--port must be a whole number from 0 to 65535/],
  [["topics", "list", "--timeout-ms", "99999999999"], /--timeout-ms must be a whole number from 1 to 2147483647/],
  [["groups", "watch", "g", "--interval-ms", "99999999999"], /--interval-ms must be a whole number from 100 to/],
  [["bench", "-s", "99999999999"], /--record-bytes must be a whole number from 12 to 67108864/],
  [["--nonsense"], /unknown option '--nonsense'/],
  [["--ephemeral", "--set", "num.partition=3", "--port", "0"], /did you mean num\.partitions/],
  [["--ephemeral", "--host", "0.0.0.0", "--port", "0"], /--allow-anonymous-network/],
])("%j is a usage error that says what is wrong", async (argv, message) => {
  const { exitCode, stdout, stderr } = await run(...argv);
  expect(stderr).toMatch(message);
  expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: "" });
});
