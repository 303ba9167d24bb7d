// Stories of static members (KIP-345, hard place 12): a restart moves nothing, a crash costs the session and no rebalance.

import { expect, test } from "vitest";
import { seeds } from "./seeds.ts";
import type { SimulatedConsumer } from "./simulated-consumer.ts";
import { Simulation } from "./simulation.ts";

const GROUP = "billing";
const readers = [{ group: GROUP, topics: ["orders"] }];
const SESSION_MS = 10_000;

async function started(seed: number, settings: Record<string, number> = {}) {
  const simulation = await Simulation.start({ seed, topics: { orders: 6 }, settings });
  simulation.producer({ topic: "orders", everyMs: 20 });
  const instance = (instanceId: string, expected: string[] = []) =>
    simulation.consumer(GROUP, { topics: ["orders"], expected, config: { "group.instance.id": instanceId } });
  return { simulation, instance };
}

/** What the group says of who has what: by instance id, whatever the member id is. */
async function placesOf(simulation: Simulation) {
  const { epoch, members } = await simulation.group(GROUP);
  const places = members.map(({ instanceId, assignment }) => [
    instanceId,
    assignment.map(({ topic, partition }) => `${topic}-${partition}`).sort(),
  ]);
  return { epoch, places: places.sort() };
}

/** What the member gave up or got since then: nothing, where nobody rebalances. */
const movesOf = (simulation: Simulation, member: SimulatedConsumer, sinceMs: number) =>
  simulation.history.ownerships.filter(
    (one) =>
      one.consumer === member.name && (one.fromMs >= sinceMs || (one.untilMs >= sinceMs && one.untilMs < Infinity)),
  );

for (const seed of seeds(1)) {
  test(`a static member restarted cleanly has its place again, and nobody else notices (seed ${seed})`, async () => {
    const { simulation, instance } = await started(seed);
    const a = instance("a");
    const dynamic = simulation.consumer(GROUP, { topics: ["orders"] });
    const b = instance("b");
    await simulation.untilStable(GROUP, 3);
    const fromMs = simulation.clock.nowMs();
    await simulation.advance(1_000);
    const before = await placesOf(simulation);
    const held = b.owned();
    await simulation.during(b.close());
    // Almost as long as it may be away.
    await simulation.advance(SESSION_MS - 2_000);
    expect(await placesOf(simulation)).toEqual(before);
    const again = instance("b");
    await simulation.untilStable(GROUP, 3);
    expect(await placesOf(simulation)).toEqual(before);
    expect(again.owned()).toEqual(held);
    await simulation.advance(SESSION_MS + 2_000);
    expect(await placesOf(simulation)).toEqual(before);
    expect([...movesOf(simulation, a, fromMs), ...movesOf(simulation, dynamic, fromMs)]).toEqual([]);
    await simulation.finish({ readers });
  });

  test(`a static member that does not come back is removed when its session ends (seed ${seed})`, async () => {
    const { simulation, instance } = await started(seed);
    const a = instance("a");
    const b = instance("b");
    await simulation.untilStable(GROUP, 2);
    await simulation.during(b.close());
    await simulation.advance(SESSION_MS - 1_000);
    expect(a.owned()).toHaveLength(3);
    await simulation.clock.runUntil(() => a.owned().length === 6, 2_500, "a owning everything");
    await simulation.finish({ readers });
  });

  test(`a static member killed: who comes for its place waits, and inherits it without a rebalance (seed ${seed})`, async () => {
    const { simulation, instance } = await started(seed);
    const a = instance("a");
    const b = instance("b");
    await simulation.untilStable(GROUP, 2);
    const fromMs = simulation.clock.nowMs();
    await simulation.advance(2_000 + simulation.random.next() * 2_000);
    const before = await placesOf(simulation);
    const held = b.owned();
    b.kill();
    const killedMs = simulation.clock.nowMs();
    await simulation.advance(200);
    const again = instance("b");
    await simulation.advance(5_000);
    // It is told to wait: the one before may be alive.
    expect(again.owned()).toEqual([]);
    expect(await placesOf(simulation)).toEqual(before);
    await simulation.untilStable(GROUP, 2, SESSION_MS);
    expect(simulation.clock.nowMs() - killedMs).toBeLessThan(SESSION_MS + 1_000);
    expect(again.owned()).toEqual(held);
    expect(await placesOf(simulation)).toEqual(before);
    expect(movesOf(simulation, a, fromMs)).toEqual([]);
    expect(again.errors).toEqual([]);
    const { timeline } = await simulation.group(GROUP);
    expect(timeline.filter(({ event }) => event === "eviction")).toHaveLength(1);
    await simulation.finish({ readers });
  });

  test(`a claim of a killed member's place outlives a crash of the broker (seed ${seed})`, async () => {
    const { simulation, instance } = await started(seed);
    const a = instance("a", ["TIMEOUT", "NETWORK_EXCEPTION"]);
    const b = instance("b");
    await simulation.untilStable(GROUP, 2);
    const fromMs = simulation.clock.nowMs();
    await simulation.advance(1_000);
    const held = b.owned();
    b.kill();
    const again = instance("b", ["TIMEOUT", "NETWORK_EXCEPTION"]);
    await simulation.advance(2_000);
    simulation.killBroker();
    await simulation.advance(1_000);
    await simulation.startBroker();
    // The broker gave everybody a session afresh.
    await simulation.untilStable(GROUP, 2, 2 * SESSION_MS + 5_000);
    expect(again.owned()).toEqual(held);
    expect(movesOf(simulation, a, fromMs)).toEqual([]);
    await simulation.finish({ readers });
  });

  test(`a static member that left cleanly has its place at once after a crash of the broker (seed ${seed})`, async () => {
    const { simulation, instance } = await started(seed);
    const a = instance("a", ["TIMEOUT", "NETWORK_EXCEPTION"]);
    const b = instance("b");
    await simulation.untilStable(GROUP, 2);
    await simulation.advance(1_000);
    const before = await placesOf(simulation);
    const fromMs = simulation.clock.nowMs();
    await simulation.during(b.close());
    simulation.killBroker();
    await simulation.advance(500);
    await simulation.startBroker();
    const again = instance("b");
    await simulation.clock.runUntil(() => again.owned().length === 3, 2_000, "its place");
    expect(await placesOf(simulation)).toEqual(before);
    expect(movesOf(simulation, a, fromMs)).toEqual([]);
    await simulation.finish({ readers });
  });

  test(`two processes with one instance id: the second ends with an error that says so (seed ${seed})`, async () => {
    const { simulation, instance } = await started(seed);
    const a = instance("a");
    await simulation.untilStable(GROUP, 1);
    const fromMs = simulation.clock.nowMs();
    const second = simulation.consumer(GROUP, {
      topics: ["orders"],
      expected: ["UNRELEASED_INSTANCE_ID"],
      config: { "group.instance.id": "a" },
    });
    const refused = () => second.errors.some(({ code, fatal }) => code === "UNRELEASED_INSTANCE_ID" && fatal);
    await simulation.clock.runUntil(refused, SESSION_MS + 4_000, "the refusal");
    expect(a.owned()).toHaveLength(6);
    expect(movesOf(simulation, a, fromMs)).toEqual([]);
    await simulation.finish({ readers });
  });

  test(`an old static member that was only cut off is fenced once its place is another's (seed ${seed})`, async () => {
    const { simulation, instance } = await started(seed);
    const a = instance("a");
    const old = instance("b", [
      "FENCED_INSTANCE_ID",
      "UNKNOWN_MEMBER_ID",
      "TIMEOUT",
      "NETWORK_EXCEPTION",
      "COMMIT_FAILED",
    ]);
    await simulation.untilStable(GROUP, 2);
    const fromMs = simulation.clock.nowMs();
    await simulation.advance(1_000);
    simulation.network.cut(old.process);
    const again = instance("b");
    await simulation.clock.runUntil(() => again.owned().length === 3, SESSION_MS + 3_000, "the place taken over");
    simulation.network.heal(old.process);
    const fenced = () => old.errors.some(({ code }) => code === "FENCED_INSTANCE_ID");
    await simulation.clock.runUntil(fenced, 20_000, "the old one being told");
    expect(old.owned()).toEqual([]);
    expect(again.owned()).toHaveLength(3);
    expect(movesOf(simulation, a, fromMs)).toEqual([]);
    await simulation.finish({ readers });
  });

  for (const how of ["static", "dynamic"] as const) {
    test(`all ${how} members restarted at once: they are complete again, and nothing is lost (seed ${seed})`, async () => {
      const { simulation, instance } = await started(seed);
      const join = (name: string) =>
        how === "static" ? instance(name) : simulation.consumer(GROUP, { topics: ["orders"] });
      const names = ["a", "b", "c", "d"];
      const first = names.map(join);
      await simulation.untilStable(GROUP, 4);
      await simulation.advance(2_000);
      const before = await placesOf(simulation);
      await simulation.during(Promise.all(first.map((one) => one.close())));
      await simulation.advance(1_000 + simulation.random.next() * 1_000);
      const second = names.map(join);
      await simulation.untilStable(GROUP, 4);
      const after = await placesOf(simulation);
      if (how === "static") {
        expect(after).toEqual(before);
        for (const [index, one] of second.entries())
          expect(one.owned()).toEqual(before.places.find(([name]) => name === names[index])?.[1]);
      } else expect(after.epoch).toBeGreaterThan(before.epoch);
      await simulation.advance(2_000);
      await simulation.finish({ readers });
    });

    test(`all ${how} members killed at once, and started anew (seed ${seed})`, async () => {
      const { simulation, instance } = await started(seed);
      const join = (name: string) =>
        how === "static" ? instance(name) : simulation.consumer(GROUP, { topics: ["orders"] });
      const names = ["a", "b", "c", "d"];
      const first = names.map(join);
      await simulation.untilStable(GROUP, 4);
      await simulation.advance(2_000);
      const before = await placesOf(simulation);
      for (const one of first) one.kill();
      names.map(join);
      await simulation.untilStable(GROUP, 4, 3 * SESSION_MS);
      if (how === "static") expect(await placesOf(simulation)).toEqual(before);
      await simulation.advance(2_000);
      await simulation.finish({ readers });
    });
  }
}
