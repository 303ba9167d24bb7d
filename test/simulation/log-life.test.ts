// Stories of logs: they end at their beginning by retention and deleteRecords while the broker is killed and its disk is full
// or slow, they lose their end with the power, and compressed batches keep their order. A run repeats from its seed.

import { expect, test } from "vitest";
import { seeds } from "./seeds.ts";
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

test.each(seeds(2))("retention and deleteRecords among crashes and full disks (seed %i)", async (seed) => {
  const first = await story(seed);
  expect(first.starts[0]).toBeGreaterThan(0);
  expect(await story(seed)).toEqual(first);
});

for (const seed of seeds(1)) {
  test(`a power loss that takes acknowledged records: LogTruncationError once per reader, and reading goes on (seed ${seed})`, async () => {
    const simulation = await Simulation.start({
      seed,
      topics: { other: 1 },
      transientTopics: ["orders"],
      durability: "process",
    });
    await simulation.during(simulation.admin.createTopics([{ topic: "orders", partitions: 1 }]));
    const expected = ["LOG_TRUNCATION", "TIMEOUT", "NETWORK_EXCEPTION", "COMMIT_FAILED"];
    const read: { offset: number; value: string | null; leaderEpoch: number }[] = [];
    const onRecord = ({ offset, value, leaderEpoch }: (typeof read)[number]) =>
      void read.push({ offset, value, leaderEpoch });
    const a = simulation.consumer(GROUP, { topics: ["orders"], expected, onRecord });
    const b = simulation.consumer("audit", { topics: ["orders"], expected });
    const before = simulation.producer({ topic: "orders", everyMs: 10 });
    await simulation.advance(2_000);
    const synced = simulation.disk.synced();
    const kept = read.length;
    await simulation.advance(1_000);
    await simulation.during(before.stop());
    await simulation.advance(500);
    const lost = read.length;
    expect(lost).toBeGreaterThan(kept + 50);
    simulation.losePower(synced);
    await simulation.startBroker();
    // Others stand where the lost ones stood, and beyond.
    simulation.producer({ topic: "orders", everyMs: 10 });
    const told = () => [a, b].map(({ errors }) => errors.filter(({ code }) => code === "LOG_TRUNCATION").length);
    await simulation.clock.runUntil(() => told().every((count) => count > 0), 10_000, "both being told");
    await simulation.advance(5_000);
    expect(told()).toEqual([1, 1]);
    const [error] = a.errors.filter(({ code }) => code === "LOG_TRUNCATION");
    const divergent = error?.context?.divergentOffset as number;
    expect(divergent).toBeGreaterThanOrEqual(kept - 20);
    expect(divergent).toBeLessThan(lost);
    // From where they part every record once, in order, and all of the new epoch.
    const after = read.slice(lost);
    expect(after.map(({ offset }) => offset)).toEqual(after.map((_, index) => divergent + index));
    expect(new Set(after.map(({ leaderEpoch }) => leaderEpoch)).size).toBe(1);
    expect(after[0]?.leaderEpoch).toBeGreaterThan(read[0]?.leaderEpoch ?? 0);
    await simulation.finish();
  });

  test(`compressed and plain batches of many producers, failing turns, slow disk, crashes: order kept, nothing lost (seed ${seed})`, async () => {
    const simulation = await Simulation.start({ seed, topics: { orders: 3 } });
    const { random } = simulation;
    simulation.disk.delayMs = () => random.next() * 10;
    // Some checks take long, and what came after them waits.
    simulation.unpackDelayMs = () => (random.next() < 0.3 ? random.next() * 60 : random.next());
    for (const codec of ["gzip", "none", "zstd", "gzip"] as const)
      simulation.producer({
        topic: "orders",
        everyMs: 4,
        keys: 5,
        config: { "compression.type": codec, "linger.ms": 5 },
      });
    // Small records go plain even here, between its compressed ones.
    simulation.producer({
      topic: "orders",
      everyMs: 3,
      keys: 5,
      config: { "compression.type": "gzip", "linger.ms": 0 },
    });
    const expected = ["STORAGE_FULL", "TIMEOUT", "NETWORK_EXCEPTION"];
    simulation.consumer(GROUP, { topics: ["orders"], expected });
    simulation.consumer(GROUP, { topics: ["orders"], expected, workMs: 20 });
    for (let round = 0; round < 3; round++) {
      await simulation.advance(500);
      simulation.disk.fillNextTurn(round % 2 === 0 ? "essentialOnly" : "full");
      await simulation.advance(500);
      if (round === 0) simulation.killBroker();
      else await simulation.stopBroker();
      await simulation.advance(100);
      await simulation.startBroker();
    }
    await simulation.advance(500);
    await simulation.finish({ readers: [{ group: GROUP, topics: ["orders"] }] });
    const codecs = new Set(simulation.history.codecs);
    expect([...codecs].sort()).toEqual(["gzip", "none", "zstd"]);
  });

  test(`without sequences too, batches stand in the order in which they were sent, compressed or not (seed ${seed})`, async () => {
    const simulation = await Simulation.start({ seed, topics: { orders: 1 } });
    const { random } = simulation;
    simulation.unpackDelayMs = () => random.next() * 30;
    const config = { "enable.idempotence": false, "compression.type": "gzip", "linger.ms": 0 } as const;
    const producer = simulation.producer({ topic: "orders", everyMs: 3, config });
    for (let round = 0; round < 60; round++) {
      await simulation.advance(10 + random.next() * 20);
      // Enough of them to be worth compressing, between single ones that are not.
      for (let record = 0; record < round % 40; record++) producer.send();
    }
    await simulation.finish();
    expect([...new Set(simulation.history.codecs)].sort()).toEqual(["gzip", "none"]);
  });
}
