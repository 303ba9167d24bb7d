// What is offered at a TAB, from the words before it; and how the scripts carry the command they ask.

import { PassThrough, Writable } from "node:stream";
import { systemClock } from "@brooklet/protocol/world";
import { expect, test } from "vitest";
import { commandTable } from "../../../cli/src/command-table.ts";
import { wantedAt, wordsOf } from "../../../cli/src/commands/completion/candidates.ts";
import { completionScript } from "../../../cli/src/commands/completion/scripts.ts";
import { main } from "../../../cli/src/main.ts";

function wanted(line: string) {
  const words = wordsOf(line);
  const { candidates, completes, prefix, taken } = wantedAt(words.slice(0, -1), words.at(-1) ?? "");
  return { values: candidates.map(({ value }) => value), completes, prefix, taken };
}

test("where nothing stands yet: commands, families, help; with a dash the broker's options", () => {
  const { values } = wanted("");
  expect(values).toEqual(expect.arrayContaining(["serve", "produce", "topics", "groups", "help"]));
  expect(values).not.toContain("topics list");
  expect(wanted("-").values).toEqual(expect.arrayContaining(["--port", "--ephemeral", "--help", "--version"]));
  expect(wanted("--port 0 --").values).not.toContain("--port");
  expect(wanted("--set a=1 --").values).toContain("--set");
});

test.each(commandTable.map((row) => [row.name, row] as const))(
  "%s: all its options are offered, and once each",
  (name, row) => {
    const { values } = wanted(`${name} -`);
    expect(new Set(values).size).toBe(values.length);
    for (const { flags } of row.options)
      expect(values.some((value) => flags.split(/[ ,]+/).includes(value))).toBe(true);
  },
);

test.each([
  ["topics ", "list"],
  ["help ", "consume"],
  ["help groups ", "describe"],
])("%j offers %j", (line, value) => {
  expect(wanted(line).values).toContain(value);
});

test.each([
  ["produce ", "topic"],
  ["produce --json ", "topic"],
  ["produce -k , ", "topic"],
  ["produce -k, ", "topic"],
  ["produce -b localhost:1 ", "topic"],
  ["produce -- -", "topic"],
  ["topics describe a ", "topic"],
  ["groups describe a ", "group"],
  ["consume orders -eg ", "group"],
  ["consume orders --group ", "group"],
  ["consume --token-file ", "file"],
  ["serve --durability ", ["disk", "process", "memory"]],
  ["serve --log-level=d", ["debug", "info", "warn", "error", "silent"]],
  ["--data ", "file"],
])("%j wants %j", (line, completes) => {
  expect(wanted(line)).toMatchObject({ values: [], completes });
});

test("what takes any text is offered nothing; a word already there is not offered again", () => {
  expect(wanted("serve --host ")).toMatchObject({ values: [], completes: undefined });
  expect(wanted("produce -k ")).toMatchObject({ values: [], completes: undefined });
  expect(wanted("topics describe a b ").taken).toEqual(["a", "b"]);
  expect(wanted("nonsense ").values).toEqual([]);
});

test("words are taken as a shell takes them", () => {
  expect(wordsOf("a 'b c' \"d \\\" e\" f\\ g ''  h")).toEqual(["a", "b c", 'd " e', "f g", "", "h"]);
  expect(wordsOf("a ")).toEqual(["a", ""]);
  expect(wordsOf("")).toEqual([""]);
});

test("the scripts carry how brooklet was started, quoted for their shell", () => {
  const command = ["/usr/bin/node", "/it's here/brooklet.js"];
  expect(completionScript("bash", command)).toContain(`/usr/bin/node '/it'\\''s here/brooklet.js' "$@"`);
  expect(completionScript("zsh", command)).toContain(`/usr/bin/node '/it'\\''s here/brooklet.js' "$@"`);
  expect(completionScript("fish", command)).toContain(`/usr/bin/node '/it\\'s here/brooklet.js' $argv`);
});

async function answer(...argv: string[]) {
  const texts = { stdout: "", stderr: "" };
  const sink = (name: "stdout" | "stderr") =>
    new Writable({
      write(chunk, _encoding, done) {
        texts[name] += String(chunk);
        done();
      },
    });
  const exitCode = await main(["__complete", ...argv], {
    streams: { stdin: new PassThrough(), stdout: sink("stdout"), stderr: sink("stderr") },
    env: {},
    clock: systemClock,
    interrupted: new AbortController().signal,
  });
  return { exitCode, ...texts };
}

test("what the shells read: values with what they are, and only those that go on from what is typed", async () => {
  expect(await answer("--line", "brooklet serve --durability=p")).toEqual({
    exitCode: 0,
    stdout: "--durability=process\n",
    stderr: "",
  });
  expect(await answer("--", "serve", "--config", "")).toMatchObject({ stdout: ":files\n" });
  const { stdout } = await answer("--", "top");
  expect(stdout).toMatch(/^topics\t\S.*\n$/);
  expect(await answer("--", "--set", "num.part")).toMatchObject({ stdout: "num.partitions=\n" });
});

test("without a broker, or with a token file that is not there, it is silent", async () => {
  const silent = { exitCode: 0, stdout: "", stderr: "" };
  expect(await answer("--", "produce", "-b", "127.0.0.1:9", "")).toEqual(silent);
  expect(await answer("--", "produce", "--token-file", "/no/such/file", "")).toEqual(silent);
  expect(await answer()).toMatchObject({ exitCode: 0, stderr: "" });
});
