// The simulated clock of test/support: what every simulated test stands on.

import { sleep, systemClock } from "@brooklet/protocol/world";
import { expect, test } from "vitest";
import { SimulatedClock } from "../support/simulated-clock.ts";

test("timers run in order of their deadlines, and promises settle between them", async () => {
  const clock = new SimulatedClock();
  const seen: string[] = [];
  const timers = clock.timers();
  timers.schedule("b", 20, () => seen.push(`b at ${clock.nowMs()}`));
  timers.schedule("a", 10, () => {
    seen.push(`a at ${clock.nowMs()}`);
    void Promise.resolve().then(() => seen.push("promise"));
  });
  await clock.advance(15);
  expect(seen).toEqual(["a at 10", "promise"]);
  await clock.advance(5);
  expect(seen).toEqual(["a at 10", "promise", "b at 20"]);
  expect(clock.liveTimers).toBe(0);
});

test("a key holds one timer, and a closed owner none", async () => {
  const clock = new SimulatedClock();
  const seen: string[] = [];
  const timers = clock.timers();
  timers.schedule("a", 10, () => seen.push("first"));
  timers.schedule("a", 10, () => seen.push("second"));
  await clock.advance(10);
  expect(seen).toEqual(["second"]);
  timers.schedule("a", 10, () => seen.push("third"));
  timers.close();
  timers.schedule("a", 10, () => seen.push("fourth"));
  await clock.advance(100);
  expect(seen).toEqual(["second"]);
  expect(clock.liveTimers).toBe(0);
});

test("after a skip, timers run late and say so", async () => {
  const clock = new SimulatedClock();
  const late: number[] = [];
  clock.timers().schedule("a", 10, (lateMs) => late.push(lateMs));
  clock.skip(500);
  await clock.advance(0);
  expect(late).toEqual([490]);
});

test("sleep follows its signal and leaves no timer", async () => {
  const clock = new SimulatedClock();
  const controller = new AbortController();
  const slept = sleep(clock, 1000, controller.signal);
  controller.abort(new Error("enough"));
  await expect(slept).rejects.toThrow("enough");
  expect(clock.liveTimers).toBe(0);
});

test("the system's timers have the same keys and the same end", async () => {
  const timers = systemClock.timers();
  const ran = await new Promise<string>((resolve) => {
    timers.schedule("a", 1, () => resolve("first"));
    timers.schedule("a", 1, () => resolve("second"));
  });
  expect(ran).toBe("second");
  timers.schedule("b", 60_000, () => {});
  expect(timers.size).toBe(1);
  timers.close();
  expect(timers.size).toBe(0);
});

test("a timer that sets itself anew for a rest too small to be added to the time still ends", async () => {
  const clock = new SimulatedClock({ nowMs: 33_761.422_543_616_59 });
  const timers = clock.timers();
  const startMs = clock.nowMs();
  const restMs = 3.6e-12;
  let firings = 0;
  const again = () => {
    firings += 1;
    if (clock.nowMs() <= startMs) timers.schedule("rest", restMs, again);
  };
  again();
  await clock.advance(1);
  expect(firings).toBe(2);
});
