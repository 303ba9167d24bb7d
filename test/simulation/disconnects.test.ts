// Stories of group.disconnect.grace.ms: a killed process costs the grace and not the session, a reconnect costs nothing, and of
// a network that swallows everything only silence tells.

import { expect, test } from "vitest";
import { seeds } from "./seeds.ts";
import type { SimulatedConsumer } from "./simulated-consumer.ts";
import { Simulation } from "./simulation.ts";

const GROUP = "billing";
const readers = [{ group: GROUP, topics: ["orders"] }];
const SESSION_MS = 10_000;
const GRACE_MS = 700;

async function started(seed: number, graceMs = GRACE_MS) {
  const settings = { "group.disconnect.grace.ms": graceMs };
  const simulation = await Simulation.start({ seed, topics: { orders: 4 }, settings });
  simulation.producer({ topic: "orders", everyMs: 20 });
  const expected = ["TIMEOUT", "NETWORK_EXCEPTION", "UNKNOWN_MEMBER_ID", "STALE_MEMBER_EPOCH", "COMMIT_FAILED"];
  const config = { "request.timeout.ms": 1_500 };
  const join = (more = {}) =>
    simulation.consumer(GROUP, { topics: ["orders"], expected, config: { ...config, ...more } });
  const [a, b] = [join(), join()] as const;
  const { epoch } = await simulation.untilStable(GROUP, 2);
  await simulation.advance(1_000 + simulation.random.next() * 2_000);
  return { simulation, join, a, b, epoch };
}

const ownsAll = (one: SimulatedConsumer) => () => one.owned().length === 4;

for (const seed of seeds(1)) {
  test(`a killed consumer costs the grace (seed ${seed})`, async () => {
    const { simulation, a, b } = await started(seed);
    b.kill();
    await simulation.advance(GRACE_MS - 100);
    expect((await simulation.group(GROUP)).members).toHaveLength(2);
    await simulation.clock.runUntil(ownsAll(a), 600, "a owning everything");
    const { timeline } = await simulation.group(GROUP);
    const [eviction] = timeline.filter(({ event }) => event === "eviction");
    expect(eviction?.reason).toMatch(/group\.disconnect\.grace\.ms/);
    await simulation.finish({ readers });
  });

  test(`without the setting only silence counts (seed ${seed})`, async () => {
    const { simulation, a, b } = await started(seed, -1);
    b.kill();
    await simulation.advance(SESSION_MS - 3_500);
    expect((await simulation.group(GROUP)).members).toHaveLength(2);
    await simulation.clock.runUntil(ownsAll(a), 4_500, "a owning everything");
    await simulation.finish({ readers });
  });

  test(`connections that break and come back within the grace cost nothing (seed ${seed})`, async () => {
    const { simulation, a, b, epoch } = await started(seed);
    for (let round = 0; round < 6; round++) {
      simulation.network.reset((round % 2 === 0 ? a : b).process);
      await simulation.advance(round < 3 ? 300 : 2_000);
    }
    // Long after every grace has ended.
    await simulation.advance(2 * GRACE_MS);
    expect((await simulation.group(GROUP)).epoch).toBe(epoch);
    expect(simulation.history.removals).toEqual([]);
    await simulation.finish({ readers });
  });

  test(`a network that swallows everything: nobody is removed before the session ends (seed ${seed})`, async () => {
    const { simulation, a, b, epoch } = await started(seed);
    simulation.network.cut(b.process);
    // Its client gives its connection up meanwhile, which nobody hears of.
    await simulation.advance(SESSION_MS - 3_500);
    expect((await simulation.group(GROUP)).epoch).toBe(epoch);
    await simulation.clock.runUntil(ownsAll(a), 4_500, "a owning everything");
    expect((await simulation.group(GROUP)).timeline.some(({ reason }) => /no heartbeat/.test(reason ?? ""))).toBe(true);
    simulation.network.heal(b.process);
    await simulation.untilStable(GROUP, 2);
    await simulation.finish({ readers });
  });

  test(`a broker that restarts holds no closed connection against anybody (seed ${seed})`, async () => {
    const { simulation, epoch } = await started(seed);
    await simulation.stopBroker();
    await simulation.advance(3 * GRACE_MS);
    await simulation.startBroker();
    await simulation.advance(3 * GRACE_MS);
    expect((await simulation.group(GROUP)).epoch).toBe(epoch);
    await simulation.finish({ readers });
  });

  test(`a static member killed: its successor has its place after the grace (seed ${seed})`, async () => {
    const { simulation, join, a, b } = await started(seed);
    const s = join({ "group.instance.id": "s" });
    const before = await simulation.untilStable(GROUP, 3);
    const held = s.owned();
    s.kill();
    await simulation.advance(100);
    const again = join({ "group.instance.id": "s" });
    await simulation.clock.runUntil(
      () => again.owned().length === held.length,
      3_000 + GRACE_MS,
      "the place inherited",
    );
    expect(again.owned()).toEqual(held);
    expect((await simulation.group(GROUP)).epoch).toBe(before.epoch);
    expect(a.owned().length + b.owned().length + held.length).toBe(4);
    await simulation.finish({ readers });
  });
}
