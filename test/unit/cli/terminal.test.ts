// What a stream is given: width, colour, a line that renews itself; by NO_COLOR, FORCE_COLOR, TERM and what the stream is.

import { PassThrough } from "node:stream";
import { expect, test } from "vitest";
import { Output } from "../../../cli/src/io.ts";
import { startProgress } from "../../../cli/src/progress.ts";
import { Terminal } from "../../../cli/src/terminal.ts";
import { SimulatedClock } from "../../support/simulated-clock.ts";

const terminal = { isTTY: true, columns: 40 };

test.each([
  [terminal, {}, true],
  [terminal, { NO_COLOR: "1" }, false],
  [terminal, { NO_COLOR: "" }, true],
  [terminal, { TERM: "dumb" }, false],
  [terminal, { TERM: "dumb", FORCE_COLOR: "1" }, true],
  [terminal, { FORCE_COLOR: "0" }, false],
  [terminal, { NO_COLOR: "1", FORCE_COLOR: "1" }, false],
  [{}, {}, false],
  [{}, { FORCE_COLOR: "1" }, true],
])("%j with %j has colours: %s", (stream, env, hasColors) => {
  const shown = new Terminal(stream, env);
  expect(shown.hasColors).toBe(hasColors);
  expect(shown.styled("text", "bold")).toBe(hasColors ? "\u001b[1mtext\u001b[22m" : "text");
});

test("files and pipes have no width; a terminal that says none has 80 columns; the cursor moves on real terminals only", () => {
  expect(new Terminal({}, { COLUMNS: "40" }).columns).toBeUndefined();
  expect(new Terminal({ isTTY: true, columns: 0 }, {}).columns).toBe(80);
  expect(new Terminal(terminal, {}).columns).toBe(40);
  expect(new Terminal(terminal, {}).movesCursor).toBe(true);
  expect(new Terminal(terminal, { TERM: "dumb" }).movesCursor).toBe(false);
  expect(new Terminal({}, { FORCE_COLOR: "1" }).movesCursor).toBe(false);
});

function outputOn(stream: object, env: Record<string, string> = {}) {
  const stdout = Object.assign(new PassThrough(), stream);
  const stderr = Object.assign(new PassThrough(), stream);
  const output = new Output({ stdin: new PassThrough(), stdout, stderr }, env);
  const read = (from: PassThrough) => String(from.read() ?? "");
  return { output, out: () => read(stdout), err: () => read(stderr) };
}

test("a table's head is bold on a terminal, and a cell cannot bring colours of its own", async () => {
  const { output, out } = outputOn(terminal);
  await output.table(["NAME"], [["a\u001b[31mb"]]);
  expect(out()).toBe("\u001b[1mNAME\u001b[22m\na\\u001b[31mb\n");
  const piped = outputOn({});
  await piped.output.table(["NAME"], [["a\u001b[31mb"]]);
  expect(piped.out()).toBe("NAME\na\u001b[31mb\n");
});

test("notes are broken between words on a terminal, and never in a pipe", () => {
  const text = "brooklet: a note that is longer than forty columns\n  and its second line, which is further in";
  const { output, err } = outputOn(terminal);
  output.note(text);
  expect(err()).toBe(
    "brooklet: a note that is longer than\nforty columns\n  and its second line, which is further\n  in\n",
  );
  const piped = outputOn({});
  piped.output.note(text);
  expect(piped.err()).toBe(`${text}\n`);
});

test("progress renews one line, makes room for notes and data, and is gone at its end", async () => {
  const clock = new SimulatedClock();
  const { output, out, err } = outputOn(terminal);
  let sent = 0;
  const progress = startProgress(
    { clock, output },
    () => `${sent} records sent, and so on for more than forty columns`,
  );
  await clock.advance(150);
  expect(err()).toBe("");
  await clock.advance(100);
  expect(err()).toBe("\u001b[2m0 records sent, and so on for more tha…\u001b[22m");
  sent = 7;
  await clock.advance(200);
  expect(err()).toContain("\r\u001b[K\u001b[2m7 records");
  output.note("a note");
  expect(err()).toBe("\r\u001b[Ka note\n");
  await clock.advance(200);
  err();
  await output.line("data");
  expect([err(), out()]).toEqual(["\r\u001b[K", "data\n"]);
  await clock.advance(200);
  err();
  progress.end();
  expect(err()).toBe("\r\u001b[K");
  await clock.advance(1_000);
  expect(err()).toBe("");
});

test.each([
  ["a pipe", {}, {}],
  ["a dumb terminal", { isTTY: true, columns: 80 }, { TERM: "dumb" }],
])("progress in %s is a rare line, without escape sequences", async (_, stream, env) => {
  const clock = new SimulatedClock();
  const { output, err } = outputOn(stream, env);
  const progress = startProgress({ clock, output }, () => "7 records sent");
  await clock.advance(9_900);
  expect(err()).toBe("");
  await clock.advance(200);
  expect(err()).toBe("7 records sent\n");
  progress.end();
  await clock.advance(20_000);
  expect(err()).toBe("");
});
