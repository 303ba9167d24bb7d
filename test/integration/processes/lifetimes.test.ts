// What was closed leaves nothing behind: a program that has closed its clients and brokers ends by itself, with exit code 0
// and without an unhandled rejection, whatever was under way when it closed them.

import { join } from "node:path";
import { startBroker } from "@brooklet/server";
import { expect, test } from "vitest";
import { startScript } from "../../support/child.ts";
import { eventually } from "../../support/eventually.ts";
import { testFolder } from "../../support/storage-on-file.ts";

test.each([
  "clients, closed after use",
  "clients, closed in the middle of calls",
  "clients, closed unused and before they ever connected",
  "a broker on a folder and its clients, by await using",
  "a broker that is closed before its clients",
  "brokers that could not start",
])("after close the process ends by itself: %s", async (story) => {
  await using broker = await startBroker();
  const program = "../../support/children/lifetime.ts";
  const data = join(testFolder(), "data");
  const child = startScript(program, import.meta.url, [story, `127.0.0.1:${broker.port}`, data]);
  await child.line((line) => line === "closed");
  let ended: number | string | undefined;
  void child.exited.then((how) => {
    ended = how;
  });
  await eventually(() => ended !== undefined, `the process ends (${child.lines.join(", ")})`);
  expect(ended).toBe(0);
});
