// The bound of pings on a simulated clock: a rate, with ten seconds' worth saved up.

import { expect, test } from "vitest";
import { PingBound } from "../../../server/src/listeners/websocket.ts";
import { SimulatedClock } from "../../support/simulated-clock.ts";

test("ten seconds' worth may come at once, then the rate holds; quiet time fills up again, and no further", () => {
  const clock = new SimulatedClock();
  const bound = new PingBound(clock, 3);
  const taken = () => {
    let count = 0;
    while (bound.take()) count++;
    return count;
  };
  expect(taken()).toBe(30);
  clock.skip(3_600_000);
  expect(taken()).toBe(30);
  const steady = new PingBound(clock, 3);
  for (let second = 0; second < 100; second++) {
    for (let ping = 0; ping < 3; ping++) expect(steady.take()).toBe(true);
    clock.skip(1000);
  }
});
