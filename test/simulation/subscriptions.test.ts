// Stories of what a group reads: subscriptions that change, partitions that are added, topics that appear and disappear under a
// pattern. Only what must move moves, and nothing is lost.

import { expect, test } from "vitest";
import { seeds } from "./seeds.ts";
import type { SimulatedConsumer } from "./simulated-consumer.ts";
import { Simulation } from "./simulation.ts";

const GROUP = "billing";

/** Who gave up what of a topic since then. */
const givenUp = (simulation: Simulation, sinceMs: number, topic: string, member?: SimulatedConsumer) =>
  simulation.history.ownerships.filter(
    (one) =>
      one.topic === topic &&
      one.untilMs >= sinceMs &&
      Number.isFinite(one.untilMs) &&
      (member === undefined || one.consumer === member.name),
  );

const ofTopic = (member: SimulatedConsumer, topic: string) =>
  member.owned().filter((name) => name.startsWith(`${topic}-`));

for (const seed of seeds(1)) {
  test(`a subscription grows and shrinks while the group runs: what stays in it does not move (seed ${seed})`, async () => {
    const simulation = await Simulation.start({ seed, topics: { orders: 4, audit: 2 } });
    simulation.producer({ topic: "orders", everyMs: 20 });
    simulation.producer({ topic: "audit", everyMs: 50 });
    const a = simulation.consumer(GROUP, { topics: ["orders"] });
    const b = simulation.consumer(GROUP, { topics: ["orders"] });
    await simulation.untilStable(GROUP, 2);
    await simulation.advance(1_000);
    const fromMs = simulation.clock.nowMs();
    a.resubscribe(["orders", "audit"]);
    await simulation.clock.runUntil(() => ofTopic(a, "audit").length === 2, 10_000, "a reading audit");
    await simulation.untilStable(GROUP, 2);
    // Audit is a's alone, so of the six it may have three, and gives at most one of orders away; b gives up nothing.
    expect(givenUp(simulation, fromMs, "orders", b)).toEqual([]);
    expect(givenUp(simulation, fromMs, "orders", a).length).toBeLessThanOrEqual(1);
    expect(ofTopic(b, "audit")).toEqual([]);
    await simulation.advance(1_000);
    b.resubscribe(["audit", "orders"]);
    await simulation.clock.runUntil(() => b.owned().length === 3 && a.owned().length === 3, 10_000, "three each");
    await simulation.untilStable(GROUP, 2);
    const againMs = simulation.clock.nowMs();
    const missing = 3 - ofTopic(a, "orders").length;
    a.resubscribe(["orders"]);
    await simulation.clock.runUntil(() => ofTopic(b, "audit").length === 2, 10_000, "b reading audit alone");
    await simulation.untilStable(GROUP, 2);
    expect(ofTopic(a, "audit")).toEqual([]);
    expect(givenUp(simulation, againMs, "orders")).toHaveLength(missing);
    await simulation.advance(1_000);
    await simulation.finish({ readers: [{ group: GROUP, topics: ["orders", "audit"] }] });
  });

  test(`partitions added under a running group: what is kept is read on, what is new from its beginning (seed ${seed})`, async () => {
    const simulation = await Simulation.start({ seed, topics: { orders: 4 } });
    simulation.producer({ topic: "orders", everyMs: 10, keys: 64, config: { "metadata.max.age.ms": 1_000 } });
    const members = [0, 1].map(() => simulation.consumer(GROUP, { topics: ["orders"] }));
    const before = await simulation.untilStable(GROUP, 2);
    await simulation.advance(1_000);
    const fromMs = simulation.clock.nowMs();
    await simulation.addPartitions("orders", 10);
    await simulation.clock.runUntil(
      () => members.every((one) => one.owned().length === 5),
      5_000,
      "everybody reading five",
    );
    const after = await simulation.untilStable(GROUP, 2);
    expect(after.epoch).toBe(before.epoch + 1);
    // Nobody gave up anything, and nobody stopped reading what it had.
    expect(givenUp(simulation, fromMs, "orders")).toEqual([]);
    await simulation.advance(4_000);
    for (const member of members)
      for (const name of member.owned().filter((one) => Number(one.split("-")[1]) < 4))
        expect(
          member.longestPauseMs("orders", Number(name.split("-")[1]), fromMs, simulation.clock.nowMs()),
        ).toBeLessThan(1_500);
    await simulation.finish({ readers: [{ group: GROUP, topics: ["orders"] }] });
    const written = [...simulation.history.log].filter(([, log]) => log.length > 0);
    expect(written.length).toBeGreaterThan(6);
  });

  test(`partitions added while the broker crashes and its disk is slow: all are read (seed ${seed})`, async () => {
    const simulation = await Simulation.start({ seed, topics: { orders: 2 } });
    const expected = ["TIMEOUT", "NETWORK_EXCEPTION"];
    simulation.producer({ topic: "orders", everyMs: 10, keys: 64, config: { "metadata.max.age.ms": 500 } });
    const members = [0, 1, 2].map(() => simulation.consumer(GROUP, { topics: ["orders"], expected }));
    await simulation.advance(2_000);
    for (const partitions of [3, 5, 9]) {
      simulation.disk.delayMs = () => simulation.random.next() * 50;
      await simulation.addPartitions("orders", partitions);
      simulation.killBroker();
      await simulation.advance(200);
      await simulation.startBroker();
      await simulation.advance(1_000);
    }
    simulation.disk.delayMs = () => 0;
    await simulation.untilStable(GROUP, 3);
    expect(members.flatMap((one) => one.owned())).toHaveLength(9);
    await simulation.advance(1_000);
    await simulation.finish({ readers: [{ group: GROUP, topics: ["orders"] }] });
  });

  for (const kind of ["RegExp", "RE2"] as const) {
    test(`topics appear and disappear under a ${kind} pattern: they are read while they are there (seed ${seed})`, async () => {
      const simulation = await Simulation.start({
        seed,
        topics: { "orders-eu": 2, other: 1 },
        transientTopics: ["orders-tmp"],
      });
      simulation.producer({ topic: "orders-eu", everyMs: 20 });
      simulation.producer({ topic: "other", everyMs: 50 });
      const topics = kind === "RegExp" ? /orders-.*/ : { pattern: "orders-.*" };
      const config = { "metadata.max.age.ms": 1_000 };
      const expected = ["UNKNOWN_TOPIC_ID", "UNKNOWN_TOPIC_OR_PARTITION"];
      const members = [0, 1].map(() => simulation.consumer(GROUP, { topics, config, expected }));
      await simulation.untilStable(GROUP, 2);
      const owned = () => members.flatMap((one) => one.owned()).sort();
      expect(owned()).toEqual(["orders-eu-0", "orders-eu-1"]);
      const fromMs = simulation.clock.nowMs();

      await simulation.during(simulation.admin.createTopics([{ topic: "orders-us", partitions: 4 }]));
      simulation.watchTopic("orders-us", 4);
      simulation.producer({ topic: "orders-us", everyMs: 20 });
      await simulation.clock.runUntil(() => owned().length === 6, 10_000, "orders-us being read");
      await simulation.untilStable(GROUP, 2);
      // By a RegExp each member finds new topics at its own time, and meanwhile the group evens out what it knows of.
      if (kind === "RE2") expect(givenUp(simulation, fromMs, "orders-eu")).toEqual([]);

      await simulation.during(simulation.admin.createTopics([{ topic: "orders-tmp", partitions: 3 }]));
      await simulation.clock.runUntil(() => owned().length === 9, 10_000, "orders-tmp being read");
      await simulation.during(simulation.admin.deleteTopics(["orders-tmp"]));
      await simulation.clock.runUntil(() => owned().length === 6, 10_000, "orders-tmp being forgotten");
      await simulation.untilStable(GROUP, 2);

      // What the pattern found is known again after a crash, and topics made behind it are found.
      simulation.killBroker();
      await simulation.startBroker();
      await simulation.during(simulation.admin.createTopics([{ topic: "orders-asia", partitions: 2 }]));
      simulation.watchTopic("orders-asia", 2);
      simulation.producer({ topic: "orders-asia", everyMs: 20 });
      await simulation.clock.runUntil(() => owned().length === 8, 20_000, "orders-asia being read");
      await simulation.advance(1_000);
      expect(owned().some((name) => name.startsWith("other"))).toBe(false);
      await simulation.finish({ readers: [{ group: GROUP, topics: ["orders-eu", "orders-us", "orders-asia"] }] });
    });
  }

  test(`a pattern instead of names, names instead of a pattern: what both say does not move (seed ${seed})`, async () => {
    const simulation = await Simulation.start({ seed, topics: { "orders-eu": 3, "orders-us": 2, other: 1 } });
    for (const topic of ["orders-eu", "orders-us", "other"]) simulation.producer({ topic, everyMs: 40 });
    const a = simulation.consumer(GROUP, { topics: ["orders-eu"] });
    await simulation.untilStable(GROUP, 1);
    const fromMs = simulation.clock.nowMs();
    a.resubscribe({ pattern: "orders-.*" });
    await simulation.clock.runUntil(() => a.owned().length === 5, 10_000, "the pattern's topics");
    expect(givenUp(simulation, fromMs, "orders-eu")).toEqual([]);
    a.resubscribe(["orders-eu", "other"]);
    await simulation.clock.runUntil(() => a.owned().includes("other-0"), 10_000, "other");
    await simulation.untilStable(GROUP, 1);
    expect(a.owned()).toHaveLength(4);
    expect(givenUp(simulation, fromMs, "orders-eu")).toEqual([]);
    a.resubscribe(/orders-eu|other/);
    await simulation.advance(3_000);
    expect(a.owned()).toHaveLength(4);
    expect([...givenUp(simulation, fromMs, "orders-eu"), ...givenUp(simulation, fromMs, "other")]).toEqual([]);
    await simulation.finish({ readers: [{ group: GROUP, topics: ["orders-eu", "other"] }] });
  });
}
