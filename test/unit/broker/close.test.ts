// The end of a broker whose disk does not answer any more: bounded, and told. On a simulated clock; the rest of the end is in
// test/integration/broker/close.test.ts.

import { startBroker } from "@brooklet/server";
import { expect, test } from "vitest";
import { openStorage } from "../../../server/src/storage/open.ts";
import { SimulatedClock } from "../../support/simulated-clock.ts";
import { simulatedRandom } from "../../support/simulated-random.ts";
import { silentLogger } from "../../support/storage-on-file.ts";

test("a storage that does not close is left behind after a while, and closed says so", async () => {
  const clock = new SimulatedClock();
  const random = simulatedRandom(1);
  const { storage, state } = await openStorage({
    ephemeral: true,
    durability: "memory",
    clock,
    random,
    logger: silentLogger,
  });
  // A thread that hangs in a sync never answers.
  storage.close = () => new Promise(() => {});
  const lines: string[] = [];
  const broker = await startBroker({
    logger: { ...silentLogger, info: (_fields: object, message: string) => void lines.push(message) },
    world: {
      clock,
      random,
      openStorage: async () => ({ storage, state }),
      listen: () => ({ address: "broker:1", close: async () => {} }),
    },
  });
  const ended: string[] = [];
  broker.closed.catch((error: Error) => void ended.push(error.message));
  void broker.close();
  await clock.runUntil(() => ended.length > 0, 60_000, "the broker has given the storage up");
  expect(ended[0]).toContain("the storage could not be closed: its data folder stays held until this process ends");
  expect(lines).not.toContain("broker stopped");
});
