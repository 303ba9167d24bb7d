// Whole runs of random faults: everything that the stories provoke one by one, mixed by a seed. `SIMULATION_SEEDS=100-199`
// runs others; a failing run repeats with its seed.

import { expect, test } from "vitest";
import { seeds } from "./seeds.ts";
import { Simulation } from "./simulation.ts";

const GROUP = "billing";
const AUDIT = "audit";
/** Created and deleted while it is produced to and subscribed to. */
const FLEETING = "fleeting";
const ROUNDS = 12;

/** What a client may meet when its broker is away, its disk is full or its membership is over. */
const expected = [
  "TIMEOUT",
  "NETWORK_EXCEPTION",
  "BROKER_NOT_AVAILABLE",
  "STORAGE_FULL",
  "STALE_MEMBER_EPOCH",
  "UNKNOWN_MEMBER_ID",
  "FENCED_MEMBER_EPOCH",
  "COMMIT_FAILED",
  "UNKNOWN_TOPIC_ID",
  "UNKNOWN_TOPIC_OR_PARTITION",
  // A static member whose place is another's, or not free yet: its application ends.
  "FENCED_INSTANCE_ID",
  "UNRELEASED_INSTANCE_ID",
];
const CODECS = ["none", "gzip", "zstd"] as const;
const STATIC = ["s1", "s2"];

for (const seed of seeds(4)) {
  test(`random faults (seed ${seed})`, async () => {
    // Of two seeds one with a grace for closed connections.
    const settings: Record<string, number> = seed % 2 === 0 ? { "group.disconnect.grace.ms": 1_500 } : {};
    const simulation = await Simulation.start({ seed, topics: { orders: 6 }, transientTopics: [FLEETING], settings });
    const { random } = simulation;
    const pick = <T>(items: readonly T[]): T => items[Math.floor(random.next() * items.length)] as T;
    const config = {
      "session.timeout.ms": 6_000,
      "heartbeat.interval.ms": 1_000,
      "max.poll.interval.ms": 8_000,
      "request.timeout.ms": 3_000,
    };
    const automatic = { ...config, "enable.auto.commit": true, "auto.commit.interval.ms": 500 };
    const member = (instanceId?: string) => {
      const commits = random.next() < 0.4 ? { commit: false, config: automatic } : { config };
      const identity = instanceId === undefined ? {} : { "group.instance.id": instanceId };
      const topics = pick([["orders"], ["orders"], ["orders"], /orders/, { pattern: "ord.*" }]);
      return simulation.consumer(GROUP, {
        topics,
        workMs: Math.floor(random.next() * 20),
        expected,
        ...commits,
        config: { ...commits.config, ...identity, "metadata.max.age.ms": 2_000 },
      });
    };
    const auditor = () =>
      simulation.consumer(AUDIT, { topics: ["orders"], iterates: true, workMs: 1, expected, config: automatic });
    simulation.producer({
      topic: "orders",
      everyMs: 10,
      config: {
        "request.timeout.ms": 3_000,
        "delivery.timeout.ms": 20_000,
        "metadata.max.age.ms": 2_000,
        "compression.type": pick(CODECS),
        "linger.ms": 30,
      },
    });
    simulation.producer({ topic: "orders", everyMs: 25, config: { "compression.type": pick(CODECS) } });
    simulation.producer({
      topic: FLEETING,
      everyMs: 200,
      config: { "request.timeout.ms": 3_000, "delivery.timeout.ms": 5_000 },
    });
    const members = [member(), member()];
    const statics = new Map(STATIC.map((name) => [name, member(name)]));
    let partitions = 6;
    const auditors = [auditor()];

    const faults: Record<string, () => void | Promise<void>> = {
      join: () => {
        if (members.filter(({ running }) => running).length < 5) members.push(member());
      },
      leave: async () => {
        const running = members.filter((one) => one.running);
        if (running.length > 1) await simulation.during(pick(running).close());
      },
      kill: () => {
        const running = members.filter((one) => one.running);
        if (running.length > 1) pick(running).kill();
      },
      cut: async () => {
        const { process } = pick(members);
        simulation.network.cut(process);
        await simulation.advance(random.next() * 12_000);
        simulation.network.heal(process);
      },
      block: async () => {
        const { process } = pick(members);
        process.block();
        await simulation.advance(random.next() * 12_000);
        process.unblock();
      },
      blockBroker: async () => {
        simulation.brokerProcess.block();
        await simulation.advance(random.next() * 10_000);
        simulation.brokerProcess.unblock();
      },
      killBroker: async () => {
        simulation.killBroker();
        await simulation.advance(random.next() * 4_000);
        await simulation.startBroker();
      },
      restartBroker: async () => {
        await simulation.stopBroker();
        await simulation.advance(random.next() * 4_000);
        await simulation.startBroker();
      },
      slowDisk: () => {
        const slowMs = random.next() * 400;
        simulation.disk.delayMs = () => random.next() * slowMs;
      },
      fastDisk: () => {
        simulation.disk.delayMs = () => 0;
      },
      fullDisk: () => simulation.disk.fillNextTurn(pick(["essentialOnly", "full"])),
      auditorJoins: () => {
        if (auditors.filter(({ running }) => running).length < 3) auditors.push(auditor());
      },
      auditorLeaves: async () => {
        const running = auditors.filter((one) => one.running);
        if (running.length > 1) await simulation.during(pick(running).close());
      },
      createTopic: () => simulation.attempt(simulation.admin.createTopics([{ topic: FLEETING, partitions: 2 }])),
      deleteTopic: () => simulation.attempt(simulation.admin.deleteTopics([FLEETING])),
      subscribe: () =>
        pick([...members, ...statics.values()]).resubscribe(
          pick([["orders"], ["orders", FLEETING], /orders|fleet.*/, { pattern: "orders|fleeting" }]),
        ),
      restartStatic: async () => {
        const name = pick(STATIC);
        const before = statics.get(name);
        if (before?.running) await simulation.during(before.close());
        await simulation.advance(random.next() * 3_000);
        statics.set(name, member(name));
      },
      killStatic: async () => {
        const name = pick(STATIC);
        statics.get(name)?.kill();
        await simulation.advance(random.next() * 3_000);
        statics.set(name, member(name));
      },
      cutStatic: async () => {
        const name = pick(STATIC);
        const before = statics.get(name);
        if (before === undefined) return;
        simulation.network.cut(before.process);
        await simulation.advance(random.next() * 8_000);
        // Somebody thought that it was dead.
        if (random.next() < 0.5) statics.set(name, member(name));
        await simulation.advance(random.next() * 8_000);
        simulation.network.heal(before.process);
      },
      resetConnection: () => simulation.network.reset(pick([...members, ...statics.values(), ...auditors]).process),
      createPartitions: async () => {
        if (partitions >= 10) return;
        const more = simulation.addPartitions("orders", partitions + 1);
        await more.then(
          () => {
            partitions += 1;
          },
          () => {},
        );
      },
      deleteRecords: async () => {
        const partition = Math.floor(random.next() * 6);
        const asked = simulation.admin.listOffsets([{ topic: "orders", partition, at: "latest" }]);
        await simulation.attempt(asked);
        const end = await asked.then(([found]) => found?.offset ?? 0).catch(() => 0);
        await simulation.deleteRecords("orders", partition, Math.floor(end * random.next()));
      },
      removeMember: async () => {
        const [name, one] = pick([...statics, ...members.map((other) => [undefined, other] as const)]);
        const named = name === undefined ? { memberId: one.memberId } : { instanceId: name };
        await simulation.attempt(simulation.admin.removeMembersFromGroup(GROUP, [named]));
      },
      deleteGroup: async () => {
        const group = pick([GROUP, AUDIT]);
        simulation.history.offsetsDropped.push({ group, askedAtMs: simulation.clock.nowMs() });
        await simulation.attempt(simulation.admin.deleteGroups([group]));
      },
      slowUnpacking: () => {
        const slowMs = random.next() * 100;
        simulation.unpackDelayMs = () => random.next() * slowMs;
      },
      seek: () => pick([...members, ...auditors]).seekBack(Math.floor(random.next() * 100)),
      slowMember: () => {
        pick(members).workMs = 12_000;
      },
      fastMember: () => {
        for (const one of members) one.workMs = 5;
      },
    };
    const done: string[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const name = pick(Object.keys(faults));
      done.push(name);
      await faults[name]?.();
      await simulation.advance(random.next() * 4_000);
    }
    simulation.unpackDelayMs = () => 0;
    for (const one of [...members, ...statics.values()]) one.workMs = 5;
    // Of a group of which nobody is left nobody reads everything.
    members.push(member());
    auditors.push(auditor());
    try {
      await simulation.finish({ readers: [GROUP, AUDIT].map((group) => ({ group, topics: ["orders"] })) });
    } catch (error) {
      throw new Error(`after ${done.join(", ")}`, { cause: error });
    }
    expect(simulation.history.sent.filter(({ outcome }) => outcome === "acknowledged").length).toBeGreaterThan(100);
  }, 120_000);
}
