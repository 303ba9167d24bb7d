// A consumer over the real network client before a broker that is not there: how it comes back, and how it ends.

import { expect, onTestFinished, test } from "vitest";
import { Consumer } from "../../../client-sdk/src/consumer/consumer.ts";
import { FakeNetwork } from "../../support/fake-broker.ts";
import { SimulatedClock } from "../../support/simulated-clock.ts";
import { simulatedRandom } from "../../support/simulated-random.ts";
import { watch } from "../../support/watch.ts";

const p0 = { topic: "t", partition: 0 };

function start(config: object = {}) {
  const clock = new SimulatedClock();
  const network = new FakeNetwork(clock);
  const connects: number[] = [];
  const transport = {
    connect: (...args: Parameters<FakeNetwork["connect"]>) => {
      connects.push(clock.nowMs());
      return network.connect(...args);
    },
  };
  const consumer = new Consumer(
    { "bootstrap.servers": "a:1", "group.id": "g", "enable.auto.commit": false, ...config },
    { world: { clock, random: simulatedRandom(1), transport } },
  );
  const run = async <T>(promise: Promise<T>) => {
    const watched = watch(promise);
    await clock.runUntil(() => watched.settled);
    return watched;
  };
  onTestFinished(async () => {
    await run(consumer.close({ timeoutMs: 0 }));
    expect(clock.liveTimers).toBe(0);
  });
  return { clock, network, connects, consumer, run };
}

test("reconnect.backoff.ms and reconnect.backoff.max.ms: attempts come ever later, with jitter, up to the maximum", async () => {
  const { connects, consumer, run } = start({ "reconnect.backoff.ms": 20, "reconnect.backoff.max.ms": 300 });
  await run(consumer.endOffsets([p0], { timeoutMs: 5_000 }));
  const waits = connects.slice(1).map((atMs, index) => atMs - (connects[index] ?? 0));
  for (const [index, plainMs] of [20, 40, 80, 160, 300, 300, 300].entries()) {
    // A refused attempt takes a moment too.
    expect(waits[index]).toBeGreaterThanOrEqual(plainMs * 0.8);
    expect(waits[index]).toBeLessThanOrEqual(plainMs * 1.2 + 20);
  }
});

test("an aborted commit that never left is certainly not done", async () => {
  const { clock, consumer, run } = start();
  consumer.assign([p0]);
  const controller = new AbortController();
  const commit = watch(consumer.commit([{ ...p0, offset: 1 }], { signal: controller.signal }));
  await clock.advance(100);
  controller.abort();
  await clock.advance(1);
  expect(commit.error).toMatchObject({ code: "ABORTED", definite: true });
  await run(consumer.close({ timeoutMs: 0 }));
});

test("close of a consumer that has nothing to commit and nothing to leave does not wait for a broker that is gone", async () => {
  const { clock, consumer, run } = start();
  consumer.assign([p0]);
  await run(consumer.poll(500));
  const startMs = clock.nowMs();
  await run(consumer.close());
  expect(clock.nowMs() - startMs).toBeLessThan(2_000);
});

test("close waits its time when a leave could still succeed, as in Kafka, and no longer", async () => {
  const { clock, consumer, run } = start();
  consumer.subscribe(["t"]);
  await run(consumer.poll(500));
  const startMs = clock.nowMs();
  await run(consumer.close({ timeoutMs: 3_000 }));
  expect(clock.nowMs() - startMs).toBeLessThan(4_500);
});
