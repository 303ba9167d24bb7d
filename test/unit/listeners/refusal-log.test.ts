// Refusals at the door are told once per class and a while, with how many there were.

import { expect, test } from "vitest";
import { RefusalLog } from "../../../server/src/listeners/refusal-log.ts";
import { SimulatedClock } from "../../support/simulated-clock.ts";

test("a flood of refusals is one line per class and ten seconds, and the next line counts them", () => {
  const clock = new SimulatedClock();
  const lines: object[] = [];
  const logger = { debug() {}, info: (fields: object) => void lines.push(fields), warn() {}, error() {} };
  const refusals = new RefusalLog(logger, clock);
  for (let count = 0; count < 100; count++) refusals.refused("host", "peer", "evil.test");
  refusals.refused("origin", "peer", "null");
  expect(lines).toEqual([
    { refusal: "host", peer: "peer", reason: "evil.test" },
    { refusal: "origin", peer: "peer", reason: "null" },
  ]);
  clock.skip(10_000);
  refusals.refused("host", "peer", "evil.test");
  expect(lines.at(-1)).toMatchObject({ refusal: "host", alsoRefused: 99 });
});
