// Whole runs of random faults: everything that the stories provoke one by one, mixed by a seed. `SIMULATION_SEEDS=100-199`
// runs others; a failing run repeats with its seed.

import { expect, test } from "vitest";
import { Simulation } from "./simulation.ts";

const GROUP = "billing";
const AUDIT = "audit";
/** Created and deleted while it is produced to and subscribed to. */
const FLEETING = "fleeting";
const ROUNDS = 12;

function seeds(): number[] {
  const [from = 1, to = 4] = (process.env.SIMULATION_SEEDS ?? "").split("-").filter(Boolean).map(Number);
  return Array.from({ length: to - from + 1 }, (_, index) => from + index);
}

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
];

for (const seed of seeds()) {
  test(`random faults (seed ${seed})`, async () => {
    const simulation = await Simulation.start({ seed, topics: { orders: 6 }, transientTopics: [FLEETING] });
    const { random } = simulation;
    const pick = <T>(items: readonly T[]): T => items[Math.floor(random.next() * items.length)] as T;
    const config = {
      "session.timeout.ms": 6_000,
      "heartbeat.interval.ms": 1_000,
      "max.poll.interval.ms": 8_000,
      "request.timeout.ms": 3_000,
    };
    const automatic = { ...config, "enable.auto.commit": true, "auto.commit.interval.ms": 500 };
    const member = () =>
      simulation.consumer(GROUP, {
        topics: ["orders"],
        workMs: Math.floor(random.next() * 20),
        expected,
        ...(random.next() < 0.4 ? { commit: false, config: automatic } : { config }),
      });
    const auditor = () =>
      simulation.consumer(AUDIT, { topics: ["orders"], iterates: true, workMs: 1, expected, config: automatic });
    simulation.producer({
      topic: "orders",
      everyMs: 10,
      config: { "request.timeout.ms": 3_000, "delivery.timeout.ms": 20_000 },
    });
    simulation.producer({ topic: "orders", everyMs: 25 });
    simulation.producer({
      topic: FLEETING,
      everyMs: 200,
      config: { "request.timeout.ms": 3_000, "delivery.timeout.ms": 5_000 },
    });
    const members = [member(), member()];
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
      subscribe: () => pick(members).resubscribe(pick([["orders"], ["orders", FLEETING]])),
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
    for (const one of members) one.workMs = 5;
    try {
      await simulation.finish({ readers: [GROUP, AUDIT].map((group) => ({ group, topics: ["orders"] })) });
    } catch (error) {
      throw new Error(`after ${done.join(", ")}`, { cause: error });
    }
    expect(simulation.history.sent.filter(({ outcome }) => outcome === "acknowledged").length).toBeGreaterThan(100);
  }, 120_000);
}
