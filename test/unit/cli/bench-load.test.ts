// The load of `brooklet bench` on a simulated clock: what stands still shows in the tail, what is lost or doubled is counted.

import { deferred } from "@brooklet/protocol/world";
import { expect, test } from "vitest";
import { type Arrival, Load, type LoadOptions, type Target } from "../../../cli/src/commands/bench/load.ts";
import type { Schedule } from "../../../cli/src/commands/bench/schedule.ts";
import { SimulatedClock } from "../../support/simulated-clock.ts";

const SERVICE_MS = 1;
const POLL_MS = 200;

/** A broker of one partition that answers each send after a millisecond, but for what a test makes go wrong. */
class FakeBroker implements Target {
  readonly #clock: SimulatedClock;
  readonly #timers;
  #waiting: Arrival[] = [];
  #something = deferred();
  /** Nothing is answered between the two. */
  stall = { fromMs: 0, toMs: 0 };
  readonly lost = new Set<number>();
  readonly doubled = new Set<number>();
  readonly refused = new Set<number>();
  received: (arrivals: readonly Arrival[]) => readonly Arrival[] = (arrivals) => arrivals;

  constructor(clock: SimulatedClock) {
    this.#clock = clock;
    this.#timers = clock.timers();
  }

  send(number: number): Promise<void> {
    const answer = deferred();
    const nowMs = this.#clock.nowMs();
    const { fromMs, toMs } = this.stall;
    const freeMs = nowMs >= fromMs && nowMs < toMs ? toMs : nowMs;
    this.#timers.schedule(`${number}`, freeMs - nowMs + SERVICE_MS, () => {
      if (this.refused.has(number)) return answer.reject(new Error(`refused ${number}`));
      if (!this.lost.has(number)) this.#waiting.push({ number, partition: 0 });
      if (this.doubled.has(number)) this.#waiting.push({ number, partition: 0 });
      this.#something.resolve();
      answer.resolve();
    });
    return answer.promise;
  }

  async receive(): Promise<readonly Arrival[]> {
    if (this.#waiting.length === 0) {
      this.#something = deferred();
      this.#timers.schedule("poll", POLL_MS, () => this.#something.resolve());
      await this.#something.promise;
      this.#timers.cancel("poll");
    }
    return this.received(this.#waiting.splice(0));
  }
}

const tenSeconds: Schedule = { recordsPerSecond: 1_000, records: 10_000, warmUpRecords: 0 };

async function simulate(
  prepare: (broker: FakeBroker, clock: SimulatedClock, load: Load) => void = () => undefined,
  options: Partial<LoadOptions> = {},
) {
  const clock = new SimulatedClock();
  const broker = new FakeBroker(clock);
  const signal = new AbortController().signal;
  const load = new Load({ clock, schedule: tenSeconds, target: broker, quietMs: 2_000, signal, ...options });
  prepare(broker, clock, load);
  let over = false;
  const ended = load.run().finally(() => {
    over = true;
  });
  ended.catch(() => undefined);
  await clock.runUntil(() => over, 60_000, "the end of the load");
  return { load, clock, ended };
}

test("a broker that answers at once: the schedule is kept, and every stage takes what it takes", async () => {
  const { load, ended } = await simulate();
  await ended;
  expect(load).toMatchObject({ sent: 10_000, failed: 0, waitsForRoom: 0 });
  expect(load.tally).toMatchObject({ acknowledged: 10_000, arrived: 10_000, missing: 0, duplicates: 0, outOfOrder: 0 });
  expect(load.sending.percentiles.max).toBeLessThan(0.1);
  expect(load.acknowledging.percentiles.max).toBeLessThan(SERVICE_MS + 0.1);
  expect(load.arriving.percentiles.p50).toBeGreaterThanOrEqual(SERVICE_MS);
  expect(load.sendingMs).toBeCloseTo(9_999, 0);
});

/** One second of ten: a tenth of the records wait, half of these more than half a second. */
function expectASecondInTheTail({ acknowledging, arriving }: Load) {
  for (const { percentiles } of [acknowledging, arriving]) {
    expect(percentiles.count).toBe(10_000);
    expect(percentiles.p50).toBeLessThan(2);
    expect(percentiles.p99).toBeGreaterThan(850);
    expect(percentiles.max).toBeGreaterThan(990);
  }
  expect(acknowledging.ranges.find(({ upToMs }) => upToMs === 1_000)?.count).toBeGreaterThan(450);
}

test("a broker that stands still for a second is a second of late records, not one slow answer", async () => {
  const { load } = await simulate((broker) => {
    broker.stall = { fromMs: 5_000, toMs: 6_000 };
  });
  expectASecondInTheTail(load);
  expect(load.sending.percentiles.max).toBeLessThan(0.1);
});

test("so is one behind which the load may not send on: what it could not send counts from when it was due", async () => {
  const { load } = await simulate(
    (broker) => {
      broker.stall = { fromMs: 5_000, toMs: 6_000 };
    },
    { maxInFlightRecords: 10 },
  );
  expectASecondInTheTail(load);
  expect(load.waitsForRoom).toBeGreaterThan(0);
  expect(load.sending.percentiles.p99).toBeGreaterThan(850);
});

test("so is a second in which this process itself stands still", async () => {
  const { load } = await simulate((_, clock) => {
    clock.timers().schedule("block", 5_000, () => clock.skip(1_000));
  });
  expectASecondInTheTail(load);
  expect(load.sending.percentiles.p99).toBeGreaterThan(850);
});

test("a consumer that stands still is late alone", async () => {
  const { load } = await simulate((broker, clock) => {
    const receive = broker.receive.bind(broker);
    broker.receive = async () => {
      const nowMs = clock.nowMs();
      if (nowMs < 5_000 || nowMs > 5_500) return receive();
      const { promise, resolve } = deferred();
      clock.timers().schedule("still", 6_000 - nowMs, () => resolve());
      await promise;
      return receive();
    };
  });
  expect(load.acknowledging.percentiles.max).toBeLessThan(2);
  expect(load.arriving.percentiles.p99).toBeGreaterThan(850);
});

test("what is lost, doubled, refused or turned around is counted, and the run ends", async () => {
  const { load, clock } = await simulate((broker) => {
    for (const number of [17, 4_000, 9_999]) broker.lost.add(number);
    broker.doubled.add(23).add(24);
    broker.refused.add(5);
    let turned = false;
    broker.received = (arrivals) => {
      const [first] = arrivals;
      if (turned || first === undefined || first.number < 8_000) return arrivals;
      turned = true;
      // The eight-thousandth record comes once more, and before it one that should have come after.
      return [{ number: first.number + 1, partition: 0 }, ...arrivals];
    };
  });
  expect(load).toMatchObject({ sent: 10_000, failed: 1, firstError: new Error("refused 5") });
  expect(load.tally).toMatchObject({ acknowledged: 9_999, arrived: 9_996, missing: 3, duplicates: 3, outOfOrder: 1 });
  expect(clock.nowMs()).toBeGreaterThanOrEqual(12_000);
  expect(clock.nowMs()).toBeLessThan(12_500);
});

test("the warm-up is sent and counted, and its latency is not", async () => {
  const { load } = await simulate(
    (broker) => {
      broker.stall = { fromMs: 0, toMs: 1_000 };
    },
    { schedule: { ...tenSeconds, warmUpRecords: 1_500 } },
  );
  expect(load.tally.arrived).toBe(10_000);
  expect(load.acknowledging.percentiles).toMatchObject({ count: 8_500 });
  expect(load.acknowledging.percentiles.max).toBeLessThan(2);
});

test("an interruption ends the sending, and what was sent is still counted", async () => {
  const stop = new AbortController();
  const { load, clock } = await simulate(
    (_, simulated) => simulated.timers().schedule("stop", 3_000.5, () => stop.abort()),
    { signal: stop.signal },
  );
  expect(load.sent).toBe(3_001);
  expect(load.tally).toMatchObject({ acknowledged: 3_001, arrived: 3_001, missing: 0 });
  expect(clock.nowMs()).toBeLessThan(3_300);
});

test("a consumer that fails ends the run with its error", async () => {
  const { load, ended } = await simulate((broker) => {
    broker.received = (arrivals) => {
      if ((arrivals[0]?.number ?? 0) > 2_000) throw new Error("the topic is gone");
      return arrivals;
    };
  });
  await expect(ended).rejects.toThrow("the topic is gone");
  expect(load.sent).toBeLessThan(2_100);
});
