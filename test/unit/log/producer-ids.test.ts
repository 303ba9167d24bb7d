// Producer ids: nobody gets one that somebody had, whatever fails.

import { expect, test } from "vitest";
import { PRODUCER_ID_BLOCK } from "../../../server/src/log/producer-ids.ts";
import { LogUnderTest, rejection } from "./log-under-test.ts";

test("ids are distinct, across blocks, crashes and concurrent callers", async () => {
  const at = new LogUnderTest();
  const ids: number[] = [];
  for (let start = 0; start < 3; start++) {
    const taken = Array.from({ length: PRODUCER_ID_BLOCK + 10 }, () => at.log.initProducerId());
    for (const { producerId, producerEpoch } of await at.during(Promise.all(taken))) {
      ids.push(producerId);
      expect(producerEpoch).toBe(0);
    }
    await at.restart();
  }
  expect(new Set(ids).size).toBe(ids.length);
  // A block is one write, not one per id.
  expect(at.storage.turns.length).toBeLessThan(5);
});

test("no id is given out before its block is durable", async () => {
  const at = new LogUnderTest();
  at.storage.hold();
  let answered = false;
  const taken = at.log.initProducerId();
  void taken.then(() => {
    answered = true;
  });
  await at.clock.advance(1000);
  expect(answered).toBe(false);
  at.storage.release();
  expect((await at.during(taken)).producerId).toBe(0);
});

test("a failed reservation refuses who waits for it, and the next one goes on", async () => {
  const at = new LogUnderTest();
  at.storage.failTurn(1, "full");
  const taken = [at.log.initProducerId(), at.log.initProducerId()];
  const codes = await at.during(Promise.all(taken.map(rejection)));
  expect(codes).toEqual(["STORAGE_FULL", "STORAGE_FULL"]);
  await at.clock.advance(1500);
  expect((await at.during(at.log.initProducerId())).producerId).toBe(0);
});
