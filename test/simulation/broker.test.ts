// Stories of the broker: restarts, crashes, slow and failing disks, lingering connections, topics that come back.

import { expect, test } from "vitest";
import { seeds } from "./seeds.ts";
import { Simulation } from "./simulation.ts";

const GROUP = "billing";
const readers = [{ group: GROUP, topics: ["orders"] }];

for (const seed of seeds(2)) {
  test(`a broker restarted in the middle rebalances nobody and loses nothing (seed ${seed})`, async () => {
    const simulation = await Simulation.start({ seed, topics: { orders: 4 } });
    simulation.producer({ topic: "orders", everyMs: 20 });
    simulation.consumer(GROUP, { topics: ["orders"] });
    simulation.consumer(GROUP, { topics: ["orders"] });
    const before = await simulation.untilStable(GROUP, 2);
    const owned = simulation.history.ownerships.filter(({ end }) => end === "owned");
    await simulation.advance(2_000);
    await simulation.stopBroker();
    await simulation.advance(2_000);
    await simulation.startBroker();
    await simulation.advance(12_000);
    const after = await simulation.untilStable(GROUP, 2);
    expect(after.epoch).toBe(before.epoch);
    expect(after.members.map(({ memberId, assignment }) => [memberId, assignment])).toEqual(
      before.members.map(({ memberId, assignment }) => [memberId, assignment]),
    );
    expect(owned).toHaveLength(4);
    expect(simulation.history.ownerships.filter(({ end }) => end === "owned")).toEqual(owned);
    await simulation.finish({ readers });
  });

  test(`a broker killed while producing loses nothing acknowledged and doubles nothing (seed ${seed})`, async () => {
    const simulation = await Simulation.start({ seed, topics: { orders: 4 } });
    simulation.disk.delayMs = () => 2 + simulation.random.next() * 20;
    simulation.producer({ topic: "orders", everyMs: 5 });
    simulation.consumer(GROUP, { topics: ["orders"], expected: ["NETWORK_EXCEPTION", "TIMEOUT"] });
    for (let round = 0; round < 3; round++) {
      await simulation.advance(1_000 + simulation.random.next() * 500);
      simulation.killBroker();
      await simulation.advance(300);
      await simulation.startBroker();
    }
    await simulation.advance(3_000);
    await simulation.finish({ readers });
    expect(simulation.history.sent.filter(({ outcome }) => outcome === "acknowledged").length).toBeGreaterThan(300);
  });

  test(`a producer that is cut off never says failed of what is stored, and goes on without a gap or a repetition (seed ${seed})`, async () => {
    const simulation = await Simulation.start({ seed, topics: { orders: 2 } });
    const producer = simulation.producer({
      topic: "orders",
      everyMs: 5,
      config: { "request.timeout.ms": 500, "delivery.timeout.ms": 1_500, "retry.backoff.max.ms": 100 },
    });
    for (let round = 0; round < 5; round++) {
      await simulation.advance(500 + simulation.random.next() * 100);
      simulation.disk.delayMs = () => 20;
      simulation.network.cut(producer.process);
      await simulation.advance(round % 2 === 0 ? 2_500 : 700);
      simulation.network.heal(producer.process);
      simulation.disk.delayMs = () => 0;
    }
    await simulation.advance(2_000);
    await simulation.finish();
    expect(simulation.history.sent.filter(({ outcome }) => outcome === "unknown").length).toBeGreaterThan(10);
  });

  test(`a failed turn behind pipelined turns: nothing acknowledged is lost, groups go on (seed ${seed})`, async () => {
    const simulation = await Simulation.start({ seed, topics: { orders: 4 } });
    simulation.disk.delayMs = () => 5 + simulation.random.next() * 10;
    simulation.producer({ topic: "orders", everyMs: 2 });
    simulation.consumer(GROUP, { topics: ["orders"], expected: ["STORAGE_FULL", "TIMEOUT"] });
    simulation.consumer(GROUP, { topics: ["orders"], expected: ["STORAGE_FULL", "TIMEOUT"] });
    await simulation.untilStable(GROUP, 2);
    for (let round = 0; round < 5; round++) {
      await simulation.advance(400);
      simulation.disk.fillNextTurn(round % 2 === 0 ? "essentialOnly" : "full");
    }
    await simulation.advance(5_000);
    expect(simulation.disk.failedTurns).toBe(5);
    await simulation.finish({ readers });
  });

  test(`a slow disk evicts nobody (seed ${seed})`, async () => {
    const simulation = await Simulation.start({ seed, topics: { orders: 4 } });
    simulation.producer({ topic: "orders", everyMs: 50 });
    const a = simulation.consumer(GROUP, {
      topics: ["orders"],
      config: { "session.timeout.ms": 3_000, "heartbeat.interval.ms": 500 },
    });
    simulation.consumer(GROUP, {
      topics: ["orders"],
      config: { "session.timeout.ms": 3_000, "heartbeat.interval.ms": 500 },
    });
    const before = await simulation.untilStable(GROUP, 2);
    simulation.disk.delayMs = () => 5_000;
    await simulation.advance(25_000);
    simulation.disk.delayMs = () => 0;
    await simulation.advance(10_000);
    const after = await simulation.group(GROUP);
    expect(after.epoch).toBe(before.epoch);
    expect(a.owned()).toHaveLength(2);
    expect(after.timeline.some(({ event }) => event === "eviction")).toBe(false);
    await simulation.finish({ readers });
  });

  test(`a join answered by a slow disk evicts nobody either (seed ${seed})`, async () => {
    const simulation = await Simulation.start({ seed, topics: { orders: 4 } });
    simulation.disk.delayMs = () => 8_000;
    const config = { "session.timeout.ms": 3_000, "heartbeat.interval.ms": 500 };
    simulation.consumer(GROUP, { topics: ["orders"], config });
    simulation.consumer(GROUP, { topics: ["orders"], config });
    await simulation.advance(60_000);
    simulation.disk.delayMs = () => 0;
    const group = await simulation.untilStable(GROUP, 2);
    expect(group.timeline.some(({ event }) => event === "eviction")).toBe(false);
    await simulation.finish();
  });

  test(`a rebalance on a slow disk: nothing is told before it is stored, and nobody is evicted (seed ${seed})`, async () => {
    const simulation = await Simulation.start({ seed, topics: { orders: 4 } });
    const config = { "session.timeout.ms": 3_000, "heartbeat.interval.ms": 500 };
    const a = simulation.consumer(GROUP, { topics: ["orders"], config });
    const before = await simulation.untilStable(GROUP, 1);
    simulation.disk.delayMs = () => 8_000;
    const b = simulation.consumer(GROUP, { topics: ["orders"], config });
    await simulation.advance(7_000);
    expect(a.owned()).toHaveLength(4);
    expect(simulation.history.grants.filter(({ memberId }) => memberId === b.memberId)).toEqual([]);
    expect(simulation.history.grants.every(({ memberEpoch }) => memberEpoch === before.epoch)).toBe(true);
    await simulation.advance(40_000);
    simulation.disk.delayMs = () => 0;
    const group = await simulation.untilStable(GROUP, 2);
    expect(group.timeline.some(({ event }) => event === "eviction")).toBe(false);
    await simulation.finish();
  });

  test(`a join whose turn fails is refused and takes place with the next try (seed ${seed})`, async () => {
    const simulation = await Simulation.start({ seed, topics: { orders: 4 } });
    simulation.consumer(GROUP, { topics: ["orders"] });
    const before = await simulation.untilStable(GROUP, 1);
    simulation.disk.fillNextTurn("full");
    simulation.consumer(GROUP, { topics: ["orders"] });
    const after = await simulation.untilStable(GROUP, 2, 2_000);
    expect(simulation.disk.failedTurns).toBe(1);
    expect(after.epoch).toBe(before.epoch + 1);
    await simulation.finish();
  });

  test(`a batch repeated while its first sending waits for the disk is not acknowledged before it (seed ${seed})`, async () => {
    const simulation = await Simulation.start({ seed, topics: { orders: 1 } });
    const producer = simulation.producer({ topic: "orders", everyMs: 100, config: { "request.timeout.ms": 1_000 } });
    await simulation.advance(1_000);
    simulation.disk.delayMs = () => 60_000;
    await simulation.advance(5_000);
    expect(producer.sentCount).toBeGreaterThan(50);
    simulation.killBroker();
    simulation.disk.delayMs = () => 0;
    await simulation.startBroker();
    await simulation.finish();
  });

  test(`a broker stopped for longer than every session evicts nobody whose heartbeat waits in the socket (seed ${seed})`, async () => {
    const simulation = await Simulation.start({ seed, topics: { orders: 4 } });
    simulation.consumer(GROUP, { topics: ["orders"], expected: ["TIMEOUT"] });
    simulation.consumer(GROUP, { topics: ["orders"], expected: ["TIMEOUT"] });
    const before = await simulation.untilStable(GROUP, 2);
    simulation.brokerProcess.block();
    await simulation.advance(15_000);
    simulation.brokerProcess.unblock();
    await simulation.advance(5_000);
    expect((await simulation.group(GROUP)).epoch).toBe(before.epoch);
    await simulation.finish();
  });

  test(`frames of an old connection after a reconnect do nothing (seed ${seed})`, async () => {
    const simulation = await Simulation.start({ seed, topics: { orders: 4 } });
    simulation.producer({ topic: "orders", everyMs: 20 });
    const a = simulation.consumer(GROUP, {
      topics: ["orders"],
      expected: ["NETWORK_EXCEPTION", "TIMEOUT"],
      config: { "request.timeout.ms": 1_500 },
    });
    simulation.consumer(GROUP, { topics: ["orders"] });
    const before = await simulation.untilStable(GROUP, 2);
    // Behind the cut the client gives its connection up and opens another; the broker hears of both only after healing, and of
    // the old one perhaps later.
    for (let round = 0; round < 3; round++) {
      simulation.network.cut(a.process);
      await simulation.advance(4_000);
      simulation.network.heal(a.process);
      await simulation.advance(3_000);
    }
    const after = await simulation.untilStable(GROUP, 2);
    expect(after.epoch).toBe(before.epoch);
    await simulation.finish({ readers });
  });

  test(`a topic deleted and created again under its reader: none of the new records at old positions (seed ${seed})`, async () => {
    const simulation = await Simulation.start({ seed, topics: { orders: 2, other: 1 } });
    const sender = simulation.producer({ topic: "other", everyMs: 100 });
    const old = simulation.producer({ topic: "orders", everyMs: 10 });
    const a = simulation.consumer(GROUP, {
      topics: ["orders", "other"],
      commit: false,
      expected: ["UNKNOWN_TOPIC_ID", "UNKNOWN_TOPIC_OR_PARTITION", "COMMIT_FAILED", "STALE_MEMBER_EPOCH"],
    });
    await simulation.untilStable(GROUP, 1);
    await simulation.advance(500);
    await simulation.during(old.stop());
    await simulation.advance(500);
    // Blocked until its fetch has come back with nothing, so that no answer tells it of the deletion.
    a.process.block();
    await simulation.advance(1_000);
    await simulation.during(simulation.admin.deleteTopics(["orders"]));
    await simulation.during(simulation.admin.createTopics([{ topic: "orders", partitions: 3 }]));
    simulation.replaceTopic("orders", 3);
    const createdMs = simulation.clock.nowMs();
    simulation.producer({ topic: "orders", everyMs: 5 });
    await simulation.advance(2_000);
    // The new assignment waits for the disk, while what is in memory is answered at once.
    simulation.disk.delayMs = () => 300;
    a.process.unblock();
    await simulation.advance(250);
    simulation.disk.delayMs = () => 0;
    await simulation.clock.runUntil(() => a.owned().length === 4, 10_000, "the new orders assigned");
    expect(sender.sentCount).toBeGreaterThan(0);
    await simulation.finish({ readers: [{ group: GROUP, topics: ["orders", "other"] }] });
    const ofOrders = simulation.history.delivered.filter(({ topic }) => topic === "orders");
    expect(ofOrders.length).toBeGreaterThan(300);
    expect(ofOrders.every(({ ownership }) => ownership.fromMs > createdMs)).toBe(true);
  });
}
