// Only a person at a terminal says yes.

import { PassThrough } from "node:stream";
import { systemClock } from "@brooklet/protocol/world";
import { expect, test } from "vitest";
import { type Call, Options } from "../../../cli/src/call.ts";
import { confirm } from "../../../cli/src/confirm.ts";
import { UsageError } from "../../../cli/src/exits.ts";
import { Output } from "../../../cli/src/io.ts";

function asked(terminals: { stdin?: boolean; stderr?: boolean } = {}, options: Record<string, unknown> = {}) {
  const stdin = Object.assign(new PassThrough(), { isTTY: terminals.stdin ?? true });
  const stderr = Object.assign(new PassThrough(), { isTTY: terminals.stderr ?? true });
  const interrupted = new AbortController();
  const streams = { stdin, stdout: new PassThrough(), stderr };
  const output = new Output(streams, { NO_COLOR: "1" });
  const call: Call = {
    streams,
    output,
    env: {},
    clock: systemClock,
    interrupted: interrupted.signal,
    args: [],
    options: new Options(options),
  };
  const done = confirm(call, "All of it goes.");
  done.catch(() => undefined);
  return { stdin, stderr, interrupted, done };
}

test.each(["y\n", "Y\r\n", " yes \n", "YES\nmore"])("%j is yes", async (answer) => {
  const { stdin, stderr, done } = asked();
  stdin.write(answer);
  await expect(done).resolves.toBeUndefined();
  expect(String(stderr.read())).toBe("All of it goes.\nGo on? [y/N] ");
  expect(stdin.listenerCount("data")).toBe(0);
});

test.each(["\n", "n\n", "no\n", "yess\n", "not y\n", "x".repeat(200)])("%j is no", async (answer) => {
  const { stdin, done } = asked();
  stdin.write(answer);
  await expect(done).rejects.toMatchObject({ exitCode: 1, message: expect.stringContaining("nothing was changed") });
});

test("an answer may come in pieces; no answer is no; Ctrl-C ends it", async () => {
  const pieces = asked();
  for (const piece of ["y", "e", "s", "\n"]) pieces.stdin.write(piece);
  await expect(pieces.done).resolves.toBeUndefined();
  const none = asked();
  none.stdin.end();
  await expect(none.done).rejects.toMatchObject({ exitCode: 1 });
  const interrupted = asked();
  interrupted.interrupted.abort("SIGINT");
  await expect(interrupted.done).rejects.toBe("SIGINT");
  expect(String(interrupted.stderr.read())).toMatch(/\[y\/N\] \n$/);
});

test("a pipe never confirms, whatever it says; nobody sees a question in a file", async () => {
  const pipe = asked({ stdin: false });
  pipe.stdin.write("y\n");
  await expect(pipe.done).rejects.toBeInstanceOf(UsageError);
  await expect(pipe.done).rejects.toThrow(/--yes/);
  expect(pipe.stderr.read()).toBeNull();
  await expect(asked({ stderr: false }).done).rejects.toBeInstanceOf(UsageError);
});

test("with --yes nobody is asked", async () => {
  const { stderr, done } = asked({ stdin: false, stderr: false }, { yes: true });
  await expect(done).resolves.toBeUndefined();
  expect(stderr.read()).toBeNull();
});
