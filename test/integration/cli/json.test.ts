// --json wherever something is read: one document, or one object a line; over the whole table, so that no command is forgotten.

import { Readable, Writable } from "node:stream";
import { systemClock } from "@brooklet/protocol/world";
import { startBroker } from "@brooklet/server";
import { expect, onTestFinished, test } from "vitest";
import { commandTable } from "../../../cli/src/command-table.ts";
import { exitCodes } from "../../../cli/src/exits.ts";
import { main } from "../../../cli/src/main.ts";
import { brooklet, type Ended } from "./command.ts";

/** Commands that print nothing that a program could want as JSON. */
const without = ["serve", "completion"];
/** `cat` has kcat's -J, `produce` reads JSON. */
const withOthers = ["cat", "produce"];

/** Every other command: what it is called with, in this order, and what it prints. */
const calls: readonly (readonly [name: string, args: readonly string[], form: "document" | "lines"])[] = [
  ["status", [], "document"],
  ["topics create", ["fruit", "spare"], "document"],
  ["topics list", [], "document"],
  ["topics describe", ["orders"], "document"],
  ["topics alter", ["fruit", "--set", "retention.ms=60000"], "document"],
  ["topics add-partitions", ["fruit", "-p", "2"], "document"],
  ["topics trim", ["orders", "--before", "1", "--yes"], "document"],
  ["consume", ["orders", "-e"], "lines"],
  ["groups list", [], "document"],
  ["groups describe", ["kitchen"], "document"],
  ["groups watch", ["kitchen"], "lines"],
  ["groups reset-offsets", ["kitchen", "-t", "orders", "--to", "end", "--yes"], "document"],
  ["groups delete-offsets", ["kitchen", "-t", "orders", "--yes"], "document"],
  ["groups delete", ["kitchen", "--yes"], "document"],
  ["topics delete", ["spare", "--yes"], "document"],
  ["bench", ["-d", "0.2", "-r", "50", "--warm-up", "0"], "document"],
];

test("every command that reads has --json and a place in this test", () => {
  const tested = [...calls.map(([name]) => name), ...without, ...withOthers];
  expect(commandTable.map(({ name }) => name).sort()).toEqual(tested.sort());
  for (const { name, options } of commandTable)
    expect([name, options.some(({ flags }) => flags === "--json" || flags === "-J")]).toEqual([
      name,
      !without.includes(name),
    ]);
});

/** Of a command that goes on until it is interrupted: then it ends with 130. */
async function firstLine(words: readonly string[]): Promise<Ended> {
  const interrupted = new AbortController();
  let stdout = "";
  const seen = new Writable({
    write(chunk, _encoding, done) {
      stdout += String(chunk);
      if (stdout.includes("\n")) interrupted.abort("SIGINT");
      done();
    },
  });
  const unseen = new Writable({ write: (_chunk, _encoding, done) => done() });
  const code = await main(words, {
    streams: { stdin: Readable.from([]), stdout: seen, stderr: unseen },
    env: {},
    clock: systemClock,
    interrupted: interrupted.signal,
  });
  expect(code).toBe(exitCodes.interrupted);
  return { code: exitCodes.ok, stdout, stderr: "" };
}

test("each prints one JSON document, or one object a line, and nothing else on stdout", async () => {
  const broker = await startBroker();
  onTestFinished(() => broker.close());
  const server = ["-b", `127.0.0.1:${broker.port}`];
  await brooklet(["produce", "orders", ...server], { stdin: "one\ntwo\nthree\n" });
  await brooklet(["consume", "orders", "-g", "kitchen", "-c", "1", ...server]);
  for (const [name, args, form] of calls) {
    const words = [...name.split(" "), ...args, "--json", ...server];
    const { code, stdout, stderr } = await (name === "groups watch" ? firstLine(words) : brooklet(words));
    expect({ name, code, stderr: code === 0 ? "" : stderr }).toEqual({ name, code: 0, stderr: "" });
    const documents = form === "document" ? [stdout] : stdout.trimEnd().split("\n");
    expect(documents.length).toBeGreaterThan(0);
    for (const text of documents) expect(JSON.parse(text), name).toBeTypeOf("object");
  }
});
