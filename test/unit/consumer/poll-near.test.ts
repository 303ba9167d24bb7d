// The event that comes before max.poll.interval.ms costs the membership.

import { expect, test } from "vitest";
import { Bench } from "./setup.ts";

const config = { "max.poll.interval.ms": 10_000 };

test("who does not poll is warned before it loses its place, once per silence, and no more when it polls", async () => {
  const bench = new Bench();
  bench.broker.topic("t", 1);
  const consumer = bench.consumer(config);
  const near: Record<string, unknown>[] = [];
  consumer.on("pollIntervalNear", (detail) => near.push(detail));
  consumer.subscribe(["t"]);
  await bench.run(consumer.ready());
  await bench.clock.advance(7_000);
  await bench.run(consumer.poll(0));
  await bench.clock.advance(7_000);
  expect(near).toEqual([]);

  await bench.clock.advance(1_500);
  expect(near).toMatchObject([{ groupId: "g", maxPollIntervalMs: 10_000 }]);
  expect(near[0]?.sincePollMs).toBeGreaterThanOrEqual(8_000);
  expect(near[0]?.sincePollMs).toBeLessThan(10_000);
  const leaves = () => bench.broker.of("groupHeartbeat").filter(({ memberEpoch }) => memberEpoch === -1).length;
  expect(leaves()).toBe(0);

  // A poll in time keeps the place; the next silence is told again, before the member leaves and not after.
  await bench.run(consumer.poll(0));
  await bench.clock.advance(60_000);
  expect(near).toHaveLength(2);
  expect(leaves()).toBe(1);
  await bench.run(consumer.close());
  expect(bench.clock.liveTimers).toBe(0);
});

test("a poll that waits long is no silence", async () => {
  const bench = new Bench();
  bench.broker.topic("t", 1);
  const consumer = bench.consumer(config);
  let told = 0;
  consumer.on("pollIntervalNear", () => void told++);
  consumer.subscribe(["t"]);
  await bench.run(consumer.ready());
  await bench.run(consumer.poll(60_000));
  expect(told).toBe(0);
  await bench.run(consumer.close());
});
