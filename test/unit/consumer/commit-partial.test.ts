// A commit of which one attempt stored a part and a later one failed: what is stored is never called failed (promise 3).

import type { ApiRequest } from "@brooklet/protocol";
import { expect, test } from "vitest";
import { failure } from "./fake-broker.ts";
import { Bench, errorOf } from "./setup.ts";

const offsets = [
  { topic: "t", partition: 0, offset: 1 },
  { topic: "t", partition: 1, offset: 1 },
];

/** Stores partition 0; partition 1 has to come again. */
function half(request: ApiRequest<"offsetCommit">) {
  const error = { code: "COORDINATOR_NOT_AVAILABLE", message: "later", retriable: true, definite: true };
  return {
    results: request.offsets.map(({ topic, partition, offset }) =>
      partition === 0
        ? { topic, partition, offset, committedAtMs: 5 }
        : { topic, partition, offset: -1, committedAtMs: 0, error },
    ),
  };
}

async function member(bench: Bench) {
  bench.broker.topic("t", 2).assign(["t", 0], ["t", 1]);
  const consumer = bench.consumer({ "enable.auto.commit": false });
  consumer.subscribe(["t"]);
  await bench.run(consumer.ready());
  return consumer;
}

test("CommitFailedError names only what was refused, and results hold what was recorded", async () => {
  const bench = new Bench();
  const consumer = await member(bench);
  let attempts = 0;
  bench.broker.on("offsetCommit", (request) => {
    attempts += 1;
    if (attempts > 1) throw failure("UNKNOWN_MEMBER_ID");
    return half(request);
  });
  const error = await errorOf(bench, consumer.commit(offsets));
  expect(error.name).toBe("CommitFailedError");
  expect(error.partitions).toEqual([{ topic: "t", partition: 1 }]);
  expect(error.results).toMatchObject([
    { partition: 0, offset: 1, committedAtMs: 5 },
    { partition: 1, offset: 1, committedAtMs: -1, error: { code: "UNKNOWN_MEMBER_ID" } },
  ]);
  expect(error.results).not.toHaveProperty("0.error");
  await bench.run(consumer.close());
});

test("a timeout is not definite when a part is stored, and still a TimeoutError", async () => {
  const bench = new Bench();
  const consumer = await member(bench);
  bench.broker.on("offsetCommit", half);
  const error = await errorOf(bench, consumer.commit(offsets, { timeoutMs: 2_000 }));
  expect(error.name).toBe("TimeoutError");
  expect(error.definite).toBe(false);
  bench.broker.off("offsetCommit");
  await bench.run(consumer.close());
});

test("a commit that was cut before the broker had told its limits is cut again by them", async () => {
  const bench = new Bench();
  bench.broker.topic("t");
  const consumer = bench.consumer({ "enable.auto.commit": false });
  consumer.assign([{ topic: "t", partition: 0 }]);
  bench.broker.on("offsetCommit", (request) => {
    // What the network client says once it knows them.
    if (bench.broker.limits === undefined) {
      bench.broker.limits = {
        maxFramePayloadBytes: 1 << 20,
        maxHeaderBytes: 16_384,
        maxBatchBytes: 1 << 20,
        maxInFlightRequestBytes: 1 << 20,
        maxReplyBytes: 1 << 20,
        maxFetchWaitMs: 1_000,
      };
      throw failure("RECORD_LIST_TOO_LARGE");
    }
    return bench.broker.commit(request);
  });
  const offsets = Array.from({ length: 300 }, (_, partition) => ({ topic: "t", partition, offset: 1 }));
  expect(await bench.run(consumer.commit(offsets))).toHaveLength(300);
  const sizes = bench.broker.of("offsetCommit").map((request) => request.offsets.length);
  expect(sizes[0]).toBe(300);
  expect(Math.max(...sizes.slice(1))).toBeLessThan(300);
  expect(sizes.slice(1).reduce((sum, size) => sum + size, 0)).toBe(300);
  await bench.run(consumer.close());
});
