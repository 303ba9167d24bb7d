// close() and commits that nobody waits for: it ends with the last answer, not at its deadline.

import { sleep } from "@brooklet/protocol/world";
import { expect, test } from "vitest";
import { Bench } from "./setup.ts";

test("close is over when the last asynchronous commit is answered, with a leave and without", async () => {
  for (const membership of ["leave", "remain"] as const) {
    const bench = new Bench();
    bench.broker.topic("t").assign(["t", 0]);
    bench.broker.fill("t", 0, 3);
    const consumer = bench.consumer({ "enable.auto.commit": false });
    consumer.subscribe(["t"]);
    await bench.take(consumer, 3);
    bench.broker.on("offsetCommit", async (request) => {
      await sleep(bench.clock, 50);
      return bench.broker.commit(request);
    });
    let error: unknown = "not called";
    consumer.commitAsync((outcome) => {
      error = outcome;
    });
    const startMs = bench.clock.nowMs();
    await bench.run(consumer.close({ membership }));
    expect(error).toBeNull();
    expect(bench.clock.nowMs() - startMs).toBeLessThan(100);
    expect(bench.lines.filter(({ level }) => level === "warn")).toEqual([]);
    expect(bench.clock.liveTimers).toBe(0);
  }
});

test("options without effect get one debug line each", async () => {
  const bench = new Bench();
  const consumer = bench.consumer({ "client.rack": "r1" });
  const lines = bench.lines.filter(({ message }) => message.startsWith("client.rack has no effect"));
  expect(lines).toMatchObject([{ level: "debug" }]);
  await bench.run(consumer.close());
});
