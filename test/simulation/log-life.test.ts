// Stories of logs that end at their beginning: retention and deleteRecords while the broker is killed and its disk is full or
// slow. The other topics lose nothing, and a run repeats from its seed.

import { expect, test } from "vitest";
import { Simulation } from "./simulation.ts";

const GROUP = "billing";
const SHORT = "short";
const at = { topic: SHORT, partition: 0 };

async function story(seed: number) {
  const settings = { "log.retention.check.interval.ms": 500, "log.segment.bytes": 1024 };
  const simulation = await Simulation.start({ seed, topics: { orders: 2 }, transientTopics: [SHORT], settings });
  const configs = { "retention.bytes": "4096" };
  await simulation.during(simulation.admin.createTopics([{ topic: SHORT, partitions: 1, configs }]));
  simulation.producer({ topic: "orders", everyMs: 20 });
  simulation.producer({ topic: SHORT, everyMs: 5 });
  simulation.consumer(GROUP, { topics: ["orders"], expected: ["NETWORK_EXCEPTION", "TIMEOUT"] });
  const place = async (where: "earliest" | "latest") =>
    (await simulation.during(simulation.admin.listOffsets([{ ...at, at: where }])))[0]?.offset ?? -1;
  const starts: number[] = [];
  for (let round = 0; round < 4; round++) {
    simulation.disk.delayMs = () => simulation.random.next() * 20;
    await simulation.advance(1000 + simulation.random.next() * 500);
    if (round === 1) simulation.disk.fillNextTurn("full");
    const end = await place("latest");
    const cut = Math.floor(end - simulation.random.next() * 20);
    const deleted = simulation.admin.deleteRecords([{ ...at, offset: Math.max(0, cut) }]);
    await simulation.attempt(deleted);
    const answered = await deleted.then(([result]) => result?.logStartOffset ?? 0).catch(() => 0);
    if (round % 2 === 0) {
      simulation.killBroker();
      await simulation.advance(300);
      await simulation.startBroker();
    }
    const start = await place("earliest");
    // What was answered holds, and no start goes back.
    expect(start).toBeGreaterThanOrEqual(Math.max(answered, ...starts));
    starts.push(start);
  }
  await simulation.finish({ readers: [{ group: GROUP, topics: ["orders"] }] });
  return { starts, nowMs: simulation.clock.nowMs() };
}

test.each([1, 2])("retention and deleteRecords among crashes and full disks (seed %i)", async (seed) => {
  const first = await story(seed);
  expect(first.starts[0]).toBeGreaterThan(0);
  expect(await story(seed)).toEqual(first);
});
