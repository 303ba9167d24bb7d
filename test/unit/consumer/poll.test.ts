import { expect, test } from "vitest";
import { Bench, valuesOf } from "./setup.ts";

test("one consumer subscribes, polls, commits and closes; no timer is left", async () => {
  const bench = new Bench();
  bench.broker.topic("orders", 2).assign(["orders", 0], ["orders", 1]);
  bench.broker.fill("orders", 0, 3);
  bench.broker.fill("orders", 1, 2);
  const consumer = bench.consumer({ "enable.auto.commit": false });
  consumer.subscribe(["orders"]);
  const records = await bench.take(consumer, 5);
  expect(valuesOf(records).sort()).toEqual(["v0", "v0", "v1", "v1", "v2"]);
  const committed = await bench.run(consumer.commit());
  expect(committed).toMatchObject([
    { topic: "orders", partition: 0, offset: 3 },
    { topic: "orders", partition: 1, offset: 2 },
  ]);
  await bench.run(consumer.close());
  expect(bench.broker.of("groupHeartbeat").at(-1)?.memberEpoch).toBe(-1);
  expect(bench.clock.liveTimers).toBe(0);
});
