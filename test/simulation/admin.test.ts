// Stories of an administrator at work while a group runs: members removed, offsets and groups deleted, records deleted under
// readers, configurations changed. Nobody but whom it concerns loses anything.

import { expect, test } from "vitest";
import { seeds } from "./seeds.ts";
import { Simulation } from "./simulation.ts";

const GROUP = "billing";
const readers = [{ group: GROUP, topics: ["orders"] }];
const gone = ["UNKNOWN_MEMBER_ID", "STALE_MEMBER_EPOCH", "FENCED_MEMBER_EPOCH", "COMMIT_FAILED"];

for (const seed of seeds(1)) {
  test(`members removed by an administrator: the others have their partitions, and they come back (seed ${seed})`, async () => {
    const simulation = await Simulation.start({ seed, topics: { orders: 6 } });
    simulation.producer({ topic: "orders", everyMs: 20 });
    const join = (config = {}) => simulation.consumer(GROUP, { topics: ["orders"], expected: gone, config });
    const [a, b, s] = [join(), join(), join({ "group.instance.id": "s" })] as const;
    await simulation.untilStable(GROUP, 3);
    for (let round = 0; round < 3; round++) {
      await simulation.advance(500 + simulation.random.next() * 500);
      const nameless = round === 1 ? [{ instanceId: "s" }] : [{ memberId: b.memberId }];
      const before = (await simulation.group(GROUP)).epoch;
      await simulation.during(simulation.admin.removeMembersFromGroup(GROUP, nameless, { reason: `round ${round}` }));
      const { timeline, epoch } = await simulation.group(GROUP);
      expect(epoch).toBeGreaterThan(before);
      expect(timeline.some(({ event, reason }) => event === "leave" && reason?.includes(`round ${round}`))).toBe(true);
      await simulation.untilStable(GROUP, 3);
      expect([a, b, s].map((one) => one.owned().length)).toEqual([2, 2, 2]);
    }
    await simulation.finish({ readers });
  });

  test(`deleteGroups races with joins: refused while somebody is there, and deleted offsets stay deleted (seed ${seed})`, async () => {
    const simulation = await Simulation.start({ seed, topics: { orders: 2 } });
    simulation.disk.delayMs = () => simulation.random.next() * 10;
    simulation.producer({ topic: "orders", everyMs: 20 });
    let deleted = 0;
    for (let round = 0; round < 6; round++) {
      const reader = simulation.consumer(GROUP, { topics: ["orders"], expected: gone });
      await simulation.untilStable(GROUP, 1);
      await simulation.advance(1_000);
      // While it runs nothing happens to it.
      await expect(simulation.during(simulation.admin.deleteGroups([GROUP]))).rejects.toMatchObject({
        code: "NON_EMPTY_GROUP",
      });
      await simulation.during(reader.close());
      // The next one joins a moment before, with, or after the deletion.
      const askedAtMs = simulation.clock.nowMs();
      const deletion = simulation.admin.deleteGroups([GROUP]);
      const next = round % 3 === 0 ? undefined : simulation.consumer(GROUP, { topics: ["orders"], expected: gone });
      if (round % 3 === 1) await simulation.advance(simulation.random.next() * 5);
      const done = await simulation.during(deletion.then(() => true).catch(() => false));
      if (done) {
        deleted++;
        simulation.history.offsetsDropped.push({ group: GROUP, askedAtMs });
      }
      if (round % 2 === 0) {
        simulation.killBroker();
        await simulation.startBroker();
      }
      if (next === undefined) {
        expect(done).toBe(true);
        expect((await simulation.during(simulation.admin.listGroups())).map(({ groupId }) => groupId)).toEqual([]);
      } else {
        await simulation.untilStable(GROUP, 1);
        const fromMs = simulation.clock.nowMs();
        await simulation.advance(500);
        const firsts = simulation.history.delivered.filter(
          ({ consumer, atMs }) => consumer === next.name && atMs <= fromMs + 500,
        );
        // After a deletion it begins at the start, in every partition.
        if (done)
          for (const partition of [0, 1]) expect(firsts.find((one) => one.partition === partition)?.offset).toBe(0);
        await simulation.during(next.close());
      }
    }
    expect(deleted).toBeGreaterThan(1);
    simulation.consumer(GROUP, { topics: ["orders"], expected: gone });
    await simulation.finish({ readers });
  });

  test(`offsetDelete: only of topics nobody reads, and whoever reads them again begins anew (seed ${seed})`, async () => {
    const simulation = await Simulation.start({ seed, topics: { orders: 2, audit: 1 } });
    simulation.producer({ topic: "orders", everyMs: 20 });
    simulation.producer({ topic: "audit", everyMs: 20 });
    const a = simulation.consumer(GROUP, { topics: ["orders", "audit"], expected: gone });
    await simulation.untilStable(GROUP, 1);
    await simulation.advance(1_000);
    const remove = () =>
      simulation.during(simulation.admin.deleteGroupOffsets(GROUP, [{ topic: "audit", partition: 0 }]));
    await expect(remove()).rejects.toMatchObject({ code: "GROUP_SUBSCRIBED_TO_TOPIC" });
    a.resubscribe(["orders"]);
    await simulation.clock.runUntil(() => a.owned().length === 2, 10_000, "audit given up");
    const askedAtMs = simulation.clock.nowMs();
    await remove();
    simulation.killBroker();
    await simulation.startBroker();
    const left = await simulation.during(simulation.admin.listGroupOffsets(GROUP));
    expect(left.map(({ topic }) => topic)).toEqual(["orders", "orders"]);
    simulation.history.offsetsDropped.push({ group: GROUP, askedAtMs });
    a.resubscribe(["orders", "audit"]);
    await simulation.clock.runUntil(() => a.owned().length === 3, 10_000, "audit again");
    await simulation.advance(500);
    const again = simulation.history.delivered.find(({ topic, atMs }) => topic === "audit" && atMs > askedAtMs);
    expect(again?.offset).toBe(0);
    await simulation.finish({ readers: [{ group: GROUP, topics: ["orders", "audit"] }] });
  });

  test(`deleteRecords under readers: who stood below the new start goes on there, and nothing else is lost (seed ${seed})`, async () => {
    const simulation = await Simulation.start({ seed, topics: { orders: 2 } });
    const expected = ["TIMEOUT", "NETWORK_EXCEPTION"];
    simulation.producer({ topic: "orders", everyMs: 5 });
    // One reads slowly and far behind, and its committed offsets fall below the start as well.
    simulation.consumer(GROUP, { topics: ["orders"], workMs: 300, expected, config: { "max.poll.records": 20 } });
    simulation.consumer("fast", { topics: ["orders"], expected });
    for (let round = 0; round < 4; round++) {
      await simulation.advance(1_500);
      for (const partition of [0, 1]) {
        const [end] = await simulation.during(
          simulation.admin.listOffsets([{ topic: "orders", partition, at: "latest" }]),
        );
        const cut = Math.floor((end?.offset ?? 0) * (0.5 + simulation.random.next() * 0.5));
        expect(await simulation.deleteRecords("orders", partition, cut)).toBeGreaterThanOrEqual(cut);
      }
      if (round % 2 === 1) {
        simulation.killBroker();
        await simulation.startBroker();
      }
    }
    await simulation.finish({ readers: [GROUP, "fast"].map((group) => ({ group, topics: ["orders"] })) });
    const skipped = [...simulation.history.bounds.values()].reduce((sum, { start }) => sum + start, 0);
    const readBySlow = simulation.history.delivered.filter(({ group }) => group === GROUP).length;
    expect(skipped).toBeGreaterThan(200);
    expect(readBySlow).toBeLessThan(simulation.history.sent.length);
  });

  test(`configurations changed while everything runs: they hold at once, and no acknowledged record is lost (seed ${seed})`, async () => {
    const settings = { "log.retention.check.interval.ms": 300 };
    const simulation = await Simulation.start({ seed, topics: { orders: 2 }, transientTopics: ["short"], settings });
    await simulation.during(simulation.admin.createTopics([{ topic: "short", partitions: 1 }]));
    simulation.producer({ topic: "orders", everyMs: 10 });
    simulation.producer({ topic: "short", everyMs: 5 });
    simulation.consumer(GROUP, { topics: ["orders", "short"] });
    const alter = (configs: Record<string, string | null>) =>
      simulation.during(simulation.admin.alterConfigs([{ topic: "short", configs }]));
    const start = async () => {
      const query = { topic: "short", partition: 0, at: "earliest" } as const;
      return (await simulation.during(simulation.admin.listOffsets([query])))[0]?.offset ?? -1;
    };
    await simulation.advance(2_000);
    expect(await start()).toBe(0);
    await alter({ "segment.bytes": "1024", "retention.bytes": "2048" });
    await simulation.advance(3_000);
    const cut = await start();
    expect(cut).toBeGreaterThan(0);
    await alter({ "retention.bytes": null });
    await simulation.advance(500);
    const kept = await start();
    simulation.killBroker();
    await simulation.startBroker();
    await simulation.advance(2_000);
    expect(await start()).toBe(kept);
    await alter({ "max.message.bytes": "100" });
    const { producer } = simulation.producer({ topic: "orders", everyMs: 100 });
    const large = producer.send({ topic: "short", key: "k", value: "x".repeat(500) });
    await expect(simulation.during(large)).rejects.toMatchObject({ code: "MESSAGE_TOO_LARGE" });
    await alter({ "max.message.bytes": null });
    await simulation.during(producer.send({ topic: "short", key: "k", value: "x".repeat(500) }));
    await simulation.finish({ readers });
  });
}
