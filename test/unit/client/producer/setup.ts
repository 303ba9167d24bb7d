// A producer over a fake broker in simulated time: one for each test, closed behind it, with no timer left.

import { Producer, type ProducerConfig, string } from "@brooklet/client";
import { afterEach, expect } from "vitest";
import { type FakeBroker, FakeNetwork } from "../../../support/fake-broker.ts";
import { SimulatedClock } from "../../../support/simulated-clock.ts";
import { simulatedRandom } from "../../../support/simulated-random.ts";
import { outcomeOf, watch } from "../../../support/watch.ts";

/** Of the producer that was started last. */
export let clock = new SimulatedClock();
let started: Producer<string, string> | undefined;

afterEach(async () => {
  const closed = watch(started?.close({ timeoutMs: 100 }) ?? Promise.resolve());
  await clock.runUntil(() => closed.settled);
  await clock.advance(50);
  expect(clock.liveTimers, "timers left").toBe(0);
});

/** A producer and the broker it speaks to. */
export function start(config: Partial<ProducerConfig<string, string>> = {}, broker: Partial<FakeBroker> = {}) {
  clock = new SimulatedClock();
  const network = new FakeNetwork(clock);
  const fake = network.broker("broker:1", broker);
  started = new Producer<string, string>(
    { "bootstrap.servers": "broker:1", "key.serializer": string, "value.serializer": string, ...config },
    { world: { clock, random: simulatedRandom(1), transport: network } },
  );
  return { fake, network, producer: started };
}

/** What becomes of a promise when simulated time runs. */
export const outcome = <T>(promise: Promise<T>) => outcomeOf(clock, promise);
