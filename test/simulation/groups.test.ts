// Stories of groups: who joins, leaves, falls silent, polls too slowly, and what the others see of it.

import { expect, test } from "vitest";
import { seeds } from "./seeds.ts";
import { Simulation } from "./simulation.ts";

const GROUP = "billing";
const readers = [{ group: GROUP, topics: ["orders"] }];

async function started(seed: number, partitions = 4) {
  const simulation = await Simulation.start({ seed, topics: { orders: partitions } });
  simulation.producer({ topic: "orders", everyMs: 20 });
  return simulation;
}

for (const seed of seeds(2)) {
  test(`two join and share the partitions (seed ${seed})`, async () => {
    const simulation = await started(seed);
    const a = simulation.consumer(GROUP, { topics: ["orders"] });
    const b = simulation.consumer(GROUP, { topics: ["orders"] });
    const group = await simulation.untilStable(GROUP, 2);
    expect(a.owned()).toHaveLength(2);
    expect(b.owned()).toHaveLength(2);
    expect(group.members.every(({ epoch }) => epoch === group.epoch)).toBe(true);
    await simulation.advance(5_000);
    await simulation.finish({ readers });
  });

  test(`a third joins: what does not move is read on (seed ${seed})`, async () => {
    const simulation = await started(seed, 6);
    const a = simulation.consumer(GROUP, { topics: ["orders"] });
    const b = simulation.consumer(GROUP, { topics: ["orders"] });
    await simulation.untilStable(GROUP, 2);
    await simulation.advance(3_000);
    const before = new Map([a, b].map((member) => [member, member.owned()]));
    const fromMs = simulation.clock.nowMs();
    const c = simulation.consumer(GROUP, { topics: ["orders"] });
    await simulation.untilStable(GROUP, 3);
    expect(simulation.clock.nowMs() - fromMs).toBeLessThan(2_000);
    await simulation.advance(3_000);
    expect(c.owned()).toHaveLength(2);
    for (const member of [a, b]) {
      const kept = (before.get(member) ?? []).filter((name) => member.owned().includes(name));
      expect(kept).toHaveLength(2);
      for (const name of kept) {
        const partition = Number(name.split("-")[1]);
        // A key's record comes about every 320 ms here; a partition that stood still would show much more.
        expect(member.longestPauseMs("orders", partition, fromMs, simulation.clock.nowMs())).toBeLessThan(1_000);
      }
    }
    await simulation.finish({ readers });
  });

  test(`the partitions of a member cut off from the network move to the others (seed ${seed})`, async () => {
    const simulation = await started(seed);
    const a = simulation.consumer(GROUP, { topics: ["orders"] });
    const b = simulation.consumer(GROUP, {
      topics: ["orders"],
      expected: ["TIMEOUT", "NETWORK_EXCEPTION", "STALE_MEMBER_EPOCH", "UNKNOWN_MEMBER_ID"],
    });
    await simulation.untilStable(GROUP, 2);
    await simulation.advance(1_000);

    simulation.network.cut(b.process);
    await simulation.advance(6_900); // b's last heartbeat may be one interval old: its session ends between 7 s and 10 s from now
    expect((await simulation.group(GROUP)).members).toHaveLength(2);
    await simulation.advance(3_300);
    expect((await simulation.group(GROUP)).members).toHaveLength(1);
    await simulation.clock.runUntil(() => a.owned().length === 4, 5_000, "a owning everything");
    expect(
      (await simulation.group(GROUP)).timeline.some(
        ({ event, reason }) => event === "eviction" && /heartbeat/.test(reason ?? ""),
      ),
    ).toBe(true);

    simulation.network.heal(b.process);
    await simulation.untilStable(GROUP, 2);
    expect(b.owned()).toHaveLength(2);
    await simulation.finish({ readers });
  });

  test(`one leaves cleanly: the others have its partitions at once, with its reason (seed ${seed})`, async () => {
    const simulation = await started(seed);
    const a = simulation.consumer(GROUP, { topics: ["orders"] });
    const b = simulation.consumer(GROUP, { topics: ["orders"] });
    await simulation.untilStable(GROUP, 2);
    await simulation.advance(1_000);
    await simulation.during(b.close());
    const fromMs = simulation.clock.nowMs();
    await simulation.clock.runUntil(() => a.owned().length === 4, 1_500, "a owning everything");
    expect(simulation.clock.nowMs() - fromMs).toBeLessThan(1_500);
    expect((await simulation.group(GROUP)).timeline.some(({ event }) => event === "leave")).toBe(true);
    await simulation.finish({ readers });
  });

  test(`one polls too slowly: it leaves by itself, says why, and comes back with its next poll (seed ${seed})`, async () => {
    const simulation = await started(seed);
    const a = simulation.consumer(GROUP, { topics: ["orders"] });
    const b = simulation.consumer(GROUP, {
      topics: ["orders"],
      config: { "max.poll.interval.ms": 5_000 },
      expected: ["UNKNOWN_MEMBER_ID", "STALE_MEMBER_EPOCH", "COMMIT_FAILED"],
    });
    await simulation.untilStable(GROUP, 2);
    b.workMs = 20_000;
    await simulation.clock.runUntil(() => a.owned().length === 4, 15_000, "a owning everything");
    const { timeline } = await simulation.group(GROUP);
    expect(
      timeline.some(({ event, reason }) => event === "leave" && /max\.poll\.interval\.ms/.test(reason ?? "")),
    ).toBe(true);
    b.workMs = 0;
    await simulation.untilStable(GROUP, 2);
    expect(b.owned()).toHaveLength(2);
    expect(simulation.history.ownerships.some(({ consumer, end }) => consumer === b.name && end === "lost")).toBe(true);
    await simulation.finish({ readers });
  });

  test(`a blocked event loop within the session costs nothing, beyond it the membership (seed ${seed})`, async () => {
    const simulation = await started(seed);
    const a = simulation.consumer(GROUP, { topics: ["orders"] });
    const b = simulation.consumer(GROUP, {
      topics: ["orders"],
      expected: ["UNKNOWN_MEMBER_ID", "STALE_MEMBER_EPOCH", "COMMIT_FAILED", "TIMEOUT", "NETWORK_EXCEPTION"],
    });
    await simulation.untilStable(GROUP, 2);
    const epoch = (await simulation.group(GROUP)).epoch;

    b.process.block();
    await simulation.advance(5_000);
    b.process.unblock();
    await simulation.advance(3_000);
    expect((await simulation.group(GROUP)).epoch).toBe(epoch);

    b.process.block();
    await simulation.advance(14_000);
    expect(a.owned()).toHaveLength(4);
    b.process.unblock();
    await simulation.untilStable(GROUP, 2);
    await simulation.finish({ readers });
  });

  test(`a short cut and its healing rebalance nobody (seed ${seed})`, async () => {
    const simulation = await started(seed);
    simulation.consumer(GROUP, { topics: ["orders"] });
    const b = simulation.consumer(GROUP, { topics: ["orders"] });
    await simulation.untilStable(GROUP, 2);
    const epoch = (await simulation.group(GROUP)).epoch;
    simulation.network.cut(b.process);
    await simulation.advance(4_000);
    simulation.network.heal(b.process);
    await simulation.advance(10_000);
    expect((await simulation.group(GROUP)).epoch).toBe(epoch);
    await simulation.finish({ readers });
  });

  test(`an answer with the new epoch is lost with its connection: the member keeps its place (seed ${seed})`, async () => {
    const simulation = await started(seed, 6);
    const a = simulation.consumer(GROUP, {
      topics: ["orders"],
      expected: ["NETWORK_EXCEPTION", "TIMEOUT"],
      config: { "request.timeout.ms": 1_500 },
    });
    simulation.consumer(GROUP, { topics: ["orders"] });
    const { epoch } = await simulation.untilStable(GROUP, 2);
    simulation.consumer(GROUP, { topics: ["orders"] });
    const { grants } = simulation.history;
    const isNews = (grant = grants.at(-1)) => grant?.memberId === a.memberId && grant.memberEpoch > epoch;
    await simulation.clock.runUntil(() => isNews(), 10_000, "the answer under way");
    simulation.network.cut(a.process);
    await simulation.advance(4_000);
    simulation.network.heal(a.process);
    await simulation.advance(5_000);
    expect(simulation.history.ownerships.filter(({ end }) => end === "lost")).toEqual([]);
    await simulation.untilStable(GROUP, 3);
    await simulation.finish({ readers });
  });

  test(`for await with auto commit: the record in work at close is read again by the next (seed ${seed})`, async () => {
    const simulation = await started(seed);
    const config = { "enable.auto.commit": true, "auto.commit.interval.ms": 300 };
    for (let round = 0; round < 3; round++) {
      const reader = simulation.consumer(GROUP, { topics: ["orders"], iterates: true, workMs: 15, config });
      await simulation.untilStable(GROUP, 1);
      await simulation.advance(1_000);
      await simulation.during(reader.close());
    }
    simulation.consumer(GROUP, { topics: ["orders"], iterates: true, config });
    await simulation.finish({ readers });
    expect(simulation.history.storedCommits.length).toBeGreaterThan(10);
  });

  test(`after a seek reading goes on there, whatever was fetched before (seed ${seed})`, async () => {
    const simulation = await started(seed);
    const reader = simulation.consumer(GROUP, { topics: ["orders"], workMs: 30 });
    await simulation.untilStable(GROUP, 1);
    for (let round = 0; round < 5; round++) {
      await simulation.advance(300 + simulation.random.next() * 100);
      reader.seekBack(round);
    }
    await simulation.advance(500);
    expect(simulation.history.ownerships.filter(({ end }) => end === "sought").length).toBeGreaterThan(3);
    await simulation.finish({ readers });
  });

  test(`killed: its partitions are read again from the last commit, nothing is lost (seed ${seed})`, async () => {
    const simulation = await started(seed);
    const a = simulation.consumer(GROUP, { topics: ["orders"] });
    const b = simulation.consumer(GROUP, { topics: ["orders"], commit: false });
    await simulation.untilStable(GROUP, 2);
    await simulation.advance(3_000);
    const readByB = simulation.history.delivered.filter(({ consumer }) => consumer === b.name);
    expect(readByB.length).toBeGreaterThan(0);
    b.kill();
    await simulation.clock.runUntil(() => a.owned().length === 4, 15_000, "a owning everything");
    await simulation.advance(3_000);
    const readByA = new Set(
      simulation.history.delivered.filter(({ consumer }) => consumer === a.name).map(({ value }) => value),
    );
    for (const { value } of readByB) expect(readByA).toContain(value);
    await simulation.finish({ readers });
  });

  test(`commits in flight while partitions move: the old owner's are refused or count, never both owners' (seed ${seed})`, async () => {
    const simulation = await started(seed, 6);
    const expected = ["STALE_MEMBER_EPOCH", "UNKNOWN_MEMBER_ID", "COMMIT_FAILED"];
    simulation.consumer(GROUP, { topics: ["orders"], workMs: 30, expected });
    await simulation.untilStable(GROUP, 1);
    for (let round = 0; round < 3; round++) {
      const guest = simulation.consumer(GROUP, { topics: ["orders"], workMs: 10, expected });
      await simulation.untilStable(GROUP, 2);
      await simulation.advance(500);
      await simulation.during(guest.close());
      await simulation.untilStable(GROUP, 1);
    }
    expect(simulation.history.commits.filter(({ accepted }) => accepted).length).toBeGreaterThan(10);
    await simulation.finish({ readers });
  });

  test(`an application that commits one poll late is refused for what has moved on (seed ${seed})`, async () => {
    const simulation = await started(seed, 6);
    const late = simulation.consumer(GROUP, {
      topics: ["orders"],
      commitsLate: true,
      expected: ["STALE_MEMBER_EPOCH", "UNKNOWN_MEMBER_ID", "COMMIT_FAILED"],
    });
    await simulation.untilStable(GROUP, 1);
    for (let round = 0; round < 3; round++) {
      await simulation.advance(500);
      const guest = simulation.consumer(GROUP, { topics: ["orders"] });
      await simulation.untilStable(GROUP, 2);
      await simulation.advance(500);
      await simulation.during(guest.close());
      await simulation.untilStable(GROUP, 1);
    }
    expect(late.errors.some(({ code }) => code === "STALE_MEMBER_EPOCH")).toBe(true);
    await simulation.finish({ readers });
  });
}
