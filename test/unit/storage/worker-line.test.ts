// The line to a worker thread: answers in order, and every call settled when the worker ends.

import { expect, onTestFinished, test } from "vitest";
import { WorkerLine } from "../../../server/src/worker-line.ts";

interface Answer {
  readonly kind: "ready" | "echo";
  readonly text?: string;
}

/** Echoes texts; "close" ends it in an orderly way, "exit" at once, "throw" with an error. */
const ECHO = new URL(
  `data:text/javascript,${encodeURIComponent(`
    import { parentPort, workerData } from "node:worker_threads";
    parentPort.on("message", (text) => {
      if (text === "close") parentPort.close();
      else if (text === "exit") process.exit(7);
      else if (text === "throw") throw new Error("boom");
      else parentPort.postMessage({ kind: "echo", text: workerData + text });
    });
    parentPort.postMessage({ kind: "ready" });
  `)}`,
);

async function echo(): Promise<WorkerLine<string, Answer>> {
  const line = new WorkerLine<string, Answer>("echo", ECHO, ">");
  onTestFinished(() => line.end("close"));
  await line.ready();
  return line;
}

test("answers come to the calls in order", async () => {
  const line = await echo();
  const answers = await Promise.all(["a", "b", "c"].map((text) => line.call(text)));
  expect(answers.map((answer) => answer.text)).toEqual([">a", ">b", ">c"]);
});

test.each([
  ["exit", "the echo thread ended: it ended with code 7"],
  ["throw", "the echo thread ended: boom"],
])(
  "a worker that ends by itself (%s) fails the calls under way and all later ones, and is reported",
  async (how, message) => {
    const line = await echo();
    expect(await line.call("a")).toEqual({ kind: "echo", text: ">a" });
    const under = Promise.allSettled([line.call(how), line.call("b")]);
    expect((await under).map((settled) => settled.status === "rejected" && settled.reason.message)).toEqual([
      message,
      message,
    ]);
    await expect(line.call("c")).rejects.toThrow(message);
    expect((await line.died).message).toBe(message);
  },
);

test("a worker that ends while nothing is asked of it is reported too", async () => {
  const line = await echo();
  line.call("exit").catch(() => {});
  expect((await line.died).message).toContain("code 7");
});

test("end waits for the answers before it, and is not reported as a death", async () => {
  const line = await echo();
  const last = line.call("a");
  await line.end("close");
  expect(await last).toEqual({ kind: "echo", text: ">a" });
  let reported = false;
  void line.died.then(() => {
    reported = true;
  });
  await Promise.resolve();
  expect(reported).toBe(false);
  await expect(line.call("b")).rejects.toThrow("the echo thread ended");
});
