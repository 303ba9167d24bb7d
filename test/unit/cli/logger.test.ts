// The broker's log as a terminal shows it: one line per event, nothing twice.

import { PassThrough } from "node:stream";
import { expect, test } from "vitest";
import { stderrLogger } from "../../../cli/src/commands/broker/logger.ts";
import { Output } from "../../../cli/src/io.ts";

function logged(log: (logger: ReturnType<typeof stderrLogger>) => void): string {
  const stderr = new PassThrough();
  log(stderrLogger(new Output({ stdin: new PassThrough(), stdout: new PassThrough(), stderr }), "info"));
  return String(stderr.read() ?? "").replace(/^\S+ /gm, "");
}

test("fields that the message has said, and the time, are not said again; partitions are named", () => {
  const fields = {
    groupId: "kitchen",
    atMs: 1795372286040,
    event: "leave",
    member: "8k2i",
    epoch: 2,
    partitions: [
      { topic: "orders", partition: 1 },
      { topic: "orders", partition: 0 },
    ],
    reason: "the consumer was closed",
    absent: undefined,
  };
  expect(logged(({ info }) => info(fields, "group kitchen: leave of 8k2i"))).toBe(
    'info  group kitchen: leave of 8k2i  epoch=2 partitions="orders-0 orders-1" reason="the consumer was closed"\n',
  );
});

test("below the level nothing, and nothing that the banner says", () => {
  expect(logged(({ debug }) => debug({}, "detail"))).toBe("");
  expect(logged(({ info }) => info({ url: "u" }, "broker started"))).toBe("");
  expect(logged(({ warn }) => warn({ error: new Error("why") }, "what"))).toBe("warn  what  error=why\n");
});
