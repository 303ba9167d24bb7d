// The command's streams: back pressure holds, and a reader that goes away ends it quietly.

import { PassThrough, Writable } from "node:stream";
import { expect, test } from "vitest";
import { BrokenPipe, harmless, Output, table } from "../../../cli/src/io.ts";

function output(stdout: Writable) {
  const notes: string[] = [];
  const stderr = new Writable({
    write(chunk, _encoding, done) {
      notes.push(String(chunk));
      done();
    },
  });
  return { output: new Output({ stdin: new PassThrough(), stdout, stderr }), notes };
}

test("a write to a full pipe waits until it is read", async () => {
  const pipe = new PassThrough({ highWaterMark: 4 });
  const { output: out } = output(pipe);
  let written = false;
  const write = out.write("longer than four").then(() => {
    written = true;
  });
  await Promise.resolve();
  expect(written).toBe(false);
  pipe.resume();
  await write;
  expect(written).toBe(true);
});

test("a broken pipe rejects the waiting write and every later one, and finish does not wait", async () => {
  const pipe = new PassThrough({ highWaterMark: 4 });
  const { output: out } = output(pipe);
  const write = out.write("longer than four");
  pipe.emit("error", Object.assign(new Error("gone"), { code: "EPIPE" }));
  await expect(write).rejects.toBeInstanceOf(BrokenPipe);
  await expect(out.write("more")).rejects.toBeInstanceOf(BrokenPipe);
  await out.finish();
  expect(out.broken.aborted).toBe(true);
});

test("a pipe that is given up is not waited for, neither by a write nor at the end", async () => {
  const pipe = new PassThrough({ highWaterMark: 4 });
  const givenUp = new AbortController();
  const out = new Output({ stdin: new PassThrough(), stdout: pipe, stderr: new PassThrough() }, {}, givenUp.signal);
  const write = out.write("longer than four");
  givenUp.abort("SIGINT");
  await expect(write).rejects.toBe("SIGINT");
  await out.finish();
  expect(pipe.readableLength).toBeGreaterThan(4);
});

test("another error of stdout is that error", async () => {
  const pipe = new PassThrough();
  const { output: out } = output(pipe);
  pipe.emit("error", Object.assign(new Error("disk full"), { code: "ENOSPC" }));
  await expect(out.write("x")).rejects.toThrow("disk full");
});

test("data goes to stdout, notes to stderr", async () => {
  const pipe = new PassThrough();
  const { output: out, notes } = output(pipe);
  await out.json({ a: 1 });
  out.note("for people");
  await out.finish();
  expect(String(pipe.read())).toBe('{\n  "a": 1\n}\n');
  expect(notes).toEqual(["for people\n"]);
});

test("columns are as wide as their widest cell, without white space at the end", () => {
  expect(
    table(
      ["A", "LONG", "Z"],
      [
        ["wide", 1, ""],
        ["b", 22222, "end"],
      ],
    ),
  ).toBe("A     LONG   Z\nwide  1\nb     22222  end");
});

test("a terminal gets no control characters of other people's text; a pipe gets every byte", async () => {
  const nasty = "a\u001b[2Jb\u009b31mc\u0007\u202ed\te\n";
  const shown = "a\\u001b[2Jb\\u009b31mc\\u0007\\u202ed\te\n";
  for (const [isTTY, expected] of [
    [true, shown],
    [false, nasty],
  ] as const) {
    const stdout = Object.assign(new PassThrough(), { isTTY });
    const stderr = Object.assign(new PassThrough(), { isTTY });
    const out = new Output({ stdin: new PassThrough(), stdout, stderr });
    await out.write(Buffer.from(nasty));
    await out.write(nasty);
    out.note(nasty.trimEnd());
    expect(String(stdout.read())).toBe(expected + expected);
    expect(String(stderr.read())).toBe(expected);
  }
  expect(harmless("größe 😀 日本\t|")).toBe("größe 😀 日本\t|");
});
