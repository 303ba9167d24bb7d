// A screen that is drawn in place: what it writes, and that the terminal is as before at the end.

import { PassThrough } from "node:stream";
import { expect, onTestFinished, test } from "vitest";
import { Output } from "../../../cli/src/io.ts";
import { Screen } from "../../../cli/src/screen.ts";

function opened(env: Record<string, string> = {}) {
  const stdout = Object.assign(new PassThrough(), { isTTY: true, columns: 40, rows: 10 });
  const streams = { stdin: new PassThrough(), stdout, stderr: new PassThrough() };
  let redraws = 0;
  const screen = new Screen({ streams, output: new Output(streams, env) }, () => {
    redraws++;
  });
  onTestFinished(() => screen.close());
  return { screen, stdout, written: () => String(stdout.read() ?? ""), redraws: () => redraws };
}

const listeners = () => ["exit", "SIGTSTP", "SIGCONT"].map((name) => process.listenerCount(name));

test("the other screen without a cursor, lines from the top, and back again, once", () => {
  const before = listeners();
  const { screen, written } = opened();
  expect(screen.size).toEqual({ rows: 10, columns: 40 });
  expect(written()).toBe("\u001b[?1049h\u001b[?25l");
  screen.draw([{ text: "one", style: "bold" }, { text: "two" }]);
  expect(written()).toBe("\u001b[H\u001b[1mone\u001b[22m\u001b[K\r\ntwo\u001b[K\u001b[J");
  screen.close();
  screen.close();
  expect(written()).toBe("\u001b[?25h\u001b[?1049l");
  screen.draw([{ text: "late" }]);
  expect(written()).toBe("");
  expect(listeners()).toEqual(before);
});

test("other people's text cannot steer it; no colours where none are wanted", () => {
  const { screen, written } = opened({ NO_COLOR: "1" });
  written();
  screen.draw([{ text: "a\u001b[2Jb", style: "dim" }]);
  expect(written()).toBe("\u001b[Ha\\u001b[2Jb\u001b[K\u001b[J");
});

test("a changed size asks for another drawing, also the last time the process ends it is left", () => {
  const { screen, stdout, written, redraws } = opened();
  written();
  stdout.emit("resize");
  expect(redraws()).toBe(1);
  // As at process.exit.
  const [leave] = process.listeners("exit").slice(-1);
  leave?.(0);
  expect(written()).toBe("\u001b[?25h\u001b[?1049l");
  screen.close();
  expect(written()).toBe("");
  stdout.emit("resize");
  expect(redraws()).toBe(1);
});
