// The options that every client has, in the producer and in the admin client: ignored by one of them, its row here would notice.
// One call that asks for metadata stands for all. Those of the consumer: test/contract/options/consumer.test.ts names each.

import { Admin, Producer } from "@brooklet/client";
import { afterEach, describe, expect, test } from "vitest";
import { type FakeBroker, FakeNetwork, pass, wireError } from "../../support/fake-broker.ts";
import { SimulatedClock } from "../../support/simulated-clock.ts";
import { simulatedRandom } from "../../support/simulated-random.ts";
import { outcomeOf, watch } from "../../support/watch.ts";

type Config = { readonly [option: string]: string | number };
type World = { readonly world: object };
interface Client {
  ask(): Promise<unknown>;
  close(): Promise<unknown>;
}

const clients: readonly [string, (config: Config, world: World) => Client][] = [
  [
    "Producer",
    (config, world) => {
      const producer = new Producer({ "bootstrap.servers": "a:1", ...config }, world);
      return { ask: () => producer.partitionsFor("t"), close: () => producer.close() };
    },
  ],
  [
    "Admin",
    (config, world) => {
      const admin = new Admin({ "bootstrap.servers": "a:1", ...config }, world);
      return { ask: () => admin.listTopics(), close: () => admin.close() };
    },
  ],
];

let clock = new SimulatedClock();
let started: Client | undefined;

afterEach(async () => {
  if (started !== undefined) await outcomeOf(clock, started.close());
  started = undefined;
  await clock.advance(50);
  expect(clock.liveTimers, "timers left").toBe(0);
});

/** When each metadata request came; the first ones are answered so, undefined: not at all. */
function timesOfMetadata(fake: FakeBroker, unlucky: number, answer: Record<string, unknown> | undefined): number[] {
  const atMs: number[] = [];
  fake.script = ({ api }) => {
    if (api !== "metadata") return pass;
    atMs.push(clock.nowMs());
    return atMs.length <= unlucky ? answer : pass;
  };
  return atMs;
}

const between = (atMs: readonly number[]) => atMs.slice(1).map((ms, index) => ms - (atMs[index] ?? 0));

/** With a fifth of jitter, and a few turns on the way. */
function expectAbout(waits: readonly number[], expected: readonly number[]): void {
  for (const [index, ms] of expected.entries()) {
    expect(waits[index]).toBeGreaterThanOrEqual(ms * 0.8);
    expect(waits[index]).toBeLessThanOrEqual(ms * 1.2 + 20);
  }
}

describe.each(clients)("%s", (_, make) => {
  function start(config: Config = {}) {
    clock = new SimulatedClock();
    const network = new FakeNetwork(clock);
    const fake = network.broker("a:1");
    fake.topic("t");
    const client = make(config, { world: { clock, random: simulatedRandom(1), transport: network } });
    started = client;
    return { network, fake, client };
  }

  test("client.id and the token are in its hello", async () => {
    const { fake, client } = start({ "client.id": "mine", token: "let-me-in-please" });
    await outcomeOf(clock, client.ask());
    expect(fake.hellos).toMatchObject([{ client: "mine", token: "let-me-in-please" }]);
  });

  test("bootstrap.servers and socket.connection.setup.timeout.ms: a server that is silent so long gives way to the next", async () => {
    const { network, fake, client } = start({
      "bootstrap.servers": "a:1,b:1",
      "socket.connection.setup.timeout.ms": 3_000,
    });
    fake.isSilent = true;
    network.broker("b:1").topic("t");
    expect((await outcomeOf(clock, client.ask())).error).toBeUndefined();
    expect(network.attempts).toEqual(["a:1", "b:1"]);
    expectAbout([clock.nowMs()], [3_000]);
  });

  test("reconnect.backoff.ms and reconnect.backoff.max.ms: attempts come ever later, up to the maximum", async () => {
    const { network, fake, client } = start({ "reconnect.backoff.ms": 500, "reconnect.backoff.max.ms": 2_000 });
    await outcomeOf(clock, client.ask());
    fake.isDown = true;
    fake.cut();
    const atMs = [clock.nowMs()];
    for (let count = 2; count <= 6; count++) {
      await clock.runUntil(() => network.attempts.length === count);
      atMs.push(clock.nowMs());
    }
    expectAbout(between(atMs), [500, 1_000, 2_000, 2_000, 2_000]);
  });

  test("request.timeout.ms: a request that is lost is made again after it", async () => {
    const { fake, client } = start({ "request.timeout.ms": 4_000, "retry.backoff.ms": 100 });
    const atMs = timesOfMetadata(fake, 1, undefined);
    expect((await outcomeOf(clock, client.ask())).error).toBeUndefined();
    expectAbout(between(atMs), [4_100]);
  });

  test("retry.backoff.ms and retry.backoff.max.ms: a refused request is repeated ever later, up to the maximum", async () => {
    const { fake, client } = start({ "retry.backoff.ms": 500, "retry.backoff.max.ms": 2_000 });
    const atMs = timesOfMetadata(fake, 4, { error: wireError("BROKER_NOT_AVAILABLE") });
    expect((await outcomeOf(clock, client.ask())).error).toBeUndefined();
    expectAbout(between(atMs), [500, 1_000, 2_000, 2_000]);
  });
});

test("an admin client's retries: so many repetitions, and then the error; 0 is one attempt", async () => {
  for (const retries of [0, 3]) {
    clock = new SimulatedClock();
    const network = new FakeNetwork(clock);
    const fake = network.broker("a:1");
    const admin = new Admin(
      { "bootstrap.servers": "a:1", retries },
      { world: { clock, random: simulatedRandom(1), transport: network } },
    );
    started = { ask: () => admin.listTopics(), close: () => admin.close() };
    fake.script = ({ api }) => (api === "metadata" ? { error: wireError("BROKER_NOT_AVAILABLE") } : pass);
    const listed = watch(admin.listTopics());
    await clock.runUntil(() => listed.settled);
    expect(listed.error).toMatchObject({ code: "BROKER_NOT_AVAILABLE" });
    expect(fake.of("metadata")).toHaveLength(retries + 1);
    await outcomeOf(clock, admin.close());
  }
});
